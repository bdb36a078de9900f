"""Data that the project has never seen: `init`, `up`, `upload` twice, `predict`, and no edit of any code."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pandas as pd
import pytest

from contender.pipeline.config import load_pipeline
from contender.table import as_categories
from tests.e2e.early import early
from tests.e2e.growth import grow
from tests.e2e.loop import LocalLoop
from tests.e2e.own_data import CASES, DEPLOYED, Case, write

pytestmark = pytest.mark.emulator


@dataclass(frozen=True)
class Outcome:
    """What the commands answered, as JSON."""

    case: Case
    frame: pd.DataFrame
    made: dict[str, Any]
    first: dict[str, Any]
    second: dict[str, Any]


def play(loop: LocalLoop, name: str, made: dict[str, Any]) -> Outcome:
    """Upload one half after the other, each followed to its end."""
    case, folder = CASES[name], loop.root / "own data"
    frame = case.rows()
    half = len(frame) // 2
    first = write(frame[:half], folder / f"{name} one.{case.ending}")
    second = write(frame[half:], folder / f"{name} two.{case.ending}")
    runs = [json.loads(loop.contender("upload", file, "-p", name, "--json")) for file in (first, second)]
    return Outcome(case, frame, made, *runs)


@pytest.fixture(scope="module")
@early
def outcomes(loop: LocalLoop) -> dict[str, Outcome]:
    made = grow(loop).made
    with ThreadPoolExecutor(2) as pool:
        told = {name: pool.submit(play, loop, name, made[name]) for name in DEPLOYED}
        return {name: outcome.result() for name, outcome in told.items()}


@pytest.fixture(params=DEPLOYED)
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
    rows = outcomes["wines"].frame.head(3).to_json(orient="records")
    answer = json.loads(loop.contender("predict", "--pipeline", "wines", "-", "--json", text=rows))
    assert len(answer["predictions"]) == 3
