"""`contender tune` on a small history, with the real training."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.cli.conftest import Contender
from tests.cli.trainings import trained_once  # noqa: F401  a fixture

pytestmark = pytest.mark.usefixtures("trained_once")

PIPELINE = """# What sells.
name = "sales"
task = "binary"
target = "bought"
time = "day"
block_period = "hour"
numeric = ["amount"]   # in dollars

[training]
estimator = "linear"
holdout_blocks = 15

[promotion]
metric = "log_loss"
min_rows = 50
n_resamples = 200
min_effect = 0.9
rule = "proven"   # nothing is as much better
"""
BETTER = "promotion.rule=ahead training.retrain_growth=1.05"


@pytest.fixture
def history(project: Path) -> Path:
    """Twelve weeks of 21 sales a day, seven an hour; the amount from which on people buy rises a little every day."""
    (project / "pipelines" / "sales.toml").write_text(PIPELINE)
    random = np.random.default_rng(1)
    days = pd.date_range("2026-01-05", periods=84 * 3, freq="8h").repeat(7)
    amount = random.normal(size=len(days))
    limit = np.arange(len(days)) / len(days)
    frame = pd.DataFrame(
        {
            "day": days.strftime("%Y-%m-%dT%H:00:00Z"),
            "amount": amount,
            "bought": np.where(amount + random.normal(size=len(days)) / 2 > 2 * limit, "yes", "no"),
        }
    )
    path = project / "sales.csv"
    frame.to_csv(path, index=False)
    return path


def test_a_better_policy_is_shown_with_its_diff_and_not_written_without_consent(
    history: Path, contender: Contender, project: Path
) -> None:
    ended = contender("tune", str(history), "-p", "sales", "--every", "week", "--policy", BETTER)
    assert ended.code == 0, ended.err
    for said in (
        "Chosen on 2026-01-12 to 2026-02-23 (7 batches)",
        "Checked on 2026-03-02 to 2026-03-23 (4 batches)",
        f"{BETTER} is better on the rest too: it keeps ",
        '-rule = "proven"   # nothing is as much better',
        '+rule = "ahead"   # nothing is as much better',
        "+retrain_growth = 1.05",
        "not written; --yes writes it",
    ):
        assert said in " ".join(ended.out.split()) or said in ended.out, ended.out
    assert (project / "pipelines" / "sales.toml").read_text() == PIPELINE


def test_yes_writes_it_and_keeps_comments_and_order(history: Path, contender: Contender, project: Path) -> None:
    ended = contender("tune", str(history), "-p", "sales", "--every", "week", "--policy", BETTER, "--yes", "--json")
    found = json.loads(ended.out)
    assert found["written"]
    assert found["changes"] == {"promotion.rule": "ahead", "training.retrain_growth": 1.05}
    expected = PIPELINE.replace('rule = "proven"', 'rule = "ahead"').replace(
        "holdout_blocks = 15\n", "holdout_blocks = 15\nretrain_growth = 1.05\n"
    )
    assert (project / "pipelines" / "sales.toml").read_text() == expected
    again = contender("tune", str(history), "-p", "sales", "--every", "week", "--policy", BETTER, "--yes", "--json")
    assert not json.loads(again.out)["written"]


def test_where_nothing_is_better_nothing_is_written(history: Path, contender: Contender, project: Path) -> None:
    worse = "promotion.min_effect=0.95"
    ended = contender("tune", str(history), "-p", "sales", "--every", "week", "--policy", worse, "--yes")
    assert ended.code == 0
    assert "No policy that was tried is better than the pipeline file's." in ended.out
    assert (project / "pipelines" / "sales.toml").read_text() == PIPELINE


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--policy", "training.retrain_grwth=2"], "did you mean training.retrain_growth?"),
        (["--policy", "name.more=2"], "unknown key name.more"),
        (["--every", "month"], "give a longer history, or smaller batches with --every"),
    ],
)
def test_what_cannot_be_tuned_is_one_line(history: Path, contender: Contender, options: list[str], said: str) -> None:
    ended = contender("tune", str(history), "-p", "sales", *options)
    assert ended.code == 1
    assert said in " ".join(ended.err.split())
    assert "Traceback" not in ended.err
