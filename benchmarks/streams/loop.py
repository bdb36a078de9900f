"""A pipeline's own policy over a stream: when it trains, what wins, what serves, by the product's own decisions.

Each batch is first answered by the champion, with rows as they should be: users do not see a broken file. Then it
arrives, as it is, and the loop decides. A served model is trained on all rows, its judged model on those before the
newest batch.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from benchmarks.streams.models import BatchId, Models, place_of
from contender.comparison.baseline import naive_predictions
from contender.comparison.compare import compare, evidence_on
from contender.comparison.judgements import Judgement
from contender.comparison.kept_evidence import PairedBlocks, Remembered
from contender.comparison.past_champions import past_champions
from contender.registry.swaps import REMEMBERED_SWAPS
from contender.table import BLOCK, ORDER, Column
from contender.training.arriving_batches import ArrivingBatches
from contender.training.cost import ASSUMED_SECONDS, fargate_usd
from contender.training.loss_change import is_out_of_line
from contender.training.new_rows import far_apart
from contender.training.staleness import ModelLosses, mean_loss, staleness
from contender.training.waiting_cost import RowsSince
from contender.training.worth_training import NewRows, WorthTraining, worth_training

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Model:
    """What one training made.

    Attributes
    ----------
    served, judged : the batches that either model was trained on.
    arrived : how many batches had come by then.
    """

    served: tuple[BatchId, ...]
    judged: tuple[BatchId, ...]
    arrived: int

    @property
    def name(self) -> str:
        """Its version."""
        return str(self.arrived)


@dataclass
class Outcome:
    """What a policy did, and how well users were served.

    Attributes
    ----------
    loss : the mean over all rows after the first model's.
    retrained, promoted : the places of the batches with which it trained, and with which another model came to serve.
    restored : the places of the batches with which an earlier champion came to serve again.
    broken_promoted : broken batches that were in the newest data of a model that was promoted with them.
    set_aside : the sign of each batch that looked broken, by its place.
    left_out : places of the batches that no model was trained on.
    learned : every batch that a model which served was trained on.
    """

    loss: float = 0.0
    retrained: list[int] = field(default_factory=list)
    promoted: list[int] = field(default_factory=list)
    restored: list[int] = field(default_factory=list)
    broken_promoted: list[int] = field(default_factory=list)
    set_aside: dict[int, str] = field(default_factory=dict)
    left_out: list[int] = field(default_factory=list)
    learned: set[BatchId] = field(default_factory=set)


@dataclass
class Loop:
    """The state between two batches.

    Attributes
    ----------
    arriving : sets a batch aside that looks broken, until the next one has come; None where none is.
    window : the batches to train on.
    served : every model that served, by its version.
    best, evidence : what comparisons found about champions, and leave to the next one.
    losses : of the batches since the start, each of the model that served then.
    unchanged_since : the place of the first batch since the data last changed.
    changed_since : the same, as a batch that was set aside and the one after it show.
    suspect_loss : of the batch before, of the model that served then.
    """

    models: Models
    arriving: ArrivingBatches | None
    champion: Model
    newest: Model
    window: list[BatchId]
    waiting: Model | None = None
    predecessors: list[Model] = field(default_factory=list)
    served: dict[str, Model] = field(default_factory=dict)
    best: str = ""
    evidence: list[PairedBlocks] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    unchanged_since: int = 0
    changed_since: int = 0
    suspect_loss: float = 0.0
    outcome: Outcome = field(default_factory=Outcome)

    def take(self, place: int) -> None:
        """A batch arrives."""
        batch = self.models.arrived(place)
        if self.arriving is not None and self._is_set_aside(self.arriving, batch):
            return
        self.window.append(batch)
        if self._worth(batch).train:
            self._train(batch)
        elif self.waiting is not None:
            self._judge(self.waiting, batch)

    def _is_set_aside(self, arriving: ArrivingBatches, batch: BatchId) -> bool:
        """Whether the batch looks broken; decides about the one before it too, where that did."""
        decided = arriving.arrive(batch, self.models.summary(batch), loss_rose=self._rises(batch))
        for name, found in decided.items():
            if found.fate == "set aside":
                self.outcome.set_aside[place_of(name)] = found.suspicion.sign
            elif found.fate == "left out":
                self.outcome.left_out.append(place_of(name))
            else:
                self.window.append(name)
                self.losses.append(self.suspect_loss)
            if found.fate == "confirmed":
                self.changed_since = place_of(name)
        self.suspect_loss = float(self.models.losses(self.champion.served, batch).mean())
        return batch in decided

    def _rises(self, batch: BatchId) -> bool:
        """Whether the champion's loss is out of line."""
        loss = mean_loss(self.models.losses(self.champion.served, batch), self.models.table(batch)[BLOCK])
        least = self.models.stream.config.training.retrain_loss_rise
        return is_out_of_line(loss, self.losses, least_share=least, unchanged=self._unchanged_batches(batch))

    def _unchanged_batches(self, batch: BatchId) -> int:
        """Batches that models are trained on, between the last change and this one."""
        return sum(self.unchanged_since <= place_of(each) < place_of(batch) for each in self.window)

    def _worth(self, batch: BatchId) -> WorthTraining:
        """Whether to train, as DetectDrift decides it."""
        models, place = self.models, place_of(batch)
        config = models.stream.config
        rows = [self._rows([models.arrived(each)]) for each in range(place + 1)]
        for each in self.outcome.left_out:
            rows[each] = 0
        a_batch = sum(rows) / len(self.window)
        asked = (self.champion, *far_apart(self.predecessors))
        worth = worth_training(
            config.training,
            NewRows(
                rows=RowsSince(
                    known=sum(rows[max(self.unchanged_since, self.changed_since) : self.newest.arrived]),
                    since=sum(rows[self.newest.arrived :]),
                    batch=a_batch,
                    week=None,
                ),
                trained_rows=self._rows(self.newest.served),
                batches=place + 1 - self.newest.arrived,
                unchanged_batches=self._unchanged_batches(batch),
                models=[
                    ModelLosses(
                        str(model.arrived),
                        staleness(self._rows(model.served), sum(rows[model.arrived :]), a_batch),
                        models.losses(model.served, batch),
                    )
                    for model in asked
                ],
                blocks=models.table(batch)[BLOCK],
                earlier_losses=self.losses,
                training_usd=fargate_usd(config, ASSUMED_SECONDS),
            ),
            loss_name="loss",
        )
        self.unchanged_since = max(self.unchanged_since, self.changed_since)
        if worth.changed:
            self.unchanged_since = place + 1 - worth.changed_batches
        if worth.loss is not None:
            self.losses.append(worth.loss.value)
        return worth

    def _rows(self, batches: Sequence[BatchId]) -> int:
        return sum(len(self.models.table(batch)) for batch in batches)

    def _train(self, batch: BatchId) -> None:
        model = Model(tuple(self.window), tuple(self.window[:-1]), place_of(batch) + 1)
        self.newest = model
        self.outcome.retrained.append(place_of(batch))
        self._judge(model, batch)

    def _judge(self, challenger: Model, batch: BatchId) -> None:
        """Compare on the rows that neither model has seen, and serve what wins."""
        models, config = self.models, self.models.stream.config
        past = self._past(challenger)
        remembered = Remembered(challenger.name, self.champion.name, self.best, tuple(self.evidence))
        if past:
            remembered = remembered.with_more(self._about_champions(past, remembered))
            self.evidence = list(remembered.evidence)
        unseen = [each for each in self.window if place_of(each) >= challenger.arrived - 1]
        truth = self._truth(unseen)
        classes = models.stream.classes
        learned = self._truth(challenger.judged)
        found = compare(
            truth,
            self._said(self.champion.served, unseen),
            self._said(challenger.judged, unseen),
            blocks=self._column(BLOCK, unseen),
            baseline_predictions=naive_predictions(learned, rows=len(truth), classes=len(classes) if classes else 1),
            past_champions={name: self._said(self.served[name].served, unseen) for name in past},
            order=self._column(ORDER, unseen),
            remembered=remembered,
            policy=config.promotion,
            seed=config.training.seed,
        )
        self.best = found.best_champion.best
        self.evidence += found.evidence
        if found.restored is not None:
            self.outcome.restored.append(place_of(batch))
            self._serve(self.served[found.restored])
            return
        self.waiting = challenger if found.verdict == "inconclusive" else None
        if found.verdict != "wins":
            return
        self._serve(challenger)
        self.outcome.promoted.append(place_of(batch))
        if challenger.served[-1].endswith("!") and challenger.served[-1] == batch:
            self.outcome.broken_promoted.append(place_of(batch))

    def _about_champions(self, past: Sequence[str], remembered: Remembered) -> Sequence[PairedBlocks]:
        """What the batches that no champion has seen say of them."""
        champions = [self.champion, *(self.served[name] for name in past)]
        since = [each for each in self.window if place_of(each) >= max(model.arrived for model in champions)]
        if not since:
            return ()
        return evidence_on(
            self._truth(since),
            {model.name: self._said(model.served, since) for model in champions},
            blocks=self._column(BLOCK, since),
            order=self._column(ORDER, since),
            remembered=remembered,
            policy=self.models.stream.config.promotion,
        )

    def _truth(self, batches: Sequence[BatchId]) -> Floats:
        return np.concatenate([self.models.truth(each) for each in batches])

    def _column(self, name: str, batches: Sequence[BatchId]) -> Column:
        return np.concatenate([self.models.table(each)[name] for each in batches])

    def _said(self, trained_on: Sequence[BatchId], batches: Sequence[BatchId]) -> Floats:
        return np.concatenate([self.models.predictions(trained_on, each) for each in batches])

    def _past(self, challenger: Model) -> Sequence[str]:
        """The earlier champions that are asked, by the product's own choice."""
        swaps = [each.name for each in (*self.predecessors, self.champion)][-REMEMBERED_SWAPS - 1 :]
        last = Judgement("", "", "", 0, 0.0, best_champion=self.best)
        return past_champions(swaps, [last], without=(self.champion.name, challenger.name))

    def _serve(self, model: Model) -> None:
        self.predecessors.append(self.champion)
        self.champion = model
        self.served[model.name] = model


