"""The report of a run as one HTML file: the verdict, the reason, the next step, then the evidence of each stage."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from html import escape
from typing import Any

from contender.formatting import duration
from contender.reports import html as pages
from contender.reports.html import badge, count, details, fields, panels, section, sentence, table
from contender.reports.run import charts as run_charts
from contender.reports.run.challenger import compared, rolled_out, trained
from contender.reports.run.cost import costs, unknown_cost
from contender.reports.run.evidence import RunEvidence
from contender.reports.run.how_read import how_read
from contender.reports.run.left_out import TITLE, left_out
from contender.reports.run.summary import TONES, headline, next_step, serving_change, stages
from contender.reports.run.training_decision import training_decision
from contender.workflow.live_evidence import in_words
from contender.workflow.trigger_events import STARTED_BY

GLYPHS = {"good": "✓", "bad": "✕", "unsure": "!", "calm": "–"}

LEGEND = (
    '<p class="legend"><span><svg class="swatch" viewBox="0 0 26 10" aria-hidden="true"><path class="line before" '
    'd="M1 5H25"/></svg>reference: the champion\'s training data</span><span><svg class="swatch" viewBox="0 0 26 10" '
    'aria-hidden="true"><rect class="now" x="4" width="18" height="10"/></svg>current: this batch</span></p>'
)
"""Of the histograms."""


def page(run: RunEvidence) -> str:
    """The whole report. A section whose files cannot be read says so; the others are shown all the same."""
    parts: tuple[tuple[str, Callable[[RunEvidence], str]], ...] = (
        ("Data received", _data_received),
        ("Training decision", training_decision),
        (TITLE, left_out),
        ("Drift", _drift),
        ("Champion vs. challenger", compared),
        ("Training", trained),
        ("Rollout", rolled_out),
        ("Cost", _cost),
        ("Run details", _run_details),
    )
    content = _header(run) + "".join(_section_or_error(title, part, run) for title, part in parts)
    title = f"{run.record['pipeline']}: {run.record['verdict']} ({str(run.record['run_id'])[:8]})"
    return pages.whole(title, content, styles=("small_charts.css", "run_page.css"))


UNREADABLE = (KeyError, TypeError, ValueError, AttributeError, IndexError)
"""Raised by files that another version of Contender wrote, or that were edited by hand."""


def _section_or_error(title: str, part: Callable[[RunEvidence], str], run: RunEvidence) -> str:
    """A section; an error in one leaves the others as they are."""
    try:
        return part(run)
    except UNREADABLE as error:
        said = f"This section cannot be shown ({type(error).__name__}: {error}). Its files are in the run's folder."
        return section(title, "", f"<p>{escape(said)}</p>")


def _header(run: RunEvidence) -> str:
    record, verdict = run.record, str(run.record["verdict"])
    what = [f"Run of <b>{escape(str(record['pipeline']))}</b>"]
    if record.get("trigger"):
        what.append(f"triggered by {escape(STARTED_BY.get(record['trigger'], str(record['trigger'])))}")
    what += [escape(_moment(record["started_at"]))] if record.get("started_at") else []
    what += [escape(duration(record["seconds"]))] if record.get("seconds") else []
    tone = TONES.get(verdict, "unsure")
    badge = f'<span class="badge {tone}">{GLYPHS[tone]} {escape(verdict.replace("_", " "))}</span>'
    said = f'<p class="lead">{escape(sentence(_without_versions(record)))}</p>'
    serving = f"<dt>Serving</dt><dd>{escape(serving_change(run))}{_replaced(record)}</dd>"
    step = next_step(run)
    live = in_words(record.get("evidence"))
    live = (
        f"<dt>Live evidence</dt><dd>{escape(live)}. {escape(str(record['evidence'].get('reason', '')))}</dd>"
        if live
        else ""
    )
    step = f"<dt>Next step</dt><dd>{_with_commands(step)}</dd>" if step else ""
    worth = f"<dt>Control group</dt><dd>{escape(run.worth)}</dd>" if run.worth else ""
    so = f'{said}<dl class="so">{live}{step}{serving}{worth}</dl>'
    return pages.header(f"{badge}<span>{' · '.join(what)}</span>", _headline(run), so) + _stages(run)


def _headline(run: RunEvidence) -> str:
    try:
        return headline(run)
    except UNREADABLE:
        return f"The run ended: {str(run.record['verdict']).replace('_', ' ')}."


def _stages(run: RunEvidence) -> str:
    """The stages in a strip; a rollback by hand or by an alarm has none."""
    if run.record.get("rollback") and not run.reports:
        return ""
    try:
        found = stages(run)
    except UNREADABLE:
        return ""
    items = "".join(
        f'<li class="{stage.tone}"><b>{escape(stage.name)}</b><span class="glyph" aria-hidden="true">'
        f"{GLYPHS[stage.tone]}</span><span>{escape(stage.said)}</span></li>"
        for stage in found
    )
    return f'<ol class="glance" aria-label="Stages of the run">{items}</ol>'


COMMAND = re.compile(r"contender [a-z]+(?: --pipeline [\w-]+| [\w-]*\d[\w-]*)?")
"""A command in a next step: of a pipeline, or of a run by its id."""


def _with_commands(text: str) -> str:
    """As HTML, with commands marked as code.

    Examples
    --------
    >>> _with_commands("train anew: contender retrain --pipeline shop. Then wait")
    'train anew: <code class="command">contender retrain --pipeline shop</code>. Then wait'
    """
    return COMMAND.sub(lambda found: f'<code class="command">{found[0]}</code>', escape(text))


def _without_versions(record: Mapping[str, Any]) -> str:
    """The reason without the sentence that names the new champion, which is shown below it."""
    before, after, reason = record.get("champion_before"), record.get("champion_after"), str(record["reason"])
    for named in (f"{after} replaces {before}. ", f"{after} is the first champion. "):
        reason = reason.removeprefix(named)
    return reason


def _replaced(record: Mapping[str, Any]) -> str:
    before, after = record.get("champion_before"), record.get("champion_after")
    if after is None:
        return ""
    if before and before != after:
        return f"<br><code>{escape(str(before))}</code> → <code>{escape(str(after))}</code>"
    return f"<br><code>{escape(str(after))}</code>"


def _moment(written: str) -> str:
    """
    >>> _moment("2026-11-21T23:20:11.123Z")
    '21 November 2026, 23:20 UTC'
    """
    try:
        at = datetime.fromisoformat(written)
    except ValueError:
        return written
    return f"{at.day} {at:%B %Y, %H:%M} UTC"


MOST_FILES = 8
"""Shown at once; the rest is folded."""


def _data_received(run: RunEvidence) -> str:
    found = run.report("validation")
    if not found:
        rows = [[_file(upload["key"]), f"{upload['size']:,} bytes"] for upload in run.uploads]
        return section("Data received", "The run ended before reading these files.", _files(["file", "size"], rows))
    # Files that need attention come first: quarantined ones, then those with rejected rows.
    reports = sorted(found.get("files", ()), key=lambda each: (each["status"] == "accepted", -each["rejected_rows"]))
    rows = [
        [
            _file(report["key"]) + "".join(f"<br><small>{escape(line)}</small>" for line in how_read(report)),
            _verdict({"accepted": "good", "quarantined": "bad"}.get(report["status"], "calm"), report["status"]),
            f"{report['rows']:,}" if report["status"] == "accepted" else "–",
            f"{report['rejected_rows']:,}",
            escape(report["reason"])
            + (f"<br><small>moved to {_code(report['quarantine_key'])}</small>" if report["quarantine_key"] else ""),
        ]
        for report in reports
    ]
    refused = sum(report["status"] == "quarantined" for report in reports)
    said = f"{count(found['rows'], 'row')} in {count(len(rows), 'file')}"
    said += f"; {count(found['rejected_rows'], 'row')} rejected" if found["rejected_rows"] else ""
    said += f"; {count(refused, 'file')} quarantined." if refused else "."
    listed = _files(["file", "status", "rows accepted", "rows rejected", "reason"], rows)
    return section("Data received", said if rows else "", listed or f"<p>{escape(sentence(found['reason']))}</p>")


def _files(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    first, rest = rows[:MOST_FILES], rows[MOST_FILES:]
    more = details(f"{count(len(rest), 'more file')}", table(columns, rest, css="files"))
    return table(columns, first, css="files") + more


def _file(key: str) -> str:
    name = key.rpartition("/")[2]
    return f'<span title="{escape(key)}">{escape(name)}</span>'


def _code(text: object) -> str:
    return f"<code>{escape(str(text))}</code>"


def _verdict(tone: str, text: str) -> str:
    return badge(tone, f"{GLYPHS[tone]} {text}")


def _drift(run: RunEvidence) -> str:
    found = run.report("drift")
    if not found:
        return ""
    pictures = [_column(place, bars, found) for place, bars in enumerate(found.get("histograms", ()))]
    content = f"<p>{escape(found['reason'])}</p>{LEGEND if pictures else ''}{panels(pictures, css='columns')}"
    more = _evidence(found.get("evidence")) + fields(
        {
            "Multivariate drift": _reason(found.get("joint")),
            "Estimated performance": _reason(found.get("estimated")),
            "Realised performance": _reason(found.get("realised")),
        }
    )
    title = "Drift detected: largest changes" if found["drifted"] else "No drift detected: largest changes"
    return section(title, "", content + details("Drift evidence over time and all tests", more + _tests(found)))


def _reason(found: Mapping[str, Any] | None) -> str:
    return escape(sentence(found["reason"])) if found and found.get("reason") else ""


def _evidence(found: Mapping[str, Any] | None) -> str:
    """The evidence block by block, and which column contributes most since when."""
    picture = run_charts.evidence("evidence", found) if found else ""
    if not found or not picture:
        return ""
    said = (
        f"Evidence this strong would occur by chance once in {found['level']:,.0f} days; "
        f"the threshold is once in {found['threshold']:,.0f} days."
    )
    strongest = "multivariate drift" if found["strongest"] == "joint" else found["strongest"]
    began = f" Largest contribution: {strongest} since {found['since']}." if found["since"] else ""
    return pages.figure(f"<b>Drift evidence over time</b> {escape(said + began)}", picture)


def _column(place: int, bars: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    tests = [test for test in found["features"] if test["feature"] == bars["feature"]]
    drifted = any(test["drifted"] for test in tests)
    said = next((test["direction"] for test in tests if test["drifted"] and test["aspect"] == "values"), "")
    said = said or next((test["direction"] for test in tests), "")
    mark = _verdict("unsure", "drifted" if found["drifted"] else "changed") if drifted else ""
    outside = run_charts.beyond(bars)
    note = f"{said}{'; ' if said and outside else ''}{outside}"
    return pages.figure(
        f"<b>{escape(bars['feature'])}</b>{mark}<small>{escape(note)}</small>",
        run_charts.column(f"column-{place}", bars),
    )


def _tests(found: Mapping[str, Any]) -> str:
    rows = [
        [
            escape(test["feature"] + (" (missing)" if test["aspect"] == "missing" else "")),
            f"{test['distance']:.3g}",
            f"{test['effect_floor']:.3g}",
            f"{test['adjusted_p_value']:.2g}",
            _verdict("unsure", "yes") if test["drifted"] else "no",
            escape(test["direction"]),
        ]
        for test in found["features"]
    ]
    return table(["column", "distance", "minimum effect", "adjusted p", "drifted", "change"], rows, css="tests")


def _cost(run: RunEvidence) -> str:
    found = costs(run)
    rows = [[escape(name), escape(how), f"${usd:.4f}"] for name, how, usd in found]
    total = sum(usd for _, _, usd in found)
    rows.append(["<b>total</b>", "", f"<b>${total:.4f}</b>"])
    said = "Estimated from list prices (docs/cost.md)."
    return section(
        "Cost",
        f"{said} {unknown_cost(run)}".rstrip(),
        table(["item", "quantity", "USD"], rows, css="cost"),
    )


def _run_details(run: RunEvidence) -> str:
    record, training = run.record, run.report("training")
    comparison = run.report("comparison")
    challenger = comparison.get("challenger_version") or record.get("challenger")
    versions = record.get("dataset_versions") or []
    trained_on = [version for version in training.get("datasets", ()) if version not in versions]
    return section(
        "Run details",
        "",
        fields(
            {
                "Run": _code(record["run_id"]),
                "Started": _code(record.get("started_at") or ""),
                "Upload": _code(record["source_key"]) if record.get("source_key") else "",
                "Dataset versions created": " ".join(map(_code, versions)),
                "Also trained on": " ".join(map(_code, trained_on)),
                "Champion before": _code(record["champion_before"]) if record.get("champion_before") else "",
                "Champion after": _code(record["champion_after"]) if record.get("champion_after") else "",
                "Challenger": _code(challenger) if challenger else "",
                "Manifest SHA-256": _code(training["manifest_sha256"]) if training.get("manifest_sha256") else "",
                "Sequential testing": escape((comparison.get("spending") or {}).get("reason", "")),
                "Files": _code(f"runs/{record['pipeline']}/{record['run_id']}/"),
            }
        ),
    )
