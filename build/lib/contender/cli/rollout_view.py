"""A challenger's rehearsal, approval and trial on a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.markup import escape
from rich.text import Text

from contender.cli.console import console, print_fields, print_table
from contender.formatting import percent
from contender.ports import ApprovalRequest
from contender.registry.pointer import Trial


def question_record(pipeline: str, request: ApprovalRequest) -> dict[str, Any]:
    """A run that waits for approval, in the form of a run's record."""
    run, until = request.run_id[:8], request.until[:16].replace("T", " ")
    return {
        "run_id": request.run_id,
        "pipeline": pipeline,
        "verdict": "waiting",
        "reason": f"contender approve {run} or reject, until {until} UTC: approval of {request.challenger}",
        "challenger": request.challenger,
        "started_at": request.asked_at,
    }


def print_rehearsal(found: Mapping[str, Any]) -> None:
    """The checks of a rehearsal, and the first rows that serving predicts differently than training."""
    console.print("\n[bold]Rehearsal[/bold]")
    console.print(found["reason"], markup=False)
    print_table(
        ("check", "value", "limit", "passed"),
        [
            (check["name"], _number(check["value"]), _number(check["bound"]), "yes" if check["passed"] else "no")
            for check in found["checks"]
        ],
    )
    for culprit in found["culprits"]:
        console.print(
            Text(
                f"request {culprit['request']} {culprit['row']}: served {_vector(culprit['served'])}, "
                f"trained {_vector(culprit['trained'])}"
            )
        )


def print_approval(request: ApprovalRequest) -> None:
    """Print an approval request and its answer."""
    console.print("\n[bold]Approval[/bold]")
    print_fields(
        {
            "asked": request.asked_at,
            "until": request.until,
            "answer": request.answer or "none yet",
            "by": request.by,
            "reason": request.reason,
        }
    )


def trial_in_words(trial: Trial) -> str:
    """A trial in one sentence.

    >>> trial_in_words(Trial("v2", "sha", 0.25, "shadow", until="2026-01-01T12:00:00+00:00"))
    'v2 is a shadow for 25 % of the requests, until 2026-01-01 12:00 UTC'
    """
    share = f"{percent(trial.weight)} of the requests"
    does = f"is a shadow for {share}" if trial.mode == "shadow" else f"answers {share}"
    until = f", until {trial.until[:16].replace('T', ' ')} UTC" if trial.until else ""
    return f"{escape(trial.version)} {does}{until}"


def _number(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, int | float) else "–"


def _vector(values: Any) -> str:
    return "/".join(_number(value) for value in values) or "nothing"
