"""Metrics estimated without labels against what the labels then said, beside NannyML's CBPE and direct loss estimation.

A model of the first three months of flights, with the default holdout, is asked about the nine months that follow. On
the other streams a new model is trained after every batch or every few, as the loop does it, and asked about those
until the next.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.contest import CannotRunError, run
from benchmarks.environments import LEFT_OUT, NANNYML
from benchmarks.parts import Figure, Part, Report, Size, command
from benchmarks.streams.packaged import PACKAGED, flights_stream
from benchmarks.streams.stream import Stream
from benchmarks.tables import markdown_table
from contender.data.encoding import encode
from contender.drift.batch_check import estimate_batch
from contender.drift.performance.estimate_check import check_estimate
from contender.drift.performance.past_errors import LaterErrors
from contender.stats.metrics import METRICS
from contender.table import BLOCK, ORDER, Table
from contender.training.loss_change import REMEMBERED
from training_image.fit.decide import decide
from training_image.fit.earlier_models import unseen_predictions
from training_image.fit.fit import TrainedModel, train
from training_image.rows.prepare import prepare
from training_image.rows.targets import indices
from training_image.search.search import with_parameters
from training_image.task.progress import silent

Floats: TypeAlias = NDArray[np.float64]
Interval: TypeAlias = tuple[float, float, float]
"""A value, and the ends of its interval; not a number where there is none."""

METRICS_OF = {"binary": ("auc", "accuracy", "log_loss"), "regression": ("mae", "rmse")}
SLOWEST_SECONDS = 300.0
CONTENDER, WITH_LABELS = "Contender", "Contender, with the labels of the batches before"
UNCHANGED = "no change since the holdout"
OF_HOLDOUT, OF_SAME_ROWS = "NannyML, fitted on the holdout", "NannyML, fitted on Contender's rows"


@dataclass(frozen=True)
class Asked:
    """A stream, and when its models are trained.

    Attributes
    ----------
    first : how many batches the first model learns from.
    every : after how many batches a new one is trained; 0: never.
    batches : at most so many are estimated.
    days : whether every fifth block of each is estimated by itself too.
    """

    stream: Callable[[], Stream]
    first: int
    every: int
    batches: int = 9
    days: bool = False


FLIGHTS = "flights by month, model of March"
STREAMS: Mapping[str, Asked] = {
    FLIGHTS: Asked(partial(flights_stream, "month", 1, one_in=1), 3, 0, days=True),
    "bikes by month, a new model each month": Asked(PACKAGED["bikes by month"], 3, 1),
    "sea stream, a new model every 4 batches": Asked(PACKAGED["sea stream"], 8, 4, 32),
    "trump approval, a new model every 4 batches": Asked(PACKAGED["trump approval"], 4, 4, 16),
}


def few_flights() -> Stream:
    """A twentieth of them, and small models."""
    stream = flights_stream("month", 1, one_in=20)
    return replace(stream, config=with_parameters(stream.config, {"max_iter": 5}))


SMOKE: Mapping[str, Asked] = {FLIGHTS: Asked(few_flights, 3, 0, 1, days=True)}


@dataclass(frozen=True)
class Estimates:
    """One batch: its rows, its metrics by the labels, and what each estimator said of them.

    Attributes
    ----------
    as_estimated : whether all of Contender's metrics together are, without the labels of batches before.
    days : the same of some of its blocks, each by itself.
    """

    rows: int
    as_estimated: bool
    days: Sequence[bool]
    realised: Mapping[str, float]
    said: Mapping[str, Mapping[str, Interval]]


def estimates(asked: Asked, *, peers: bool, report: Report) -> list[Estimates]:
    """Every batch after the first model, oldest first.

    Raises
    ------
    CannotRunError
        When NannyML cannot be asked.
    """
    stream, found, pairs = asked.stream(), list[Estimates](), list[dict[str, tuple[str, str]]]()
    last = min(len(stream.batches), asked.first + asked.batches)
    with tempfile.TemporaryDirectory() as folder:
        for made in range(asked.first, last, asked.every or last):
            known = Table.concatenate(stream.batches[:made])
            model = train(stream.config, known, known[ORDER], known[BLOCK])
            batches = stream.batches[made : min(last, made + (asked.every or last))]
            for batch in batches:
                found.append(_of_batch(stream, batch, model, found, days=asked.days))
            if peers:
                pairs += _written(stream, known, model, batches, Path(folder) / str(made))
            report(f"{stream.name}: {len(found)} of {last - asked.first} batches")
        return _with_nannyml(stream, found, pairs) if peers else found


def _of_batch(
    stream: Stream, batch: Table, model: TrainedModel, before: Sequence[Estimates], *, days: bool
) -> Estimates:
    """What a model's batch was estimated as, and was.

    Parameters
    ----------
    before : of the batches before it.
    """
    names = METRICS_OF[stream.config.task]
    predictions = model.served.predict(encode(batch, model.encodings))
    truth = _truth(stream, batch, model)
    realised = {name: METRICS[name].score(truth, predictions, positive=_positive(model)) for name in names}
    said = {
        CONTENDER: _ours(stream, batch, model, predictions, {}),
        WITH_LABELS: _ours(stream, batch, model, predictions, later_errors(before)),
        UNCHANGED: {name: (value, np.nan, np.nan) for name in names if (value := model.metrics[name]) is not None},
    }
    blocks = batch[BLOCK].astype(str)
    some = np.unique(blocks)[::5] if days else ()
    return Estimates(
        rows=len(batch),
        as_estimated=_as_estimated(stream, batch, model),
        days=[_as_estimated(stream, batch.select_rows(blocks == day), model) for day in some],
        realised={name: value for name, value in realised.items() if value is not None},
        said=said,
    )


def _as_estimated(stream: Stream, rows: Table, model: TrainedModel) -> bool:
    predictions = model.served.predict(encode(rows, model.encodings))
    estimated = estimate_batch(stream.config, model.reference, rows, predictions)
    assert estimated is not None
    truth = _truth(stream, rows, model)
    return check_estimate(estimated, truth, predictions, positive=_positive(model)).verdict == "as estimated"


def _ours(
    stream: Stream, batch: Table, model: TrainedModel, predictions: Floats, later: LaterErrors
) -> dict[str, Interval]:
    estimated = estimate_batch(stream.config, model.reference, batch, predictions, later)
    assert estimated is not None
    return {name: _interval(metric.value, metric.low, metric.high) for name, metric in estimated.metrics.items()}


def later_errors(found: Sequence[Estimates]) -> LaterErrors:
    """How far the last estimates were off, as a run knows it of the runs before."""
    errors: dict[str, list[tuple[int, float]]] = {}
    for batch in found[-REMEMBERED:]:
        for name, value in batch.realised.items():
            errors.setdefault(name, []).append((batch.rows, value - batch.said[WITH_LABELS][name][0]))
    return errors


def _written(
    stream: Stream, known: Table, model: TrainedModel, batches: Sequence[Table], folder: Path
) -> list[dict[str, tuple[str, str]]]:
    """For each batch the files of references and batch as NannyML takes them: from the holdout, and from all rows that
    Contender's estimate is learned from."""
    config = stream.config
    holdout = known.select_rows(np.isin(known[BLOCK], model.holdout.blocks))
    judged = model.judged.predict(encode(holdout, model.judged.encodings))
    prepared = prepare(config, known, known[ORDER], known[BLOCK], report=silent)
    decided = decide(config, prepared.deciding, prepared.validation, classes=prepared.columns, report=silent)
    unseen = unseen_predictions(prepared, decided, silent)
    earlier = np.isfinite(unseen).all(axis=1)
    both = Table.concatenate([prepared.table.select_rows(earlier), holdout])
    folder.mkdir()
    references = {
        OF_HOLDOUT: _frame(stream, holdout, model, judged),
        OF_SAME_ROWS: _frame(stream, both, model, np.concatenate([unseen[earlier], judged])),
    }
    paths = {name: str(folder / f"reference {place}.parquet") for place, name in enumerate(references)}
    for name, frame in references.items():
        frame.to_parquet(paths[name])
    pairs = []
    for place, batch in enumerate(batches):
        path = str(folder / f"{place}.parquet")
        _frame(stream, batch, model, model.served.predict(encode(batch, model.encodings))).to_parquet(path)
        pairs.append({name: (reference, path) for name, reference in paths.items()})
    return pairs


