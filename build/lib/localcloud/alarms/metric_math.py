"""CloudWatch's metric math, evaluated over whole series at once.

A series is a float64 array with one value for each moment at which an alarm is evaluated, and not-a-number where a
metric has no data point. Of the functions those are here that alarms may need; others are refused by name.

References
----------
Amazon CloudWatch User Guide, "Using math expressions with CloudWatch metrics",
docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html, read in November 2026. Not said there,
and decided here: what a comparison with a missing point gives (nothing), and what division by zero gives (nothing).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, reduce

import numpy as np
from numpy.typing import NDArray

from contender.errors import InvalidInputError

Series = NDArray[np.float64]
Value = Series | float

_TOKEN = re.compile(r"\s*(?:(\d+\.?\d*(?:[eE][+-]?\d+)?)|([A-Za-z_]\w*)|(<=|>=|==|!=|&&|\|\||[-+*/^<>(),\[\]]))")


def evaluate(expression: str, series: Mapping[str, Series]) -> Series:
    """The series that an expression makes of others.

    Parameters
    ----------
    expression : such as ``IF(requests >= 20, FILL(errors, 0) / requests, 0)``.
    series : (t,) of each id.

    Raises
    ------
    InvalidInputError
        When it is no expression, or names an id or a function that is not known.

    Examples
    --------
    >>> evaluate("IF(n >= 2, FILL(e, 0) / n, 0)", {"n": np.array([1.0, 4.0]), "e": np.array([1.0, np.nan])})
    array([0., 0.])
    """
    length = len(next(iter(series.values()), np.zeros(1)))
    parser = _Parser(_tokens(expression), series, expression)
    with np.errstate(divide="ignore", invalid="ignore"):
        value = parser.whole()
    return np.broadcast_to(np.asarray(value, dtype=np.float64), (length,)).copy()


def evaluate_parts(expression: str, parts: Mapping[str, str], series: Mapping[str, Series]) -> Series:
    """The series of an expression that reads others, by their ids, besides metrics.

    Raises
    ------
    InvalidInputError
        As `evaluate` does, and where expressions read each other in a circle.

    Examples
    --------
    >>> evaluate_parts("share * 100", {"share": "e / n"}, {"n": np.array([4.0]), "e": np.array([1.0])})
    array([25.])
    """
    known, left = dict(series), dict(parts)
    while left:
        ready = [id_ for id_, text in left.items() if not ids_in(text) & left.keys()]
        if not ready:
            raise InvalidInputError(f"expressions read each other in a circle: {', '.join(sorted(left))}")
        for id_ in ready:
            known[id_] = evaluate(left.pop(id_), known)
    return evaluate(expression, known)


def ids_in(expression: str) -> set[str]:
    """The ids that an expression reads.

    Examples
    --------
    >>> sorted(ids_in("IF(n >= 2, FILL(async, 0) / n, 0)"))
    ['async', 'n']
    """
    tokens = _tokens(expression)
    followers = [*(token.text for token in tokens[1:]), ""]
    return {
        token.text
        for token, after in zip(tokens, followers, strict=True)
        if token.kind == "name" and after != "(" and token.text not in ("AND", "OR")
    }


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str


@lru_cache(maxsize=1024)
def _tokens(expression: str) -> tuple[_Token, ...]:
    tokens, position = [], 0
    text = expression.rstrip()
    while position < len(text):
        found = _TOKEN.match(text, position)
        if found is None:
            raise InvalidInputError(f"metric math {expression!r}: {text[position:].lstrip()[0]!r} is not known")
        kinds = zip(("number", "name", "sign"), found.groups(), strict=True)
        tokens.append(next(_Token(kind, part) for kind, part in kinds if part is not None))
        position = found.end()
    return tuple(tokens)


class _Parser:
    """Reads an expression by precedence, lowest first, and computes as it reads."""

    def __init__(self, tokens: Sequence[_Token], series: Mapping[str, Series], expression: str) -> None:
        self._tokens, self._series, self._expression = list(tokens), series, expression
        self._position = 0

    def whole(self) -> Value:
        value = self._binary(0)
        if self._position < len(self._tokens):
            raise self._error(f"{self._tokens[self._position].text!r} is one too many")
        return value

    def _binary(self, level: int) -> Value:
        if level == len(_LEVELS):
            return self._unary()
        value = self._binary(level + 1)
        while (sign := self._next_is(_LEVELS[level])) is not None:
            value = _OPERATIONS[sign](value, self._binary(level + 1))
        return value

    def _unary(self) -> Value:
        if self._next_is(("-",)) is not None:
            return -self._unary()
        return self._operand()

    def _operand(self) -> Value:
        if self._position == len(self._tokens):
            raise self._error("it ends too early")
        token = self._tokens[self._position]
        self._position += 1
        if token.kind == "number":
            return float(token.text)
        if token.text == "(":
            value = self._binary(0)
            self._expect(")")
            return value
        if token.kind == "name" and self._next_is(("(",)) is not None:
            return self._call(token.text)
        if token.text in self._series:
            return self._series[token.text]
        raise self._error(f"no metric has the id {token.text!r}")

    def _call(self, name: str) -> Value:
        if name not in _FUNCTIONS:
            raise self._error(f"the function {name} is not known here")
        bracket = self._next_is(("[",)) is not None
        arguments = [self._binary(0)]
        while self._next_is((",",)) is not None:
            arguments.append(self._binary(0))
        if bracket:
            self._expect("]")
        self._expect(")")
        function, counts = _FUNCTIONS[name]
        if len(arguments) not in counts:
            raise self._error(f"{name} takes {counts[0]} to {counts[-1]} arguments, but got {len(arguments)}")
        return function(*arguments)

    def _next_is(self, signs: Sequence[str]) -> str | None:
        if self._position < len(self._tokens) and self._tokens[self._position].text in signs:
            self._position += 1
            return self._tokens[self._position - 1].text
        return None

    def _expect(self, sign: str) -> None:
        if self._next_is((sign,)) is None:
            raise self._error(f"{sign!r} is missing")

    def _error(self, problem: str) -> InvalidInputError:
        return InvalidInputError(f"metric math {self._expression!r}: {problem}")


def _known(*values: Value) -> NDArray[np.bool_]:
    return reduce(np.logical_and, [~np.isnan(np.asarray(value)) for value in values])


def _compared(compare: Callable[[Value, Value], Value]) -> Callable[[Value, Value], Value]:
    return lambda left, right: np.where(_known(left, right), compare(left, right), np.nan)


def _divided(left: Value, right: Value) -> Value:
    quotient = np.asarray(left, dtype=np.float64) / np.asarray(right, dtype=np.float64)
    return np.where(np.isfinite(quotient), quotient, np.nan)


def _if(condition: Value, then: Value, otherwise: Value = np.nan) -> Value:
    return np.where(_known(condition), np.where(np.asarray(condition) != 0, then, otherwise), np.nan)


def _fill(values: Value, by: Value) -> Value:
    return np.where(_known(values), values, by)


def _least(*values: Value) -> Value:
    return reduce(np.fmin, values)


def _most(*values: Value) -> Value:
    return reduce(np.fmax, values)


_LEVELS: Sequence[Sequence[str]] = (
    ("OR", "||"),
    ("AND", "&&"),
    ("<", ">", "<=", ">=", "==", "!="),
    ("+", "-"),
    ("*", "/"),
    ("^",),
)

_OPERATIONS: Mapping[str, Callable[[Value, Value], Value]] = {
    **dict.fromkeys(("OR", "||"), _compared(np.logical_or)),
    **dict.fromkeys(("AND", "&&"), _compared(np.logical_and)),
    "<": _compared(np.less),
    ">": _compared(np.greater),
    "<=": _compared(np.less_equal),
    ">=": _compared(np.greater_equal),
    "==": _compared(np.equal),
    "!=": _compared(np.not_equal),
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": _divided,
    "^": np.power,
}

_FUNCTIONS: Mapping[str, tuple[Callable[..., Value], Sequence[int]]] = {
    "IF": (_if, (2, 3)),
    "FILL": (_fill, (2,)),
    "ABS": (np.abs, (1,)),
    "CEIL": (np.ceil, (1,)),
    "FLOOR": (np.floor, (1,)),
    "MIN": (_least, range(2, 11)),
    "MAX": (_most, range(2, 11)),
}
