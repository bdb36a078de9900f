"""Plots of the measurements: docs/evidence.md read again, table by table."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from contender.reports.frame import WIDTH as NARROW
from contender.reports.interval_chart import IntervalRow, intervals
from contender.reports.small_charts import curve

EVIDENCE = Path(__file__).parents[2] / "docs" / "evidence.md"
HEAD = """# Evidence in plots

What the decisions are worth, measured on the same data as calendars and other tools. [All measurements](evidence.md)
has the command, the date and the machine of each figure, and names who is ahead where Contender is not; `make bench`
fails if a stated bound is missed. (Plotted from that page by `python -m documentation reference`.)
"""
WIDE = 640.0
FIGURE = re.compile(r"-?[\d,]*\.?\d+")


@dataclass(frozen=True)
class Table:
    """A table of the page: the text of each cell."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]

    def column(self, title: str) -> list[str]:
        """The cells below a title."""
        place = self.header.index(title)
        return [row[place] for row in self.rows]


def tables(section: str, text: str | None = None) -> list[Table]:
    """The tables below a heading of level two, in their order.

    Raises
    ------
    ValueError
        When the page has no such section: it was renamed, and the plot must follow.
    """
    page = EVIDENCE.read_text(encoding="utf-8") if text is None else text
    found = re.search(rf"^## {re.escape(section)}$(.*?)(?=^## |\Z)", page, flags=re.MULTILINE | re.DOTALL)
    if found is None:
        raise ValueError(f"docs/evidence.md has no section {section!r}; see documentation/pages/plots.py")
    blocks = re.findall(r"(?:^\|.*\|\n)+", found[1], flags=re.MULTILINE)
    return [Table(header, rows) for header, _, *rows in (list(map(_cells, block.splitlines())) for block in blocks)]


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def _number(text: str) -> float:
    found = FIGURE.search(text)
    if found is None:
        raise ValueError(f"{text!r} holds no figure")
    return float(found[0].replace(",", ""))


def page() -> str:
    """The page as Markdown with inline SVG."""
    return "\n\n".join([HEAD.rstrip(), *_plots()]) + "\n"


def _plots() -> Iterator[str]:
    yield _kept_against_retrains()
    yield _streams()
    yield _false_promotions()
    yield _false_alarms()
    yield _by_name(
        "Time of a drift check",
        "speed",
        "Seconds to check 1,000,000 rows with 25 features against a reference of as many.",
        tables("Speed and memory of a drift check")[0],
        "1,000,000 rows",
    )
    yield _by_name(
        "Start of the serving function",
        "serving",
        "Milliseconds from the start of a process to its first answer, one gradient boosting model of 100 trees.",
        tables("Serving: start, answers, size, and the same predictions")[0],
        "start",
    )
    yield _by_name(
        "Memory of an upload",
        "files",
        "Peak memory, in MB, of reading and checking a file of 1,000,000 rows and 27 columns, and one of 2.1 GB.",
        tables("Uploads of any size")[0],
        "peak memory",
        ours="ValidateBatch",
    )


SHORT = {
    "Contender, independent rows: its verdict": "Contender, rows",
    "Contender, independent rows": "Contender, rows",
    "Contender, days: its verdict": "Contender, days",
    "Contender's function": "Contender",
    "the same handler, scikit-learn": "same, sklearn",
    "FastAPI, scikit-learn": "FastAPI, sklearn",
    "MLflow models serve": "MLflow serve",
    "scipy, KS + chi-square, Holm": "scipy, KS + χ²",
    "Alibi Detect, tabular, Bonferroni": "Alibi, tabular",
    "Alibi Detect, classifier": "Alibi, classifier",
    "Evidently, default: its verdict": "Evidently, whole",
    "Evidently, KS + chi-square": "Evidently, KS",
    "NannyML, KS + chi-square": "NannyML, KS",
    "NannyML, PCA reconstruction": "NannyML, PCA",
    "Frouros, KS + chi-square": "Frouros, KS",
    "deepchecks, feature drift": "deepchecks, each",
    "deepchecks, multivariate drift": "deepchecks, all",
    "CSV of 2.1 GB, ValidateBatch": "2.1 GB, now",
    "CSV, read before": "CSV, before",
    "CSV, ValidateBatch": "CSV, now",
    "Parquet, read before": "Parquet, before",
    "Parquet, ValidateBatch": "Parquet, now",
}
"""Names for a phone, which has room for sixteen letters."""


def _fitting(rows: Sequence[IntervalRow], width: float) -> list[IntervalRow]:
    return [(SHORT.get(name, name) if width == NARROW else name, *rest) for name, *rest in rows]  # type: ignore[misc]


