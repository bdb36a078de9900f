"""Looks at each dataset version of a run before models learn from it, and sets aside what looks broken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from contender.data.dataset_fate import DatasetFate, Fate, left_out
from contender.data.datasets import DatasetManifest
from contender.drift.model_loss import row_losses
from contender.steps.answered_rows import AnsweredRows
from contender.steps.earlier_decisions import Decisions, EarlierDecisions
from contender.steps.scoring_run import ScoringRun
from contender.table import BLOCK
from contender.training.arriving_batches import Decided, arriving_batches, name_of, summary_of
from contender.training.loss_change import is_out_of_line
from contender.training.staleness import mean_loss
from contender.training.window import without

BATCHES = "batches"
"""What was decided about dataset versions, in a run's drift.json."""

FATES: Mapping[Fate, str] = {
    "set aside": "{name} looks broken and is not trained on until the next batch has arrived: {why}",
    "confirmed": "The data has changed, so {name} was not broken: the next batch is like it. ({why})",
    "kept": "{name} is trained on after all. ({why})",
    "left out": "{name} is left out of training: {why} The next batch is not like that.",
}


@dataclass(frozen=True)
class Arrivals:
    """What was decided about the dataset versions of a pipeline.

    Attributes
    ----------
    manifests : all of them.
    arrived : those of this run.
    fates : of those that looked broken, or that a person decided about, by version.
    decided : the versions that this run decided about.
    out : those that no model is trained or judged on.
    """

    manifests: Sequence[DatasetManifest]
    arrived: Sequence[DatasetManifest]
    fates: Mapping[str, DatasetFate]
    decided: Sequence[str]
    out: Mapping[str, DatasetFate]

    @property
    def usable(self) -> Sequence[DatasetManifest]:
        """Those that models are trained and judged on."""
        return without(self.manifests, self.out)

    @property
    def shown(self) -> Sequence[DatasetManifest]:
        """Those that a drift check is about: what is set aside is shown where nothing else has arrived."""
        names = {found.version for found in self.arrived}
        nothing_else = names <= set(self.out)
        return [
            each for each in self.manifests if each.version not in self.out or (nothing_else and each.version in names)
        ]

    @property
    def suspicious(self) -> Mapping[str, DatasetFate]:
        """Those of this run that wait for the next batch."""
        names = [found.version for found in self.arrived]
        return {name: self.out[name] for name in names if name in self.out and self.out[name].fate == "set aside"}

    @property
    def changed_since(self) -> int | None:
        """The number of the dataset version since which the data has changed, where this run confirms that."""
        confirmed = [name for name in self.decided if self.fates[name].fate == "confirmed"]
        return min((each.sequence for each in self.manifests if each.version in confirmed), default=None)

    @property
    def reason(self) -> str:
        """What people are told of these decisions; empty where nothing was odd."""
        return " ".join(
            FATES[self.fates[each.version].fate].format(name=name_of(each), why=self.fates[each.version].reason)
            for each in self.manifests
            if each.version in self.decided
        )

    def to_dict(self) -> dict[str, Any]:
        """As JSON values: what this run decided, and all that is left out."""

        def said(found: DatasetFate, version: str) -> dict[str, Any]:
            source = next((each.source_key for each in self.manifests if each.version == version), "")
            return {"fate": found.fate, "sign": found.sign, "reason": found.reason, "by": found.by, "source": source}

        return {
            "decided": {name: said(self.fates[name], name) for name in self.decided},
            "left_out": {name: said(found, name) for name, found in self.out.items()},
        }


def check_arrivals(
    run: ScoringRun,
    manifests: Sequence[DatasetManifest],
    of_run: Sequence[str],
    rows: AnsweredRows,
    earlier: EarlierDecisions,
    *,
    now: str,
) -> Arrivals:
    """Decide about the dataset versions of a run and about what was set aside before them, and write it down.

    Parameters
    ----------
    manifests : all dataset versions, in the order in which they arrived.
    of_run : the names of those that the run made of its uploads.
    """
    checked, fates = run.config.training.checks_batches, run.datasets.fates()
    arrived = [found for found in manifests if found.version in of_run]
    by_person = {version for version, found in fates.items() if found.by}
    new = without(arrived, by_person) if checked else []
    decided = {
        version: DatasetFate(each.fate, each.suspicion.sign, each.suspicion.reason, run.run_id, "", now)
        for version, each in (_decide(run, manifests, new, fates, rows, earlier) if new else {}).items()
    }
    for version in {found.version for found in new} & set(fates) - set(decided):
        # An earlier attempt with these rows found something that is not so any more.
        decided[version] = DatasetFate("kept", "", "It looks like the batches before.", run.run_id, "", now)
    for version, fate in decided.items():
        run.datasets.decide(version, fate)
    fates = {**fates, **decided}
    return Arrivals(manifests, arrived, fates, list(decided), left_out(fates, checked=checked))


def _decide(
    run: ScoringRun,
    manifests: Sequence[DatasetManifest],
    new: Sequence[DatasetManifest],
    fates: Mapping[str, DatasetFate],
    rows: AnsweredRows,
    earlier: EarlierDecisions,
) -> Mapping[str, Decided]:
    """What becomes of the new dataset versions, and of the one before them that was set aside."""
    first = new[0].sequence
    batches = arriving_batches(manifests, fates, before=first, run_id=run.run_id)
    undecided = {found.version for found in new} | ({batches.suspect.name} if batches.suspect else set())
    usual = without(manifests, {*left_out(fates, checked=True), *undecided})
    known = earlier.of(usual, before=first)
    unchanged = sum(known.unchanged_since <= found.sequence < first for found in usual)
    decided: dict[str, Decided] = {}
    for found in new:
        rose = _loss_rose(run, rows, found, known, unchanged=unchanged)
        decided |= batches.arrive(found.version, summary_of(found), loss_rose=rose)
    return decided


def _loss_rose(
    run: ScoringRun, rows: AnsweredRows, dataset: DatasetManifest, known: Decisions, *, unchanged: int
) -> bool:
    """Whether the champion's loss is out of line with the batches before."""
    table, champion = rows.of(dataset)
    loss = mean_loss(row_losses(run.config, table, champion), table[BLOCK])
    least = run.config.training.retrain_loss_rise
    return is_out_of_line(loss, known.losses, least_share=least, unchanged=unchanged)
