"""Which dataset versions a drift check covers: those new to the run, and those checked before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from contender.data.datasets import DatasetManifest
from contender.training.new_rows import newest_sequence


@dataclass(frozen=True)
class DatasetWindow:
    """The dataset versions since the champion was trained.

    Attributes
    ----------
    current : those that are checked; none where nothing has come.
    earlier : those before them, which count as evidence.
    answered : how many of `earlier` the newest model was trained on, whether or not it was promoted.
    """

    current: Sequence[DatasetManifest]
    earlier: Sequence[DatasetManifest] = ()
    answered: int = 0

    @property
    def starts(self) -> Sequence[float]:
        """The smallest order among the rows of each batch: the earlier versions one by one, the current ones as one."""
        return [*(found.order_from for found in self.earlier), min(found.order_from for found in self.current)]


def dataset_window(
    manifests: Sequence[DatasetManifest],
    *,
    champion: Mapping[str, Any],
    newest: Mapping[str, Any],
    of_run: Sequence[str],
) -> DatasetWindow:
    """The run's own dataset versions; without any, all that came since the champion was trained.

    Parameters
    ----------
    manifests : all dataset versions of the pipeline, in the order in which they arrived.
    champion, newest : the manifests of the model version that serves, and of the one trained last.
    of_run : the names of the dataset versions that the run made of its uploads.
    """
    trained_through = newest_sequence(champion, manifests)
    if of_run:
        current = [found for found in manifests if found.version in of_run]
    else:
        current = [found for found in manifests if found.sequence > trained_through]
    if not current:
        return DatasetWindow(())
    until, answered_through = min(found.sequence for found in current), newest_sequence(newest, manifests)
    earlier = [found for found in manifests if trained_through < found.sequence < until]
    return DatasetWindow(current, earlier, sum(found.sequence <= answered_through for found in earlier))
