"""JSON of requests and responses: strict, and faster than the standard library.

Not-a-number, infinity, numbers beyond float64, halves of surrogate pairs and deep nesting are refused while reading.
"""

from __future__ import annotations

from typing import Any

import orjson

from contender.errors import InvalidInputError

_TOO_DEEP = ("depth limit exceeded", "failed to allocate memory")
"""How orjson tells of more than 1,024 levels; the other is said of brackets alone, and there is memory."""


def parse_json(text: str | bytes) -> Any:
    """The value of a JSON text.

    Raises
    ------
    InvalidInputError
        When it is not JSON; the message says where.
    """
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        if str(error).startswith(_TOO_DEEP):
            raise InvalidInputError("the body is nested too deeply: rows are objects, and no value of one is") from None
        raise InvalidInputError(f"the body is not JSON: {error}") from None


def to_json(content: Any) -> str:
    """A body as compact JSON.

    Examples
    --------
    >>> to_json({"prediction": 0.25})
    '{"prediction":0.25}'
    """
    return orjson.dumps(content).decode()
