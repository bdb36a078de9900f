"""Replay runs the loop's own functions over history, and never lets a model see a row before it answers it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from contender.data.relatives import groups_of
from contender.drift.batch_check import check_batch, observe, reference_of
from contender.errors import InvalidInputError, TrainingFailedError
from contender.pipeline.config import PipelineConfig
from contender.pipeline.drift_policy import DriftPolicy
from contender.pipeline.promotion_policy import PromotionPolicy
from contender.pipeline.training_policy import TrainingPolicy
from contender.registry.candidate import Candidate, Predict
from contender.replay.arms import Arm, Trained, arms_of
from contender.replay.history import History, HistoryBatch
from contender.replay.moment import training_part
from contender.replay.report import Replay
from contender.replay.results import replay_of
from contender.replay.simulate import simulate
from contender.table import BLOCK, ORDER, Table
from contender.training.cost import fargate_usd

ROWS, DAYS = 200, 8


PROMOTION = PromotionPolicy(min_rows=20, min_blocks=2, n_resamples=100)


def training(**changes: Any) -> TrainingPolicy:
    """Nothing but drift is a reason to train, and none to wait, unless the changes say so."""
    only_drift = {"retrain_wait": 0.0, "retrain_loss_rise": 0.0, "suspect_batches": "train"}
    return TrainingPolicy(**{"holdout_blocks": 3} | only_drift | changes)


def config_of(**changes: Any) -> PipelineConfig:
    settings = {"training": training(), "promotion": PROMOTION} | changes
    return PipelineConfig(name="trial", task="regression", target="y", numeric=("row", "a"), **settings)


CONFIG = config_of(drift=DriftPolicy(ignore=("row",), min_effect_numeric=0.4))


@dataclass
class Levels:
    """A fake trainer: it predicts the mean of the target. It keeps what it was asked for and made, and complains when a
    model is asked about a row that it was trained on. After the first training it holds out `later` blocks. With
    `refit` what serves is the mean of all rows, and what is judged that of the rows before these blocks."""

    seconds: float = 120.0
    later: int = 3
    fails_after: int = 10**9
    refit: bool = False
    asked: list[tuple[PipelineConfig, frozenset[float]]] = field(default_factory=list)
    answered: int = 0
    made: list[Trained] = field(default_factory=list)

    def __call__(self, config: PipelineConfig, table: Table) -> Trained:
        self.asked.append((config, frozenset(table["row"].tolist())))
        if len(self.asked) > self.fails_after:
            raise TrainingFailedError("the estimator refuses; change its parameters")
        blocks = sorted(set(table[BLOCK].tolist()))
        newest = blocks[-(config.training.holdout_blocks if len(self.asked) == 1 else self.later) :]
        held = np.isin(table[BLOCK].astype(str), newest)
        older = table.select_rows(~held)
        manifest = {
            "classes": None,
            "positive": None,
            "baseline": {"prediction": [100.0]},
            "holdout": {
                "blocks": newest,
                "from_order": float(table[ORDER][held].min()),
                "through_order": float(table[ORDER][held].max()),
            },
            "trained_rows": len(older),
            "trained_through": float(older[ORDER].max()),
            "features": [],
        }
        judged = Candidate(manifest, self.mean_of(older))
        reference = reference_of(config, table, held, judged)
        self.made.append(Trained(judged, reference, self.seconds))
        if self.refit:
            seen = {name: manifest[name] for name in ("trained_rows", "trained_through", "features")}
            whole = {"trained_rows": len(table), "trained_through": float(table[ORDER].max())}
            served = Candidate({**manifest, **whole, "judged": seen}, self.mean_of(table))
            self.made[-1] = Trained(served, reference, self.seconds, judged)
        return self.made[-1]

    def mean_of(self, training: Table) -> Predict:
        """A model that predicts the mean of these rows' target, of other rows only."""
        known, mean = frozenset(training["row"].tolist()), float(training["y"].mean())

        def predict(rows: Table) -> NDArray[np.float64]:
            assert not known & set(rows["row"].tolist()), "asked about a row that it was trained on"
            self.answered += len(rows)
            return np.full((len(rows), 1), mean)

        return predict


