"""Data that the project has never seen: `init`, `up`, `upload` twice, `predict`, and no edit of any code."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer, load_wine

from contender.pipeline.config import load_pipeline
from contender.table import as_categories
from demo_data.packages import package_folder
from tests.e2e.loop import LocalLoop

pytestmark = pytest.mark.emulator


def packaged(member: str) -> pd.DataFrame:
    """A table of the package pydataset as its file is, row names in a column without a name; rows shuffled."""
    with tarfile.open(package_folder("pydataset") / "resources.tar.gz") as archive:
        content = archive.extractfile(f"resources/rdata/csv/{member}.csv")
        assert content is not None
        frame = pd.read_csv(content)
    return shuffled(frame.rename(columns={"Unnamed: 0": ""}))


def shuffled(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.sample(frac=1.0, random_state=1).reset_index(drop=True)


def tumours() -> pd.DataFrame:
    """Binary, with a target of booleans, and names with spaces."""
    data = load_breast_cancer(as_frame=True)
    return shuffled(data.data.assign(**{"is benign?": data.target == 1}))


def wines() -> pd.DataFrame:
    """Three classes, few rows, names that no file format likes, and a constant and an empty column."""
    data = load_wine(as_frame=True)
    names = {
        "alcohol": "alcohol (%)",
        "flavanoids": "flavanoids/mg",
        "hue": "Farbton.ü",
        "ash": '"ash"',
        "proline": "a,b",
    }
    frame = data.data.rename(columns=names).assign(maker="unknown", remarks=None)
    return shuffled(frame.assign(cultivar=data.target.map(dict(enumerate("ABC")))))


def passengers() -> pd.DataFrame:
    """Binary, all text, and a column without a name that counts the rows."""
    return packaged("COUNT/titanic")


def computers() -> pd.DataFrame:
    """A regression with numbers and yes or no."""
    return packaged("Ecdat/Computers")


def diamonds() -> pd.DataFrame:
    """A regression with real booleans, dates with a time zone, and whole numbers with gaps."""
    frame = packaged("ggplot2/diamonds").drop(columns="").head(4000)
    sold = pd.Timestamp("2025-03-01", tz="UTC") + pd.to_timedelta(np.arange(len(frame)) * 20, unit="min")
    table = frame["table"].round().astype("Int64").mask(frame.index % 10 == 0)
    return frame.assign(table=table, sold=sold, premium=frame["cut"] == "Premium")


@dataclass(frozen=True)
class Case:
    """A data set: its rows, what to predict, its task, and the ending of its files."""

    rows: Callable[[], pd.DataFrame]
    target: str
    task: str
    ending: str = "csv"


CASES = {
    "tumours": Case(tumours, "is benign?", "binary"),
    "wines": Case(wines, "cultivar", "multiclass"),
    "passengers": Case(passengers, "survived", "binary"),
    "computers": Case(computers, "price", "regression"),
    "diamonds": Case(diamonds, "price", "regression", "parquet"),
}


@dataclass(frozen=True)
class Outcome:
    """What the commands answered, as JSON."""

    case: Case
    frame: pd.DataFrame
    made: dict[str, Any]
    first: dict[str, Any]
    second: dict[str, Any]


def write(frame: pd.DataFrame, path: Path) -> str:
    if path.suffix == ".parquet":
        frame.to_parquet(path, index=False)
    else:
        frame.to_csv(path, index=False)
    return str(path)


def play(loop: LocalLoop, name: str, made: dict[str, Any], folder: Path) -> Outcome:
    """Upload one half after the other, each followed to its end."""
    case = CASES[name]
    frame = case.rows()
    half = len(frame) // 2
    first = write(frame[:half], folder / f"{name} one.{case.ending}")
    second = write(frame[half:], folder / f"{name} two.{case.ending}")
    runs = [json.loads(loop.contender("upload", file, "-p", name, "--json")) for file in (first, second)]
    return Outcome(case, frame, made, *runs)


@pytest.fixture(scope="module")
def outcomes(loop: LocalLoop, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    folder = tmp_path_factory.mktemp("own data")

    def initialise(name: str) -> dict[str, Any]:
        case = CASES[name]
        file = write(case.rows(), folder / f"{name}.{case.ending}")
        made: dict[str, Any] = json.loads(loop.contender("init", file, "--target", case.target, "--json"))
        return made

    with ThreadPoolExecutor(2) as pool:
        made = dict(zip(CASES, pool.map(initialise, CASES), strict=True))
        loop.contender("up")  # the cloud runs already: this adds the new pipelines to it
        told = {name: pool.submit(play, loop, name, made[name], folder) for name in CASES}
        return {name: outcome.result() for name, outcome in told.items()}


@pytest.fixture(params=CASES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_init_finds_the_task_and_writes_a_file_that_loads(
    outcomes: dict[str, Outcome], name: str, loop: LocalLoop
) -> None:
    made, case = outcomes[name].made, outcomes[name].case
    assert (made["pipeline"], made["task"]) == (name, case.task)
    config = load_pipeline(loop.root / "pipelines" / f"{name}.toml")
    assert config.target == case.target
    assert "" not in config.features


def test_the_first_half_makes_a_champion_and_the_second_half_is_decided(
    outcomes: dict[str, Outcome], name: str
) -> None:
    first, second = outcomes[name].first, outcomes[name].second
    assert first["verdict"] == "promoted", first["reason"]
    assert second["verdict"] in ("promoted", "retained", "inconclusive", "skipped"), second["reason"]


def test_a_row_of_the_file_is_predicted_whole_as_it_is(
    outcomes: dict[str, Outcome], name: str, loop: LocalLoop
) -> None:
    outcome = outcomes[name]
    row = outcome.frame.iloc[[1]].to_json(orient="records", date_format="iso")[1:-1]
    answer = json.loads(loop.contender("predict", "--pipeline", name, row, "--json"))
    assert answer["model_version"] == outcome.second["champion_after"]
    (prediction,) = answer["predictions"]
    if outcome.case.task == "regression":
        assert 0 < prediction["prediction"] < 2 * outcome.frame[outcome.case.target].max()
    else:
        assert prediction["prediction"] in set(as_categories(outcome.frame[outcome.case.target]))
        assert sum(prediction["probabilities"].values()) == pytest.approx(1.0, abs=1e-5)


def test_rows_may_come_from_standard_input(outcomes: dict[str, Outcome], loop: LocalLoop) -> None:
    rows = outcomes["passengers"].frame.head(3).to_json(orient="records")
    answer = json.loads(loop.contender("predict", "--pipeline", "passengers", "-", "--json", text=rows))
    assert len(answer["predictions"]) == 3
