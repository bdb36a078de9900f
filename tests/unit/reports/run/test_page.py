"""The report of a run gives verdict, reason and next step of every ending, from old, new and broken files."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from contender.formatting import difference as improvement_in_words
from contender.formatting import figure
from contender.ports import ApprovalRequest
from contender.reports.run.charts import difference
from contender.reports.run.cost import costs
from contender.reports.run.evidence import RunEvidence, gather
from contender.reports.run.page import page
from contender.reports.run.summary import TONES, headline, next_step, serving_change, stages
from contender.workflow.messages import Verdict
from contender.workflow.outcome import NEXT_STEPS
from contender.workflow.run_folder import RunFolder
from tests.fakes import MemoryObjects
from tests.html import Reader, stands_alone
from tests.ran import ENDINGS, HOSTILE, NEW, OLD, comparison, drift, failed, nowhere, promoted, record, retained
from tests.unit.reports.card.samples import CHOICE

COMPARED, _ = comparison(skill=0.7)
METRIC = COMPARED["metric_title"]
BEFORE, AFTER = figure(COMPARED["champion"]), figure(COMPARED["challenger"])
NOWHERE: dict[str, Any] = record("failed", "x", champion_before=None, champion_after=None)


def report(run: RunEvidence) -> Reader:
    text = page(run)
    assert "cannot be shown" not in text
    return stands_alone(text)


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_report_stands_alone_whatever_names_hold(ending: str) -> None:
    found = report(ENDINGS[ending]())
    assert "prefers-color-scheme: dark" in page(ENDINGS[ending]())
    # A file is shown by what follows the last slash of its key.
    plain = ("retained", "not rolled back")
    assert ending in plain or (HOSTILE.rpartition("/")[2] if ending == "nowhere" else HOSTILE) in found.text


@pytest.mark.parametrize(
    ("ending", "said", "at_a_glance"),
    [
        (
            "promoted",
            f"Approved by Ada {HOSTILE} and promoted: {METRIC} {AFTER} vs. {BEFORE}.",
            ["1,500 rows, 12 rejected", "amount, prediction and 2 more", "1,200 rows in 42 s",
             "challenger better", "new model"],
        ),
        (
            "retained",
            "Champion kept: the challenger is not better.",
            ["1,500 rows, 12 rejected", "no drift", "1,200 rows in 42 s", "challenger not better", "unchanged"],
        ),
        (
            "failed",
            "Run failed in training; the same model keeps serving.",
            ["1,500 rows, 12 rejected", "amount, prediction and 2 more", "failed", "not run", "unchanged"],
        ),
        (
            "quarantined",
            "Upload quarantined: it violates the data contract.",
            ["quarantined", "not tested", "not run", "not run", "unchanged"],
        ),
        (
            "nowhere",
            "Run failed before reading any data; the same model keeps serving.",
            ["the run failed here", "not tested", "not run", "not run", "unchanged"],
        ),
        (
            "rolled back before",
            "Champion kept, although the challenger was better on the holdout.",
            ["1,500 rows, 12 rejected", "amount, prediction and 2 more", "1,200 rows in 42 s",
             "challenger better", "unchanged"],
        ),
        (
            "undecided",
            "Challenger rolled back: inconclusive on live requests within the time limit.",
            ["1,500 rows, 12 rejected", "amount, prediction and 2 more", "1,200 rows in 42 s",
             "challenger better", "previous model"],
        ),
        (
            "long names",
            f"Approved by Ada {HOSTILE} and promoted: {METRIC} {AFTER} vs. {BEFORE}.",
            ["45,000 rows, 12 rejected", "…channel, …channel_too and 1 more",
             "1,200 rows in 42 s", "challenger better", "new model"],
        ),
    ],
)  # fmt: skip
def test_one_sentence_and_the_loop_at_a_glance_say_how_it_ended(ending: str, said: str, at_a_glance: list[str]) -> None:
    run = ENDINGS[ending]()
    assert headline(run) == said
    assert [stage.said for stage in stages(run)] == at_a_glance
    assert said in report(run).text


def test_users_are_told_what_changed_for_them_and_the_auditor_which_versions() -> None:
    text = report(promoted()).text
    assert f"A new model serves.{OLD} → {NEW}" in text
    assert f"Unchanged: the same model serves.{OLD}" in report(failed()).text
    first = record("promoted", "first", champion_before=None, champion_after=NEW)
    assert serving_change(RunEvidence(first)) == "The first model serves."
    assert serving_change(RunEvidence(NOWHERE)) == "No model serves yet."
    for part in ("8b2e41c7-1111-2222", "69c52ccada5ec015", "c3b9b34bc8d60e32", "3f1b322251b0e5c1", "runs/shop/"):
        assert part in text


def test_the_reason_leads_without_the_versions_that_stand_below_it() -> None:
    run = promoted()
    lead = page(run).partition('class="lead">')[2].partition("</p>")[0]
    assert lead.startswith("The challenger wins: ")


def test_uploads_are_listed_with_their_fate_and_its_reason() -> None:
    text = report(promoted()).text
    assert "1,500 rows in 2 files; 12 rows rejected; 1 file quarantined." in text
    for part in ("12 × amount (row 3: amount is missing)", f"column {HOSTILE} is missing", "4fb731d0.csv"):
        assert part in text
    assert "The run ended before reading these files." in report(nowhere()).text


def test_what_drifted_is_drawn_before_and_now() -> None:
    found = drift(dearer=12.0)
    text = page(promoted())
    assert text.count('class="line before"') == 1 + sum(each["kind"] == "numeric" for each in found["histograms"])
    for name in found["drifted_features"]:
        assert f"<b>{name}</b><span" in text
    assert "never seen" not in text  # the hostile carrier is in the reference as well
    calm = page(retained())
    assert "No drift detected: largest changes" in calm
    assert "drifted</span>" not in calm


@pytest.mark.parametrize(("strongest", "said"), [("joint", "multivariate drift"), ("amount up", "amount up")])
def test_the_largest_contribution_to_the_evidence_is_named(strongest: str, said: str) -> None:
    run = promoted()
    found = run.report("drift")
    evidence = found["evidence"] | {"strongest": strongest, "since": "2026-02-10"}
    text = page(replace(run, reports={**run.reports, "drift": found | {"evidence": evidence}}))
    assert f"Largest contribution: {said} since 2026-02-10." in text


def test_the_difference_is_drawn_beside_what_was_asked_for_and_every_check_is_named() -> None:
    compared, text = COMPARED, page(promoted())
    assert "required for promotion" in text
    improvement = improvement_in_words(compared["difference"], compared["low"], compared["high"], confidence=0.95)
    assert f"<b>Better</b> {METRIC} {AFTER} vs. {BEFORE} ({improvement})" in text
    for name in ("enough data", "no slice worse", "latency within limit"):
        assert text.count(f"{name}") >= 2  # at a glance and with its reason
    assert compared["slices_no_worse"]["slices"][0]["reason"] in text
    assert "ROC curve" in text
    assert "Confusion matrix of the champion" in text


def test_a_check_that_stands_in_the_way_is_shown_with_its_reason_at_once() -> None:
    text = page(retained())
    assert text.index("no slice worse</b>") < text.index("All guards with reasons")


def test_training_rehearsal_approval_and_canary_are_told() -> None:
    text = report(promoted()).text
    for part in (
        "trained on 1,200 rows, judged on 300 newer rows in 7 blocks, then refitted on all 1,500 rows",
        "Duration42 sPeak memory612 MiB",
        "from a checkpoint of an earlier attempt",
        "40 trials in 25 s: auc 0.913 vs. 0.905 by default. Best: learning_rate 0.0532, num_leaves 23.",
        "Overfitting: training vs. holdout",
        "Rehearsal",
        "looks right",
        "10 interim looks in 10 min, the last one: passed.",
    ):
        assert part in text


def test_a_run_costs_what_its_training_took_and_what_every_run_takes() -> None:
    # docs/cost.md: three large functions at $0.0005, small ones $0.0001, machine $0.0005, requests $0.0005.
    assert [(name, usd) for name, _, usd in costs(promoted())] == [
        ("training", 0.00097),
        ("Lambda functions", pytest.approx(0.0016)),
        ("Step Functions, DynamoDB, S3", pytest.approx(0.001)),
    ]
    assert [name for name, _, _ in costs(failed())] == ["Lambda functions", "Step Functions, DynamoDB, S3"]
    assert "The failed training is not included: its duration is unknown." in report(failed()).text
    reused = promoted()
    training = reused.report("training") | {"reused": True}
    assert "training" not in [name for name, _, _ in costs(replace(reused, reports={"training": training}))]


def test_a_training_that_left_no_model_costs_its_seconds_where_they_are_known() -> None:
    run = replace(failed(), usd_per_second=0.00002)
    told = replace(run, reports={**run.reports, "training": run.report("training") | {"seconds": 300.0}})
    # At $0.00002 a second: five minutes of what the training itself tells, or ten of what ECS tells of its task.
    assert ("failed training", pytest.approx(0.006)) in [(name, usd) for name, _, usd in costs(told)]
    of_ecs = replace(told, record={**told.record, "lost_task": {"seconds": 600.0}})
    assert ("failed training", pytest.approx(0.012)) in [(name, usd) for name, _, usd in costs(of_ecs)]
    text = report(told).text
    assert "duration is unknown" not in text
    assert "Training failed after 5 min for the reason above." in text
    # Spot took the first task back, a second one trained: both are paid for.
    twice = replace(promoted(), usd_per_second=0.00002, record={**promoted().record, "lost_task": {"seconds": 30.0}})
    assert [(name, usd) for name, _, usd in costs(twice)][:2] == [
        ("training", 0.00097),
        ("failed training", pytest.approx(0.0012)),  # a minute at least
    ]


def test_the_cost_of_a_task_that_said_nothing_is_said_to_be_unknown() -> None:
    run = failed()
    reports = {"validation": run.report("validation"), "drift": drift(dearer=0.0)}
    silent = replace(run, reports=reports, record={**run.record, "lost_task": {"seconds": None}})
    assert headline(silent) == "Run failed in training; the same model keeps serving."
    assert [stage.said for stage in stages(silent)][2] == "failed"
    assert "The failed training is not included" in report(silent).text


def test_the_price_of_a_second_is_that_of_the_runs_own_pipeline_file() -> None:
    folder = RunFolder(MemoryObjects(), "shop", "8b2e")
    assert gather(folder, NOWHERE).usd_per_second is None
    folder.write_pipeline_file("name = ")
    assert gather(folder, NOWHERE).usd_per_second is None
    folder.write_pipeline_file('name = "shop"\ntask = "binary"\ntarget = "late"\nnumeric = ["amount"]\n')
    # One vCPU and 4 GiB: $0.05826 an hour, as docs/cost.md has it.
    assert gather(folder, NOWHERE).usd_per_second == pytest.approx(0.05826 / 3600.0)


def test_a_rollback_that_was_refused_says_so_and_has_no_steps_of_the_loop() -> None:
    found = report(ENDINGS["not rolled back"]())
    assert "Rollback refused: the same model keeps serving." in found.text
    assert "Stages of the run" not in page(ENDINGS["not rolled back"]())


@pytest.mark.parametrize(
    ("rollback", "said"),
    [
        ("rolled_back", "Model rolled back: the previous model serves again."),
        ("trial_ended", "Trial ended: the champion serves all requests again."),
    ],
)
def test_a_rollback_that_somebody_asked_for_is_told_as_one(rollback: str, said: str) -> None:
    run = RunEvidence(record("rolled_back", "by Ada", rollback=rollback, champion_before=NEW, champion_after=OLD))
    assert headline(run) == said
    assert serving_change(run) == "The previous model serves again."


@pytest.mark.parametrize(
    ("reports", "said"),
    [
        ({"drift": {"drifted": False, "verdict": "no drift"}}, "Skipped: no drift detected."),
        ({"drift": {"drifted": True}, "training": {"reused": True}},
         "Skipped: a model of the same code, settings and data exists already."),
        ({"drift": {"drifted": False, "verdict": "too few rows"}},
         "Skipped: too few rows to test for drift."),
        ({"drift": {"drifted": True, "verdict": "drift"}}, "Skipped: nothing to do."),
        ({}, "Skipped: nothing to do."),
    ],
)  # fmt: skip
def test_a_skipped_run_says_why_and_never_that_drifted_data_have_not_drifted(
    reports: dict[str, Any], said: str
) -> None:
    assert headline(RunEvidence(record("skipped", "x"), reports)) == said


def test_what_to_do_is_what_the_record_says_and_its_commands_are_set_off() -> None:
    text = page(ENDINGS["not rolled back"]())
    assert '(<code class="command">contender champion --pipeline shop</code>) and decide.' in text
    assert next_step(RunEvidence(record("retained", "x", next_step=""))) == ""
    assert "contender approve 8b2e41c7-1111-2222" in next_step(RunEvidence(record("waiting", "x")))


def test_files_that_somebody_has_to_look_at_come_first_and_many_are_folded() -> None:
    text = page(ENDINGS["long names"]())
    assert text.index("quarantined</span>") < text.index("accepted</span>")
    assert text.index("accepted</span>") < text.index("23 more files</summary>")


@pytest.mark.parametrize(
    ("difference", "low", "high", "word", "improvement"),
    [
        (-0.0004, -0.19, 0.05, "No significant difference", "0.00, 95 % CI −0.19 to 0.05"),
        (0.0, 0.0, 0.0, "No significant difference", "0, 95 % CI 0 to 0"),
        (-0.04, -0.19, 0.05, "No significant difference", "−0.04, 95 % CI −0.19 to 0.05"),
        (0.04, 0.001, 0.08, "Better, but perhaps by less than the required 0.002", "+0.040, 95 % CI 0.001 to 0.080"),
        (-0.1, -0.19, -0.05, "Worse", "−0.10, 95 % CI −0.19 to −0.05"),
        (2502.0, 2283.0, 2748.0, "Better", "+2,502, 95 % CI 2,283 to 2,748"),
    ],
)
def test_the_interval_decides_whether_there_is_a_difference(
    difference: float, low: float, high: float, word: str, improvement: str
) -> None:
    run = promoted()
    compared = {**COMPARED, "difference": difference, "low": low, "high": high}
    text = page(replace(run, reports={**run.reports, "comparison": compared}))
    assert f"<b>{word}</b> {METRIC} {AFTER} vs. {BEFORE} ({improvement})" in text


@pytest.mark.parametrize("width", [380.0, 1040.0])
@pytest.mark.parametrize(("low", "high"), [(-0.096, -0.045), (-0.19, 0.05), (0.1, 0.13), (0.0019, 0.0021)])
def test_what_the_lines_of_a_difference_mean_stands_within_the_picture_and_apart(
    low: float, high: float, width: float
) -> None:
    found = {**COMPARED, "difference": (low + high) / 2, "low": low, "high": high, "min_effect": 0.002}
    drawn = next(each for each in difference("d", found).split("</svg>") if f"-{width:.0f}-t" in each)
    placed = re.findall(r'<text x="([\d.]+)"[^>]*text-anchor="(start|end)">([^<]*)<', drawn)
    ends = sorted((float(x) - (7.0 * len(said) if side == "end" else 0.0), said) for x, side, said in placed if said)
    assert ends[-1][1] == "required for promotion"
    assert ends[-1][0] + 6.8 * len(ends[-1][1]) <= width
    assert ends[0][0] >= -3.0
    if len(ends) == 2:
        assert ends[0][0] + 6.0 * len(ends[0][1]) < ends[1][0]


@pytest.mark.parametrize(("against", "zero"), [("champion", "no difference"), ("baseline", "equal to the baseline")])
def test_the_line_at_zero_is_named_after_what_the_challenger_is_compared_with(against: str, zero: str) -> None:
    drawn = difference("d", {**COMPARED, "against": against, "min_effect": 0.0})
    assert set(re.findall(r"no difference|equal to the baseline|required for promotion", drawn)) == {zero}


@pytest.mark.parametrize("verdict", [*NEXT_STEPS, "skipped", "duplicate", "waiting", "running"])
def test_every_verdict_has_a_page_and_says_what_to_do(verdict: Verdict) -> None:
    run = RunEvidence(record(verdict, "there is a reason"))
    found = report(run)
    assert verdict in TONES
    assert "There is a reason." in found.text
    assert next_step(run) in found.text
    assert "{" not in next_step(run)


def test_a_run_that_gave_an_upload_up_says_to_upload_it_again() -> None:
    assert "upload the file again" in next_step(RunEvidence(record("failed", "broke", given_up=["a.csv"])))


def test_an_earlier_champion_that_serves_again_is_the_headline() -> None:
    run = promoted()
    standing = {"version": "v2", "other": "v1", "metric": "auc", "blocks": 40, "mean": -0.021}
    guard = {"status": "failed", "reason": "So v1 serves again.", "restored": "v1", "standing": standing}
    compared = run.reports["comparison"] | {"verdict": "loses", "best_champion": guard}
    text = report(replace(run, reports={**run.reports, "comparison": compared}, approval=None)).text
    assert "Earlier champion serves again: v1 is ahead of the champion by 0.021." in text
    assert "earlier model" in text
    assert "So v1 serves again." in text


@pytest.mark.parametrize(
    ("verdict", "answer", "said"),
    [
        ("retained", "rejected", "Champion kept: Ada rejected the challenger."),
        ("waiting", "", "Waiting for approval of the challenger."),
    ],
)
def test_what_a_person_answered_is_the_headline(verdict: str, answer: str, said: str) -> None:
    asked = ApprovalRequest("8b2e", NEW, "", "2026-04-01", "2026-04-02", answer, "Ada", "a strike")
    run = RunEvidence(record(verdict, "because"), approval=asked)
    assert headline(run) == said
    assert "a strike" in report(run).text


def test_a_record_with_hardly_anything_is_enough() -> None:
    least = {"run_id": "8b2e41c7", "pipeline": "shop", "verdict": "running", "reason": "It has left no record."}
    assert "It has left no record." in report(RunEvidence(least)).text


def test_the_candidates_for_the_estimator_are_a_table() -> None:
    run = promoted()
    training = {**run.reports["training"], "choice": CHOICE}
    text = report(replace(run, reports={**run.reports, "training": training})).text
    assert "lightgbm is the best of 2 candidates. A linear model would have done." in text
    for cells in (("linear", "auc 0.861", "0.2 s"), ("lightgbm, balanced classes", "auc 0.865", "0.5 s", "chosen")):
        assert re.search(r"\s*".join(map(re.escape, cells)), text)


def test_reports_from_before_a_figure_was_kept_are_shown_without_it() -> None:
    run = promoted()
    older: dict[str, Any] = {name: dict(found) for name, found in run.reports.items() if name != "curves"}
    for step, names in {
        "drift": ("histograms", "joint", "estimated", "realised", "evidence"),
        "training": ("reused", "resources", "search", "overfit"),
        "comparison": ("spending", "latency", "model_size", "calibrated", "metric_title"),
    }.items():
        for name in names:
            del older[step][name]
    text = report(replace(run, reports=older, approval=None)).text
    assert f"Better model promoted: AUC {AFTER} vs. {BEFORE}." in text


@pytest.mark.parametrize("name", ["validation", "drift", "training", "comparison", "rehearsal", "watch", "curves"])
@pytest.mark.parametrize("content", [{"looks": [{}]}, {"status": "trained"}, {"difference": "x", "checks": 3}])
def test_a_file_that_makes_no_sense_takes_no_other_part_with_it(name: str, content: dict[str, Any]) -> None:
    run = promoted()
    found = stands_alone(page(replace(run, reports={**run.reports, name: content})))
    assert "Run details" in found.text
    assert "Estimated from list prices (docs/cost.md)." in found.text


def test_a_folder_is_read_as_far_as_it_can_be() -> None:
    folder = RunFolder(MemoryObjects(), "shop", "8b2e")
    folder.write("batches.json", {"batches": [{"key": "a.csv", "size": 3}]})
    folder.write("curves.json", {"challenger": None})
    folder.objects.put(folder.key("drift.json"), b"{")
    folder.objects.put(folder.key("watch.json"), b"\xff")
    folder.objects.put(folder.key("rehearsal.json"), b"[]")
    run = gather(folder, record("failed", "x"))
    assert (list(run.reports), list(run.uploads)) == (["curves"], [{"key": "a.csv", "size": 3}])


def test_a_run_that_live_evidence_started_names_window_features_and_reason() -> None:
    evidence = {
        "window": "2026-03-02",
        "version": OLD,
        "reason": HOSTILE,
        "features": [HOSTILE],
        "figures": {"rows": 9},
    }
    run = promoted()
    shown = page(replace(run, record={**run.record, "trigger": "drift-alarm", "evidence": evidence}))
    stands_alone(shown)
    assert "triggered by drift of live predictions" in shown
    assert "Live evidence" in shown
    assert "window 2026-03-02 of version" in shown
