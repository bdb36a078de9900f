"""Asks the champion and earlier champions about new rows, and decides whether a training is worth its cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from contender.data.datasets import DatasetManifest
from contender.drift.model_loss import Floats, loss_name, row_losses
from contender.errors import InvalidInputError
from contender.registry.pointer import Pointer
from contender.registry.signatures import Check
from contender.registry.versions import ModelVersion
from contender.steps.earlier_decisions import UNCHANGED_SINCE, Decisions
from contender.steps.scoring_run import ScoringRun
from contender.table import BLOCK, Table
from contender.training.new_rows import (
    earlier_champions,
    far_apart,
    newest_sequence,
    rows_a_week,
    rows_since,
    staleness_of,
    trained_rows,
    training_usd,
)
from contender.training.staleness import ModelLosses
from contender.training.worth_training import NewRows, WorthTraining, worth_training


@dataclass(frozen=True)
class WhenToTrain:
    """The rows that arrived, and the models that are asked about them.

    Attributes
    ----------
    manifests : the dataset versions that models are trained on, and those that arrived.
    current : those that arrived.
    earlier : what the runs of the batches before decided.
    changed_since : the number of the dataset version with which the data has changed, as its batch and this one show.
    check_signature : refuses a version that training did not sign; None where nothing is signed.
    """

    run: ScoringRun
    manifests: Sequence[DatasetManifest]
    current: Sequence[DatasetManifest]
    pointer: Pointer
    champion: ModelVersion
    newest: ModelVersion
    check_signature: Check | None
    earlier: Decisions
    changed_since: int | None = None

    def decide(self, table: Table, losses: Floats) -> tuple[WorthTraining, Mapping[str, Any]]:
        """Whether to train now, and what drift.json keeps of it, for later runs too.

        Parameters
        ----------
        table, losses : the rows that arrived, and the champion's loss on each.
        """
        config, newest, first = self.run.config, self.newest.manifest, self._first_sequence
        unchanged_since = max(self.earlier.unchanged_since, self.changed_since or 0)
        models, not_asked = self._models(table, losses)
        new = NewRows(
            rows=rows_since(
                newest, self.manifests, unchanged_since=unchanged_since, week=rows_a_week(config, table[BLOCK])
            ),
            trained_rows=trained_rows(newest, self.manifests),
            batches=sum(found.sequence > newest_sequence(newest, self.manifests) for found in self.manifests),
            unchanged_batches=sum(self.earlier.unchanged_since <= found.sequence < first for found in self.manifests),
            models=models,
            blocks=table[BLOCK],
            earlier_losses=self.earlier.losses,
            training_usd=training_usd(config, newest),
            not_asked=not_asked,
        )
        worth = worth_training(config.training, new, loss_name=loss_name(config))
        changed_with = {0: unchanged_since, 1: first, 2: self._previous_sequence}[worth.changed_batches]
        return worth, worth.to_dict() | {UNCHANGED_SINCE: changed_with}

    @property
    def _first_sequence(self) -> int:
        return min(found.sequence for found in self.current)

    @property
    def _previous_sequence(self) -> int:
        """The number of the dataset version before those that arrived."""
        before = [found.sequence for found in self.manifests if found.sequence < self._first_sequence]
        return max(before, default=self._first_sequence)

    def _models(self, table: Table, losses: Floats) -> tuple[list[ModelLosses], dict[str, str]]:
        """The champion and earlier champions with their losses; and why others have none."""
        models, not_asked = [self._with_losses(self.champion, losses)], {}
        for name in far_apart(earlier_champions(self.pointer)):
            try:
                model = self._earlier(name)
                models.append(self._with_losses(model, row_losses(self.run.config, table, self.run.candidate(model))))
            except Exception as error:  # whatever is wrong with an earlier champion, the run goes on without it
                not_asked[name] = str(error) or type(error).__name__
        return models, not_asked

    def _earlier(self, name: str) -> ModelVersion:
        """An earlier champion that may be asked: whole, signed, and not trained on the rows."""
        model = self.run.registry.read(name)
        if newest_sequence(model.manifest, self.manifests) >= self._first_sequence:
            raise InvalidInputError("it was trained on some of these rows")
        if self.check_signature is not None:
            self.check_signature(self.run.registry, model)
        return model

    def _with_losses(self, model: ModelVersion, losses: Floats) -> ModelLosses:
        return ModelLosses(model.version, staleness_of(model.manifest, self.manifests), losses)