def batch(number: int, level: float, *, refused: bool = False) -> HistoryBatch:
    """Eight days of 25 rows; the target and the feature `a` lie around `level`."""
    name = f"batch-{number:02d}"
    if refused:
        return HistoryBatch(name, ROWS, ROWS, "y is missing in 200 of 200 rows")
    random = np.random.default_rng(number)
    row = np.arange(number * ROWS, (number + 1) * ROWS, dtype=float)
    labels = np.array([f"day-{int(i // (ROWS // DAYS)):05d}" for i in row], dtype=object)
    a = level + random.normal(size=ROWS)
    table = Table({"row": row, "a": a, "y": a + random.normal(size=ROWS) / 10, ORDER: row, BLOCK: labels})
    return HistoryBatch(name, ROWS, 0, "", table)


def past(*levels: float | None) -> History:
    return History("8", tuple(batch(i, level or 0.0, refused=level is None) for i, level in enumerate(levels)))


CALM = (0.0,) * 6
SHIFT = (0.0, 0.0, 0.0, 4.0, 4.0, 4.0)


def run(history: History, train: Levels | None = None, config: PipelineConfig = CONFIG, **changes: Any) -> Replay:
    others = changes.pop("others", ())
    schedule = changes.pop("schedule", 3)
    arms = arms_of(config, others=others, schedule=schedule)
    return replay_of(simulate(history, arms, train=train or Levels(), **changes))


def verdicts(found: Replay, name: str) -> list[str]:
    return [step.verdict for arm in found.arms if arm.name == name for step in arm.steps]


def test_a_world_that_does_not_change_retrains_nothing() -> None:
    found = run(past(*CALM))
    assert verdicts(found, "contender") == ["first", *["skipped"] * 5]
    assert found.arms[0].retrains == 0
    assert found.arms[0].cost_usd == 0.0


def test_a_world_that_changes_is_noticed_and_the_better_model_promoted() -> None:
    found = run(past(*SHIFT))
    ours = found.arms[0]
    assert verdicts(found, "contender")[:4] == ["first", "skipped", "skipped", "promoted"]
    assert ours.steps[3].drift is not None
    assert "a" in ours.steps[3].drift.features
    assert ours.steps[3].judged is not None
    assert "wins" in ours.steps[3].judged.reason
    assert ours.steps[4].model == "batch-03"


def test_always_retrains_each_batch_after_the_first_champion() -> None:
    found = run(past(*CALM))
    assert verdicts(found, "always") == ["first", *["replaced"] * 5]
    assert found.arm("always").retrains == 5


def test_never_keeps_the_first_champion_for_good() -> None:
    found = run(past(*SHIFT))
    assert {step.model for step in found.arm("never").steps[1:]} == {"batch-00"}
    assert found.arm("never").retrains == 0


def test_arms_that_judge_nothing_serve_the_refit_and_their_scores_are_its() -> None:
    """The mean of all rows is one batch nearer to a world that rises than the mean without the newest days."""
    rising = past(*(float(level) for level in range(6)))
    plain, refitted = (run(rising, Levels(refit=refit)) for refit in (False, True))
    for kind in ("always", "schedule"):
        assert refitted.arm(kind).mean < plain.arm(kind).mean
    train = Levels(refit=True)
    always = run(rising, train).arm("always")
    assert always.steps[3].score is not None
    tables = [batch.table for batch in rising.batches]
    assert tables[3] is not None
    mean = float(np.mean(np.concatenate([table["y"] for table in tables[:3] if table is not None])))
    assert always.steps[3].score == pytest.approx(float(np.abs(tables[3]["y"] - mean).mean()))


def test_a_schedule_retrains_every_so_many_batches() -> None:
    found = run(past(*(0.0,) * 8), schedule=3)
    assert verdicts(found, "every 3") == ["first", "kept", "kept", "replaced", "kept", "kept", "replaced", "kept"]


def test_each_batch_is_scored_by_the_model_that_served_before_it_came() -> None:
    train = Levels()
    found = run(past(*SHIFT), train)
    for arm in found.arms:
        for before, step in pairwise(arm.steps):
            if before.verdict in ("first", "promoted", "replaced"):
                assert step.model == found.batches[before.batch].name
    assert train.answered > 0  # the fake complains about a row that it knows


@pytest.mark.slow  # trains many histories
@settings(max_examples=15)
@given(
    levels=st.lists(st.sampled_from([0.0, 0.0, 3.0, None]), min_size=4, max_size=9),
    window=st.integers(0, 3),
    start=st.integers(1, 2),
    refit=st.booleans(),
)
def test_no_row_is_ever_scored_by_a_model_trained_on_it(
    levels: list[float | None], window: int, start: int, refit: bool
) -> None:
    config = replace(CONFIG, training=training(window_batches=window))
    found = run(past(0.0, *levels, 0.0), Levels(refit=refit), config, start=start)
    used = sum(level is not None for level in (0.0, *levels, 0.0))
    assert found.arm("always").retrains == used - start
    assert [len(arm.steps) for arm in found.arms] == [len(levels) + 2] * len(found.arms)


