"""The mails about a batch prediction: rows that were rejected, and a job that failed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from contender.mails.mail import Content, Link, Mail
from contender.mails.place import Place
from contender.predictions.batch_messages import BatchRequest
from contender.predictions.batch_outcome import describe, understood

_ANYWHERE = "docs/batch.md"


def rejection_mail(manifest: Mapping[str, Any], *, where: str, place: Place) -> Mail:
    """The mail of a job that finished without some of its rows.

    Parameters
    ----------
    where : the folder of the result.
    """
    rejected = manifest["rejected"]["rows"]
    file = PurePosixPath(manifest["source"]["key"]).name
    content = Content(
        fact=f"{rejected:,} of {manifest['rows']:,} rows of {file} rejected",
        happened="A file was predicted, but some of its rows could not be.",
        evidence=[
            f"{describe(manifest)}.",
            f"File {manifest['source']['key']}, read as {understood(manifest) or 'in an earlier version'}.",
        ],
        done=f"All other rows are predicted: {where}",
        steps=[
            "Read the rejected rows and their reasons in the result's files rejected-*.jsonl.",
            "Correct those rows and upload them as a new file.",
        ],
        links=[place.execution(manifest["run_id"], machine="batch-prediction"), Link("Guide", _ANYWHERE)],
    )
    return place.mail(content, "ticket")


def failure_mail(request: BatchRequest, *, job: str, run_id: str, reason: str, for_good: bool, place: Place) -> Mail:
    """The mail of a job that failed. `for_good`: the file is at fault, and starting the job again would not help."""
    again = (
        "Correct the file as the reason says and upload it again, which starts a new job."
        if for_good
        else "Fix the cause, then start the job again; finished parts are kept (see docs/batch.md)."
    )
    file = PurePosixPath(request.key).name
    content = Content(
        fact=f"batch prediction of {file} failed" if file else "a batch prediction failed",
        happened="A file was to be predicted, and there is no result.",
        evidence=[reason, f"File {request.key or 'unknown'}, job {job or 'not planned'}."],
        done="Nothing is lost: the file and finished parts stay where they are.",
        steps=[again],
        links=[place.execution(run_id, machine="batch-prediction"), Link("Guide", _ANYWHERE)],
    )
    return place.mail(content, "ticket")
