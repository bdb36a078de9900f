"""Base and head of a change are replayed with their own code on one history, and the difference is said first."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from delivery.comparing import STYLE, Side, markdown, side_of
from delivery.errors import DeliveryError
from delivery.replays import compare

BASE = Side(
    metric="ROC AUC",
    greater_is_better=True,
    batches=("2013-01", "2013-02", "2013-03"),
    scores=(None, 0.8, 0.9),
    verdicts=("first", "skipped", "promoted"),
    mean=0.85,
    loss=0.41,
    retrains=1,
    promoted=1,
    cost_usd=0.02,
)
HEAD = replace(BASE, scores=(None, 0.82, 0.89), verdicts=("first", "promoted", "promoted"), mean=0.855, promoted=2)

PROGRAM = """
import json, sys
def run():
    history, pipeline = sys.argv[2], sys.argv[4]
    mean = float(open(pipeline).read()) + len(open(history).read()) / 100
    steps = [{"score": None, "verdict": "first"}, {"score": mean, "verdict": "skipped"}]
    arm = dict(steps=steps, mean=mean, loss=0.4, retrains=0, replacements=0, cost_usd=0.0)
    batches = [{"name": "a"}, {"name": "b"}]
    print(json.dumps(dict(metric_title="AUC", greater_is_better=True, batches=batches, arms=[arm])))
"""


def git(folder: Path, *arguments: str) -> str:
    settings = ("-c", "user.name=test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=false")
    return subprocess.run(["git", *settings, *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A repository whose `contender` answers with what its pipeline files say; the second commit changes one."""
    root = tmp_path / "project"
    (root / "contender" / "cli").mkdir(parents=True)
    (root / "pipelines").mkdir()
    for package in ("contender", "contender/cli"):
        (root / package / "__init__.py").touch()
    (root / "contender" / "cli" / "main.py").write_text(PROGRAM)
    (root / "requirements.txt").touch()
    (root / ".gitignore").write_text(".contender/\n")
    (root / "pipelines" / "shop.toml").write_text("0.5")
    git(root, "init", "-q")
    git(root, "add", ".")
    git(root, "commit", "-qm", "base")
    (root / "pipelines" / "shop.toml").write_text("0.6")
    (root / "pipelines" / "own.toml").write_text("0.6")
    git(root, "add", ".")
    git(root, "commit", "-qm", "head")
    (tmp_path / "histories").mkdir()
    (tmp_path / "histories" / "shop.csv").write_text("0123456789")
    return root


def test_two_commits_are_replayed_each_with_its_own_code_and_nothing_is_left(project: Path) -> None:
    told: list[str] = []
    said = compare(project, "HEAD~1", "HEAD", project.parent / "histories", told.append)
    assert told == ["shop: base and head are replayed beside each other, which takes minutes"]
    assert "**AUC 0.6000 → 0.7000 (+0.1000): better in 1 of 2 batches, worse in 0; the same decisions**" in said
    assert "### own\n\nNot compared, for want of a history" in said
    assert git(project, "worktree", "list").count("\n") == 1
    assert git(project, "status", "--porcelain") == ""


def test_what_was_merged_into_the_base_since_is_no_change_of_the_head(project: Path) -> None:
    head = git(project, "rev-parse", "HEAD").strip()
    git(project, "checkout", "-q", "-b", "main-goes-on", "HEAD~1")
    (project / "pipelines" / "shop.toml").write_text("0.9")
    git(project, "commit", "-qam", "another change")
    assert "**AUC 0.6000 → 0.7000" in compare(project, "main-goes-on", head, project.parent / "histories", print)


def test_a_commit_that_is_not_there_is_named(project: Path) -> None:
    with pytest.raises(DeliveryError, match=r"git rev-parse .*exit code 128"):
        compare(project, "no-such-branch", "HEAD", None, print)


def test_a_change_is_a_verdict_a_table_a_plot_and_the_decisions_that_differ() -> None:
    verdict, table, plot, decisions = markdown("flights", BASE, HEAD).split("\n\n")[1:]
    assert verdict == (
        "**ROC AUC 0.8500 → 0.8550 (+0.0050): better in 1 of 3 batches, worse in 1; 1 of 3 decisions differ**"
    )
    assert "| ROC AUC, over all batches | 0.8500 | 0.8550 | +0.0050 |" in table
    assert "| promoted | 1 | 2 | +1 |" in table
    assert plot.splitlines()[1:] == [
        STYLE,
        "xychart-beta",
        '    title "flights: ROC AUC by batch; base grey, head blue"',
        '    x-axis ["2013-02", "2013-03"]',
        '    y-axis "ROC AUC" 0.7950 --> 0.9050',
        "    line [0.8000, 0.9000]",
        "    line [0.8200, 0.8900]",
        "```",
    ]
    assert decisions.splitlines()[2:] == ["| 2013-02 | skipped | promoted |"]


def test_a_plot_of_many_batches_numbers_them() -> None:
    names = tuple(f"week {number}" for number in range(40))
    base = replace(BASE, batches=names, scores=(0.8,) * 40, verdicts=("skipped",) * 40)
    plot = markdown("flights", base, replace(base, scores=(0.9,) * 40, mean=0.9))
    assert '    x-axis "batches, week 0 to week 39" 1 --> 40' in plot


def test_a_metric_where_less_is_better_is_better_when_it_falls() -> None:
    base, head = (replace(side, greater_is_better=False, metric="log loss") for side in (BASE, HEAD))
    assert "better in 1 of 3 batches, worse in 1" in markdown("flights", base, replace(head, mean=0.84))
    assert "(−0.0100)" in markdown("flights", base, replace(head, mean=0.84))


def test_no_difference_is_said_without_a_plot_and_a_new_pipeline_has_nothing_to_be_compared_with() -> None:
    assert "mermaid" not in markdown("flights", BASE, BASE)
    assert "**No difference: the same decisions and the same scores in all 3 batches**" in markdown(
        "flights", BASE, BASE
    )
    assert "**flights is new**: ROC AUC 0.8550, 1 retrains" in markdown("flights", None, HEAD)
    assert "**flights is removed**" in markdown("flights", BASE, None)


def test_a_replay_of_another_shape_is_refused() -> None:
    with pytest.raises(DeliveryError, match="a replay has no 'arms'"):
        side_of(json.loads('{"policies": []}'))
