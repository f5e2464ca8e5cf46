"""Tables for pandas, which is optional."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from handshape.errors import MissingExtraError

if TYPE_CHECKING:
    import pandas


def new_frame(
    rows: Sequence[Sequence[Any]], columns: Sequence[str], index: Sequence[str] | None = None
) -> "pandas.DataFrame":
    """Return rows as a pandas frame.

    Raises:
        MissingExtraError: pandas is not installed.
    """
    try:
        import pandas
    except ImportError as error:
        raise MissingExtraError("no pandas here", "pandas", "install it with `pip install pandas`") from error
    return pandas.DataFrame(rows, columns=list(columns), index=None if index is None else list(index))
