"""A batch and the data available when it arrives; trainings, scores and profiles that arms share."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace

import numpy as np

from contender.data.row_summary import RowSummary
from contender.data.summarise import summarise
from contender.drift.batch_check import BatchCheck, check_batch, observe
from contender.drift.model_loss import Floats, row_losses
from contender.drift.profiles.profile import Profile
from contender.errors import ContenderError, InvalidInputError
from contender.pipeline.alarm_policy import AlarmPolicy, NotifyPolicy
from contender.pipeline.config import PipelineConfig
from contender.pipeline.drift_policy import DriftPolicy
from contender.pipeline.promotion_policy import PromotionPolicy
from contender.pipeline.schedule_policy import SchedulePolicy
from contender.pipeline.training_policy import TrainingPolicy
from contender.registry.candidate import Candidate
from contender.replay.arms import Train, Trained
from contender.replay.history import HistoryBatch
from contender.replay.prequential import BatchScore, score_batch
from contender.stats.metrics import Metric
from contender.table import BLOCK, ORDER, Table
from contender.training.fingerprint import WHEN_TO_TRAIN
from contender.training.window import training_window


@dataclass(frozen=True)
class ArmModel:
    """A model of an arm.

    Attributes
    ----------
    window : the batches that it was trained with.
    arrived : how many batches had come by then.
    """

    trained: Trained
    window: Sequence[HistoryBatch]
    arrived: int

    @property
    def made(self) -> str:
        """The last batch that it was trained with."""
        return self.window[-1].name

    @property
    def named(self) -> str:
        """Its description as a challenger."""
        return f"{self.made}'s challenger"


@dataclass(frozen=True)
class TrainingSettings:
    """What trainings of an arm depend on, as a configuration and as a text.

    An arm makes them once: a replay would spend a tenth of its time on them.
    """

    config: PipelineConfig
    text: str


def training_settings(config: PipelineConfig) -> TrainingSettings:
    """Those of an arm with this configuration."""
    needed = training_part(config)
    return TrainingSettings(needed, json.dumps(asdict(needed), sort_keys=True, default=str))


@dataclass
class Moment:
    """A batch and the data available when it arrives, with the results that arms share.

    A model depends on the batches it was trained on and the configuration; all arms that retrain today train on a
    window that ends today, so a cache that lives for a batch misses nothing.
    """

    position: int
    batch: HistoryBatch
    arrived: Sequence[HistoryBatch]
    train: Train
    metric: Metric
    seed: int
    trainings: dict[tuple[str, ...], Trained | ContenderError] = field(default_factory=dict)
    _scores: dict[int, BatchScore] = field(default_factory=dict)
    _profiles: dict[int, Profile] = field(default_factory=dict)
    _checks: dict[tuple[object, ...], BatchCheck] = field(default_factory=dict)
    _summaries: dict[tuple[str, ...], RowSummary] = field(default_factory=dict)
    _losses: dict[int, Floats] = field(default_factory=dict)

    @property
    def table(self) -> Table:
        """Today's rows.

        Raises
        ------
        InvalidInputError
            When the batch is in quarantine.
        """
        if self.batch.table is None:
            raise InvalidInputError(f"batch {self.batch.name} is in quarantine")
        return self.batch.table

    def window(
        self, config: PipelineConfig, since: float | None, without: Collection[str] = ()
    ) -> Sequence[HistoryBatch]:
        """The batches that the loop would train on today.

        Parameters
        ----------
        since : where the last drift began, by the order of its rows.
        without : the names of batches that are left out.
        """
        arrived = [batch for batch in self.arrived if batch.name not in without]
        return training_window(arrived, config.training, since, order_to=order_to)

    def summary(self, config: PipelineConfig) -> RowSummary:
        """What a manifest would say of today's rows."""
        columns = (*config.features, config.target)
        if columns not in self._summaries:
            self._summaries[columns] = summarise(self.table, config.features, config.target)
        return self._summaries[columns]

    def since(self, model: ArmModel) -> Sequence[HistoryBatch]:
        """The batches that came after a model's training, today's too."""
        return self.arrived[model.arrived :]

    def training(self, settings: TrainingSettings, since: float | None, *, without: Collection[str] = ()) -> ArmModel:
        """The model that a training today gives, on the `window` of these.

        Raises
        ------
        ContenderError
            When none comes of it, each time it is asked for.
        """
        config = settings.config
        window = self.window(config, since, without)
        key = (settings.text, *(batch.name for batch in window))
        if key not in self.trainings:
            columns = dict.fromkeys(filter(None, (*config.features, config.target, config.group, ORDER, BLOCK)))
            try:
                rows = rows_of(window).select_columns(columns)
                self.trainings[key] = self._dated(self.train(config, rows), len(self.trainings))
            except ContenderError as error:
                self.trainings[key] = error
        found = self.trainings[key]
        if isinstance(found, ContenderError):
            raise found
        return ArmModel(found, window, len(self.arrived))

    def _dated(self, model: Trained, number: int) -> Trained:
        """The model with a version and a date in its manifests that sort in the order of the history, and its run."""
        version = f"{self.position:06d}-{number}"
        named = {"version": version, "created_at": version, "run_id": self.batch.name}

        def dated(candidate: Candidate) -> Candidate:
            return replace(candidate, manifest={**candidate.manifest, **named})

        judged = None if model.refitted_after is None else dated(model.refitted_after)
        return replace(model, candidate=dated(model.candidate), refitted_after=judged)

    def score(self, config: PipelineConfig, model: Trained) -> BatchScore:
        """The metric and the loss of a model on today's rows, as they are and on resamples of their blocks."""
        if id(model) not in self._scores:
            self._scores[id(model)] = score_batch(
                config, self.metric, self.table, model.candidate, seed=self.seed + self.position
            )
        return self._scores[id(model)]

    def profile(self, config: PipelineConfig, model: Trained) -> Profile:
        """Today's rows as the drift check sees them."""
        if id(model) not in self._profiles:
            self._profiles[id(model)] = observe(config, model.reference.profile.grid, self.table, model.candidate)
        return self._profiles[id(model)]

    def check(
        self, config: PipelineConfig, model: ArmModel, *, earlier: Mapping[str, Profile], answered: int
    ) -> BatchCheck:
        """The drift check of today's rows against a model.

        Parameters
        ----------
        earlier : the profiles of the batches since its training, by their names. They follow from the model, so that
            arms that serve the same one share its check.
        answered : how many of these a training has taken in.
        """
        key = (
            id(model.trained),
            answered,
            tuple(earlier),
            config.training.seed,
            json.dumps(asdict(config.drift), sort_keys=True),
        )
        if key not in self._checks:
            trained = model.trained
            self._checks[key] = check_batch(
                config,
                trained.reference,
                self.table,
                trained.candidate,
                self.profile(config, trained),
                earlier=list(earlier.values()),
                answered=answered,
            )
        return self._checks[key]

    def losses(self, config: PipelineConfig, model: Trained) -> Floats:
        """(n,) a model's loss on each of today's rows."""
        if id(model) not in self._losses:
            self._losses[id(model)] = row_losses(config, self.table, model.candidate)
        return self._losses[id(model)]


