"""Judging model versions: names of classes mean nothing, facts come from manifests, time from the caller's clock."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contender.comparison.alpha_spending import Earlier
from contender.comparison.evaluate import answers_of_all, judge, side_by_side, time_per_row
from contender.pipeline.config import PipelineConfig, parse_pipeline
from contender.pipeline.promotion_policy import PromotionPolicy
from contender.registry.candidate import Candidate
from contender.table import BLOCK, ORDER, Table

ROWS = 600


def config(task: str) -> PipelineConfig:
    return parse_pipeline(f'name = "shop"\ntask = "{task}"\ntarget = "kind"\nnumeric = ["amount"]\nslices = ["origin"]')


def category(values: list[str]) -> np.ndarray:
    column = np.empty(len(values), dtype=object)
    column[:] = values
    return column


def shop(names: tuple[str, ...], seed: int = 0) -> tuple[Table, list[Candidate]]:
    """Rows of classes with these names, and two models that know them, the second one better."""
    random = np.random.default_rng(seed)
    truth = random.integers(0, len(names), ROWS)
    table = Table(
        {
            "amount": truth + random.normal(size=ROWS),
            "kind": category([names[i] for i in truth]),
            "origin": category([("EWR", "JFK")[i % 2] for i in range(ROWS)]),
            BLOCK: category([f"day {i % 20}" for i in range(ROWS)]),
            ORDER: np.arange(float(ROWS)),
        }
    )
    columns = sorted(range(len(names)), key=lambda i: names[i])  # a model's columns are in the order of the names
    models = []
    for noise in (1.5, 0.5):
        score = 1.0 * (truth[:, None] == np.arange(len(names))) + noise * random.normal(size=(ROWS, len(names)))
        shares = np.exp(score) / np.exp(score).sum(axis=1, keepdims=True)
        manifest: dict[str, Any] = {
            "classes": [names[i] for i in columns],
            "positive": names[1] if len(names) == 2 else None,
            "baseline": {"prediction": [1.0 / len(names)] * len(names)},
            "files": {"model.onnx": {"bytes": 2**20}},
            "metrics_training": {"auc": 0.9, "log_loss": 0.2},
        }
        models.append(Candidate(manifest, lambda rows, shares=shares, columns=columns: shares[:, columns]))
    return table, models


@settings(max_examples=15)
@given(st.permutations(["anna", "bert", "carl"]), st.integers(2, 3))
def test_the_names_of_classes_change_nothing(names: list[str], count: int) -> None:
    task = "binary" if count == 2 else "multiclass"
    plain, renamed = ("a", "b", "c")[:count], tuple(names[:count])
    found = []
    for each in (plain, renamed):
        table, (champion, challenger) = shop(each)
        found.append(judge(config(task), table, challenger, champion, seed=1))
    assert found[0].low == pytest.approx(found[1].low, abs=1e-12)
    assert found[0].verdict == found[1].verdict
    assert found[0].slices_no_worse.judged == found[1].slices_no_worse.judged == 2
    assert found[0].calibrated.difference == pytest.approx(found[1].calibrated.difference, abs=1e-9)


def test_a_challenger_is_judged_at_the_level_that_the_history_leaves() -> None:
    table, (champion, challenger) = shop(("no", "yes"))
    proven = replace(config("binary"), promotion=PromotionPolicy(rule="proven"))
    fresh = judge(proven, table, challenger, champion, seed=1)
    fifth = judge(proven, table, challenger, champion, earlier=Earlier(("v",) * 4), seed=1)
    first = judge(proven, table, challenger, None, earlier=Earlier(("v",) * 4), seed=1)
    assert (fresh.spending.level, fifth.spending.level, first.spending.level) == pytest.approx(
        (0.025, 1 / 600, 1 / 600)
    )


def test_size_and_training_metrics_come_from_the_manifest_and_older_manifests_have_none() -> None:
    table, (champion, challenger) = shop(("no", "yes"))
    found = judge(config("binary"), table, challenger, champion, seed=1)
    assert (found.model_size.ratio, found.overfit_gap.training, found.latency.status) == (1.0, 0.9, "not judged")
    old = {name: value for name, value in challenger.manifest.items() if name not in ("files", "metrics_training")}
    bare = judge(config("binary"), table, Candidate(old, challenger.predict), champion, seed=1)
    assert (bare.model_size.status, bare.overfit_gap.status, bare.verdict) == (
        "not judged",
        "not judged",
        found.verdict,
    )


def test_the_time_of_a_row_is_the_median_by_the_callers_clock() -> None:
    table, (_, challenger) = shop(("no", "yes"))
    ticks = iter([0.0, 0.002, 1.0, 1.004, 2.0, 9.0])  # 2 ms, 4 ms, and a pause of 7 s
    found = time_per_row(challenger.predict, table.select_rows(np.arange(3)), clock=lambda: next(ticks))
    assert found == pytest.approx(4.0)
    assert time_per_row(challenger.predict, table.select_rows(np.arange(0)), clock=lambda: next(ticks)) is None


@pytest.mark.parametrize("names", [("no", "yes"), ("yes", "no"), ("a", "b", "c")])
def test_both_models_curves_are_of_the_same_rows_and_the_better_ones_are_better(names: tuple[str, ...]) -> None:
    table, (champion, challenger) = shop(names)
    answered = answers_of_all(config("binary" if len(names) == 2 else "multiclass"), table, challenger, champion)
    found = side_by_side(answered)

    assert (found["format"], found["rows"]) == (1, ROWS)
    right = {
        name: sum(row[i] for i, row in enumerate(found[name]["confusion"]["counts"]))
        for name in ("champion", "challenger")
    }
    assert right["challenger"] > right["champion"]
    assert found["champion"]["confusion"]["labels"] == (list(names) if len(names) == 2 else sorted(names))


def test_without_a_champion_there_are_the_challengers_curves_alone() -> None:
    table, (_, challenger) = shop(("no", "yes"))
    found = side_by_side(answers_of_all(config("binary"), table, challenger, None))

    assert found["champion"] is None
    assert len(found["challenger"]["roc"]) > 10


def test_answers_that_are_at_hand_are_not_asked_for_again() -> None:
    table, (champion, challenger) = shop(("no", "yes"))
    answered = answers_of_all(config("binary"), table, challenger, champion)

    def never(rows: Table) -> np.ndarray:
        raise AssertionError("asked again")

    silent = [Candidate(each.manifest, never) for each in (challenger, champion)]
    found = judge(config("binary"), table, *silent, answered=answered, seed=1)
    assert found == judge(config("binary"), table, challenger, champion, seed=1)
