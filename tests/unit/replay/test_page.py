"""A replay's page stands alone, is well made, and shows hostile names as text."""

from __future__ import annotations

from dataclasses import replace

import pytest

from contender.replay.page import page
from contender.replay.prequential import Difference
from contender.replay.recommendation import Recommendation
from contender.replay.report import ArmResult, BatchSeen, DriftSeen, Judged, Replay, Step
from contender.replay.trade_off import Point, TradeOff
from contender.reports.line_chart import Plot, spread, ticks
from tests.html import read, stands_alone

HOSTILE = '"><script>alert(1)</script><b onload=x>&amp;'


LOSSES = {"contender": 0.42, "always": 0.4, "every 3": 0.46, "never": 0.5}


def trade_off() -> TradeOff:
    points = [
        Point("contender", "policy", 2, 0.42, 0.8, 0.005, 40.0, interval=(0.6, 1.1)),
        Point("always", "always", 4, 0.4, 1.0, 0.01, 50.0),
        Point("never", "never", 0, 0.5, 0.0, 0.0, 0.0),
        *(Point(f"every {k}", "calendar", 4 // k, 0.5 - 0.1 / k, 1 / k, 0.01 / k, 45.0 / k, each=k) for k in (2, 3, 4)),
        *(
            Point("best in hindsight", "hindsight", n, 0.4, kept, 0.0, 1.0, after=tuple(f"b{i}" for i in range(n)))
            for n, kept in enumerate((0.0, 0.7, 1.05, 1.05))
        ),
    ]
    return TradeOff("log loss", 400, Difference(0.1, 0.05, 0.15), tuple(points), 1.25)


def arm(name: str, kind: str, scores: list[float | None], *, verdicts: list[str]) -> ArmResult:
    steps = []
    for i, (score, verdict) in enumerate(zip(scores, verdicts, strict=True)):
        drift = DriftSeen(verdict != "skipped", f"reason {i}", ("a",), 10.0**i, 1460.0) if kind == "policy" else None
        judged = Judged("wins", "it is better", 0.01, 0.0, 0.02, 0.002)
        steps.append(
            Step(i, verdict, f"because of {i}", score, "b0", verdict != "skipped", 5.0, drift, judged)  # type: ignore[arg-type]
        )
    difference = None if kind == "always" else Difference(-0.01, -0.02, 0.0)
    loss = LOSSES["contender" if kind == "policy" else name]
    return ArmResult(name, kind, tuple(steps), 2, 1, 0.85, 0.8, "b1", difference, loss, 10.0, 0.005)  # type: ignore[arg-type]


def example(name: str = "contender", batch: str = "b", **changes: object) -> Replay:
    verdicts = ["first", "skipped", "promoted", "retained", "inconclusive"]
    found = Replay(
        pipeline="trial",
        description="A trial",
        metric="auc",
        metric_title="AUC",
        greater_is_better=True,
        every="month",
        first=0,
        scored=(1, 2, 3, 4),
        unplaced=3,
        batches=tuple(BatchSeen(f"{batch}{i}", 100, 2, 5, True, "2 × y (row 1: y is missing)") for i in range(5)),
        arms=(
            arm(name, "policy", [None, 0.8, 0.85, 0.9, 0.85], verdicts=verdicts),
            arm("always", "always", [None, 0.8, 0.9, 0.9, 0.86], verdicts=["first", *["replaced"] * 4]),
            arm("every 3", "schedule", [None, 0.8, 0.8, 0.9, 0.85], verdicts=["first", *["kept"] * 3, "replaced"]),
            arm("never", "never", [None, 0.8, 0.7, 0.7, 0.7], verdicts=["first", *["kept"] * 4]),
        ),
        distinct_trainings=5,
        trade_off=replace(trade_off(), points=(replace(trade_off().points[0], name=name), *trade_off().points[1:])),
        recommendation=Recommendation(name, f"Recommended: policy {name}."),
    )
    return replace(found, **changes)  # type: ignore[arg-type]


def test_the_page_is_well_formed_and_asks_nobody_for_anything() -> None:
    text = page(example())
    stands_alone(text)


def test_every_picture_is_named_and_described_by_something_that_is_there_once() -> None:
    found = read(page(example()))
    assert len(found.ids) == len(set(found.ids))
    assert set(found.described) == set(found.ids)
    assert len(found.ids) >= 2 * (2 + 4 * 2 + 2 + 2)


def test_the_page_says_what_happened_in_words_and_with_every_reason() -> None:
    found = read(page(example()))
    assert (
        "Contender keeps 80 % of the gain from always retraining, with 2 of 2 retrains; AUC 0.8500 vs. 0.8500 "
        "(−0.0100)." in found.text.replace("\N{NO-BREAK SPACE}", " ")
    )
    for i in range(5):
        assert f"because of {i}" in found.text
    assert "3 rows without a readable time excluded." in found.text
    assert "y is missing" in found.text


def test_kept_is_shown_for_every_policy_calendar_and_number_of_retrains() -> None:
    found = read(page(example()))
    assert "Recommended: policy contender." in found.text
    assert "80 % (60 % to 110 %)" in " ".join(found.text.split())
    assert "0.5 − 0.4 = 0.1, 95 % CI 0.05 to 0.15" in found.text
    for name in ("every 2", "every 3", "every 4", "b0, b1, b2"):
        assert name in found.text
    assert "contender: 2 retrains, 80 % kept" in found.text
    assert "best in hindsight: 2 retrains, 105 % kept, after b0, b1" in found.text


def test_dollars_are_shown_where_an_error_has_a_price() -> None:
    found = read(page(example())).text
    assert "$40" in found
    assert "at $1.25 for one unit of log loss in one row, less the cost of the retrains" in found
    free = replace(trade_off(), error_usd=None, points=tuple(replace(p, saved_usd=None) for p in trade_off().points))
    assert "saved" not in read(page(example(trade_off=free))).text


def test_where_retraining_gains_nothing_there_is_no_chart_of_it() -> None:
    nothing = replace(trade_off(), points=tuple(replace(p, kept=None, interval=None) for p in trade_off().points))
    text = page(example(trade_off=nothing))
    assert "All calendars" in text
    assert "Kept (%) against retrains" not in text
    assert "Contender: 2 of 2 retrains; AUC 0.8500 vs. 0.8500 (−0.0100)." in read(text).text


def test_verdicts_are_told_apart_by_shape_and_by_word() -> None:
    text = page(example())
    for word in ("first champion", "skipped", "promoted", "champion kept", "inconclusive"):
        assert word in text


def test_both_colour_schemes_and_both_widths_are_there() -> None:
    text = page(example())
    assert "prefers-color-scheme: dark" in text
    assert 'class="wide"' in text
    assert 'class="narrow"' in text


def test_hostile_names_are_text() -> None:
    hostile = example(name=HOSTILE, batch=HOSTILE, pipeline=HOSTILE, description=HOSTILE, metric_title=HOSTILE)
    found = read(page(hostile))
    assert "script" not in found.tags
    assert HOSTILE in found.text


@pytest.mark.parametrize("gaps", [False, True])
def test_a_page_of_one_scored_batch_and_of_equal_scores_is_drawn(gaps: bool) -> None:
    flat = example(scored=(2,))
    arms = tuple(
        replace(a, steps=tuple(replace(s, score=None if gaps and s.batch != 2 else 0.5) for s in a.steps))
        for a in flat.arms
    )
    text = page(replace(flat, arms=arms))
    read(text)
    assert "nan" not in text.lower().replace("nanny", "")


def test_the_same_replay_gives_the_same_page() -> None:
    assert page(example()) == page(example())


def test_labels_are_moved_apart_and_stay_in_order() -> None:
    moved = spread([50.0, 49.0, 51.0, 10.0], 15.0, 0.0, 100.0)
    assert sorted(moved) == [10.0, 35.0, 50.0, 65.0]
    assert moved[1] < moved[0] < moved[2]


def test_labels_at_the_edge_stay_inside() -> None:
    assert spread([99.0, 100.0], 15.0, 0.0, 100.0) == [85.0, 100.0]


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (-0.02, 0.003), (5.0, 5.0), (0.0, 12345.0)])
def test_ticks_are_round_and_within(low: float, high: float) -> None:
    found = ticks(low, high)
    assert all(low - 1e-9 <= tick <= high + 1e-9 for tick in found)
    assert len(found) <= 11


def test_a_line_is_broken_where_a_score_is_missing() -> None:
    plot = Plot(["a", "b", "c", "d", "e"], 0.0, 1.0)
    assert plot.line([(0.0, 0.1), (1.0, 0.2), (2.0, None), (3.0, 0.3), (4.0, 0.4)], "p1").count("M") == 2
    assert plot.line([(0.0, None)], "p1") == ""
