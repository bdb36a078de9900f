"""What a library's error says, short enough for a reason."""

from __future__ import annotations


def first_line(error: Exception) -> str:
    """The first line of an error, 200 characters at most; its type's name where it says nothing.

    Examples
    --------
    >>> first_line(ValueError("cut off\\nat byte 7")), first_line(EOFError())
    ('cut off', 'EOFError')
    """
    return (str(error).splitlines() or [type(error).__name__])[0].strip()[:200]
