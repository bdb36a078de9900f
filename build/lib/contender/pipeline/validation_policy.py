"""When rows are rejected and files quarantined: the `[validation]` section of a pipeline file."""

from __future__ import annotations

from dataclasses import dataclass

from contender.pipeline.keys import key


@dataclass(frozen=True)
class ValidationPolicy:
    """What makes a batch unusable as a whole."""

    max_rejected_fraction: float = key(
        "Share of rows that may violate the data contract; above it the whole file is quarantined.",
        0.05,
        minimum=0.0,
        maximum=1.0,
    )
    min_rows: int = key("A batch with fewer usable rows is quarantined.", 1, minimum=1)
    constant_target_rows: int = key(
        "A batch with at least this many rows is quarantined if its target has only one value.", 100, minimum=1
    )
    max_missing_fraction: float = key(
        "The file is quarantined if a feature is missing in more than this share of the rows (1.0: only if in all).",
        1.0,
        minimum=0.0,
        maximum=1.0,
    )
    max_unseen_fraction: float = key(
        "The file is quarantined if more than this share of the rows, and at least 5, has a value of a categorical "
        "feature that no earlier upload had (1.0: any number of rows).",
        1.0,
        minimum=0.0,
        maximum=1.0,
    )
    max_rows_factor: float = key(
        "A file with more than so many times the rows of an earlier upload (the median of the last ten), or less than "
        "the same fraction of them, is quarantined; from the fourth upload on. 0: any number of rows.",
        0.0,
        minimum=0.0,
    )
    max_age_days: float = key(
        "A file whose newest time stamp is more than so many days before the run is quarantined. 0: any age.",
        0.0,
        minimum=0.0,
    )
    max_class_shift: float = key(
        "A file is quarantined if the share of a class differs from that in earlier uploads by more than this "
        "(0.1: 10 points); from the second upload on. 1.0: any difference.",
        1.0,
        minimum=0.0,
        maximum=1.0,
    )
    new_classes: bool = key(
        "Whether a row may have a class that no upload had so far. Otherwise it is quarantined: it is often another "
        "spelling. A binary target never has a third class.",
        False,
    )
    known_rows: str = key(
        "What becomes of rows that an earlier upload had. `once`: a row counts once; by its `row_id` if there is one, "
        "and then its newest version counts; by its content if there is none. `add`: they train models once more, and "
        "judge none.",
        "once",
        choices=("once", "add"),
    )
    late_labels: bool = key(
        "Whether a file without labels is accepted: it is checked for drift and never trained on. Upload the "
        "rows again with their labels; they are new then. Otherwise such a file is quarantined.",
        False,
    )
