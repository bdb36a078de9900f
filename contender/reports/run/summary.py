"""The beginning of a run's report: headline, stages, what changed in serving, the next step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from contender.formatting import duration, figure
from contender.reports.line_chart import told_apart
from contender.reports.run.evidence import RunEvidence
from contender.reports.run.left_out import waiting_batch
from contender.reports.run.training_decision import decision_of, waiting_rate
from contender.rollout.approval import NOT_ANSWERED, REJECTED
from contender.rollout.agreement import TRIGGER as TRIAL
from contender.rollout.experiments.outcome import IN_WORDS, TRIGGER
from contender.stats.metric_titles import title_of
from contender.workflow.outcome import NEXT_STEPS, UPLOAD_AGAIN, in_sentences

Tone = Literal["good", "bad", "unsure", "calm"]

TONES: Mapping[str, Tone] = {
    "promoted": "good",
    "retained": "calm",
    "inconclusive": "unsure",
    "stopped": "unsure",
    "rolled_back": "bad",
    "skipped": "calm",
    "quarantined": "unsure",
    "duplicate": "calm",
    "failed": "bad",
    "better": "good",
    "worse": "bad",
    "no difference": "calm",
    "undecided": "unsure",
    "compared": "calm",
    "waiting": "unsure",
    "running": "unsure",
}


def metric_title(compared: Mapping[str, Any]) -> str:
    """A comparison's metric as sentences call it; older files have only its name.

    Examples
    --------
    >>> metric_title({"metric": "auc", "metric_title": "AUC"})
    'AUC'
    >>> metric_title({"metric": "own.metrics:cost_per_late_flight"})
    'cost per late flight'
    """
    return str(compared.get("metric_title") or title_of(str(compared.get("metric", ""))))


def headline(run: RunEvidence) -> str:
    """The verdict and its main figures in one sentence."""
    verdict = str(run.record["verdict"])
    if run.record.get("trigger") == TRIGGER:
        return f"A/B experiment: {IN_WORDS[verdict]}."
    if run.record.get("trigger") == TRIAL:
        return "Trial ended: two versions compared on the same rows."
    if verdict == "promoted":
        return _promoted(run, run.report("comparison"))
    if verdict == "rolled_back" or (run.record.get("rollback") == "refused" and verdict == "failed"):
        return _rolled_back(run)
    if verdict == "failed":
        return f"Run failed {where_it_failed(run)}; {_serving(run)}."
    if verdict == "retained":
        return f"Champion kept{_why_kept(run)}."
    if verdict == "skipped" and (broken := waiting_batch(run.report("drift"))):
        return f"Not trained: the batch looks broken. {broken['reason']} The next batch decides."
    if verdict == "skipped":
        return f"Skipped: {_why_skipped(run)}."
    return {
        "inconclusive": "Champion kept: the comparison is inconclusive.",
        "stopped": "Champion kept: the challenger failed its rehearsal.",
        "quarantined": "Upload quarantined: it violates the data contract.",
        "duplicate": "Duplicate event: already processed or in progress.",
        "waiting": "Waiting for approval of the challenger.",
    }.get(verdict, "No verdict: the run is in progress or was stopped.")


def _rolled_back(run: RunEvidence) -> str:
    """The outcome of a rollback by Watch, by a user or by an alarm."""
    if run.record.get("rollback") == "refused":
        return "Rollback refused: the same model keeps serving."
    looks = run.report("watch").get("looks")
    if looks:
        seen = {
            "worse": "worse than the champion on live requests",
            "undecided": "inconclusive on live requests within the time limit",
        }
        why = seen.get(looks[-1].get("verdict"), "the trial was ended")
        return f"Challenger rolled back: {why}."
    if run.record.get("rollback") == "trial_ended":
        return "Trial ended: the champion serves all requests again."
    return "Model rolled back: the previous model serves again."


def _why_kept(run: RunEvidence) -> str:
    """The end of a sentence."""
    answer, compared = run.approval.answer if run.approval is not None else "", run.report("comparison")
    if run.approval is not None and answer == REJECTED:
        return f": {run.approval.by or 'a user'} rejected the challenger"
    if answer == NOT_ANSWERED:
        return ": the approval request timed out"
    if compared.get("verdict") == "wins":
        return ", although the challenger was better on the holdout"
    return ": the challenger is not better" if compared else ""


def _why_skipped(run: RunEvidence) -> str:
    """The end of a sentence."""
    found = run.report("drift")
    if run.report("training").get("reused"):
        return "a model of the same code, settings and data exists already"
    if found.get("verdict") == "too few rows":
        return "too few rows to test for drift"
    if decision_of(run).get("waits"):
        return "the champion's loss on this batch is out of line, and the next batch decides"
    if not found or found["drifted"]:
        return "nothing to do"
    rate = waiting_rate(decision_of(run))
    return f"no drift detected; waiting costs about {rate}" if rate else "no drift detected"


def _promoted(run: RunEvidence, compared: Mapping[str, Any]) -> str:
    approved = run.approval is not None and run.approval.answer == "approved"
    by = f"Approved by {run.approval.by or 'a user'} and promoted" if approved and run.approval else ""
    if not compared:
        return f"{by or 'New model promoted'}."
    if restored := _restored(compared):
        behind = figure(-compared["best_champion"]["standing"]["mean"])
        return f"{by or 'Earlier champion serves again'}: {restored} is ahead of the champion by {behind}."
    scores = f"{metric_title(compared)} {figure(compared['challenger'])}"
    if compared["against"] == "baseline":
        return f"{by or 'First model promoted'}: {scores} vs. {figure(compared['baseline'])} for the baseline."
    better = "Better model promoted" if compared["verdict"] == "wins" else "New model promoted"
    return f"{by or better}: {scores} vs. {figure(compared['champion'])}."


def _restored(compared: Mapping[str, Any]) -> str:
    """The earlier champion that serves again, where there is one."""
    return str((compared.get("best_champion") or {}).get("restored") or "")


def where_it_failed(run: RunEvidence) -> str:
    """The stage that a failed run had reached, by its reports."""
    if "rehearsal" in run.reports or "watch" in run.reports:
        return "during the rollout"
    if run.report("comparison"):
        return "after the comparison"
    training = run.report("training")
    if training:
        return "in training" if training.get("status") == "failed" else "in the comparison"
    if run.record.get("lost_task"):
        return "in training"
    if run.report("drift"):
        return "in training" if run.report("drift").get("drifted") else "after the drift check"
    return "after the data validation" if run.report("validation") else "before reading any data"


def _serving(run: RunEvidence) -> str:
    return "the same model keeps serving" if run.record.get("champion_after") else "no model serves yet"


def serving_change(run: RunEvidence) -> str:
    """Which model serves after the run."""
    before, after = run.record.get("champion_before"), run.record.get("champion_after")
    if after is None:
        return "No model serves yet."
    if before == after:
        return "Unchanged: the same model serves."
    if run.record["verdict"] == "rolled_back":
        return "The previous model serves again."
    return "A new model serves." if before else "The first model serves."


def next_step(run: RunEvidence) -> str:
    """What to do, if anything; the same as in the run's mail."""
    record = run.record
    verdict = str(record["verdict"])
    said = record.get("next_step")
    if said is None:  # of a run that has not ended, or ended before that was kept
        steps = WAITING if verdict == "waiting" else NEXT_STEPS.get(verdict, ())
        said = in_sentences(UPLOAD_AGAIN if record.get("given_up") else steps)
        said = said.format(pipeline=record["pipeline"], run_id=record["run_id"])
    return str(said)


