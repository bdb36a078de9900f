"""What days show of an experiment, how long one takes, and how it is kept."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contender.errors import InvalidInputError
from contender.rollout.experiments.evidence import Aim, judge
from contender.rollout.experiments.experiment import Experiment
from contender.rollout.experiments.plan import DaySpread, Plan, plan
from contender.rollout.paired_losses import PairedLosses

AIM = Aim(0.02, relative=False, error_rate=0.05)
# Student's sleep data (1908): hours that two soporifics gained ten patients, the second minus the first.
SLEEP = (1.2, 2.4, 1.3, 1.3, 0.0, 1.0, 1.8, 0.8, 4.6, 1.4)


def day(mean: float, rows: int = 100, loss: float = 0.5) -> PairedLosses:
    return PairedLosses(rows, rows * mean, rows * (mean * mean + 0.01), rows * loss, rows * loss, rows * mean * loss)


means = st.lists(st.integers(-80, 80).map(lambda each: each / 1000.0), min_size=2, max_size=30)


@given(means)
def test_the_two_models_changed_about_change_better_and_worse_about(found: list[float]) -> None:
    one, other = judge([day(mean) for mean in found], AIM), judge([day(-mean) for mean in found], AIM)
    turned = {"better": "worse", "worse": "better"}
    assert other.verdict == turned.get(one.verdict, one.verdict)


@given(means, st.floats(0.5, 4.0))
def test_a_verdict_about_fractions_of_the_loss_does_not_depend_on_its_unit(found: list[float], unit: float) -> None:
    aim = replace(AIM, relative=True)
    days = [day(mean) for mean in found]
    scaled = [
        replace(each, difference_sum=unit * each.difference_sum, champion_sum=unit * each.champion_sum) for each in days
    ]
    assert judge(scaled, aim).low == pytest.approx(judge(days, aim).low)


def test_students_soporifics_differ_at_a_fixed_look_and_at_every_look() -> None:
    # The published t is 4.06 (p = 0.003); the bound of ten blocks at 5 % for all looks is 3.92.
    found = judge([day(hours, rows=1) for hours in SLEEP], AIM)
    assert (found.verdict, found.difference) == ("worse", pytest.approx(1.58))
    assert found.low is not None
    assert 0.0 < found.low < 0.70  # the published 95 % interval of a single look begins at 0.70


def test_three_rows_and_days_without_labels_show_nothing() -> None:
    assert judge([], AIM).verdict == ""
    assert judge([day(0.5, rows=3)], AIM).verdict == ""
    assert judge([PairedLosses(), day(0.1), PairedLosses()], AIM).days == 1


@given(st.integers(5, 90), st.floats(1.0, 1e6), st.floats(0.0, 2.0), st.floats(0.0, 0.2))
def test_more_labels_never_need_more_days(days: int, labels: float, row: float, own: float) -> None:
    def planned(labels_a_day: float) -> Plan:
        spread = DaySpread(row, own, "")
        return plan(AIM, days=days, labels_a_day=labels_a_day, wait_days=1, spread=spread)

    few, many = planned(labels), planned(2.0 * labels)
    assert (many.days_needed or 91) <= (few.days_needed or 91)
    assert few.detectable is not None
    assert many.detectable is not None
    assert many.detectable <= few.detectable
    assert Plan.from_dict(json.loads(json.dumps(few.to_dict()))) == few


def test_days_that_differ_are_not_made_up_for_by_labels() -> None:
    many, more = (
        plan(AIM, days=14, labels_a_day=labels, wait_days=1, spread=DaySpread(0.3, 0.03, "")).days_needed
        for labels in (1e6, 1e9)
    )
    assert many == more
    assert more is not None
    assert more > 40


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"aim": 3}', b"null", b"\xff", b"[" * 100_000])
def test_bytes_that_are_no_experiment_say_so(body: bytes) -> None:
    with pytest.raises(InvalidInputError, match="that are no experiment"):
        Experiment.from_json(body)
