"""`contender replay` on a small history, with the real training."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.cli.conftest import Contender
from tests.cli.trainings import trained_once  # noqa: F401  a fixture

pytestmark = pytest.mark.usefixtures("trained_once")

PIPELINE = """
name = "sales"
task = "binary"
target = "bought"
time = "day"
numeric = ["amount"]
categorical = ["shop"]

[training]
estimator = "linear"
holdout_blocks = 5
window_batches = 1

[promotion]
min_rows = 50
n_resamples = 200
"""

MONTHS = 5


@pytest.fixture
def history(project: Path) -> Path:
    """Five months of 20 sales a day; in the third, what sells turns round."""
    (project / "pipelines" / "sales.toml").write_text(PIPELINE)
    random = np.random.default_rng(1)
    days = pd.date_range("2026-01-01", periods=30 * MONTHS, freq="D").repeat(20)
    turned = days >= pd.Timestamp("2026-03-02")
    amount = random.normal(size=len(days)) + 3.0 * turned
    likes = np.where(turned, -amount + 3.0, amount)
    frame = pd.DataFrame(
        {
            "day": days.strftime("%Y-%m-%d"),
            "amount": amount,
            "shop": random.choice(["north", "south"], len(days)),
            "bought": np.where(likes + random.normal(size=len(days)) / 2 > 0, "yes", "no"),
        }
    )
    path = project / "sales.csv"
    frame.to_csv(path, index=False)
    return path


def test_the_table_tells_each_policy_and_the_page_is_written(
    history: Path, contender: Contender, project: Path
) -> None:
    ended = contender("replay", str(history), "--pipeline", "sales", "--html", str(project / "out" / "replay.html"))

    assert ended.code == 0, ended.err
    for name in ("contender", "always", "every 3", "never"):
        assert name in ended.out
    assert " of the gain from always retraining, with " in " ".join(ended.out.split())
    assert (project / "out" / "replay.html").read_text(encoding="utf-8").startswith("<!doctype html>")


def test_json_is_one_document_with_every_step_of_every_policy(history: Path, contender: Contender) -> None:
    strict = "promotion.rule=proven promotion.min_effect=0.9"
    ended = contender("replay", str(history), "-p", "sales", "--policy", strict, "--schedule", "2", "--json")

    found = json.loads(ended.out)
    arms = {arm["name"]: arm for arm in found["arms"]}
    assert list(arms) == ["contender", strict, "always", "every 2", "never"]
    assert [batch["name"] for batch in found["batches"]] == [f"2026-0{month}" for month in range(1, 6)]
    assert all(len(arm["steps"]) == MONTHS for arm in arms.values())
    assert arms[strict]["replacements"] == 0
    assert arms["contender"]["replacements"] >= 1, [step["reason"] for step in arms["contender"]["steps"]]
    assert arms["contender"]["mean"] > arms["never"]["mean"]


def test_the_table_tells_what_each_policy_keeps_and_a_sentence_recommends_one(
    history: Path, contender: Contender
) -> None:
    ended = contender("replay", str(history), "-p", "sales", "--hindsight")
    for heading in ("kept", "vs. always", "every 2", "hindsight"):
        assert heading in ended.out
    assert "\nRecommended: " in ended.out
    assert "saved" not in ended.out
    priced = contender("replay", str(history), "-p", "sales", "--error-price", "2.5")
    assert "saved" in priced.out
    assert ", saves $" in priced.out


def test_a_pipeline_file_may_be_given_by_its_path_and_a_policy_too(
    history: Path, contender: Contender, project: Path
) -> None:
    path = project / "pipelines" / "sales.toml"
    other = project / "strict.toml"
    other.write_text(PIPELINE.replace('"sales"', '"strict"') + "min_effect = 0.5\n")
    ended = contender("replay", str(history), "-p", str(path), "--policy", str(other), "--every", "50", "--json")
    assert [arm["name"] for arm in json.loads(ended.out)["arms"]][:2] == ["contender", str(other)]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--policy", "drift.alhpa=0.1"], "unknown key drift.alhpa; did you mean drift.alpha?"),
        (["--policy", "drift.alpha"], "an override is written section.key=value, but got 'drift.alpha'"),
        (["--policy", "drift.alpha=7"], "drift.alpha must be at most 0.5, but got 7"),
        (["--policy", "numeric=['amount','more']"], "differs from sales in numeric"),
        (["--policy", "promotion.metric=auc", "--policy", "promotion.metric=auc"], "given more than once"),
        (["--every", "fortnight"], "must be month, week, day or a number of blocks from 1, but got 'fortnight'"),
        (["--every", "100"], "at least 3 usable batches, but every=100 makes 2 of 3000 rows"),
        (["--start", "9"], "start must be from 1 to 4"),
        (
            ["--policy", "promotion.rule=proven promotion.min_blocks=6"],
            "none of the 5 batches can give a first champion",
        ),
        (["--schedule", "0"], "schedule must be at least 1 batch, but got 0"),
        (["--policy", "missing.toml"], "missing.toml: no such file"),
        (["--error-price", "inf"], "the price of an error must be finite and not negative, but got inf"),
    ],
)
def test_what_cannot_be_replayed_is_one_line_that_says_what_to_do(
    history: Path, contender: Contender, options: list[str], said: str
) -> None:
    ended = contender("replay", str(history), "-p", "sales", *options)
    assert ended.code == 1
    assert said in " ".join(ended.err.split())
    assert "Traceback" not in ended.err


def test_a_target_of_one_class_is_told(history: Path, contender: Contender) -> None:
    rows = pd.read_csv(history)
    rows.assign(bought="no").to_csv(history, index=False)
    ended = contender("replay", str(history), "-p", "sales")
    assert ended.code == 1
    assert "target bought is no in all" in " ".join(ended.err.split())


def test_a_file_that_is_not_there_or_not_of_the_pipeline_is_told(
    history: Path, contender: Contender, project: Path
) -> None:
    assert "cannot be read" in contender("replay", "nowhere.csv", "-p", "sales").err
    (project / "other.csv").write_text("x,y\n1,2\n")
    assert "missing" in contender("replay", str(project / "other.csv"), "-p", "sales").err
    assert "no pipeline 'other'" in contender("replay", str(history), "-p", "other").err


def test_without_a_time_column_the_order_of_the_file_is_used(
    history: Path, contender: Contender, project: Path
) -> None:
    text = PIPELINE.replace('time = "day"', 'ignored = ["day"]\nblock_rows = 20')
    (project / "pipelines" / "sales.toml").write_text(text)
    ended = contender("replay", str(history), "-p", "sales", "--json")
    assert ended.code == 0, ended.err
    assert json.loads(ended.out)["batches"][0]["name"] == "from row 1"
    refused = contender("replay", str(history), "-p", "sales", "--every", "month")
    assert "names no time column; give a number of blocks" in " ".join(refused.err.split())
