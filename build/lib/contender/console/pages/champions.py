"""The history of champions, and what differs between two versions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from contender.console.manifest_diff import Changes, Difference
from contender.console.shell import Site, address, console_page, link, moment
from contender.reports.html import badge, fields, section, signed, table

KIND_TONES = {"promotion": "good", "rollback": "bad", "restored": "unsure"}


def champions_page(site: Site, pipeline: str, history: Sequence[Mapping[str, Any]]) -> str:
    """Every swap of the champion pointer, newest first, as the runs table has it."""
    rows = [_row(pipeline, entry) for entry in history]
    columns = ("champion", "what", "when (UTC)", "before it", "difference", "reason")
    content = table(columns, rows, css="list wraps") or "<p>There has been no champion yet.</p>"
    said = f'<p class="lead">{len(history):,} changes of the champion pointer.</p>' if history else ""
    return console_page(site, "Champions", content, pipeline=pipeline, here="champions", lead=said)


def difference_page(site: Site, pipeline: str, old: Mapping[str, Any], new: Mapping[str, Any], changes: Changes) -> str:
    """Two versions side by side, from their manifests."""
    about = fields(
        {
            "Old": f"<code>{escape(str(old.get('version')))}</code>, {escape(str(old.get('created_at', '')))}",
            "New": f"<code>{escape(str(new.get('version')))}</code>, {escape(str(new.get('created_at', '')))}",
        }
    )
    parts = "".join(section(title, "", _table(found)) for title, found in changes.parts.items())
    content = f'{about}{parts}<p class="said">{changes.same:,} further fields are the same.</p>'
    back = link(address(pipeline, "champions"), "Champions")
    return console_page(site, "What differs", content, pipeline=pipeline, here="champions", about=back)


def _row(pipeline: str, entry: Mapping[str, Any]) -> tuple[str, ...]:
    champion, previous = str(entry["champion"]), str(entry.get("previous") or "")
    kind = str(entry.get("kind") or "")
    by = f" (by {entry['by']})" if entry.get("by") else ""
    against = address(pipeline, "champions", "difference", old=previous, new=champion)
    run = str(entry.get("run_id") or "")
    shown = link(address(pipeline, "runs", run), champion, css="row") if run else escape(champion)
    return (
        shown,
        badge(KIND_TONES.get(kind, "calm"), kind),
        f'<span class="when">{escape(moment(entry.get("swapped_at")))}</span>',
        escape(previous),
        link(against, "what differs") if previous and previous != champion else "",
        escape(f"{entry.get('reason') or ''}{by}"),
    )


def _table(found: Sequence[Difference]) -> str:
    rows = [
        (
            escape(one.field),
            escape(one.old),
            escape(one.new),
            "" if one.change is None else signed(one.change),
        )
        for one in found
    ]
    return table(("field", "old", "new", "change"), rows)
