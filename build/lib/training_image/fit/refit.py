"""Trains what serves: the judged model once more, with the newest rows, and measures how far the two agree.

The newest rows are those that the judged model never sees, because it is judged on them. A model without them is older
than it has to be. What the judged one decided (parameters, rounds, calibration) stays as it is.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from contender.data.encoding import encode
from contender.pipeline.config import PipelineConfig
from contender.table import Table
from training_image.evidence.overfit import Scored
from training_image.fit.agreement import agreement
from training_image.fit.decide import Decided
from training_image.fit.fitted import Fitted, estimated, exported
from training_image.rows.prepare import Prepared, learnable
from training_image.task.progress import Report


def refit(
    config: PipelineConfig, prepared: Prepared, decided: Decided, on_holdout: Scored, report: Report
) -> tuple[Fitted, Table, dict[str, Any]]:
    """The model that serves, the rows that it learned from, and how far it agrees with the judged one, as
    `training_image.fit.agreement` has it.

    Parameters
    ----------
    on_holdout : the judged model's answers to the holdout.

    Raises
    ------
    TrainingFailedError, ParityError
        As the training of the judged model.
    """
    learned = learnable(config, prepared.table, prepared.classes)
    report(f"training {config.training.estimator} again, on all {len(learned.rows)} rows")
    none_left = np.empty((0, len(learned.encodings)), dtype=np.float32)
    served = exported(decided, learned, estimated(decided, learned), none_left, report)
    answers = Scored(on_holdout.truth, served.predict(encode(prepared.holdout, served.encodings)), on_holdout.blocks)
    found = agreement(on_holdout, answers, prepared.rows.target)
    report(f"on the holdout the refitted model differs from the judged one by {found['difference']:.3g} on average")
    return served, learned.table, found
