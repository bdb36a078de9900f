"""The report's section about the decision to train, and what headline, mail and `contender show` say of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from contender.cli.run_view import RunView
from contender.mails.place import Place
from contender.mails.run_mails import run_mail
from contender.pipeline.training_policy import TrainingPolicy
from contender.reports.run.evidence import RunEvidence
from contender.reports.run.summary import headline
from contender.reports.run.training_decision import training_decision
from contender.training.staleness import ModelLosses
from contender.training.waiting_cost import RowsSince
from contender.training.worth_training import NewRows, worth_training
from contender.workflow.messages import Drift, Record, Request, RunState

RECORD = {"verdict": "skipped", "reason": "", "run_id": "r1", "pipeline": "flights"}
DAYS = np.repeat(["2026-01-01", "2026-01-02", "2026-01-03"], 50).astype(object)


def decision(**changes: Any) -> dict[str, Any]:
    """What drift.json keeps, of two models on three days."""
    random = np.random.default_rng(0)
    champion, old = (ModelLosses(name, age, random.normal(loss, 0.05, 150)) for name, age, loss in MODELS)
    rows = RowsSince(1600, 150, 100.0, 350.0)
    new = NewRows(rows, 1600, 2, 16, [champion, old], DAYS, [0.3] * 8, 0.0049, {"v0": "v0 is <not> signed"})
    return worth_training(TrainingPolicy(), replace(new, **changes), loss_name="log loss").to_dict()


MODELS = (("v2", 0.1, 0.30), ("v1", 1.1, 0.34))


def evidence(found: dict[str, Any]) -> RunEvidence:
    return RunEvidence(RECORD, {"drift": {"verdict": "stable", "drifted": False, "features": [], "training": found}})


def test_the_section_has_both_costs_and_how_sure_they_are() -> None:
    shown = training_decision(evidence(decision()))
    assert "<h2>Training decision</h2>" in shown
    for expected in (
        "150 rows in 2 batches",
        "2 models in 3 blocks show",
        "standard error",
        "<dt>Cost of waiting so far</dt><dd>$0.0025</dd>",
        "<dt>Cost of a training</dt><dd>$0.0049</dd>",
        "for one log loss on one row; derived, see training.error_price_usd",
        "median of the last batches 0.3; a change counts from 0.375 on",
        "<dt>Without v0</dt><dd>v0 is &lt;not&gt; signed</dd>",
    ):
        assert expected in shown, expected


def test_of_few_batches_the_highest_is_named() -> None:
    shown = training_decision(evidence(decision(earlier_losses=[0.28, 0.29])))
    assert "(highest of the last batches 0.29; a change counts from 0.3625 on)" in shown


def test_with_one_champion_it_says_that_the_usual_slope_stands_for_what_is_not_known() -> None:
    alone = decision(models=[ModelLosses("v2", 0.1, np.full(150, 0.3))], earlier_losses=[])
    shown = training_decision(evidence(alone))
    assert "not known here yet; usually 5 % of the loss for each e-fold of rows" in shown
    assert "Champion&#x27;s loss" not in shown


def test_without_a_finite_loss_the_section_says_so() -> None:
    broken = decision(models=[ModelLosses("v2", 0.1, np.full(150, np.nan))])
    shown = training_decision(evidence(broken))
    assert "the champion has no finite log loss on these rows" in shown
    assert "Cost of" not in shown


def test_a_run_from_before_the_decision_was_kept_has_no_section() -> None:
    assert training_decision(RunEvidence(RECORD, {"drift": {"drifted": False}})) == ""


def test_the_headline_of_a_skipped_run_says_what_waiting_costs() -> None:
    found = decision()
    assert headline(evidence(found)).startswith("Skipped: no drift detected; waiting costs about 0.00")
    assert headline(evidence(found)).endswith(" log loss a week.")


def test_the_headline_of_a_batch_that_may_be_broken_says_that_the_next_one_decides() -> None:
    found = decision(earlier_losses=[0.1] * 8)
    assert headline(evidence(found)) == (
        "Skipped: the champion's loss on this batch is out of line, and the next batch decides."
    )
    assert "This batch may be broken" in training_decision(evidence(found))


def test_the_mail_about_a_run_that_trained_says_why() -> None:
    drift = Drift(True, False, "", training="Waiting costs more than a training.")
    state = RunState(
        Request("flights"), "r1", "2026-01-01T00:00:00Z", drift=drift, record=Record("promoted", "It is better.")
    )
    mail = run_mail(state, Place("local", "flights"))
    assert mail is not None
    assert "It is better.\n- Waiting costs more than a training.\n" in mail.body


def test_show_prints_the_decision(capsys: pytest.CaptureFixture[str]) -> None:
    found = decision()
    feature = {"feature": "a", "aspect": "values", "drifted": False, "distance": 0.1, "effect_floor": 0.1}
    drift = {
        "reason": "No drift.",
        "features": [feature | {"adjusted_p_value": 0.5, "direction": ""}],
        "training": found,
    }
    RunView(RECORD).print_whole({"drift": drift})
    assert "Waiting costs about" in capsys.readouterr().out
