"""Models of a stream, trained when they are first asked for, and what they say of the batches that come later."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from benchmarks.streams.stream import Stream
from contender.data.encoding import encode
from contender.data.fit_encoding import fit_encoding
from contender.data.row_summary import RowSummary
from contender.data.summarise import summarise
from contender.drift.batch_check import losses
from contender.registry.candidate import Answers
from contender.replay.loss_matrix import LossMatrix
from contender.table import Table
from training_image.estimators.catalogue import fit_estimator
from training_image.export.export import for_all_classes, pipeline_predictions
from training_image.rows.targets import classes_of, indices

Floats = NDArray[np.float64]
BatchId = str
"""A batch as it should be ("7"), or as it came when it is broken ("7!")."""


def place_of(batch: BatchId) -> int:
    """Where a batch is in its stream."""
    return int(batch.rstrip("!"))


@dataclass(eq=False)
class Models:
    """Trained as the training task does it: the project's encoding and estimator, without evidence and export.

    Attributes
    ----------
    broken : batches by place as they came when they were broken; models can be trained on them and asked about them.
    folder : where answers are kept between runs; None keeps them in memory only.
    trainings : how many were really made.
    """

    stream: Stream
    broken: Mapping[int, Table] = field(default_factory=dict)
    folder: Path | None = None
    trainings: int = 0
    _known: dict[tuple[BatchId, ...], dict[BatchId, NDArray[np.float32]]] = field(default_factory=dict)
    _summaries: dict[BatchId, RowSummary] = field(default_factory=dict)
    _losses: dict[tuple[tuple[BatchId, ...], BatchId], Floats] = field(default_factory=dict)

    def arrived(self, place: int) -> BatchId:
        """The batch of this place as it came."""
        return f"{place}!" if place in self.broken else str(place)

    def table(self, batch: BatchId) -> Table:
        """A batch's rows."""
        return self.broken[place_of(batch)] if batch.endswith("!") else self.stream.batches[place_of(batch)]

    def summary(self, batch: BatchId) -> RowSummary:
        """What its manifest would say of its rows."""
        if batch not in self._summaries:
            config = self.stream.config
            self._summaries[batch] = summarise(self.table(batch), config.features, config.target)
        return self._summaries[batch]

    def truth(self, batch: BatchId) -> Floats:
        """(n,) class indices, or the target itself of a regression."""
        found = indices(self.table(batch)[self.stream.config.target], self.stream.classes)
        return np.asarray(found, dtype=np.float64)

    def predictions(self, trained_on: Sequence[BatchId], batch: BatchId) -> Floats:
        """(n, k) of a model trained on these batches, about one that is not older than the last of them."""
        key = tuple(trained_on)
        if key not in self._known:
            self._known[key] = self._kept(key)
        return self._known[key][batch].astype(np.float64)

    def losses(self, trained_on: Sequence[BatchId], batch: BatchId) -> Floats:
        """(n,) the log loss of each row, or its absolute error."""
        key = (tuple(trained_on), batch)
        if key not in self._losses:
            asked = Answers(self.truth(batch), self.stream.classes or (), 1, (self.predictions(*key),))
            self._losses[key] = losses(asked)
        return self._losses[key]

    def matrix(self) -> LossMatrix:
        """The losses of models trained through every batch from the first model's on, on every later one."""
        stream = self.stream
        places = range(stream.start - 1, len(stream.batches))
        values = np.full((len(places), len(places)), np.nan)
        for row, made in enumerate(places[:-1]):
            for column in range(row + 1, len(places)):
                values[row, column] = self.losses(through(made), str(places[column])).mean()
        names = tuple(map(str, places))
        return LossMatrix(tuple(places), names, values, np.ones(len(places), dtype=np.bool_), np.zeros(len(places)))

    def _kept(self, key: tuple[BatchId, ...]) -> dict[BatchId, NDArray[np.float32]]:
        if self.folder is None:
            return self._made(key)
        path = self.folder / f"{hashlib.sha256(' '.join(key).encode()).hexdigest()[:24]}.npz"
        if path.exists():
            with np.load(path) as found:
                return dict(found)
        made = self._made(key)
        self.folder.mkdir(parents=True, exist_ok=True)
        np.savez(path, **made)  # type: ignore[arg-type]
        return made

    @threadpool_limits.wrap(limits=1)  # type: ignore[untyped-decorator]
    def _made(self, key: tuple[BatchId, ...]) -> dict[BatchId, NDArray[np.float32]]:
        """The answers to the last of its batches and to all later ones, as they should be and as they came."""
        config, known = self.stream.config, self.stream.classes
        rows = Table.concatenate([self.table(batch) for batch in key])
        self.trainings += 1
        classes = classes_of(rows[config.target], config)
        encodings = fit_encoding(rows, config)
        trained = fit_estimator(config, encode(rows, encodings), indices(rows[config.target], classes))
        last = place_of(key[-1])
        wanted = [str(place) for place in range(last, len(self.stream.batches))]
        wanted += [f"{place}!" for place in self.broken if place >= last]
        tables = [self.table(batch) for batch in wanted]
        matrix = encode(Table.concatenate(tables), encodings)
        own = for_all_classes(trained, pipeline_predictions(trained, matrix), len(classes or ()))
        if known is None or classes is None or classes == known:
            answered = own
        else:
            answered = np.zeros((len(own), len(known)))
            answered[:, [known.index(label) for label in classes]] = own
        ends = np.cumsum([len(table) for table in tables])[:-1]
        return dict(zip(wanted, np.split(answered.astype(np.float32), ends), strict=True))


def through(place: int) -> tuple[BatchId, ...]:
    """All batches to this one, each as it should be."""
    return tuple(map(str, range(place + 1)))
