"""The drift check of a model: what is kept of its training, and all that a batch is asked."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from contender.drift.batch_check import (
    CURRENT_ROWS,
    LEAST_PROBABILITY,
    MAX_BLOCKS,
    Reference,
    RowSample,
    check_batch,
    in_time_order,
    losses,
    observe,
    reference_of,
    unit_labels,
)
from contender.errors import IntegrityError, InvalidInputError
from contender.pipeline.config import PipelineConfig, parse_pipeline
from contender.registry.candidate import Answers, Candidate
from contender.table import BLOCK, ORDER, Table

TOML = """
name = "shop"
task = "binary"
target = "late"
numeric = ["amount", "hour"]
categorical = ["carrier"]
time = "ordered_at"
"""
CONFIG = parse_pipeline(TOML)
MANIFEST = {"classes": ["no", "yes"], "positive": "yes"}


def orders(days: int, *, first: int = 0, seed: int = 0, dearer: float = 0.0, rows: int = 50) -> Table:
    """Orders of so many days, the dear ones more often late."""
    random, n = np.random.default_rng(seed), days * rows
    amount = random.normal(50.0 + dearer, 10.0, n)
    late = random.random(n) < 1.0 / (1.0 + np.exp(-(amount - 50.0) / 10.0))
    return Table(
        {
            "amount": amount,
            "hour": np.tile(np.arange(float(rows)), days),
            "carrier": np.array(random.choice(["A", "B"], n), dtype=object),
            "late": np.where(late, "yes", "no").astype(object),
            ORDER: np.arange(n, dtype=float) + first * rows,
            BLOCK: np.array([f"day {first + row // rows:03d}" for row in range(n)], dtype=object),
        }
    )


def answers_well(table: Table) -> np.ndarray:
    late = 1.0 / (1.0 + np.exp(-(table["amount"] - 50.0) / 10.0))
    return np.stack([1.0 - late, late], axis=1)


MODEL = Candidate(MANIFEST, answers_well)
REGRESSION = parse_pipeline('name = "a"\ntask = "regression"\ntarget = "y"\nnumeric = ["x"]')


def trained(table: Table, config: PipelineConfig = CONFIG) -> Reference:
    """The reference of a model that held out the newest third."""
    return reference_of(config, table, np.arange(len(table)) >= 2 * len(table) // 3, MODEL)


def test_a_reference_survives_its_stored_form_and_damage_is_seen() -> None:
    reference = trained(orders(30))
    content = reference.to_bytes()
    again = Reference.from_bytes(content)
    assert again.profile == reference.profile
    assert again.calibration == reference.calibration
    assert again.past == reference.past
    assert set(again.past) >= {"auc", "log_loss", "accuracy"}
    assert again.sample.codes.tolist() == reference.sample.codes.tolist()
    assert (again.sample.names, again.sample.blocks) == (reference.sample.names, reference.sample.blocks)
    assert again.to_bytes() == content
    with pytest.raises(IntegrityError):
        Reference.from_bytes(content[:-20])


def test_predictions_and_losses_are_kept_of_the_holdout_only() -> None:
    counts = trained(orders(30)).profile.counts
    assert counts["amount"].present == counts["(label)"].present == 1500
    assert (counts["(prediction)"].present, counts["(prediction)"].missing) == (500, 1000)
    assert (counts["(loss)"].present, counts["(loss)"].missing) == (500, 1000)


def test_a_batch_from_the_same_world_is_stable_and_its_estimate_agrees_with_the_truth() -> None:
    reference, batch = trained(orders(30)), orders(4, first=30, seed=1)
    current = observe(CONFIG, reference.profile.grid, batch, MODEL)
    found = check_batch(CONFIG, reference, batch, MODEL, current)
    assert found.report.verdict == "stable"
    assert found.report.null == "blocks"
    assert found.estimated is not None
    assert found.realised is not None
    plain = found.to_dict()
    assert json.loads(json.dumps(plain, allow_nan=False))["verdict"] == "stable"
    assert {"estimated", "realised", "evidence", "joint"} <= plain.keys()


def test_dearer_orders_are_found_by_name_over_several_batches() -> None:
    reference = trained(orders(30))
    batches = [orders(2, first=30 + 2 * i, seed=i + 1, dearer=15.0) for i in range(3)]
    seen = [observe(CONFIG, reference.profile.grid, batch, MODEL) for batch in batches]
    reports = [
        check_batch(CONFIG, reference, batch, MODEL, seen[i], earlier=seen[:i], answered=0).report
        for i, batch in enumerate(batches)
    ]
    assert reports[-1].drifted
    assert "amount" in reports[-1].drifted_features
    assert reports[-1].evidence is not None
    assert [label for label, _ in reports[-1].evidence.path] == [f"day {day:03d}" for day in range(30, 36)]


def test_a_batch_is_counted_alike_in_whatever_order_its_rows_came() -> None:
    reference, batch = trained(orders(30)), orders(3, first=30)
    shuffled = batch.select_rows(np.random.default_rng(3).permutation(len(batch)))
    grid = reference.profile.grid
    assert observe(CONFIG, grid, shuffled, MODEL) == observe(CONFIG, grid, batch, MODEL)
    assert in_time_order(batch) is batch
    assert in_time_order(shuffled)[ORDER].tolist() == batch[ORDER].tolist()


def test_parts_of_a_batch_add_up_to_the_whole() -> None:
    reference, batch = trained(orders(30)), orders(3, first=30)
    grid = reference.profile.grid
    first, second = (batch.select_rows(np.arange(*ends)) for ends in ((0, 70), (70, 150)))
    merged = observe(CONFIG, grid, first, MODEL).merge(observe(CONFIG, grid, second, MODEL))
    assert merged == observe(CONFIG, grid, batch, MODEL)


def test_a_batch_counted_for_another_model_is_refused() -> None:
    reference, batch = trained(orders(30)), orders(3, first=30)
    other = trained(orders(30, seed=9))
    counted = observe(CONFIG, other.profile.grid, batch, MODEL)
    with pytest.raises(InvalidInputError, match="must be counted on the reference's grid"):
        check_batch(CONFIG, reference, batch, MODEL, counted)
    own = observe(CONFIG, reference.profile.grid, batch, MODEL)
    with pytest.raises(InvalidInputError, match="must be counted on the reference's grid"):
        check_batch(CONFIG, reference, batch, MODEL, own, earlier=[counted])


def test_without_time_or_block_column_rows_are_independent() -> None:
    config = replace(CONFIG, time="")
    reference, batch = trained(orders(30), config), orders(6, first=30, seed=1, dearer=15.0)
    assert reference.sample.blocks is None
    report = check_batch(config, reference, batch, MODEL, observe(config, reference.profile.grid, batch, MODEL)).report
    assert report.null == "rows"
    assert report.drifted


def test_a_regression_is_expected_to_err_as_it_did_and_checked() -> None:
    random = np.random.default_rng(4)
    config = REGRESSION
    model = Candidate({"classes": None, "positive": None}, lambda table: table["x"][:, None])

    def table(rows: int) -> Table:
        x = random.normal(size=rows)
        return Table({"x": x, "y": x + 1.0, ORDER: np.arange(float(rows)), BLOCK: np.full(rows, "0", dtype=object)})

    before, after = table(600), table(200)
    reference = reference_of(config, before, np.arange(600) >= 400, model)
    assert reference.calibration is None
    again = Reference.from_bytes(reference.to_bytes())
    assert again.calibration is None
    assert again.expected_losses == reference.expected_losses
    found = check_batch(config, reference, after, model, observe(config, reference.profile.grid, after, model))
    assert found.estimated is not None
    assert found.realised is not None
    assert [found.estimated.metrics[name].value for name in ("mae", "rmse")] == pytest.approx([1.0, 1.0])
    assert found.realised.verdict == "as estimated"
    assert found.to_dict()["joint"] is None  # one feature has nothing to go together with
    # An absolute error of 1 in each row.
    assert reference.profile.counts["(loss)"].minimum == pytest.approx(1.0)
    assert reference.profile.counts["(loss)"].maximum == pytest.approx(1.0)


def test_labels_of_one_class_only_get_a_verdict() -> None:
    batch = orders(3, first=30)
    one = Table({**batch.columns, "late": np.full(len(batch), "yes", dtype=object)})
    reference = trained(orders(30))
    report = check_batch(CONFIG, reference, one, MODEL, observe(CONFIG, reference.profile.grid, one, MODEL)).report
    assert report.verdict in ("drifted", "stable")
    all_one = orders(30)
    all_one = Table({**all_one.columns, "late": np.full(len(all_one), "yes", dtype=object)})
    reference = trained(all_one)
    found = check_batch(CONFIG, reference, one, MODEL, observe(CONFIG, reference.profile.grid, one, MODEL))
    json.dumps(found.to_dict(), allow_nan=False)
    assert found.report.verdict == "stable"


def test_a_class_that_the_model_does_not_know_costs_the_most_and_has_no_realised_metrics() -> None:
    batch = orders(3, first=30)
    other = Table({**batch.columns, "late": np.array(["lost", *batch["late"].tolist()[1:]], dtype=object)})
    reference = trained(orders(30))
    counted = observe(CONFIG, reference.profile.grid, other, MODEL)
    assert counted.counts["(loss)"].maximum == pytest.approx(-np.log(LEAST_PROBABILITY))
    assert check_batch(CONFIG, reference, other, MODEL, counted).realised is None


def test_a_class_of_the_holdout_that_the_model_does_not_know_leaves_the_estimate_of_the_others() -> None:
    """As with snow in Seattle's weather (vega_datasets): it fell in the holdout only."""
    config, model = (
        parse_pipeline(TOML.replace("binary", "multiclass")),
        replace(MODEL, manifest={**MANIFEST, "positive": ""}),
    )
    table, batch = orders(30), orders(3, first=30, seed=1)
    table["late"][-5:] = "lost"
    reference = reference_of(config, table, np.arange(len(table)) >= 2 * len(table) // 3, model)
    assert reference.calibration is not None
    assert reference.calibration.classes == len(model.classes)
    found = check_batch(config, reference, batch, model, observe(config, reference.profile.grid, batch, model))
    assert found.estimated is not None
    assert found.estimated.estimated


def test_losses_are_log_losses_of_the_true_class_and_absolute_errors() -> None:
    predictions = np.array([[0.75, 0.25], [1.0, 0.0]])
    of_classes = Answers(np.array([1.0, 1.0]), ("no", "yes"), 1, (predictions,))
    assert losses(of_classes).tolist() == pytest.approx([np.log(4.0), np.log(1000.0)])
    of_numbers = Answers(np.array([3.0, -1.0]), (), 1, (np.array([[1.0], [1.5]]),))
    assert losses(of_numbers).tolist() == [2.0, 2.5]


def test_more_blocks_than_can_be_ranked_are_joined_in_order() -> None:
    rows = 3 * MAX_BLOCKS
    labels = np.array([f"user {row:04d}" for row in range(rows)], dtype=object)
    joined = unit_labels(replace(CONFIG, block="user", time=""), Table({BLOCK: labels}))
    assert joined is not None
    assert joined.tolist() == [labels[row - row % 3] for row in range(rows)]
    assert unit_labels(replace(CONFIG, time=""), Table({BLOCK: labels})) is None


def test_a_sample_is_spread_evenly_over_a_large_batch() -> None:
    reference = trained(orders(30, rows=400))
    assert len(reference.sample.codes) == 4000
    assert reference.sample.blocks is not None
    assert len(set(reference.sample.blocks)) == 30
    batch = orders(4, first=30, rows=CURRENT_ROWS // 2)
    joint = check_batch(
        CONFIG, reference, batch, MODEL, observe(CONFIG, reference.profile.grid, batch, MODEL)
    ).report.joint
    assert joint is not None


def test_rows_survive_as_text() -> None:
    codes = np.array([[0, 255], [63, 7]], dtype=np.uint8)
    for blocks in (None, ("monday", "tuesday")):
        again = RowSample.from_dict(json.loads(json.dumps(RowSample(("a", "b"), codes, blocks).to_dict())))
        assert again.codes.tolist() == codes.tolist()
        assert (again.names, again.blocks) == (("a", "b"), blocks)


@pytest.mark.parametrize(
    ("drifted", "began", "since_batch", "order"),
    [
        (False, None, None, None),
        (True, 37.0, 2, 37.0),  # within the batch that is checked
        (True, None, 0, 10.0),
        (True, None, 2, 30.0),
        (True, None, 3, 30.0),
        (True, None, None, 30.0),
    ],
)
def test_where_a_drift_began_is_its_row_or_the_beginning_of_its_batch(
    drifted: bool, began: float | None, since_batch: int | None, order: float | None
) -> None:
    reference, batch = trained(orders(30)), orders(4, first=30, seed=1)
    found = check_batch(CONFIG, reference, batch, MODEL, observe(CONFIG, reference.profile.grid, batch, MODEL))
    assert found.report.evidence is not None
    evidence = replace(found.report.evidence, since_batch=since_batch)
    report = replace(found.report, verdict="drifted" if drifted else "stable", evidence=evidence)
    assert replace(found, report=report, began=began).drift_began([10.0, 20.0, 30.0]) == order
