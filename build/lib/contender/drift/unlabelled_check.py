"""The drift check of rows without labels: features, predictions and the metrics that are expected of them."""

from __future__ import annotations

from collections.abc import Sequence

from contender.data.periods import DAYS_OF_PERIOD
from contender.drift.batch_check import BatchCheck, Reference, estimate_batch, in_time_order, joint_drift, unit_labels
from contender.drift.detect import detect_drift
from contender.drift.histograms import histograms
from contender.drift.profiles.counting import count_profile
from contender.drift.profiles.profile import Profile
from contender.pipeline.config import PipelineConfig
from contender.registry.candidate import Candidate
from contender.table import Table


def check_unlabelled(
    config: PipelineConfig, reference: Reference, table: Table, model: Candidate, *, earlier: Sequence[Profile] = ()
) -> BatchCheck:
    """Check rows as `contender.drift.batch_check.check_batch` does, without labels and losses.

    Parameters
    ----------
    table : the rows, with `_order` and `_block`.
    earlier : the batches since the champion was trained, oldest first.
    """
    table = in_time_order(table)
    blocks, predictions = unit_labels(config, table), model.predict(table)
    report = detect_drift(
        reference.profile,
        current := count_profile(reference.profile.grid, table, prediction=predictions, blocks=blocks),
        config.drift,
        earlier=earlier,
        days_per_block=DAYS_OF_PERIOD[config.block_period] if config.time and not config.block else 1.0,
        joint=joint_drift(config, reference, table, blocks),
    )
    estimated = estimate_batch(config, reference, table, predictions)
    return BatchCheck(report, estimated, None, tuple(histograms(reference.profile, current, report)))