def rows_of(batches: Sequence[HistoryBatch]) -> Table:
    """The rows of several batches in one table."""
    return Table.concatenate([batch.table for batch in batches if batch.table is not None])


def order_from(batch: HistoryBatch) -> float:
    """The smallest order among a batch's rows."""
    return float(batch.table[ORDER].min()) if batch.table is not None else -np.inf


def order_to(batch: HistoryBatch) -> float:
    """The largest order among a batch's rows."""
    return float(batch.table[ORDER].max()) if batch.table is not None else -np.inf


def row_count(batches: Sequence[HistoryBatch]) -> int:
    """How many rows several batches have."""
    return sum(len(batch.table) for batch in batches if batch.table is not None)


def training_part(config: PipelineConfig) -> PipelineConfig:
    """The configuration without what training does not depend on: what decides about a model makes no other model.

    The metric stays: a search goes by it, and a training refuses rows on which it is undefined.
    """
    return replace(
        config,
        name="replay",
        description="",
        path="",
        training=replace(config.training, **{name: getattr(TrainingPolicy(), name) for name in WHEN_TO_TRAIN}),
        drift=DriftPolicy(),
        promotion=PromotionPolicy(
            metric=config.promotion.metric, metric_greater_is_better=config.promotion.metric_greater_is_better
        ),
        schedule=SchedulePolicy(),
        alarms=AlarmPolicy(),
        notify=NotifyPolicy(),
    )
