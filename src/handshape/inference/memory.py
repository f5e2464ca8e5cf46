"""Tell errors of memory from all others."""

import errno

# What torch, ONNX Runtime and the libraries below them say where they raise a plain error; the last but one
# is oneDNN's, and the last is Python's, whose threads want memory of their own.
_WORDS = (
    *("can't allocate memory", "not enough memory", "out of memory", "bad_alloc", "bad allocation"),
    *("failed to allocate memory", "could not create a primitive", "can't start new thread"),
)


def is_memory_full(error: BaseException) -> bool:
    """Return whether an error says that memory could not be had."""
    if isinstance(error, MemoryError):
        return True
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    return any(word in str(error).lower() for word in _WORDS)
