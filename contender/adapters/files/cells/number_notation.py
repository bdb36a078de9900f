"""How a column writes its numbers: decimal sign, thousands, percent, currency; decided from its cells.

A cell is read under a decimal point, under a decimal comma, or under both. `12.5` and `1,234.50` can only have a
point, `12,5` and `1.234,50` only a comma; `1,234` can have either. The majority of the cells that can have only one
decides for all; where there is none the style does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from contender.adapters.files.cells.style import CellStyle, Decimal

PLAIN = r"^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$"
"""What needs no notation to be read, unless a point may stand between thousands."""

_CODES = "USD|EUR|GBP|CHF|JPY|CNY|INR|CAD|AUD|NZD|SEK|NOK|DKK|PLN|CZK|HUF|BRL|MXN|ZAR|RUB|TRY|KRW|SGD|HKD"
_CURRENCY = rf"(?:[A-Z]{{0,3}}\p{{Sc}}|{_CODES}|kr\.?|zł|Fr\.?|Kč|Ft)"
_DRESSED = (
    rf"^(?P<open>\(?) ?(?P<sign>[+-]?) ?(?P<before>{_CURRENCY}?) ?(?P<inner>[+-]?)"
    rf"(?P<body>[0-9.,][0-9., ']*(?:[eE][+-]?[0-9]+)?) ?(?P<after>%|{_CURRENCY})?(?P<close>\)?)$"
)
_SPACES, _MINUS, _APOSTROPHE = r"[\x{00a0}\x{2007}\x{2009}\x{202f}]", "\u2212", "\u2019"

_EXPONENT = r"(?:[eE][+-]?[0-9]+)?"
_LEAD = "[1-9][0-9]{0,2}"


def _grammar(point: str, group: str) -> str:
    """A number whose decimals follow `point` and whose thousands `group`, a space or an apostrophe may part."""
    grouped = "|".join(f"(?:{mark}[0-9]{{3}})+" for mark in (group, " ", "'"))
    return rf"^(?:(?:[0-9]+(?:{point}[0-9]*)?|{point}[0-9]+){_EXPONENT}|{_LEAD}(?:{grouped})(?:{point}[0-9]*)?)$"


_POINT, _COMMA = _grammar(r"\.", ","), _grammar(",", r"\.")


@dataclass(frozen=True)
class NumberEvidence:
    """What the cells of a column say about its notation; evidence of several batches is added.

    Attributes
    ----------
    point, comma : cells that can only have a decimal point, or only a comma.
    either_comma, either_point : cells like `1,234`, and like `1.234`.
    units : what stands beside the numbers (`%`, a currency, or nothing), with counts.
    """

    point: int = 0
    comma: int = 0
    either_comma: int = 0
    either_point: int = 0
    units: Mapping[str, int] = field(default_factory=dict)

    def __add__(self, other: NumberEvidence) -> NumberEvidence:
        return NumberEvidence(
            self.point + other.point,
            self.comma + other.comma,
            self.either_comma + other.either_comma,
            self.either_point + other.either_point,
            {unit: self.units.get(unit, 0) + other.units.get(unit, 0) for unit in {**self.units, **other.units}},
        )


@dataclass(frozen=True)
class NumberNotation:
    """How the numbers of a column are written.

    Attributes
    ----------
    unit : `%` (then `5%` is 5 and a number without the sign is a fault), a currency, or empty.
    """

    decimal: Decimal = "."
    unit: str = ""


def decide(evidence: NumberEvidence, style: CellStyle) -> NumberNotation:
    """The notation of a column.

    Examples
    --------
    >>> decide(NumberEvidence(comma=3, units={"%": 3}), CellStyle())
    NumberNotation(decimal=',', unit='%')
    """
    decimal: Decimal = style.decimal
    if evidence.point != evidence.comma:
        decimal = "." if evidence.point > evidence.comma else ","
    units = dict(evidence.units)
    percent = units.pop("%", 0)
    if percent > sum(units.values()):
        return NumberNotation(decimal, "%")
    units.pop("", None)
    return NumberNotation(decimal, max(sorted(units), key=units.__getitem__, default=""))


def said(evidence: NumberEvidence, notation: NumberNotation) -> tuple[str, ...]:
    """What a person should know of how the numbers were read; nothing where they are plain.

    Examples
    --------
    >>> said(NumberEvidence(either_comma=7), NumberNotation())
    ('1,234 is 1234 (7 such cells; decimal = "." decides)',)
    """
    parts = []
    if evidence.comma:
        parts.append("decimal comma" if notation.decimal == "," else "decimal point")
    if evidence.point == evidence.comma:
        decides = f'decimal = "{notation.decimal}" decides'
        if evidence.either_comma:
            value = "1234" if notation.decimal == "." else "1.234"
            parts.append(f"1,234 is {value} ({evidence.either_comma:,} such cells; {decides})")
        if evidence.either_point and notation.decimal == ",":
            parts.append(f"1.234 is 1234 ({evidence.either_point:,} such cells; {decides})")
    if notation.unit == "%":
        parts.append("percent: 5% is 5")
    elif notation.unit:
        parts.append(f"in {notation.unit}")
    return tuple(parts)


@dataclass(frozen=True)
class Dressed:
    """Texts taken apart: sign, digits with their marks (null where a text is no number in any notation), unit."""

    negative: pa.Array
    body: pa.Array
    unit: pa.Array
    as_point: pa.Array
    as_comma: pa.Array


def undress(texts: pa.Array) -> Dressed:
    """Take each text apart: brackets or a sign, a currency before or after, a percent sign, the digits."""
    texts = texts.cast(pa.string())
    plainer = pc.replace_substring_regex(texts, _SPACES, " ")
    plainer = pc.replace_substring(pc.replace_substring(plainer, _MINUS, "-"), _APOSTROPHE, "'")
    found = pc.extract_regex(plainer, _DRESSED)
    open_, close = pc.struct_field(found, "open"), pc.struct_field(found, "close")
    before, after = pc.struct_field(found, "before"), pc.struct_field(found, "after")
    sign = pc.binary_join_element_wise(pc.struct_field(found, "sign"), pc.struct_field(found, "inner"), "")
    bracketed = pc.equal(pc.binary_join_element_wise(open_, close, ""), "()")
    fits = pc.and_(
        pc.or_(bracketed, pc.equal(pc.binary_join_element_wise(open_, close, ""), "")),
        pc.and_(
            pc.or_(pc.equal(sign, ""), pc.and_(pc.equal(pc.binary_length(sign), 1), pc.invert(bracketed))),
            pc.or_(pc.equal(before, ""), pc.equal(after, "")),
        ),
    )
    body = pc.ascii_rtrim_whitespace(pc.struct_field(found, "body"))
    body = pc.if_else(pc.fill_null(fits, False), body, pa.scalar(None, texts.type))
    as_point = pc.fill_null(pc.match_substring_regex(body, _POINT), False)
    as_comma = pc.fill_null(pc.match_substring_regex(body, _COMMA), False)
    return Dressed(
        negative=pc.or_(bracketed, pc.equal(sign, "-")),
        body=body,
        unit=pc.binary_join_element_wise(before, after, ""),
        as_point=as_point,
        as_comma=as_comma,
    )


def evidence_of(dressed: Dressed, counts: pa.Array) -> NumberEvidence:
    """What distinct texts say, each as often as it was there."""
    point, comma = dressed.as_point, dressed.as_comma
    both = pc.and_(point, comma)
    with_comma, with_point = (
        pc.and_(both, pc.fill_null(pc.match_substring(dressed.body, mark), False)) for mark in ",."
    )
    readable = pc.or_(point, comma)
    units: dict[str, int] = {}
    for unit, count in zip(dressed.unit.filter(readable).to_pylist(), counts.filter(readable).to_pylist(), strict=True):
        units[unit] = units.get(unit, 0) + count
    return NumberEvidence(
        point=_sum(counts, pc.and_not(point, comma)),
        comma=_sum(counts, pc.and_not(comma, point)),
        either_comma=_sum(counts, with_comma),
        either_point=_sum(counts, with_point),
        units=units,
    )


def _sum(counts: pa.Array, rows: pa.Array) -> int:
    return int(pc.sum(counts.filter(rows)).as_py() or 0)


def values_of(dressed: Dressed, notation: NumberNotation) -> pa.Array:
    """Each text as a number under a notation; null where it is none, or has another unit."""
    reads = dressed.as_point if notation.decimal == "." else dressed.as_comma
    unit = dressed.unit
    same = pc.equal(unit, notation.unit)
    fits = same if notation.unit == "%" else pc.or_(same, pc.equal(unit, ""))
    body = pc.if_else(pc.and_(reads, pc.fill_null(fits, False)), dressed.body, pa.scalar(None, dressed.body.type))
    digits = pc.replace_substring_regex(body, "[ ']", "")
    if notation.decimal == ".":
        digits = pc.replace_substring(digits, ",", "")
    else:
        digits = pc.replace_substring(pc.replace_substring(digits, ".", ""), ",", ".")
    values = digits.cast(pa.float64())
    return pc.if_else(dressed.negative, pc.negate(values), values)
