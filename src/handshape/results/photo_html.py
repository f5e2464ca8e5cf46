"""Photos as notebooks show them."""

from collections.abc import Iterable
from html import escape

from handshape.data.sample import Sample
from handshape.errors import ImageError
from handshape.evaluation.report.thumbnails import thumbnail

_FIGURE = 'style="display:inline-block;margin:4px 8px 4px 0;font-size:85%;max-width:120px"'
# Pixels of a photo.
_SIDE = 112


def photos(pairs: Iterable[tuple[Sample, str]]) -> str:
    """Return photos with words below; a photo that cannot be read is left out."""
    return "".join(filter(None, (_photo(sample, words) for sample, words in pairs)))


def _photo(sample: Sample, words: str) -> str:
    try:
        picture = thumbnail(sample.pixels(), _SIDE)
    except ImageError:
        return ""
    shown = f'<img alt="{escape(sample.name)}" title="{escape(sample.name)}" src="{picture}"/>'
    return f"<figure {_FIGURE}>{shown}<figcaption>{escape(words)}</figcaption></figure>"
