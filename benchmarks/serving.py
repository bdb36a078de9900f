"""How fast a served model starts and answers, what it weighs, and whether it answers as scikit-learn does."""

from __future__ import annotations

import os
import subprocess
import sysconfig
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.environments import LAMBDA_RUNTIME, LAMBDA_SKLEARN, LEFT_OUT, SERVING_CONTAINER
from benchmarks.function_bundle import bytes_in, contender_container, contender_function, ship, sklearn_function
from benchmarks.lambda_api import FunctionFailedError
from benchmarks.parts import Figure, Part, Report, Size, command
from benchmarks.served_model import ServedModel, as_frame, as_json, as_table, serve_files, split, train, with_gaps
from benchmarks.servers import Container, FastApi, Function, MlflowServer, Server
from benchmarks.tables import markdown_table
from contender.data.encoding import encode
from training_image.export.export import score_onnx

CONTENDER = "Contender's function"
CONTAINER = "Contender's container"
SAME_HANDLER = "the same handler, scikit-learn"
FASTAPI = "FastAPI, scikit-learn"
MLFLOW = "MLflow models serve"
EVERYBODY = (CONTENDER, SAME_HANDLER, CONTAINER, FASTAPI, MLFLOW)

BATCH_ROWS = 1_000
MAX_MB = 150.0
TOLERANCE = 1e-5

ESTIMATORS = ("hist_gradient_boosting", "lightgbm", "random_forest", "linear")
TASKS = ("binary", "multiclass", "regression")

Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Sizes:
    """How often contestants start, and for how many rounds they are asked in turn.

    Attributes
    ----------
    starts : how many are timed; 0 times the one of the requests.
    warm_up : starts before the clock counts.
    trees : of each model that is compared with scikit-learn's answers; None for the estimator's own.
    test_rows : of December that are compared so; None for all.
    ours_only : whether the servers that need an environment of their own are left out.
    estimators : that are compared with scikit-learn's.
    """

    training_rows: int
    parity_rows: int
    starts: int
    rounds: int
    single_calls: int
    batch_calls: int
    warm_up: int = 1
    trees: int | None = None
    test_rows: int | None = None
    ours_only: bool = False
    estimators: Sequence[str] = ESTIMATORS


SIZES: dict[Size, Sizes] = {
    "smoke": Sizes(
        1_000,
        500,
        starts=0,
        rounds=1,
        single_calls=3,
        batch_calls=1,
        warm_up=0,
        trees=5,
        test_rows=1_000,
        ours_only=True,
        estimators=("linear",),
    ),
    "quick": Sizes(60_000, 20_000, starts=9, rounds=7, single_calls=40, batch_calls=2),
    "full": Sizes(200_000, 60_000, starts=9, rounds=15, single_calls=60, batch_calls=3),
}


@dataclass
class Measured:
    """What one contestant took: a number a start, or a round; seconds and bytes."""

    starts: list[float] = field(default_factory=list)
    single: list[float] = field(default_factory=list)
    single_handler: list[float] = field(default_factory=list)
    single_ready: list[float] = field(default_factory=list)
    batch: list[float] = field(default_factory=list)
    batch_handler: list[float] = field(default_factory=list)
    peak: float = np.nan
    failed: str = ""


def measure(*, size: Size, report: Report) -> Part:
    """All contestants on the same model and rows, in turn, in one run."""
    sizes = SIZES[size]
    with tempfile.TemporaryDirectory() as folder:
        report(f"training on {sizes.training_rows:,} flights")
        model = serve_files(Path(folder), rows=sizes.training_rows)
        rows = as_json(split()[1].sample(2 * BATCH_ROWS, random_state=1))
        contestants = _contestants(Path(folder), model, sizes, report)
        found = {name: Measured(failed="" if name in contestants else LEFT_OUT) for name in EVERYBODY}
        _time_starts(contestants, found, rows, sizes, report)
        _time_calls(contestants, found, rows, sizes, report)
        report("every row of the test set through Contender's function")
        served = _served_difference(contestants[CONTENDER], model, sizes)
        megabytes = bytes_in(Path(folder) / "function") / 1e6
        if not sizes.ours_only:
            report("building the function as it is shipped")
            megabytes = bytes_in(ship(Path(folder) / "shipped")) / 1e6
    report("every estimator against scikit-learn on the test set")
    differences = dict(_differences(sizes, report))
    text = "\n\n".join([_about(), _speed_table(found), _ahead(found), _parity_table(differences, len(_test(sizes)))])
    figures = _figures(found, megabytes, served, max(differences.values()))
    return Part("Serving: start, answers, size, and the same predictions", command("serving", size), text, figures)