def test_arms_share_their_trainings_and_each_is_charged_its_own() -> None:
    train = Levels(seconds=3600.0)
    found = run(past(*SHIFT), train)
    assert len(train.asked) == found.distinct_trainings == 6
    assert found.arm("always").training_seconds == 5 * 3600.0
    # One vCPU and 4 GiB for an hour: the prices of docs/cost.md.
    assert found.arm("always").cost_usd == pytest.approx(5 * (0.04048 + 4 * 0.004445))


@pytest.mark.slow  # trains a history twice
@settings(max_examples=8)
@given(levels=st.lists(st.sampled_from([0.0, 3.0]), min_size=4, max_size=6))
def test_the_cache_never_changes_a_result(levels: list[float]) -> None:
    """Each policy arm alone gives what it gives among others that share its trainings."""
    history = past(0.0, *levels)
    eager = replace(CONFIG, drift=DriftPolicy(min_effect_numeric=0.0, ignore=("row",)))
    together = run(history, others=[("eager", eager)])
    assert _comparable(together, "contender") == _comparable(run(history), "contender")
    assert _comparable(together, "eager") == _comparable(run(history, config=eager), "contender")


def _comparable(found: Replay, name: str) -> list[Any]:
    (arm,) = [arm for arm in found.arms if arm.name == name]
    return [(step.verdict, step.score, step.model, step.reason) for step in arm.steps]


def test_training_is_asked_for_without_what_decides_about_its_model() -> None:
    strict = replace(CONFIG, promotion=replace(PROMOTION, min_effect=0.3), name="other")
    assert training_part(strict) == training_part(CONFIG)
    assert training_part(replace(CONFIG, training=TrainingPolicy(seed=1))) != training_part(CONFIG)


def test_a_window_since_the_drift_leaves_out_what_came_before_it() -> None:
    train = Levels(later=2)
    config = replace(CONFIG, training=training(window="since_drift"))
    found = run(past(*SHIFT), train, config)
    drifted = next(step.batch for step in found.arms[0].steps if step.drift and step.drift.drifted)
    windows = [rows for asked, rows in train.asked if asked.training.window == "since_drift"]

    assert drifted == 3
    assert min(windows[0]) == 0.0
    assert {min(rows) for rows in windows[1:]} <= {0.0, 3.0 * ROWS}
    assert any(min(rows) == 3.0 * ROWS for rows in windows[1:])


def test_training_sees_the_window_that_the_loop_would_train_on() -> None:
    train = Levels()
    run(past(*CALM), train, replace(CONFIG, training=training(window_batches=2)))
    assert [(min(rows), max(rows)) for _, rows in train.asked][-1] == (4 * ROWS, 6 * ROWS - 1)


def test_a_refused_batch_is_in_quarantine_for_every_arm_and_in_no_training() -> None:
    train = Levels()
    found = run(past(0.0, None, 0.0, 0.0), train)
    assert {arm.steps[1].verdict for arm in found.arms} == {"quarantined"}
    assert found.batches[1].reason == "y is missing in 200 of 200 rows"
    assert not any(rows & set(range(ROWS, 2 * ROWS)) for _, rows in train.asked)


def test_the_start_waits_for_its_batches() -> None:
    found = run(past(*CALM), start=3)
    assert found.first == 2
    assert verdicts(found, "always")[:4] == ["waiting", "waiting", "first", "replaced"]
    assert found.scored == (3, 4, 5)


PATIENT = replace(CONFIG, promotion=replace(PROMOTION, rule="proven", min_rows=60))
"""A challenger that holds out two days of 25 rows cannot be told from the champion on them alone."""


def test_a_challenger_that_could_not_be_told_is_judged_again_with_the_next_batch() -> None:
    ours = run(past(*SHIFT), Levels(later=2), PATIENT).arms[0]
    assert [(step.verdict, step.trained) for step in ours.steps[3:5]] == [("inconclusive", True), ("promoted", False)]
    assert ours.steps[4].reason.startswith(
        "batch-03's challenger waited for more rows and was judged again on 250 rows (last time 50). "
        "The challenger wins"
    )
    assert "Second comparison since the last promotion" in ours.steps[4].reason
    assert (ours.steps[5].model, ours.replacements) == ("batch-03", 1)


