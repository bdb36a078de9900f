"""A run's record and reports on a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from rich.text import Text

from contender.cli.console import console, print_fields, print_table, styled_verdict
from contender.cli.rollout_view import print_approval, print_rehearsal
from contender.formatting import difference
from contender.pipeline.promotion_policy import GUARDS
from contender.ports import ApprovalRequest
from contender.registry.chosen_estimator import CANDIDATE_COLUMNS, candidate_rows, why_chosen
from contender.registry.learned_rows import told_by
from contender.reports.run.how_read import how_read
from contender.reports.run.left_out import batches_of, fate_in_words
from contender.rollout.agreement import SlicePart
from contender.workflow.live_evidence import in_words

PROMISED_KEYS = (
    "run_id",
    "pipeline",
    "trigger",
    "verdict",
    "reason",
    "dataset_version",
    "champion_before",
    "champion_after",
    "started_at",
    "seconds",
    "evidence",
)


@dataclass(frozen=True)
class RunView:
    """A run's record, for people."""

    record: Mapping[str, Any]

    def print_line(self) -> None:
        """Print verdict and reason."""
        console.print(styled_verdict(self.record["verdict"]), self.record["reason"], markup=False)

    def print_whole(self, reports: Mapping[str, Any], asked: ApprovalRequest | None = None) -> None:
        """Print the record and what its reports say: drift, comparison, rollout, approval."""
        self.print_line()
        console.print()
        plain = {name: self.record.get(name) for name in PROMISED_KEYS if name not in ("verdict", "reason", "evidence")}
        live = in_words(self.record.get("evidence"))
        print_fields(plain | ({"live evidence": live} if live else {}))
        files = reports.get("validation", {}).get("files", ())
        if any(how_read(each) for each in files):
            console.print("\n[bold]Files[/bold]")
            for each in files:
                print_fields({PurePosixPath(each["key"]).name: "\n  ".join(how_read(each))})
        drift = reports.get("drift", {})
        if drift.get("features"):
            console.print("\n[bold]Drift[/bold]")
            console.print(drift["reason"], markup=False)
            print_table(
                ("feature", "effect size", "minimum", "p", "change"), [_drift_row(found) for found in drift["features"]]
            )
            print_fields(_drift_fields(drift))
        training = reports.get("training", {})
        if trained := told_by(training):
            console.print("\n[bold]Training[/bold]")
            choice = training.get("choice")
            print_fields({"rows": trained} | ({"estimator": why_chosen(choice)} if choice else {}))
            if choice and choice["candidates"]:
                print_table(CANDIDATE_COLUMNS, candidate_rows(choice))
        comparison = reports.get("comparison", {})
        if comparison:
            console.print("\n[bold]Comparison[/bold]")
            print_fields(_comparison_fields(comparison))
        if reports.get("rehearsal"):
            print_rehearsal(reports["rehearsal"])
        if asked is not None:
            print_approval(asked)
        if reports.get("watch", {}).get("looks"):
            console.print("\n[bold]Canary[/bold]")
            print_fields(_watch_fields(reports["watch"]))
        if reports.get("shadow"):
            print_agreement(reports["shadow"])


def print_agreement(found: Mapping[str, Any]) -> None:
    """How far two versions of a trial agreed, and where they did not."""
    console.print("\n[bold]Agreement[/bold]")
    console.print(found["reason"], markup=False)
    if found["slices"]:
        parts = [SlicePart(**each) for each in found["slices"]]
        shown = [(Text(each.where), f"{each.rows:,}", _number(each.mean)) for each in parts]
        print_table(("where", "rows", "mean difference" if found["numbers"] else "share that differs"), shown)


def _drift_fields(found: Mapping[str, Any]) -> dict[str, str]:
    """What is not in the table of features: decision to train, evidence, domain classifier, estimated metrics."""
    fields = {}
    if found.get("training"):
        fields["training"] = found["training"]["reason"]
    for each in batches_of(found).values():
        fields[PurePosixPath(each["source"]).name] = f"{fate_in_words(each)}: {each['reason']}"
    evidence = found.get("evidence")
    if evidence:
        began = f"; strongest: {evidence['strongest']}, since {evidence['since']}" if evidence["since"] else ""
        fields["evidence"] = f"{evidence['level']:,.0f}, threshold {evidence['threshold']:,.0f}{began}"
    names = (("joint", "domain classifier"), ("estimated", "estimated metrics"), ("realised", "realised metrics"))
    for name, about in names:
        if found.get(name):  # runs from before it existed say nothing of it
            fields[about] = found[name]["reason"]
    return fields


def _comparison_fields(found: Mapping[str, Any]) -> dict[str, str]:
    """The figures of a comparison."""
    fields = {"metric": f"{found['metric']} ({'higher' if found['greater_is_better'] else 'lower'} is better)"}
    for name in ("champion", "challenger", "baseline"):
        if found[name] is not None:
            fields[name] = f"{_number(found[name])}  {found.get(f'{name}_version') or ''}".rstrip()
    if found["difference"] is not None:
        fields["improvement"] = _improvement(found)
        if found["min_effect"]:
            fields["improvement"] += f"; minimum {_number(found['min_effect'])}"
    fields["rows"] = f"{found['rows']:,} in {found['blocks']:,} blocks"
    if found["rows_needed"]:
        fields["rows"] += f"; about {found['rows_needed']:,} rows would settle it"
    if found.get("spending"):
        fields["sequence"] = found["spending"]["reason"]
    for name, title in GUARDS.items():
        if name in found:  # runs from before a guard existed say nothing of it
            fields[title] = f"{found[name]['status']}: {found[name]['reason']}"
    return fields


def _improvement(found: Mapping[str, Any]) -> str:
    if found["low"] is None:  # one block has no interval
        return _number(found["difference"])
    return difference(found["difference"], found["low"], found["high"], confidence=found["confidence"])


def _watch_fields(found: Mapping[str, Any]) -> dict[str, str]:
    """What the last look at a canary saw."""
    looks = found["looks"]
    last = looks[-1]
    fields = {
        "canary": f"{found['challenger']} alongside {found['champion']} since {found['since'][:16].replace('T', ' ')}",
        "looks": f"{len(looks)}, the last after {last['seconds']:,.0f} s: {last['verdict']}",
    }
    for signal in last["signals"]:
        figures = ""
        if signal["status"] == "fine":  # the other reasons say it
            figures = f" p = {_number(signal['p_value'], 2)}; worse would be p ≤ {_number(signal['level'], 2)}"
        fields[signal["name"]] = f"{signal['status']}: {signal['reason']}{figures}"
    alarms = last["alarms"]
    fields["alarms"] = ", ".join(alarms["ringing"]) or alarms["note"] or "none"
    return fields


def _drift_row(found: Mapping[str, Any]) -> tuple[str | Text, ...]:
    mark = "●" if found["drifted"] else " "
    aspect = " (missing)" if found["aspect"] == "missing" else ""
    return (
        Text.assemble((mark, "yellow"), f" {found['feature']}{aspect}"),
        _number(found["distance"], 3),
        _number(found["effect_floor"]),
        _number(found["adjusted_p_value"], 2),
        Text(found["direction"]),
    )


def _number(value: object, digits: int = 4) -> str:
    return f"{value:.{digits}g}" if isinstance(value, int | float) else "–"