def _with_nannyml(
    stream: Stream, found: Sequence[Estimates], pairs: Sequence[Mapping[str, tuple[str, str]]]
) -> list[Estimates]:
    """The same with what NannyML says of each batch."""
    rule = "DLE" if stream.config.task == "regression" else "CBPE"
    asked = [pair for of_batch in pairs for pair in of_batch.values()]
    task = {"pairs": asked, "features": list(stream.config.features)}
    told = iter(run("estimates", NANNYML, rule, task, timeout=SLOWEST_SECONDS))
    said = [{name: {m: tuple(v) for m, v in next(told).items()} for name in of_batch} for of_batch in pairs]
    return [replace(batch, said={**batch.said, **theirs}) for batch, theirs in zip(found, said, strict=True)]


def _frame(stream: Stream, table: Table, model: TrainedModel, predictions: Floats) -> pd.DataFrame:
    """Features as the model takes them, truth and predictions."""
    frame = pd.DataFrame(encode(table, model.encodings), columns=list(stream.config.features))
    truth = _truth(stream, table, model)
    if stream.config.task == "regression":
        return frame.assign(truth=truth, predicted=predictions[:, 0])
    positive = predictions[:, _positive(model)]
    return frame.assign(
        truth=(truth == _positive(model)).astype(int), predicted=(positive > 0.5).astype(int), probability=positive
    )


