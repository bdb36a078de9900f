"""Batches as they arrive: one that looks broken is set aside, and the next one decides about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from contender.data.dataset_fate import DatasetFate, Fate
from contender.data.datasets import DatasetManifest
from contender.data.row_summary import RowSummary
from contender.training.batch_signs import EarlierBatches
from contender.training.suspect_batch import Sign, Suspicion, fate, suspicion


@dataclass(frozen=True)
class Decided:
    """What was decided about a batch, and why it looked broken."""

    fate: Fate
    suspicion: Suspicion


@dataclass(frozen=True)
class Suspect:
    """A batch that is set aside."""

    name: str
    summary: RowSummary
    suspicion: Suspicion


@dataclass
class ArrivingBatches:
    """The batches of a pipeline in the order in which they come.

    Attributes
    ----------
    earlier : what the next one is compared with.
    suspect : the last one, where it was set aside.
    labels : how sentences call a batch; its name where there is none.
    """

    earlier: EarlierBatches = field(default_factory=EarlierBatches)
    suspect: Suspect | None = None
    labels: Mapping[str, str] = field(default_factory=dict)

    def take(self, name: str, summary: RowSummary) -> None:
        """A batch that models are trained on, whatever it looks like."""
        self.skip(summary)
        self._accept(name, summary)

    def skip(self, summary: RowSummary) -> None:
        """A batch that no model is trained on."""
        self.earlier.remember(summary)

    def arrive(self, name: str, summary: RowSummary, *, loss_rose: bool) -> Mapping[str, Decided]:
        """Decide about a new batch, and about the one before it where that was set aside; empty where nothing is odd.

        Parameters
        ----------
        loss_rose : whether the champion's loss on it is out of line.
        """
        signs = self.earlier.signs(summary, loss_rose=loss_rose)
        found, before = suspicion(signs), self.suspect
        self.earlier.remember(summary)
        self.suspect, decided = None, {}
        if before is not None:
            of_before = Decided(fate(before.suspicion, found), before.suspicion)
            decided[before.name] = of_before
            if of_before.fate != "left out":
                self._accept(before.name, before.summary)
            if of_before.fate == "confirmed":
                found = None
        if found is None:
            self._accept(name, summary)
        else:
            self.suspect = Suspect(name, summary, found)
            decided[name] = Decided("set aside", found)
        return decided

    def _accept(self, name: str, summary: RowSummary) -> None:
        self.earlier.accept(self.labels.get(name, name), summary)


def arriving_batches(
    manifests: Sequence[DatasetManifest], fates: Mapping[str, DatasetFate], *, before: int, run_id: str
) -> ArrivingBatches:
    """What was known when the dataset version with this number arrived.

    Parameters
    ----------
    manifests : all of the pipeline's. Of those from before there were summaries, only the number of rows is known.
    run_id : the run that decides: what an earlier attempt of it decided is decided again.
    """
    batches = ArrivingBatches(labels={found.version: name_of(found) for found in manifests})
    for found in manifests:
        if found.sequence >= before:
            continue
        summary, decided = summary_of(found), fates.get(found.version)
        if decided is None or not (decided.is_out or decided.run_id == run_id):
            batches.take(found.version, summary)
            continue
        batches.skip(summary)
        if decided.fate == "set aside" or decided.run_id == run_id:
            sign: Sign = decided.sign  # type: ignore[assignment]
            batches.suspect = Suspect(found.version, summary, Suspicion(sign, decided.reason))
    return batches


def summary_of(found: DatasetManifest) -> RowSummary:
    """What its manifest says of its rows; only how many there are where it is from before there were summaries."""
    return found.summary or RowSummary(found.rows)


def name_of(found: DatasetManifest) -> str:
    """How sentences call a dataset version: by its file.

    Examples
    --------
    >>> name_of(DatasetManifest("p", "v", 1, 9, "", "", "incoming/p/2026-05.csv", None, "", "", 0, 1, ()))
    '2026-05.csv'
    """
    return PurePosixPath(found.source_key).name