WAITING = ("Review the comparison, then decide: contender approve {run_id} or contender reject {run_id}",)


MOST_CHARACTERS = 28
"""Of a column's name in the strip."""

STAGE_REPORTS = ("validation", "drift", "training", "comparison")
"""The report that each stage but the last one leaves."""


@dataclass(frozen=True)
class Stage:
    """A stage of the loop: its tone and a few words."""

    name: str
    tone: Tone
    said: str


def stages(run: RunEvidence) -> tuple[Stage, ...]:
    """The loop from the data to the decision."""
    found = [_data(run), _drift(run), _training(run), _comparison(run), _serving_stage(run)]
    if run.record["verdict"] == "failed" and not any(stage.tone == "bad" for stage in found):
        got_to = max((place + 1 for place, name in enumerate(STAGE_REPORTS) if name in run.reports), default=0)
        found[got_to] = replace(found[got_to], tone="bad", said="the run failed here")
    return tuple(found)


def _data(run: RunEvidence) -> Stage:
    found = run.report("validation")
    if not found:
        return Stage("Data", "calm", "not read")
    status = found["status"]
    if status == "nothing_new":
        return Stage("Data", "calm", "no new uploads")
    if status == "duplicate":
        return Stage("Data", "calm", "duplicate")
    if status == "quarantined":
        return Stage("Data", "bad", "quarantined")
    if waiting_batch(run.report("drift")):
        return Stage("Data", "unsure", "looks broken")
    refused = found["rejected_rows"]
    said = f"{found['rows']:,} rows" + (f", {refused:,} rejected" if refused else "")
    return Stage("Data", "unsure" if found["quarantined_files"] else "good", said)


def _drift(run: RunEvidence) -> Stage:
    found = run.report("drift")
    if not found:
        return Stage("Drift", "calm", "not tested")
    if found["verdict"] == "too few rows":
        return Stage("Drift", "unsure", "too few rows")
    if not found["drifted"]:
        moved = any(test["drifted"] for test in found["features"])
        return Stage("Drift", "good", "not enough evidence" if moved else "no drift")
    names = found["drifted_features"]
    rest = f" and {len(names) - 2} more" if len(names) > 2 else ""
    return Stage(
        "Drift",
        "unsure",
        ", ".join(told_apart(names[:2], MOST_CHARACTERS)) + rest if names else "multivariate drift",
    )


def _training(run: RunEvidence) -> Stage:
    found = run.report("training")
    if not found:
        if run.record.get("lost_task"):
            return Stage("Training", "bad", "failed")
        return Stage("Training", "calm", "earlier challenger" if run.report("comparison") else "not run")
    if found["status"] != "trained":
        return Stage("Training", "bad", "failed")
    if found.get("reused"):
        return Stage("Training", "good", "already trained")
    return Stage("Training", "good", f"{found['train_rows']:,} rows in {duration(found['seconds'])}")


def _comparison(run: RunEvidence) -> Stage:
    found = run.report("comparison")
    if not found:
        return Stage("Comparison", "calm", "not run")
    tones: dict[str, tuple[Tone, str]] = {
        "wins": ("good", "challenger better"),
        "loses": ("bad", "challenger not better"),
        "inconclusive": ("unsure", "inconclusive"),
    }
    return Stage("Comparison", *tones[found["verdict"]])


def _serving_stage(run: RunEvidence) -> Stage:
    verdict = str(run.record["verdict"])
    if verdict == "promoted":
        return Stage("Serving", "good", "earlier model" if _restored(run.report("comparison")) else "new model")
    if verdict in ("stopped", "rolled_back"):
        return Stage("Serving", "bad", "previous model" if verdict == "rolled_back" else "unchanged")
    if verdict == "waiting":
        return Stage("Serving", "unsure", "waiting for approval")
    return Stage("Serving", "calm", "unchanged" if run.record.get("champion_after") else "no model yet")