def _truth(stream: Stream, table: Table, model: TrainedModel) -> Floats:
    return np.asarray(indices(table[stream.config.target], model.classes), dtype=np.float64)


def _positive(model: TrainedModel) -> int:
    return model.classes.index(model.positive) if model.classes and model.positive else 1


def _interval(*ends: float | None) -> Interval:
    value, low, high = (np.nan if end is None else end for end in ends)
    return value, low, high


@dataclass(frozen=True)
class Score:
    """One estimator on one metric of one stream: its mean absolute error, how many intervals covered, how wide they
    were on average to each side."""

    error: float
    covered: int
    half_width: float
    batches: int


def scores(found: Sequence[Estimates], metric: str) -> dict[str, Score]:
    """Of each estimator that said something of each batch."""
    scored = {}
    for name in found[0].said:
        pairs = [
            (batch.realised[metric], batch.said[name][metric])
            for batch in found
            if metric in batch.realised and metric in batch.said[name]
        ]
        if not pairs:
            continue
        realised = np.array([value for value, _ in pairs])
        value, low, high = np.array([interval for _, interval in pairs]).T
        scored[name] = Score(
            error=float(np.abs(value - realised).mean()),
            covered=int(((low <= realised) & (realised <= high)).sum()),
            half_width=float((high - low)[np.isfinite(low)].mean() / 2.0) if np.isfinite(low).any() else np.nan,
            batches=len(pairs),
        )
    return scored


def measure(*, size: Size, report: Report) -> Part:
    """All streams at full size; else flights only, at smoke size a twentieth of them and no peer."""
    asked = SMOKE if size == "smoke" else STREAMS if size == "full" else {FLIGHTS: STREAMS[FLIGHTS]}
    lines, figures, together, missing = [], [], [], LEFT_OUT if size == "smoke" else ""
    for title, stream in asked.items():
        try:
            found = estimates(stream, peers=size != "smoke", report=report)
        except CannotRunError as error:
            missing = str(error)
            found = estimates(stream, peers=False, report=report)
        together.append(_together(title, found))
        figures.append(_agreed(title, found))
        for metric in found[0].said[UNCHANGED]:
            by_name = scores(found, metric)
            lines += [_line(title, metric, name, score) for name, score in by_name.items()]
            figures += _figures(title, metric, by_name)
    text = (
        "Batches without labels, then their labels: mean absolute error of the estimate, how many 95 % intervals "
        "(NannyML's: three standard errors to both sides) covered the realised metric, and their mean half-width. "
        "Holdouts are the pipelines' own: 7 blocks, of bikes 14.\n\n"
        + markdown_table(["stream", "metric", "estimate", "error", "covered", "half-width"], lines)
        + "\n\nAll metrics of Contender's estimate together, without the labels of the batches before:\n\n"
        + markdown_table(["stream", "batches as estimated", "every fifth day as estimated"], together)
        + (f"\n\nNannyML: {missing}." if missing else "")
    )
    return Part("Metrics estimated without labels", command("unlabelled", size), text, figures)


def _line(title: str, metric: str, name: str, score: Score) -> list[str]:
    interval = ["–", "–"]
    if np.isfinite(score.half_width):
        interval = [f"{score.covered} of {score.batches}", f"{score.half_width:.3f}"]
    return [title, METRICS[metric].title, name, f"{score.error:.3f}", *interval]


def _together(title: str, found: Sequence[Estimates]) -> list[str]:
    days = [day for batch in found for day in batch.days]
    agreed = sum(batch.as_estimated for batch in found)
    return [title, f"{agreed} of {len(found)}", f"{np.mean(days):.0%} of {len(days)}" if days else "–"]


def _agreed(title: str, found: Sequence[Estimates]) -> Figure:
    agreed = sum(batch.as_estimated for batch in found)
    return Figure(f"{title}: batches as estimated", float(agreed), float(len(found) * 8 // 9), "at least")


def _figures(title: str, metric: str, by_name: Mapping[str, Score]) -> Iterator[Figure]:
    """What must hold: eight in nine intervals cover, and the error is below that of who assumes no change."""
    ours, unchanged, name = by_name[CONTENDER], by_name[UNCHANGED], METRICS[metric].title
    yield Figure(f"{title}: {name}, covered", float(ours.covered), float(ours.batches * 8 // 9), "at least")
    yield Figure(f"{title}: {name}, error over that of no change", ours.error / unchanged.error, 1.0, "at most")