def _test(sizes: Sizes) -> pd.DataFrame:
    """The test set: December's flights, or the first of them."""
    return split()[1].head(sizes.test_rows) if sizes.test_rows else split()[1]


def _contestants(folder: Path, model: ServedModel, sizes: Sizes, report: Report) -> dict[str, Callable[[], Server]]:
    """How to start each one; making their environments takes minutes the first time."""
    report("environments and bundles")
    ours = contender_function(folder / "function")
    same = sklearn_function(folder / "function_sklearn", ours)
    variables = {"MODEL_FILE": str(model.joblib_file)}
    functions: dict[str, Callable[[], Server]] = {CONTENDER: partial(Function, LAMBDA_RUNTIME.python(), ours, model)}
    if sizes.ours_only:  # scikit-learn is our own then, beside the runtime's interpreter
        variables["PYTHONPATH"] = os.pathsep.join([str(same), sysconfig.get_path("platlib")])
        return functions | {SAME_HANDLER: partial(Function, LAMBDA_RUNTIME.python(), same, model, variables)}
    return functions | {
        SAME_HANDLER: partial(Function, LAMBDA_SKLEARN.python(), same, model, variables),
        CONTAINER: partial(Container, SERVING_CONTAINER.python(), contender_container(folder / "container"), model),
        FASTAPI: partial(FastApi, model),
        MLFLOW: partial(MlflowServer, model),
    }


@contextmanager
def _told(name: str, measured: Measured, report: Report) -> Iterator[None]:
    """A peer that cannot be measured is told in the table, and leaves the others alone."""
    try:
        yield
    except (FunctionFailedError, OSError, subprocess.SubprocessError) as error:
        measured.failed = " ".join(str(error).split())[:200]
        report(f"{name} failed: {measured.failed}")


def _time_starts(
    contestants: Mapping[str, Callable[[], Server]],
    found: Mapping[str, Measured],
    rows: Rows,
    sizes: Sizes,
    report: Report,
) -> None:
    """From the start of the process to its first answer; once before the clock counts, to have files in memory."""
    for number in range(1 - sizes.warm_up, sizes.starts + 1):
        report(f"starts, {number} of {sizes.starts}")
        for name, start in contestants.items():
            if found[name].failed:
                continue
            with _told(name, found[name], report):
                with start() as server:
                    seconds = server.first(rows[:1])
                if number > 0:
                    found[name].starts.append(seconds)


def _time_calls(
    contestants: Mapping[str, Callable[[], Server]],
    found: Mapping[str, Measured],
    rows: Rows,
    sizes: Sizes,
    report: Report,
) -> None:
    """All of them run; in each round each is asked some single rows and some large requests, one after the other."""
    with ExitStack() as running:
        servers = {}
        for name, start in contestants.items():
            if found[name].failed:
                continue
            with _told(name, found[name], report):
                server = running.enter_context(start())
                seconds = server.first(rows[:1])
                if not sizes.starts:
                    found[name].starts.append(seconds)
                for place in range(20):
                    server.ask(rows[place : place + 1])
                servers[name] = server
        for number in range(sizes.rounds):
            report(f"requests, round {number + 1} of {sizes.rounds}")
            for name, server in servers.items():
                single = [server.ask(rows[place : place + 1])[0] for place in range(sizes.single_calls)]
                found[name].single.append(float(np.median(single)))
                if isinstance(server, Function):
                    found[name].single_ready.append(float(np.median(server.ready_seconds[-sizes.single_calls :])))
                    found[name].single_handler.append(float(np.median(server.handler_seconds[-sizes.single_calls :])))
            for name, server in servers.items():
                batch = [server.ask(rows[:BATCH_ROWS])[0] for _ in range(sizes.batch_calls)]
                found[name].batch.append(float(np.median(batch)))
                if isinstance(server, Function):
                    found[name].batch_handler.append(float(np.median(server.handler_seconds[-sizes.batch_calls :])))
        for name, server in servers.items():
            found[name].peak = server.peak_bytes()


