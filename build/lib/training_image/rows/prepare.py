"""A pipeline's rows, split by time and encoded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contender.data.encoding import FeatureEncoding, encode
from contender.data.fit_encoding import fit_encoding
from contender.data.left_out_rows import LeftOutRows
from contender.pipeline.config import PipelineConfig
from contender.pipeline.training_policy import TrainingPolicy
from contender.table import BLOCK, ORDER, Table
from training_image.rows.relatives import Relatives
from training_image.rows.splits import Fold, Split, split
from training_image.rows.take import Rows
from training_image.rows.targets import (
    Classes,
    check_holdout,
    check_variation,
    classes_of,
    indices,
    positive_index,
    positive_of,
)
from training_image.rows.weights import sample_weights
from training_image.task.progress import Report


@dataclass(frozen=True, eq=False)
class Learnable:
    """Rows that a model learns from: as they are, and as an estimator takes them.

    Attributes
    ----------
    encodings : how each feature becomes a number, read from these rows alone.
    """

    table: Table
    encodings: tuple[FeatureEncoding, ...]
    rows: Rows

    @property
    def through(self) -> float:
        """The largest order (time) among them."""
        return float(self.table[ORDER].max())

    def weights_by_age(self, policy: TrainingPolicy) -> NDArray[np.float64] | None:
        """(n,) the rows' weights without those of their classes; None where all count alike."""
        unbalanced = replace(policy, class_weight="none", calibration="none")
        return sample_weights(self.table[ORDER], self.table[BLOCK], self.rows.target, unbalanced)


@dataclass(frozen=True, eq=False)
class Prepared:
    """The rows in the order of time.

    Attributes
    ----------
    table : all rows, with `_order` and `_block`; parts : which of them are for what; relatives : which belong together.
    left_out : rows of the holdout that have relatives among the training rows.
    learned, holdout : the rows that the judged model learns from, and those that it is judged on.
    classes : the target's values in the order of the predictions' columns; None for a regression.
    positive : the class whose probability is answered; None unless the task is binary.
    holdout_matrix, truth : `holdout` (n, features) encoded, and its target, -1 for a class that training has not seen.
    """

    table: Table
    parts: Split
    relatives: Relatives
    left_out: LeftOutRows
    learned: Learnable
    holdout: Table
    classes: tuple[str, ...] | None
    positive: str | None
    holdout_matrix: NDArray[np.float32]
    truth: NDArray[Any]

    @property
    def training(self) -> Table:
        """The rows that the judged model learns from."""
        return self.learned.table

    @property
    def encodings(self) -> tuple[FeatureEncoding, ...]:
        """How each feature becomes a number for the judged model."""
        return self.learned.encodings

    @property
    def rows(self) -> Rows:
        """`training` as an estimator takes it."""
        return self.learned.rows

    @property
    def positive_index(self) -> int:
        return positive_index(self.classes, self.positive)

    @property
    def columns(self) -> int:
        """How many classes there are; 0 for a regression."""
        return len(self.classes or ())

    @cached_property
    def checked(self) -> NDArray[np.bool_]:
        """Which of the training rows are there to decide on."""
        mask: NDArray[np.bool_] = self.parts.validation[self.parts.judged]
        return mask

    def apart(self, stretches: Sequence[Fold]) -> list[Fold]:
        """Stretches of the training rows, each without rows to score on that have relatives among the older ones."""
        relatives = self.relatives.select_rows(self.parts.judged)
        return [relatives.apart_in_fold(fold) for fold in stretches]

    @property
    def deciding(self) -> Rows:
        """What a deciding model learns from."""
        return self.rows.take(self.parts.training[self.parts.judged])

    @property
    def validation(self) -> Rows:
        """What is decided on."""
        return self.rows.take(self.checked)

    @property
    def split(self) -> dict[str, int]:
        """The manifest's section."""
        counted = {"training": self.parts.training, "validation": self.parts.validation, "gap": self.parts.gap}
        return {f"{name}_rows": int(part.sum()) for name, part in counted.items()}


def prepare(
    config: PipelineConfig, table: Table, order: NDArray[np.float64], blocks: NDArray[Any], *, report: Report
) -> Prepared:
    """Sort, divide and encode the rows.

    Parameters
    ----------
    table, order, blocks : (n,) as `training_image.fit.fit.train` takes them.

    Raises
    ------
    TrainingFailedError
        When there are too few blocks, the target does not fit the task or is constant, all features are constant,
        float32 cannot tell values of one apart, or nothing can be judged on the holdout.
    """
    in_time = np.argsort(order, kind="stable")
    everything = Table({**table.select_rows(in_time).columns, ORDER: order[in_time], BLOCK: blocks[in_time]})
    relatives = Relatives.of(config, everything)
    parts, left_out = relatives.apart(split(everything[ORDER], everything[BLOCK], config.training))
    if left_out.rows:
        report(f"holdout: {left_out.sentence}")
    training, holdout = everything.select_rows(parts.judged), everything.select_rows(parts.holdout)
    classes = classes_of(training[config.target], config)
    positive = positive_of(classes, config)
    truth = indices(holdout[config.target], classes)
    said = check_holdout(truth, classes)
    if said:
        report(said)
    learned = learnable(config, training, classes)
    check_variation(learned.rows.matrix, config.features)
    return Prepared(
        table=everything,
        parts=parts,
        relatives=relatives,
        left_out=left_out,
        learned=learned,
        holdout=holdout,
        classes=classes,
        positive=positive,
        holdout_matrix=encode(holdout, learned.encodings),
        truth=truth,
    )


def learnable(config: PipelineConfig, table: Table, classes: Classes) -> Learnable:
    """Encode and weight rows in the order of time, so that a model of these classes can learn from them.

    Rows of another class are left out: what answers with a class that nobody judged is not served.
    """
    target = indices(table[config.target], classes)
    known = target >= 0 if classes else np.ones(len(target), dtype=np.bool_)
    if not known.all():
        table, target = table.select_rows(known), target[known]
    encodings = fit_encoding(table, config)
    weights = sample_weights(table[ORDER], table[BLOCK], target, config.training)
    return Learnable(table, encodings, Rows(encode(table, encodings), target, weights))
