"""ValidateBatch: turns uploads, and the labelled predictions that no version has, into dataset versions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from contender.data.datasets import FEEDBACK
from contender.data.feedback_rows import ID
from contender.data.intake import FileReport, Intake, summary_of
from contender.ports import Batch
from contender.steps.gather_labels import Gathered, LabelGatherer, config_of_feedback
from contender.workflow.messages import Validation


@dataclass(frozen=True)
class Validated:
    """What became of what a run took."""

    validation: Validation
    files: tuple[FileReport, ...]
    gathered: Gathered


def validate_uploads(intake: Intake, batches: Sequence[Batch], labels: LabelGatherer) -> Validated:
    """Receive the uploads, then the labelled predictions as one more upload.

    What is wrong with the labels stops no upload, nor a run that was asked for.
    """
    validation, files = intake.receive(batches)
    gathered = labels.gather()
    batch = labels.write(gathered)
    if batch is not None:
        config = config_of_feedback(intake.config)
        of_labels = replace(intake, config=config, source=FEEDBACK, id_only="" if intake.config.row_id else ID)
        _, more = of_labels.receive([batch])
        files += more
        (report,) = more
        if report.status == "accepted":
            validation = summary_of(files)
        else:
            validation = replace(validation, reason=f"{validation.reason} Feedback: {report.reason}.")
    labels.settle(gathered)
    said = gathered.sentence
    told = replace(
        validation,
        reason=" ".join(filter(None, (_ended(validation.reason), said if _is_news(gathered) else ""))),
        feedback=said,
        suspicious_callers=gathered.suspicious,
    )
    return Validated(told if said else validation, files, gathered)


def _is_news(gathered: Gathered) -> bool:
    """Whether not all rows were simply taken."""
    return bool(gathered.unreadable) or (gathered.rows is not None and gathered.taken < len(gathered.rows))


def _ended(text: str) -> str:
    return text if not text or text.endswith(".") else f"{text}."