def _served_difference(start: Callable[[], Server], model: ServedModel, sizes: Sizes) -> float:
    """The largest difference in probability from scikit-learn on every row of the test set, as it is answered."""
    test = with_gaps(_test(sizes))
    expected = model.trained.whole.predict_proba(as_frame(test))
    rows, answered = as_json(test), []
    with start() as server:
        server.first(rows[:1])
        for place in range(0, len(rows), BATCH_ROWS):
            answered += server.ask(rows[place : place + BATCH_ROWS])[1]
    return float(np.abs(np.array(answered) - expected).max())


def _differences(sizes: Sizes, report: Report) -> Iterator[tuple[tuple[str, str], float]]:
    """For each estimator and task the largest difference on the whole test set, in units of a typical prediction."""
    past, test = with_gaps(split()[0].tail(sizes.parity_rows), seed=2), with_gaps(_test(sizes))
    for task in TASKS:
        target = _target(past, task)
        for estimator in sizes.estimators:
            report(f"{estimator}, {task}")
            trained = train(past, target, task=task, estimator=estimator, parameters=_trees(estimator, sizes))
            found = score_onnx(trained.onnx(), encode(as_table(test), trained.encodings))
            if task == "regression":
                expected = trained.whole.predict(as_frame(test)).reshape(-1, 1)
                scale = float(np.sqrt(np.mean(expected**2)))
            else:
                expected, scale = trained.whole.predict_proba(as_frame(test)), 1.0
            yield (estimator, task), float(np.abs(found - expected).max()) / scale


def _trees(estimator: str, sizes: Sizes) -> dict[str, int]:
    """The parameter that says how many trees there are, where it is not to be the estimator's own number."""
    if sizes.trees is None:
        return {"n_estimators": 40} if estimator == "random_forest" else {}
    name = {"hist_gradient_boosting": "max_iter", "lightgbm": "n_estimators", "random_forest": "n_estimators"}
    return {name[estimator]: sizes.trees} if estimator in name else {}


def _target(rows: pd.DataFrame, task: str) -> Any:
    """Late or not; in time, somewhat late or very late when it leaves; the wind of the hour with the delay."""
    if task == "binary":
        return (rows["late"] == "yes").to_numpy(np.int64)
    signal = rows["dep_delay"].fillna(0.0).to_numpy(np.float64) + rows["wind_speed"].fillna(0.0).to_numpy(np.float64)
    return np.digitize(signal, [5.0, 30.0]) if task == "multiclass" else signal


def _about() -> str:
    return (
        "One gradient boosting model (100 trees, 7 numeric and 3 text features, real flights), served by each tool in "
        "processes of its own with one thread. The first two are functions behind Lambda's runtime client, "
        "with the Runtime API, the Extensions API, S3 and SQS on loopback: signed requests, validation, the prediction "
        "log and metrics are on. The container is the same handler behind uvicorn, with its log on as well. "
        "*Start* is from the start of the process to the first answer, with its files in the "
        "page cache. The tools take turns. Times are the lower quartile of the rounds, because other work on the "
        "machine only adds to them; figures are ratios of these. *In the handler* is the "
        "function's own part of a call, in wall-clock or processor time, whichever is less; the rest is Lambda's "
        "runtime client, equal for both, "
        "which takes some milliseconds to read and write the JSON of 1,000 rows. *Billed* adds work "
        "after the answer (the prediction log, metrics). Memory is peak resident memory, including workers."
    )


