"""The data contract of requests: which values of features are outside of what the pipeline file allows.

Uploads are refused or quarantined for them (`contender.data.contract`); a request is answered all the same, and told,
unless `serving.contract` says otherwise.
"""

from __future__ import annotations

import base64
import json
import math
import re
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable
from urllib.parse import quote

from contender.errors import InvalidInputError
from contender.table import as_category

HEADER = "contract-broken"
"""Of an answer: each rule that rows of the request break, with the number of rows."""

METRIC = "ContractBroken"
"""The rows that break a rule, counted once for each rule."""

REPORT, REFUSE, IGNORE = "report", "refuse", "ignore"
MOST_NAMED = 20
_PACKED = "zlib:"
_PLAIN_CHARACTERS = 800
_MOST_CHARACTERS = 60


@dataclass(frozen=True)
class Broken:
    """A rule that rows of a request break. `rule` is its key in the contract, `first` the first of the rows."""

    feature: str
    rule: str
    rows: int
    first: int
    said: str


class RequestContract:
    """Checks the rows of requests.

    Parameters
    ----------
    rules : by feature: `min`, `max`, `allowed`, `pattern` and `required`, those that are set.
    refuses : whether a request that breaks a rule is refused.

    Examples
    --------
    >>> contract = RequestContract({"amount": {"max": 100.0}})
    >>> header_of(contract.broken([{"amount": 5}, {"amount": 250}]))
    'amount.max=1'
    """

    def __init__(self, rules: Mapping[str, Mapping[str, Any]], *, refuses: bool = False) -> None:
        self.rules, self.refuses = rules, refuses
        allows = {name: _allows(rule) for name, rule in rules.items()}
        self._checks = tuple((name, _check_of(name, rule, allows[name])) for name, rule in rules.items())
        self._keeps = tuple((name, _keeps(rule, allows[name])) for name, rule in rules.items())

    def to_text(self) -> str:
        """The rules as an environment variable has them; those of long lists are packed."""
        text = json.dumps([self.refuses, self.rules], separators=(",", ":"))
        if len(text) <= _PLAIN_CHARACTERS:
            return text
        return _PACKED + base64.b64encode(zlib.compress(text.encode(), 9)).decode()

    @classmethod
    def from_text(cls, text: str) -> RequestContract | None:
        """The inverse of `to_text`; None for an empty text."""
        if not text:
            return None
        if text.startswith(_PACKED):
            text = zlib.decompress(base64.b64decode(text.removeprefix(_PACKED))).decode()
        refuses, rules = json.loads(text)
        return cls(rules, refuses=refuses)

    def broken(self, rows: Sequence[Mapping[str, Any]]) -> tuple[Broken, ...]:
        """The rules that rows break; the rows have been read by the model's reader, so each value is of its kind.

        Raises
        ------
        InvalidInputError
            When there are any, and the contract refuses them.
        """
        if len(rows) == 1:  # one row at a time is quicker than columns of one value
            (row,) = rows
            if all([keeps(row[name]) for name, keeps in self._keeps]):  # noqa: C419 - a list is quicker than a generator
                return ()
        columns = rows.columns() if isinstance(rows, HasColumns) else None
        found = tuple(
            each
            for name, check in self._checks
            for each in check([row[name] for row in rows] if columns is None else columns[name])
        )
        if found and self.refuses:
            raise InvalidInputError("; ".join(f"rows[{each.first}].{each.feature} {each.said}" for each in found[:3]))
        return found


def request_rules(contract: Mapping[str, Any], features: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The rules of a pipeline file's `[contract]` that a request can break.

    Parameters
    ----------
    contract : the column contracts by column.
    features : others than these are in no request.
    """
    names = ("min", "max", "allowed", "pattern", "required")
    found = {
        name: {rule: value for rule in names if (value := getattr(contract[name], rule)) or _is_number(value)}
        for name in features
        if name in contract
    }
    return {name: rules for name, rules in found.items() if rules}


def _is_number(value: object) -> bool:
    """A bound of 0 is one."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def header_of(broken: Sequence[Broken]) -> str:
    """The rules as a header, 20 at most: `feature.rule=rows`, separated by commas; names are percent-encoded."""
    named = [f"{quote(each.feature, safe='')}.{each.rule}={each.rows}" for each in broken[:MOST_NAMED]]
    return ", ".join(named)


@runtime_checkable
class HasColumns(Protocol):
    """Rows whose columns are there without making each row."""

    def columns(self) -> Mapping[str, Sequence[Any]]:
        """The values of each feature."""


Check = Callable[[Sequence[Any]], Iterator[Broken]]
Allows = list[tuple[str, Callable[[Any], bool]]]
"""Rules about texts, each with what tells whether a value keeps it."""


def _check_of(name: str, rules: Mapping[str, Any], allows: Allows) -> Check:
    least, most = rules.get("min"), rules.get("max")
    required = bool(rules.get("required"))

    def check(column: Sequence[Any]) -> Iterator[Broken]:
        if required and None in column:
            yield _told(name, "required", [value is None for value in column], "is missing")
        if least is not None or most is not None:
            lowest, highest = _range(column)
            if least is not None and lowest < least:
                yield _outside(name, "min", column, lambda value: value < least, f"less than {least:.15g}")
            if most is not None and highest > most:
                yield _outside(name, "max", column, lambda value: value > most, f"more than {most:.15g}")
        if allows:
            distinct = set(column) - {None}
            for rule, allowed in allows:
                strange = {value for value in distinct if not allowed(value)}
                if strange:
                    yield _outside(name, rule, column, strange.__contains__, "which the contract does not allow")

    return check


def _range(column: Sequence[Any]) -> tuple[float, float]:
    """The smallest and the largest number of a column, where there is any."""
    try:
        return min(column), max(column)
    except TypeError:  # None is no number
        known = [value for value in column if value is not None]
        return min(known, default=math.inf), max(known, default=-math.inf)


def _keeps(rules: Mapping[str, Any], allows: Allows) -> Callable[[Any], bool]:
    """What tells whether one value keeps all rules of its feature."""
    least, most = rules.get("min", -math.inf), rules.get("max", math.inf)
    required = bool(rules.get("required"))
    if not allows:
        return lambda value: not required if value is None else least <= value <= most
    if len(allows) == 1:
        ((_, allowed),) = allows
        return lambda value: not required if value is None else allowed(value)
    return lambda value: not required if value is None else all(allowed(value) for _, allowed in allows)


def _allows(rules: Mapping[str, Any]) -> Allows:
    """The rules about texts, each with what tells whether a value keeps it."""
    found: Allows = []
    if rules.get("allowed"):
        levels = frozenset(map(as_category, rules["allowed"]))
        found.append(("allowed", lambda value: value in levels or as_category(value) in levels))
    if rules.get("pattern"):
        pattern = re.compile(rules["pattern"])
        found.append(("pattern", lambda value: pattern.fullmatch(str(as_category(value))) is not None))
    return found


def _outside(name: str, rule: str, column: Sequence[Any], breaks: Callable[[Any], bool], why: str) -> Broken:
    marked = [value is not None and breaks(value) for value in column]
    shown = repr(column[marked.index(True)])
    shown = shown if len(shown) <= _MOST_CHARACTERS else f"{shown[: _MOST_CHARACTERS - 1]}…"
    return _told(name, rule, marked, f"is {shown}, {why}")


def _told(name: str, rule: str, marked: Sequence[bool], said: str) -> Broken:
    return Broken(name, rule, sum(marked), marked.index(True), f"{said} (contract.{name}.{rule})")