def _plot(title: str, anchor: str, said: str, draw: Callable[[str, float], str]) -> str:
    """A section with a picture for a desk and one for a phone: `draw` gets an identity and a width."""
    pictures = "".join(
        f'<div class="plot {name}">{draw(f"{anchor}-{name}", width)}</div>'
        for name, width in (("wide", WIDE), ("narrow", NARROW))
    )
    return f"## {title} {{#{anchor}}}\n\n{said}\n\n{pictures}"


def _by_name(title: str, anchor: str, said: str, found: Table, column: str, *, ours: str = "Contender") -> str:
    """Bars of one column; ours are blue."""
    rows: list[IntervalRow] = [
        (name, _number(cell), None, None, "challenger" if ours in name else "quiet")
        for name, cell in zip(found.column(""), found.column(column), strict=True)
    ]

    def draw(identity: str, width: float) -> str:
        return intervals(identity, title, _fitting(rows, width), from_zero=True, width=width)

    return _plot(title, anchor, said, draw)


def _kept_against_retrains() -> str:
    flights = tables("Replay of real histories")[0]
    columns = (flights.column(title) for title in ("policy", "retrains", "kept (95 % CI)"))
    points = {policy: (_number(retrains), _number(kept)) for policy, retrains, kept in zip(*columns, strict=True)}
    calendars = sorted(at for name, at in points.items() if name.startswith("every") or name in ("always", "never"))
    own, most = points["contender"], calendars[-1][0]
    title = "A policy against calendars"

    def draw(identity: str, _width: float) -> str:
        series = [("calendars", "reference", calendars), ("Contender", "challenger", [own])]
        return curve(identity, title, series, "retrains", "kept, %", dots=True, box=(0.0, most, 0.0, 105.0))

    said = (
        "A year of flights by week. Always retraining keeps 100 % of the gain from retraining, never retraining 0 %. "
        "The dashed line are calendars; the blue dot is Contender's default policy: "
        f"{own[1]:.0f} % with {own[0]:.0f} of {most:.0f} retrains."
    )
    return _plot(title, "kept", said, draw)


def _streams() -> str:
    streams = tables("The default policy against calendars")[0]
    columns = (streams.column(title) for title in ("stream", "kept", "calendar"))
    rows: list[IntervalRow] = [
        (name, _number(kept) - _number(calendar), None, None, "challenger")
        for name, kept, calendar in zip(*columns, strict=True)
    ]

    def draw(identity: str, width: float) -> str:
        return intervals(identity, "Points ahead of the calendar", rows, from_zero=True, width=width)

    said = (
        "Points of the gain that the default policy keeps beyond the better of two calendars with as many retrains, "
        "stream by stream. Left of zero the calendar is ahead."
    )
    return _plot("Ten streams", "streams", said, draw)


def _false_alarms() -> str:
    found = tables("Calibration and power of drift checks")[1]
    rows: list[IntervalRow] = []
    for name, cell in zip(found.column(""), found.column("alarms"), strict=True):
        alarms, days = cell.split(" of ")
        rows.append((name, 100 * int(alarms) / int(days), None, None, "challenger" if "Contender" in name else "quiet"))

    def draw(identity: str, width: float) -> str:
        shown = _fitting(rows, width)
        return intervals(identity, "Days with a false alarm, %", shown, marks={"5 %": 5.0}, from_zero=True, width=width)

    said = (
        "Sixty days of flights after two months of reference. Nothing has changed, but days differ. Shown is the share "
        "of days on which a drift check at 5 % alarms. Contender compares days with days; the line below is its check "
        "for rows that are independent of each other, which days are not. Few alarms are good only from a tool that "
        "finds real changes: [the table](evidence.md#calibration-and-power-of-drift-checks) has both."
    )
    return _plot("False alarms", "alarms", said, draw)


def _false_promotions() -> str:
    found = tables("False promotions and power over a sequence of challengers")[0]
    rules = {"Contender": "Contender", "95 % interval, each alone": "95 % interval", "better figure": "better figure"}
    rows: list[IntervalRow] = []
    for metric, kind, holdout, *cells in found.rows:
        if (metric, kind, holdout) == ("auc", "day effects", "fresh"):
            for title, cell in zip(found.header[3:], cells, strict=True):
                value, low, high = map(float, FIGURE.findall(cell)[:3])
                rows.append((rules[title], value, low, high, "challenger" if title == "Contender" else "quiet"))

    def draw(identity: str, width: float) -> str:
        return intervals(identity, "Sequences with a false promotion, %", rows, marks={"5 %": 5.0}, width=width)

    said = (
        "Sequences of 50 challengers, none better than the champion: the share in which any was promoted, with its "
        "95 % interval (AUC, days differ, fresh rows). Contender is the rule `proven`; others promote by an interval "
        "of each comparison alone, or by the better figure. The line is the stated rate, 5 %."
    )
    return _plot("False promotions", "promotions", said, draw)