def run(models: Models, *, checks_batches: bool, refused: Collection[int] = ()) -> Outcome:
    """The policy of the stream's pipeline over the whole stream, with or without a check of each batch before it.

    Parameters
    ----------
    refused : places of the batches that the contract refused as a whole.
    """
    stream = models.stream
    first = tuple(models.arrived(place) for place in range(stream.start))
    model = Model(first, first, stream.start)
    arriving = None
    if checks_batches:
        arriving = ArrivingBatches()
        for each in first:
            arriving.take(each, models.summary(each))
    loop = Loop(models, arriving, champion=model, newest=model, window=list(first), served={model.name: model})
    total = 0.0
    for place in range(stream.start, len(stream.batches)):
        total += float(models.losses(loop.champion.served, str(place)).sum())
        loop.outcome.learned.update(loop.champion.served)
        if place in refused:
            loop.outcome.left_out.append(place)
        elif place < len(stream.batches) - 1:
            loop.take(place)
    loop.outcome.loss = total / float(stream.rows[stream.start :].sum())
    return loop.outcome


def served_calendar(models: Models, retrained: Sequence[int]) -> tuple[float, list[int]]:
    """The mean loss of retraining with these batches and serving what comes of it, on what arrived; and the broken ones
    whose model served."""
    stream = models.stream
    champion = tuple(models.arrived(place) for place in range(stream.start))
    total, broken = 0.0, []
    for place in range(stream.start, len(stream.batches)):
        total += float(models.losses(champion, str(place)).sum())
        if place in retrained:
            champion = tuple(models.arrived(each) for each in range(place + 1))
            if place in models.broken:
                broken.append(place)
    return total / float(stream.rows[stream.start :].sum()), broken
