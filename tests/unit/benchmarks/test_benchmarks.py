"""The benchmarks' own machinery: figures, rendering, the exit code, and the harness. No peer is needed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from benchmarks import calibration, function_bundle, speed
from benchmarks.__main__ import PARTS, main
from benchmarks.calibration import Entrant, interval_of
from benchmarks.environments import CONTENDER, CONTESTANTS, EVIDENTLY, PEERS, SCIPY, WHYLOGS, Contestant
from benchmarks.evidence import write_section
from benchmarks.frames import SCENARIOS, Batch, Edit, Group
from benchmarks.parts import Figure, Part
from benchmarks.peers import harness
from benchmarks.tables import markdown_table, number, seconds

COLUMNS = harness.Columns(numeric=("delay",), categorical=("carrier",), chunk_rows=200)


def part(*values: float) -> Part:
    """A part whose figures hold for values up to 1."""
    figures = [Figure(f"figure {place}", value, 1.0, "at most") for place, value in enumerate(values)]
    return Part("A part", "python -m benchmarks", "| a |\n| --- |\n| b |", figures)


def measures(*found: Part) -> dict[str, Callable[..., Part]]:
    return {name: lambda made=made, **_asked: made for name, made in zip(PARTS, found, strict=False)}


def frame(rows: int, *, seed: int = 0) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    carriers = pd.Categorical(random.choice(["AA", "UA"], rows), categories=["AA", "UA"])
    return pd.DataFrame({"delay": random.normal(size=rows), "carrier": carriers})


def harness_task(folder: Path, contestant: Contestant) -> dict[str, Any]:
    """What the runner tells the harness about frames of one numeric and one categorical column."""
    rows = np.arange(1000)
    unmoved = Batch("unmoved", np.arange(1000, 1200))
    moved = Batch("moved", np.arange(1000, 1200), Edit("delay", np.arange(1000, 1200), add=3.0))
    for name, size in (("frame", 1200), ("batch", 200)):
        frame(size, seed=1).to_parquet(folder / f"{name}.parquet")
    return {
        "contestant": contestant.folder,
        "frame": str(folder / "frame.parquet"),
        "reference": str(folder / "frame.parquet"),
        "batches": {"small": str(folder / "batch.parquet")},
        "groups": [Group(rows, (unmoved, moved)).write(folder / "rows.npz")],
        "numeric": COLUMNS.numeric,
        "categorical": COLUMNS.categorical,
        "chunk_rows": COLUMNS.chunk_rows,
        "repeat": 2,
        "seconds": 10.0,
        "trace": True,
    }


@pytest.mark.parametrize(("value", "better", "holds"), [(1.0, "at most", True), (1.1, "at most", False)])
def test_a_figure_holds_up_to_its_bound(value: float, better: Any, holds: bool) -> None:
    assert Figure("time", value, 1.0, better).holds is holds
    assert Figure("time", -value, -1.0, "at least").holds is holds


def test_what_could_not_be_measured_holds_no_bound() -> None:
    assert not Figure("time", np.nan, 1.0, "at most").holds
    assert not Figure("power", np.nan, 0.0, "at least").holds


def test_a_missed_figure_is_the_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    everything = [part(0.5) for _ in PARTS]
    assert main([], measures(*everything)) == 0
    assert main([], measures(part(0.5, 2.0), *everything[1:])) == 1
    assert "MISSED: figure 1: 2 (at most 1)" in capsys.readouterr().out


def test_only_the_parts_that_were_asked_for_run() -> None:
    assert main(["--only", PARTS[1]], measures(part(2.0), part(0.5))) == 0


def test_json_has_figures_tables_and_the_machine(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--only", PARTS[0], "--json"], measures(part(2.0)))
    told = json.loads(capsys.readouterr().out)
    assert told["parts"][PARTS[0]]["figures"][0]["holds"] is False
    assert "cores" in told["machine"]


def test_a_section_is_replaced_and_the_others_stay(tmp_path: Path) -> None:
    page = tmp_path / "evidence.md"
    for name, value in (("second", 0.25), ("first", 0.5), ("second", 0.75)):
        write_section(page, name, part(value), order=("first", "second"))
    text = page.read_text()
    assert text.index("0.5 (at most 1)") < text.index("0.75 (at most 1)")
    assert "0.25" not in text
    assert text.count("## A part") == 2
    assert "Measured with `python -m benchmarks` on " in text


def test_a_table_has_a_rule_under_its_header() -> None:
    assert markdown_table(["a", "b"], [["1", "2"]]) == "| a | b |\n|---|---:|\n| 1 | 2 |"


def test_numbers_are_short() -> None:
    assert [number(value) for value in (0.0, 0.00012, 0.1234)] == ["0", "1.2e-04", "0.123"]
    assert [seconds(value) for value in (0.0001, 0.0052, 0.123, 2.51, 121.4)] == [
        "–",
        "0.0052 s",
        "0.123 s",
        "2.51 s",
        "121 s",
    ]


def test_every_peer_is_pinned_with_all_that_it_pulls_in() -> None:
    for peer in CONTESTANTS:
        assert (PEERS / peer.folder / "check.py").exists()
        if peer.package:
            pins = (PEERS / peer.folder / "requirements.txt").read_text().splitlines()
            assert peer.version
            assert all("==" in pin for pin in pins)


def test_an_edited_batch_takes_values_from_other_rows_and_adds() -> None:
    rows = frame(10)
    batch = Batch("moved", np.array([0, 1]), Edit("delay", np.array([5, 6]), add=1.0)).of(rows)
    assert batch["delay"].tolist() == (rows["delay"][[5, 6]] + 1.0).tolist()
    assert batch["carrier"].tolist() == rows["carrier"][:2].tolist()


def test_the_harness_makes_the_same_batch_as_the_runner(tmp_path: Path) -> None:
    rows = frame(50)
    batch = Batch("moved", np.array([3, 4, 5]), Edit("delay", np.array([7, 8, 9]), add=0.5))
    told = Group(np.arange(2), (batch,)).write(tmp_path / "rows.npz")
    made = harness._batch(rows, np.load(tmp_path / "rows.npz"), 0, told["batches"][0])
    pd.testing.assert_frame_equal(made, batch.of(rows))


@pytest.mark.parametrize("contestant", [CONTENDER, SCIPY], ids=lambda contestant: contestant.name)
def test_a_shift_of_three_deviations_alarms_and_no_shift_does_not(tmp_path: Path, contestant: Contestant) -> None:
    rule = next(iter(harness.rules_of(contestant.folder).values()))
    answers = harness.count_alarms(rule, harness_task(tmp_path, contestant))
    assert [(answer["batch"], answer["verdict"]) for answer in answers] == [("unmoved", False), ("moved", True)]


def test_the_harness_times_fit_and_check_and_watches_memory(tmp_path: Path) -> None:
    rule = harness.rules_of(SCIPY.folder)["KS + chi-square, Holm"]
    measured = harness.measure_speed(rule, harness_task(tmp_path, SCIPY))["batches"]["small"]
    assert measured["times"] == 2
    assert measured["check_s"] > 0.0
    assert measured["rss_mb"] >= 0.0
    assert measured["traced_mb"] > 0.0


def test_an_alarm_is_any_feature_or_the_verdict() -> None:
    answers = [{"flagged": 2, "verdict": False}, {"flagged": 0, "verdict": True}, {"flagged": 0, "verdict": None}]
    assert Entrant(SCIPY, "rule").alarms(answers) == [True, False, False]
    assert Entrant(SCIPY, "rule", "verdict").alarms(answers) == [False, True, False]


def test_the_interval_of_a_rate_is_clopper_and_pearsons() -> None:
    # With no event in n trials the upper end is 1 - 0.025 ** (1 / n).
    assert interval_of(0, 60) == pytest.approx((0.0, 1.0 - 0.025 ** (1.0 / 60.0)))


def test_of_two_measurements_the_best_times_and_the_most_memory_count() -> None:
    first = {"fit_s": 2.0, "batches": {"small": {"check_s": 0.3, "times": 7, "rss_mb": 1.0}}}
    second = {"fit_s": 1.0, "batches": {"small": {"check_s": 0.4, "times": 3, "rss_mb": 5.0}}}
    best = {"fit_s": 1.0, "batches": {"small": {"check_s": 0.3, "times": 7, "rss_mb": 5.0}}}
    assert speed._better(first, second) == best
    assert speed._better("failed", second) == second
    assert speed._better(first, "failed") == first


def test_who_is_ahead_of_contender_is_named() -> None:
    measured = {"check_s": 0.3, "times": 7, "rss_mb": 5.0}
    ours = {"fit_s": 1.0, "batches": {"small": measured}}
    faster = {"fit_s": 1.5, "batches": {"small": {**measured, "check_s": 0.2}}}
    keeps_rows = {"fit_s": 0.0, "batches": {"small": {**measured, "rss_mb": 6.0}}}
    found = {"Contender": ours, "faster": faster, "keeps rows": keeps_rows, "broken": "failed"}
    assert speed._better_peers(found) == "Ahead of Contender: faster (check of the small batch)."
    assert speed._better_peers({"Contender": ours, "keeps rows": keeps_rows}) == "Ahead of Contender: nobody."
    assert speed._better_peers({"Contender": "failed", "faster": faster}) == ""


def answers(experiment: dict[str, tuple[int, int]]) -> list[dict[str, Any]]:
    """So many alarms of so many trials, by scenario."""
    return [
        {"batch": name, "flagged": int(trial < alarms), "verdict": trial < alarms}
        for name, (alarms, trials) in experiment.items()
        for trial in range(trials)
    ]


def test_a_peer_that_sees_more_and_keeps_the_rate_is_named_and_one_that_always_alarms_is_not() -> None:
    calm, shift = SCENARIOS[0], SCENARIOS[1]
    experiment = {
        (CONTENDER, "independent rows"): answers({calm: (1, 40), shift: (20, 40)}),
        (CONTENDER, "with the domain classifier"): answers({calm: (1, 40), shift: (10, 40)}),
        (EVIDENTLY, "default"): answers({calm: (40, 40), shift: (40, 40)}),
        (SCIPY, "KS + chi-square, Holm"): answers({calm: (2, 40), shift: (30, 40)}),
        (WHYLOGS, "default"): answers({calm: (0, 2), shift: (2, 2)}),
    }
    told = calibration._better_peers({500: experiment})
    assert told.endswith(f": scipy, KS + chi-square, Holm ({shift}, 500 rows: 75 % against 50 %).")
    del experiment[SCIPY, "KS + chi-square, Holm"]
    assert calibration._better_peers({500: experiment}).endswith(": nobody.")


def test_a_smoke_run_judges_no_figure(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--smoke"], measures(*[part(2.0) for _ in PARTS])) == 0
    assert "MISSED" in capsys.readouterr().out


def test_what_a_peer_replaces_of_ours_is_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no longer at .*onnx_model\.py"):
        function_bundle._replace(PEERS / "lambda_sklearn" / "onnx_model.py", tmp_path / function_bundle.REPLACED)

    assert (function_bundle.ROOT / function_bundle.REPLACED).is_file()
