"""What a run came to, in the few words that its report begins with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from contender.formatting import duration, figure
from contender.reports.line_chart import told_apart
from contender.reports.run.evidence import RunEvidence
from contender.rollout.approval import NOT_ANSWERED, REJECTED
from contender.workflow.outcome import NEXT_STEPS, UPLOAD_AGAIN

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
    "waiting": "unsure",
    "running": "unsure",
}

TRIGGERS = {
    "upload": "an upload",
    "schedule": "the schedule",
    "alarm": "an alarm",
    "manual": "a person",
    "code-change": "a change of code",
    "pending": "uploads that had waited",
}


def metric_title(compared: Mapping[str, Any]) -> str:
    """A comparison's metric as sentences call it; one from before it was kept by its name.

    Examples
    --------
    >>> metric_title({"metric": "auc", "metric_title": "area under the ROC curve"})
    'area under the ROC curve'
    >>> metric_title({"metric": "own.metrics:cost_per_late_flight"})
    'cost per late flight'
    """
    named = str(compared.get("metric", "")).rpartition(":")[2].replace("_", " ")
    return str(compared.get("metric_title") or named)


def headline(run: RunEvidence) -> str:
    """One sentence: what happened, for somebody who reads no second one."""
    verdict = str(run.record["verdict"])
    if verdict == "promoted":
        return _promoted(run, run.report("comparison"))
    if verdict == "rolled_back" or (run.record.get("rollback") == "refused" and verdict == "failed"):
        return _rolled_back(run)
    if verdict == "failed":
        return f"The run failed {where_it_failed(run)}; {_serving(run)}."
    if verdict == "retained":
        return f"The model stays{_why_it_stays(run)}."
    if verdict == "skipped":
        return f"Nothing to do{_why_skipped(run)}."
    return {
        "inconclusive": "The model stays: the rows could not tell whether the challenger is better.",
        "stopped": "The model stays: the challenger did not pass its rehearsal.",
        "quarantined": "The upload was turned away: it breaks the data contract.",
        "duplicate": "Nothing to do: this was done before, or is being done.",
        "waiting": "A person is asked: may the challenger serve?",
    }.get(verdict, "The run has left no verdict: it is still at work, or it was stopped.")


def _rolled_back(run: RunEvidence) -> str:
    """What became of a rollback: Watch's, or one that a person or an alarm asked for."""
    if run.record.get("rollback") == "refused":
        return "Nothing was rolled back: the same model serves on."
    looks = run.report("watch").get("looks")
    if looks:
        seen = {
            "worse": "it did worse on live requests",
            "undecided": "live requests could not tell in time whether it is worse",
        }
        why = seen.get(looks[-1].get("verdict"), "its trial was ended")
        return f"The challenger was taken back: {why}."
    if run.record.get("rollback") == "trial_ended":
        return "The challenger's trial was ended: the champion answers all requests again."
    return "The model was taken back: the former one serves again."


def _why_it_stays(run: RunEvidence) -> str:
    """The end of a sentence."""
    answer, compared = run.approval.answer if run.approval is not None else "", run.report("comparison")
    if run.approval is not None and answer == REJECTED:
        return f": {run.approval.by or 'somebody'} turned the challenger down"
    if answer == NOT_ANSWERED:
        return ": nobody answered whether the challenger may serve"
    if compared.get("verdict") == "wins":
        return ", though the challenger was better on the holdout"
    return ": the challenger was not better" if compared else ""


def _why_skipped(run: RunEvidence) -> str:
    """The end of a sentence."""
    found = run.report("drift")
    if run.report("training").get("reused"):
        return ": the model that training would make was made before"
    if found.get("verdict") == "too few rows":
        return ": the rows are too few to tell whether the data have drifted"
    return ": the data have not drifted" if found and not found["drifted"] else ""


def _promoted(run: RunEvidence, compared: Mapping[str, Any]) -> str:
    approved = run.approval is not None and run.approval.answer == "approved"
    who = f"{run.approval.by or 'Somebody'} approved a new model, and it serves" if approved and run.approval else ""
    if not compared:
        return f"{who or 'A new model serves'}."
    scores = f"{metric_title(compared)} {figure(compared['challenger'])}"
    if compared["against"] == "baseline":
        return f"{who or 'The first model serves'}: {scores}, where a naive guess has {figure(compared['baseline'])}."
    better = "A better model serves" if compared["verdict"] == "wins" else "A new model serves"
    return f"{who or better}: {scores} instead of {figure(compared['champion'])}."


def where_it_failed(run: RunEvidence) -> str:
    """How far a failed run had got, by the reports that it has left."""
    if "rehearsal" in run.reports or "watch" in run.reports:
        return "while the challenger was tried in serving"
    if run.report("comparison"):
        return "after the comparison"
    training = run.report("training")
    if training:
        return "in training" if training.get("status") == "failed" else "in the comparison"
    if run.record.get("lost_task"):
        return "in training"
    if run.report("drift"):
        return "in training" if run.report("drift").get("drifted") else "after the drift check"
    return "after the data was read" if run.report("validation") else "before it had read any data"


