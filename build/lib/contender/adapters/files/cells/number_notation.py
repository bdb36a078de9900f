"""How a column writes its numbers: decimal sign, thousands, percent, currency; decided from its cells.

A cell is read under a decimal point, under a decimal comma, or under both. `12.5` and `1,234.50` can only have a
point, `12,5` and `1.234,50` only a comma; `1,234` can have either. The majority of the cells that can have only one
decides for all; where there is none the style does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

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

_BARE = r"^[+-]?[0-9.,][0-9., ']*$"
_EITHER = r"^[+-]?[1-9][0-9]{0,2}\.[0-9]{3}$"

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
    plainer = texts
    if not pc.all(pc.string_is_ascii(texts)).as_py():
        plainer = pc.replace_substring_regex(texts, _SPACES, " ")
        plainer = pc.replace_substring(pc.replace_substring(plainer, _MINUS, "-"), _APOSTROPHE, "'")
    bare = pc.fill_null(pc.match_substring_regex(plainer, _BARE), False)
    negative, body, unit = pc.starts_with(plainer, "-"), pc.ascii_ltrim(plainer, "+-"), pc.if_else(bare, "", "")
    if not pc.all(bare).as_py():
        others = _take_apart(pc.if_else(bare, pa.scalar(None, pa.string()), plainer))
        negative, body, unit = (
            pc.if_else(bare, one, other) for one, other in zip((negative, body, unit), others, strict=True)
        )
    as_point = pc.fill_null(pc.match_substring_regex(body, _POINT), False)
    as_comma = pc.fill_null(pc.match_substring_regex(body, _COMMA), False)
    return Dressed(negative, body, unit, as_point, as_comma)


def _take_apart(texts: pa.Array) -> tuple[pa.Array, pa.Array, pa.Array]:
    """Whether each is negative, its digits, its unit."""
    found = pc.extract_regex(texts, _DRESSED)
    open_, close = pc.struct_field(found, "open"), pc.struct_field(found, "close")
    before, after = pc.struct_field(found, "before"), pc.struct_field(found, "after")
    sign = pc.binary_join_element_wise(pc.struct_field(found, "sign"), pc.struct_field(found, "inner"), "")
    brackets = pc.binary_join_element_wise(open_, close, "")
    bracketed = pc.equal(brackets, "()")
    one_sign = pc.or_(pc.equal(sign, ""), pc.and_(pc.equal(pc.binary_length(sign), 1), pc.invert(bracketed)))
    one_unit = pc.or_(pc.equal(before, ""), pc.equal(after, ""))
    fits = pc.and_(pc.or_(bracketed, pc.equal(brackets, "")), pc.and_(one_sign, one_unit))
    body = pc.ascii_rtrim_whitespace(pc.struct_field(found, "body"))
    body = pc.if_else(pc.fill_null(fits, False), body, pa.scalar(None, texts.type))
    return pc.or_(bracketed, pc.equal(sign, "-")), body, pc.binary_join_element_wise(before, after, "")


def evidence_of(dressed: Dressed, counts: NDArray[np.int64]) -> NumberEvidence:
    """What distinct texts say, each as often as it was there."""
    point, comma = _mask(dressed.as_point), _mask(dressed.as_comma)
    with_comma, with_point = (_mask(pc.fill_null(pc.match_substring(dressed.body, mark), False)) for mark in ",.")
    readable = point | comma
    coded = dressed.unit.filter(pa.array(readable)).dictionary_encode()
    sizes = np.bincount(coded.indices.to_numpy(zero_copy_only=False), counts[readable], len(coded.dictionary))
    return NumberEvidence(
        point=int(counts[point & ~comma].sum()),
        comma=int(counts[comma & ~point].sum()),
        either_comma=int(counts[point & comma & with_comma].sum()),
        either_point=int(counts[point & comma & with_point].sum()),
        units=dict(zip(coded.dictionary.to_pylist(), map(int, sizes), strict=True)),
    )


def plain_evidence(numbers: pa.Array, sample: pa.Array) -> NumberEvidence:
    """What plain numbers say: that they have no unit, and in a sample of them what their points can mean."""
    count = len(numbers) - numbers.null_count
    if not count:
        return NumberEvidence()
    dotted = pc.sum(pc.match_substring(sample, ".")).as_py() or 0
    either = (pc.sum(pc.match_substring_regex(sample, _EITHER)).as_py() or 0) if dotted else 0
    times = count // max(1, len(sample))
    return NumberEvidence(point=(dotted - either) * times, either_point=either * times, units={"": count})


def _mask(rows: pa.Array) -> NDArray[np.bool_]:
    mask: NDArray[np.bool_] = rows.to_numpy(zero_copy_only=False)
    return mask


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
