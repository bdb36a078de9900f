"""Formats figures for text, with as many digits as they are worth, and tables of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import ceil, floor, isfinite, log10

_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")


def figure(value: float | None) -> str:
    """Four digits, or whole thousands.

    Examples
    --------
    >>> figure(0.123456), figure(12345.6), figure(None)
    ('0.1235', '12,346', 'undefined')
    """
    if value is None:
        return "undefined"
    return f"{value:,.0f}" if abs(value) >= 1000.0 else f"{value:.4g}"


def with_interval(value: float | None, low: float | None, high: float | None) -> str:
    """A value with its interval, where it has one.

    Examples
    --------
    >>> with_interval(0.84071, 0.83, 0.851), with_interval(12345.6, None, None), with_interval(None, None, None)
    ('0.8407 (0.83 to 0.851)', '12,346', 'undefined')
    """
    if value is None or low is None or high is None:
        return figure(value)
    return f"{figure(value)} ({figure(low)} to {figure(high)})"


def interval_figures(low: float, high: float, *, size: float) -> list[str]:
    """An interval's ends and the size of the difference, with as many decimals as the interval's width is worth.

    Examples
    --------
    >>> interval_figures(0.0123456, 0.0345678, size=0.0234567)
    ['0.012', '0.035', '0.023']
    """
    values, width = (low, high, size), high - low
    if not (width > 0.0 and isfinite(width)):
        return [f"{value:.4g}" for value in values]
    decimals = min(12, max(0, 1 - floor(log10(width))))
    return [f"{value:,.{decimals}f}" for value in values]


def difference(value: float, low: float, high: float, *, confidence: float) -> str:
    """A difference and its confidence interval, in the fixed shape of every sentence.

    Examples
    --------
    >>> difference(-0.0017, -0.017, 0.0102, confidence=0.95), difference(0.0, 0.0, 0.0, confidence=0.9)
    ('−0.002, 95 % CI −0.017 to 0.010', '0, 90 % CI 0 to 0')
    """
    lowest, highest, size = interval_figures(low, high, size=value)
    sign = "+" if value > 0.0 and size.strip("0.,") else ""
    return f"{sign}{minus(size)}, {percent(confidence)} CI {minus(lowest)} to {minus(highest)}"


def minus(number: str) -> str:
    """A written number with a real minus sign, and none before a zero.

    Examples
    --------
    >>> minus("-0.017"), minus("-0.000"), minus("12")
    ('−0.017', '0.000', '12')
    """
    return number.replace("-", "−" if number.strip("-0.,") else "", 1) if number.startswith("-") else number


def percent(share: float, *, digits: int = 2) -> str:
    """A share in percent, with so many significant digits of its distance from 0 or 1.

    Examples
    --------
    >>> percent(0.95), percent(0.98333), percent(0.99996), percent(0.025), percent(1.0)
    ('95 %', '98.3 %', '99.996 %', '2.5 %', '100 %')
    """
    away = 100.0 * min(share, 1.0 - share)
    decimals = min(12, max(0, digits - 1 - floor(log10(away)))) if away > 0.0 else 0
    text = f"{100.0 * share:.{decimals}f}"
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text} %"


def duration(seconds: float) -> str:
    """Seconds, in the two largest units that are worth naming.

    Examples
    --------
    >>> duration(0.25), duration(59.6), duration(192), duration(7560), duration(200000)
    ('0.2 s', '1 min', '3 min 12 s', '2 h 6 min', '2 days 7 h')
    """
    if seconds < 9.95:
        return f"{max(0.0, seconds):.1f} s"
    whole = round(seconds)
    for unit, size, lesser, part in (("day", 86400, "h", 3600), ("h", 3600, "min", 60), ("min", 60, "s", 1)):
        if whole >= size:
            number, rest = whole // size, whole % size // part
            many = "s" if unit == "day" and number > 1 else ""
            return f"{number} {unit}{many}" + (f" {rest} {lesser}" if rest else "")
    return f"{whole} s"


def amount(rows: int, blocks: int) -> str:
    """Rows, with their blocks where these are not the rows themselves.

    Examples
    --------
    >>> amount(6389, 7), amount(40, 40)
    ('6,389 rows in 7 blocks', '40 rows')
    """
    return f"{rows:,} rows" if rows == blocks else f"{rows:,} rows in {blocks:,} blocks"


def counted(number: int, what: str) -> str:
    """A number of things, with the plural that it needs.

    Examples
    --------
    >>> counted(1, "file"), counted(1200, "file")
    ('1 file', '1,200 files')
    """
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def ordinal(number: int) -> str:
    """
    >>> ordinal(3), ordinal(21), ordinal(112)
    ('third', '21st', '112th')
    """
    if 1 <= number <= len(_ORDINALS):
        return _ORDINALS[number - 1]
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def rounded_up(number: int) -> int:
    """Two leading digits are all that an extrapolation is worth.

    Examples
    --------
    >>> rounded_up(12345), rounded_up(7)
    (13000, 7)
    """
    step = 10 ** max(0, len(str(number)) - 2)
    rounded: int = ceil(number / step) * step
    return rounded


def lower_first(sentence: str) -> str:
    """A sentence as it goes on after a colon; an initialism stays as it is.

    Examples
    --------
    >>> lower_first("No rows."), lower_first("AUC 0.8.")
    ('no rows.', 'AUC 0.8.')
    """
    return sentence if sentence[1:2].isupper() else sentence[:1].lower() + sentence[1:]


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]], *, figures: bool = False) -> str:
    """A table in Markdown. A line break or a bar within a cell is none of the table's own.

    Parameters
    ----------
    header : one title a column.
    rows : as many cells each.
    figures : whether all columns but the first are set to the right.

    Examples
    --------
    >>> print(markdown_table(("test", "p"), [("a | b", "0.01")], figures=True))
    | test | p |
    |---|---:|
    | a \\| b | 0.01 |
    """
    rule = ["---", *["---:" if figures else "---"] * (len(header) - 1)]
    cells = [[" ".join(cell.split()).replace("|", "\\|") for cell in row] for row in rows]
    return "\n".join((_row(header), f"|{'|'.join(rule)}|", *map(_row, cells)))


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