def _speed_table(found: Mapping[str, Measured]) -> str:
    header = ["", "start", "one row", "in the handler", "billed", "1,000 rows", "in the handler", "rows/s", "memory"]
    lines = []
    for name, measured in found.items():
        if measured.failed:
            lines.append([name, f"failed: {measured.failed}", *[""] * (len(header) - 2)])
            continue
        lines.append(
            [
                name,
                f"{_undisturbed(measured.starts) * 1e3:.0f} ms",
                *map(_milliseconds, (measured.single, measured.single_handler, measured.single_ready)),
                *map(_milliseconds, (measured.batch, measured.batch_handler)),
                f"{BATCH_ROWS / _undisturbed(measured.batch):,.0f}",
                f"{measured.peak / 2**20:.0f} MB",
            ]
        )
    return markdown_table(header, lines)


def _milliseconds(seconds: Sequence[float]) -> str:
    return f"{_undisturbed(seconds) * 1e3:.3g} ms" if seconds else ""


def _undisturbed(measured: Sequence[float] | NDArray[np.float64]) -> float:
    """The lower quartile: what is left of a time where other work on the machine only adds to it."""
    return float(np.quantile(measured, 0.25))


def _ahead(found: Mapping[str, Measured]) -> str:
    """Who is ahead of Contender in anything that was measured."""
    ours = found[CONTENDER]
    ahead = []
    for name, other in found.items():
        for key, what in (("starts", "start"), ("single", "one row"), ("batch", "1,000 rows"), ("peak", "memory")):
            if name == CONTENDER or other.failed:
                continue
            if _undisturbed(np.atleast_1d(getattr(other, key))) < _undisturbed(np.atleast_1d(getattr(ours, key))):
                ahead.append(f"{name} ({what})")
    return f"Ahead of Contender: {'; '.join(ahead) if ahead else 'nobody'}."


def _parity_table(differences: Mapping[tuple[str, str], float], rows: int) -> str:
    lines = [
        [estimator, *(f"{differences[estimator, task]:.1e}" for task in TASKS)]
        for estimator in dict.fromkeys(estimator for estimator, _ in differences)
    ]
    return (
        f"Largest difference between the served graph and scikit-learn on all {rows:,} rows of the test set (the "
        "flights of December), with 2 % of each feature's values missing and 2 % of each category unseen; in "
        "probability, or as a share of the typical prediction. scikit-learn encodes the text itself.\n\n"
        + markdown_table(["", *TASKS], lines)
    )


def _figures(found: Mapping[str, Measured], megabytes: float, served: float, difference: float) -> list[Figure]:
    ours = found[CONTENDER]

    def share(other: str, key: str, ours: Measured = ours) -> float:
        theirs = getattr(found[other], key)
        return _undisturbed(getattr(ours, key)) / _undisturbed(theirs) if theirs and getattr(ours, key) else np.nan

    return [
        Figure(
            "start to first answer, as a share of scikit-learn with FastAPI", share(FASTAPI, "starts"), 0.15, "at most"
        ),
        Figure(
            "start to first answer, as a share of MLflow's scoring server", share(MLFLOW, "starts"), 1 / 5, "at most"
        ),
        Figure(
            "handler's time for one row, as a share of scikit-learn's behind the same handler",
            share(SAME_HANDLER, "single_handler"),
            0.05,
            "at most",
        ),
        Figure(
            "handler's rows a second in requests of 1,000, times scikit-learn's behind the same handler",
            1.0 / share(SAME_HANDLER, "batch_handler"),
            3.0,
            "at least",
        ),
        Figure(
            "one row from the serving container, as a share of scikit-learn with FastAPI",
            share(FASTAPI, "single", found[CONTAINER]),
            1 / 8,
            "at most",
        ),
        Figure("unzipped function, MB", megabytes, MAX_MB, "at most"),
        Figure(
            "peak memory, as a share of scikit-learn behind the same handler",
            ours.peak / found[SAME_HANDLER].peak,
            1 / 2,
            "at most",
        ),
        Figure("answers against scikit-learn's, largest difference on the test set", served, TOLERANCE, "at most"),
        Figure("every estimator against scikit-learn's, largest difference", difference, TOLERANCE, "at most"),
    ]