def _serving(run: RunEvidence) -> str:
    return "the same model serves on" if run.record.get("champion_after") else "there is no model yet"


def for_users(run: RunEvidence) -> str:
    """What has changed for whoever asks for predictions."""
    before, after = run.record.get("champion_before"), run.record.get("champion_after")
    if after is None:
        return "No model serves yet."
    if before == after:
        return "Nothing has changed: the same model answers."
    if run.record["verdict"] == "rolled_back":
        return "The former model answers again."
    return "A new model answers." if before else "Predictions can be asked for now."


def next_step(run: RunEvidence) -> str:
    """What somebody has to do about it, if anything; the same as the run's mail says."""
    record = run.record
    verdict = str(record["verdict"])
    said = record.get("next_step")
    if said is None:  # of a run that has not ended, or ended before that was kept
        said = (
            UPLOAD_AGAIN if record.get("given_up") else WAITING if verdict == "waiting" else NEXT_STEPS.get(verdict, "")
        )
        said = said.format(pipeline=record["pipeline"], run_id=record["run_id"])
    return str(said)


WAITING = "Look at how the challenger fared, then answer: contender approve {run_id} or contender reject {run_id}"


MOST_CHARACTERS = 28
"""Of a column's name in the strip."""

STAGE_REPORTS = ("validation", "drift", "training", "comparison")
"""The report that each stage but the last one leaves."""


@dataclass(frozen=True)
class Stage:
    """A step of the loop at a glance: whether it went well, and a few words."""

    name: str
    tone: Tone
    said: str


def stages(run: RunEvidence) -> tuple[Stage, ...]:
    """The loop from the data to the decision."""
    found = [_data(run), _drift(run), _training(run), _comparison(run), _serving_stage(run)]
    if run.record["verdict"] == "failed" and not any(stage.tone == "bad" for stage in found):
        got_to = max((place + 1 for place, name in enumerate(STAGE_REPORTS) if name in run.reports), default=0)
        found[got_to] = replace(found[got_to], tone="bad", said="the run ended here")
    return tuple(found)


def _data(run: RunEvidence) -> Stage:
    found = run.report("validation")
    if not found:
        return Stage("Data", "calm", "not read")
    status = found["status"]
    if status == "nothing_new":
        return Stage("Data", "calm", "no upload waited")
    if status == "duplicate":
        return Stage("Data", "calm", "known already")
    if status == "quarantined":
        return Stage("Data", "bad", "turned away")
    refused = found["rejected_rows"]
    said = f"{found['rows']:,} rows" + (f", {refused:,} left out" if refused else "")
    return Stage("Data", "unsure" if found["quarantined_files"] else "good", said)


def _drift(run: RunEvidence) -> Stage:
    found = run.report("drift")
    if not found:
        return Stage("Drift", "calm", "not asked")
    if found["verdict"] == "too few rows":
        return Stage("Drift", "unsure", "too few rows to tell")
    if not found["drifted"]:
        moved = any(test["drifted"] for test in found["features"])
        return Stage("Drift", "good", "not for long enough" if moved else "none")
    names = found["drifted_features"]
    rest = f" and {len(names) - 2} more" if len(names) > 2 else ""
    return Stage(
        "Drift",
        "unsure",
        ", ".join(told_apart(names[:2], MOST_CHARACTERS)) + rest if names else "in how features go together",
    )


def _training(run: RunEvidence) -> Stage:
    found = run.report("training")
    if not found:
        if run.record.get("lost_task"):
            return Stage("Training", "bad", "failed")
        return Stage("Training", "calm", "a waiting challenger" if run.report("comparison") else "none")
    if found["status"] != "trained":
        return Stage("Training", "bad", "failed")
    if found.get("reused"):
        return Stage("Training", "good", "trained before")
    return Stage("Training", "good", f"{found['train_rows']:,} rows in {duration(found['seconds'])}")


def _comparison(run: RunEvidence) -> Stage:
    found = run.report("comparison")
    if not found:
        return Stage("Comparison", "calm", "none")
    tones: dict[str, tuple[Tone, str]] = {
        "wins": ("good", "the challenger is better"),
        "loses": ("bad", "the challenger is not better"),
        "inconclusive": ("unsure", "cannot be told"),
    }
    return Stage("Comparison", *tones[found["verdict"]])


def _serving_stage(run: RunEvidence) -> Stage:
    verdict = str(run.record["verdict"])
    if verdict == "promoted":
        return Stage("Serving", "good", "the new model")
    if verdict in ("stopped", "rolled_back"):
        return Stage("Serving", "bad", "the former model" if verdict == "rolled_back" else "as before")
    if verdict == "waiting":
        return Stage("Serving", "unsure", "a person decides")
    return Stage("Serving", "calm", "as before" if run.record.get("champion_after") else "no model yet")
