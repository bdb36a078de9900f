"""Whether a training is worth its cost now: what waiting costs, growth and change of the data, and age."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from math import isfinite
from typing import Any, Literal, TypeAlias

from contender.formatting import figure
from contender.pipeline.training_policy import TrainingPolicy
from contender.table import Column
from contender.training.loss_change import (
    BATCHES_APART,
    LossRise,
    early_rise,
    is_confirmed,
    loss_rise,
)
from contender.training.staleness import Aging, MeanLoss, ModelLosses, aging, mean_loss
from contender.training.waiting_cost import RowsSince, WaitingCost, waiting_cost

Trigger: TypeAlias = Literal["loss", "waiting", "growth", "age"]

WAITS = (
    "This batch may be broken: the next one will show whether the data has changed, and until then nothing is trained."
)


@dataclass(frozen=True, eq=False)
class NewRows:
    """What is known when rows have arrived and it is decided whether to train.

    Attributes
    ----------
    rows : before and since the newest training, whether or not its model serves.
    trained_rows : of the newest training.
    batches : dataset versions since the newest training.
    unchanged_batches : dataset versions before these rows, since the data last changed.
    models : the champion first, then earlier ones, with their losses on the new rows.
    blocks : (n,) the block of each new row.
    earlier_losses : of the batches before, each of the model that served then, oldest first.
    training_usd : what a training costs.
    not_asked : earlier champions whose losses are unknown, and why.
    """

    rows: RowsSince
    trained_rows: int
    batches: int
    unchanged_batches: int
    models: Sequence[ModelLosses]
    blocks: Column
    earlier_losses: Sequence[float]
    training_usd: float
    not_asked: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class WorthTraining:
    """The decision and its figures.

    Attributes
    ----------
    triggers : the reasons to train; none where it is not worth it.
    reason : in a few sentences, with the figures.
    loss : the champion's on the new rows; None where it has no finite one.
    waits : whether the loss is out of line on these rows alone: they may be broken, and the next batch decides.
    changed_batches : how many of the newest batches are of changed data: two where these rows confirm the batch before;
        one where there are too few before to compare with, and the loss is higher than on any of them.
    waiting : None where the loss is unknown, or no rows are known since the data changed.
    rise : None with no batch to compare with.
    """

    triggers: tuple[Trigger, ...]
    reason: str
    loss_name: str
    rows: RowsSince
    trained_rows: int
    batches: int
    loss: MeanLoss | None
    waits: bool
    changed_batches: int
    aging: Aging
    waiting: WaitingCost | None
    rise: LossRise | None
    not_asked: Mapping[str, str]

    @property
    def train(self) -> bool:
        """Whether to."""
        return bool(self.triggers)

    @property
    def changed(self) -> bool:
        """Whether the data has changed."""
        return self.changed_batches > 0

    @property
    def growth(self) -> float:
        """How many times as many rows there are as the newest model had."""
        return 1.0 + self.rows.since / max(self.trained_rows, 1)

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "train": self.train,
            "triggers": list(self.triggers),
            "reason": self.reason,
            "loss_name": self.loss_name,
            "rows": asdict(self.rows),
            "trained_rows": self.trained_rows,
            "growth": self.growth,
            "batches": self.batches,
            "loss": asdict(self.loss) if self.loss else None,
            "waits": self.waits,
            "changed": self.changed,
            "aging": asdict(self.aging),
            "waiting": self.waiting.to_dict() if self.waiting else None,
            "rise": self.rise.to_dict() if self.rise else None,
            "not_asked": dict(self.not_asked),
        }


def worth_training(policy: TrainingPolicy, new: NewRows, *, loss_name: str) -> WorthTraining:
    """Whether to train now.

    Parameters
    ----------
    policy : `retrain_wait`, `retrain_growth`, `retrain_loss_rise`, `retrain_batches` and `error_price_usd` are used.
    loss_name : as sentences call it: "log loss", or "absolute error" of a regression.

    Examples
    --------
    >>> import numpy as np
    >>> days = np.array(["mon", "mon", "tue", "tue"], dtype=object)
    >>> champion = ModelLosses("v1", 0.1, np.array([0.30, 0.31, 0.29, 0.30]))
    >>> new = NewRows(RowsSince(1600, 100, 100.0, 100.0), 1600, 1, 16, [champion], days, [], 0.005)
    >>> print(worth_training(TrainingPolicy(), new, loss_name="log loss").reason)
    Waiting costs about 0.0014 log loss a week, $0.0011 since the newest training; a training costs $0.0050.
    """
    loss = mean_loss(new.models[0].losses, new.blocks)
    found, known = aging(new.models, new.blocks), isfinite(loss.value)
    rise, changed_batches, waits = _change(policy, new, loss) if known else (None, 0, False)
    rows = replace(new.rows, known=0) if changed_batches else new.rows
    waiting = None
    if known and rows.known > 0:
        waiting = waiting_cost(
            rows,
            found,
            loss=loss.value,
            price_usd=policy.error_price_usd,
            wait=policy.retrain_wait,
            training_usd=new.training_usd,
        )
    worth = WorthTraining(
        triggers=(),
        reason="",
        loss_name=loss_name,
        rows=rows,
        trained_rows=new.trained_rows,
        batches=new.batches,
        loss=loss if known else None,
        waits=waits,
        changed_batches=changed_batches,
        aging=found,
        waiting=waiting,
        rise=rise,
        not_asked=new.not_asked,
    )
    if waits and rise is not None:
        return replace(worth, reason=f"{_rise_sentence(rise, loss_name)} {WAITS}")
    reasons = dict(_reasons(policy, worth))
    return replace(worth, triggers=tuple(reasons), reason=" ".join((*reasons.values(), _costs(worth))))


def _change(policy: TrainingPolicy, new: NewRows, loss: MeanLoss) -> tuple[LossRise | None, int, bool]:
    """How the loss compares, how many batches are of changed data, and whether to wait for the next one."""
    least = policy.retrain_loss_rise
    early = early_rise(loss, new.earlier_losses, least_share=least)
    if early is not None:
        return early, int(least > 0.0 and early.is_change), False
    rise = loss_rise(loss, new.earlier_losses, least_share=least)
    if least == 0.0 or new.unchanged_batches <= BATCHES_APART or rise is None:
        return rise, 0, False
    if is_confirmed(loss, new.earlier_losses, least_share=least):
        return rise, 2, False
    return rise, 0, rise.is_change


def _reasons(policy: TrainingPolicy, worth: WorthTraining) -> Iterator[tuple[Trigger, str]]:
    """Each reason to train, in words."""
    if worth.changed and worth.rise is not None:
        yield "loss", _rise_sentence(worth.rise, worth.loss_name)
    if policy.error_price_usd:
        due = worth.waiting.exceeds_training if worth.waiting else worth.rows.since > 0
    else:
        due = worth.rows.is_due(policy.retrain_wait)
    if due and not worth.changed:
        yield "waiting", "Waiting costs more than a training."
    if 0.0 < policy.retrain_growth <= worth.growth and worth.rows.since > 0:
        yield "growth", _growth_sentence(worth)
    if 0 < policy.retrain_batches <= worth.batches:
        yield "age", _age_sentence(worth.batches, policy.retrain_batches)


def _growth_sentence(worth: WorthTraining) -> str:
    """How many rows there are: 'There are 120,000 rows, 12 times as many as the newest model had (10,000).'"""
    times = f"{worth.growth:,.0f}" if worth.growth >= 10.0 else f"{worth.growth:.2g}"
    rows = worth.trained_rows + worth.rows.since
    return f"There are {rows:,} rows, {times} times as many as the newest model had ({worth.trained_rows:,})."


def _rise_sentence(rise: LossRise, loss_name: str) -> str:
    """
    >>> _rise_sentence(LossRise(0.45, 0.3, 0.375, 8), "log loss")
    "The champion's log loss is 50 % higher than usual (0.45, median 0.3; a change counts from 0.375 on)."
    >>> _rise_sentence(LossRise(47.6, 22.5, 28.1, 2), "error")
    "The champion's error is 112 % higher than on any batch before (47.6, highest 22.5; a change counts from 28.1 on)."
    """
    than = "on any batch before" if rise.usual_is == "highest" else "usual"
    figures = f"{figure(rise.now)}, {rise.usual_is} {figure(rise.usual)}; a change counts from {figure(rise.needed)} on"
    return f"The champion's {loss_name} is {100.0 * rise.share:.0f} % higher than {than} ({figures})."


def _age_sentence(batches: int, limit: int) -> str:
    """
    >>> _age_sentence(4, 4)
    '4 batches have arrived since the newest training; the limit is 4.'
    """
    arrived = "1 batch has" if batches == 1 else f"{batches:,} batches have"
    return f"{arrived} arrived since the newest training; the limit is {limit:,}."


def _costs(worth: WorthTraining) -> str:
    """What waiting costs and what a training does; or why that is not known."""
    waiting = worth.waiting
    if worth.loss is None:
        return f"The cost of waiting is unknown: the champion has no finite {worth.loss_name} on these rows."
    if waiting is None:
        return "The cost of waiting is unknown: no model was trained since the data changed."
    weekly = waiting.excess_a_week is not None
    rate = f"{waiting.excess_a_week if weekly else waiting.excess_a_batch:.2g} {worth.loss_name}"
    said = f"Waiting costs about {rate} a {'week' if weekly else 'batch'}"
    if waiting.price_usd is None:
        return f"{said}."
    return f"{said}, ${usd(waiting.usd)} since the newest training; a training costs ${usd(waiting.training_usd)}."


def usd(dollars: float) -> str:
    """Dollars with as many decimals as a training is worth.

    Examples
    --------
    >>> usd(0.00493), usd(1.5), usd(1234.5)
    ('0.0049', '1.50', '1,234.50')
    """
    return f"{dollars:,.4f}" if dollars < 1.0 else f"{dollars:,.2f}"