CAREFUL = config_of(drift=CONFIG.drift, training=training(retrain_wait=0.1, suspect_batches="wait"))


def rows_asked(train: Levels) -> list[list[int]]:
    """The batches of each training."""
    return [sorted({int(row) // ROWS for row in rows}) for _, rows in train.asked]


def test_a_batch_that_looks_broken_is_left_out_where_the_next_one_is_as_before() -> None:
    train = Levels(later=2)
    ours = run(past(0.0, 0.0, 0.0, 9.0, 0.0, 0.0), train, CAREFUL).arms[0]

    assert (ours.steps[3].verdict, ours.steps[3].trained) == ("skipped", False)
    assert (
        ours.steps[3].reason
        == "Looks broken, waits for the next batch: 100 % of a is outside of everything seen before."
    )
    assert ours.steps[4].trained
    used = [rows for rows in rows_asked(train) if 4 in rows]
    assert [0, 1, 2, 4] in used  # the policy's own
    assert [0, 1, 2, 3, 4] in used  # always retraining takes what comes


def test_where_the_next_batch_is_like_it_the_data_has_changed_and_both_are_trained_on() -> None:
    train = Levels(later=2)
    ours = run(past(0.0, 0.0, 0.0, 9.0, 9.0, 9.0), train, CAREFUL).arms[0]

    assert [step.trained for step in ours.steps[3:5]] == [False, True]
    assert [0, 1, 2, 3, 4] in rows_asked(train)
    assert [0, 1, 2, 4] not in rows_asked(train)


def test_a_model_that_waited_serves_with_the_batches_since_its_training_behind_it() -> None:
    train = Levels(later=2)
    history = past(*SHIFT)
    ours = run(history, train, PATIENT).arms[0]
    model, tables = train.made[3], [batch.table for batch in history.batches]
    seen = [observe(PATIENT, model.reference.profile.grid, table, model.candidate) for table in tables[4:] if table]
    assert tables[5] is not None
    expected = check_batch(
        PATIENT, model.reference, tables[5], model.candidate, seen[1], earlier=seen[:1], answered=0
    ).report
    assert ours.steps[5].drift is not None
    assert (ours.steps[5].drift.reason, ours.steps[5].drift.drifted) == (expected.reason, expected.drifted)


def test_a_newer_challenger_takes_the_place_of_one_that_waits_on() -> None:
    """Nothing improves the error by the 99 % asked for, and in batch 4 the world moves on."""
    config = replace(CONFIG, promotion=replace(PROMOTION, rule="proven", min_rows=60, min_effect=0.99))
    ours = run(past(0.0, 0.0, 0.0, 4.0, 9.0, 9.0), Levels(later=2), config).arms[0]
    assert [(step.verdict, step.trained) for step in ours.steps[3:5]] == [
        ("inconclusive", True),
        ("inconclusive", True),
    ]
    assert "batch-03's challenger waited for more rows and was judged first" in ours.steps[4].reason


@pytest.mark.slow  # trains many histories
@settings(max_examples=10)
@given(
    levels=st.lists(st.sampled_from([0.0, 3.0, 6.0]), min_size=4, max_size=8),
    later=st.integers(1, 3),
    refit=st.booleans(),
)
def test_no_row_is_judged_on_by_a_model_trained_on_it_however_long_it_waited(
    levels: list[float], later: int, refit: bool
) -> None:
    found = run(past(0.0, *levels), Levels(later=later, refit=refit), PATIENT)
    steps = found.arms[0].steps
    assert found.arms[0].replacements == sum(step.verdict == "promoted" for step in steps)
    for before, step in pairwise(steps):
        assert before.verdict != "promoted" or before.trained or step.model != found.batches[before.batch].name


def test_a_failed_training_keeps_the_model_and_says_why() -> None:
    found = run(past(*SHIFT), Levels(fails_after=1))
    assert verdicts(found, "always") == ["first", *["failed"] * 5]
    assert "the estimator refuses" in found.arm("always").steps[1].reason
    assert verdicts(found, "contender")[3] == "failed"


def test_a_history_that_gives_no_champion_is_an_error_with_the_last_reason() -> None:
    with pytest.raises(InvalidInputError, match="no batch of 6 gave a first champion; last reason: the estimator"):
        run(past(*CALM), Levels(fails_after=0))


@pytest.mark.parametrize("start", [0, 6])
def test_a_start_outside_of_the_history_is_refused(start: int) -> None:
    with pytest.raises(InvalidInputError, match=f"from 1 to 5, so that a batch is left to score, but got {start}"):
        run(past(*CALM), start=start)


def test_a_policy_that_would_be_scored_on_other_rows_is_refused() -> None:
    other = replace(CONFIG, block_rows=7)
    with pytest.raises(InvalidInputError, match="policy mine differs from trial in block_rows"):
        arms_of(CONFIG, others=[("mine", other)])


def test_two_policies_of_one_name_are_refused() -> None:
    with pytest.raises(InvalidInputError, match="'always' is given more than once"):
        arms_of(CONFIG, others=[("always", CONFIG)])


def test_a_schedule_below_one_batch_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="schedule must be at least 1 batch, but got 0"):
        arms_of(CONFIG, schedule=0)


def test_the_mean_weighs_batches_by_rows_and_the_worst_is_the_largest_error() -> None:
    found = run(past(*SHIFT))
    never = found.arm("never")
    scores = [never.steps[i].score for i in found.scored]
    assert never.mean == pytest.approx(np.mean(scores))  # batches are of one size here
    assert never.worst == max(score for score in scores if score is not None)


def test_differences_are_to_always_retraining() -> None:
    found = run(past(*SHIFT))
    assert found.arm("always").difference is None
    for arm in found.arms:
        if arm.difference is not None:
            assert arm.difference.value == pytest.approx(arm.mean - found.arm("always").mean)


def test_the_headline_says_it_in_words() -> None:
    found = run(past(*CALM))
    ours, always = found.arms[0], found.arm("always")
    assert ours.difference is not None
    gap = f"{ours.difference.value:+.4f}".replace("-", "−")
    kept = found.trade_off.one("policy").kept
    assert kept is not None
    assert found.headline == (
        f"Contender keeps {kept:.0%} of the gain from always retraining, with 0 of 5 retrains; mean absolute error "
        f"{ours.mean:.4f} vs. {always.mean:.4f} ({gap}).".replace("% of", " % of")
    )


def test_progress_is_told_batch_by_batch() -> None:
    told: list[tuple[int, int, str]] = []
    run(past(*CALM), report=lambda done, total, name: told.append((done, total, name)))
    assert told[0] == (0, 6, "batch-00")
    assert told[-1] == (6, 6, "")


def test_the_result_is_json() -> None:
    content: Mapping[str, Any] = json.loads(json.dumps(run(past(*SHIFT)).to_dict(), allow_nan=False))
    assert [arm["name"] for arm in content["arms"]] == ["contender", "always", "every 3", "never"]


def test_a_short_training_is_billed_a_minute() -> None:
    assert fargate_usd(CONFIG, 1.0) == fargate_usd(CONFIG, 60.0)


def _arm_names(arms: Sequence[Arm]) -> list[str]:
    return [arm.name for arm in arms]


def test_the_pipelines_own_policy_comes_first() -> None:
    assert _arm_names(arms_of(CONFIG, others=[("b", CONFIG)], schedule=1)) == [
        "contender", "b", "always", "every batch", "never",
    ]  # fmt: skip
    assert arms_of(CONFIG)[0].kind == "policy"


class LearnsGroups(Levels):
    """Says of what groups the rows were that it learned."""

    def __call__(self, config: PipelineConfig, table: Table) -> Trained:
        made = super().__call__(config, table)
        older = table.select_rows(table[ORDER] <= made.candidate.manifest["trained_through"])
        candidate = replace(made.candidate, groups=groups_of(older, config.group))
        self.made[-1] = replace(made, candidate=candidate)
        return self.made[-1]


def test_a_replay_judges_no_model_on_rows_of_groups_that_it_learned_and_counts_them() -> None:
    """Each fifth row is of a regular customer, the others of customers of the day."""
    batches = []
    for each in past(*SHIFT).batches:
        assert each.table is not None
        customers = np.where(np.arange(ROWS) % 5 == 0, "regular", each.table[BLOCK].astype(str)).astype(object)
        batches.append(replace(each, table=Table({**each.table.columns, "customer": customers})))
    found = run(History("8", tuple(batches)), LearnsGroups(), replace(CONFIG, group="customer"))
    judged = [step.judged for step in found.arms[0].steps if step.judged is not None]
    assert judged
    for step in judged:
        assert step.reason.endswith("rows left out: their customer is in the training rows.")
    assert "15 of 75 rows left out" in judged[0].reason
