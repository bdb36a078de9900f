"""JudgeExperiment on ports: days that close one by one, a verdict, and what follows from it once."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from contender.mails.mail import Mail
from contender.mails.place import Place
from contender.predictions.live_metrics import ERROR_SUMS, PAIR_SUMS, LiveCounts
from contender.predictions.table_items import minute_of
from contender.registry.pointer import Trial, read_pointer, require_pointer
from contender.registry.swaps import end_trial, promote, start_trial
from contender.rollout.experiments.evidence import Aim
from contender.rollout.experiments.experiment import (
    DAY,
    Experiment,
    experiment_key,
    read_experiment,
    write_experiment,
)
from contender.steps.judge_experiment import Desk, Looked, judge_experiment
from tests.fakes import Fault, MemoryLedger, MemoryObjects, MemorySentMails

BEGUN = datetime(2026, 1, 1, 12, tzinfo=UTC)
AIM = Aim(0.02, relative=False, error_rate=0.05)
ROWS = 500
PLAN = {"labels_a_day": 500.0}


def pairs(difference: float, rows: int = ROWS) -> LiveCounts:
    """The counts of a minute in which the challenger's mean loss is so much above the champion's 0.5."""
    sums = (rows * difference, rows * (difference**2 + 0.04), rows * 0.5, rows * 0.3, rows * difference * 0.5)
    found: dict[str, Any] = dict(zip(PAIR_SUMS, sums, strict=True))
    return LiveCounts(pairs=rows, **found)


@dataclass
class Shop:
    """v1 serves, and v2 is compared with it since `BEGUN`, for at most 14 days."""

    data: MemoryObjects = field(default_factory=MemoryObjects)
    models: MemoryObjects = field(default_factory=MemoryObjects)
    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    sent: MemorySentMails = field(default_factory=MemorySentMails)
    mails: list[Mail] = field(default_factory=list)
    minutes: list[tuple[str, str, LiveCounts]] = field(default_factory=list)
    asked: list[float] = field(default_factory=list)

    def live_minutes(
        self, pipeline: str, version: str, variant: str, since: float, until: float
    ) -> list[tuple[str, LiveCounts]]:
        assert (pipeline, version) == ("shop", "v2")
        self.asked.append(since)
        first, last = minute_of(since), minute_of(until)
        return [(at, counts) for kind, at, counts in self.minutes if kind == variant and first <= at <= last]

    def live(self, pipeline: str, version: str, variant: str, since: float, until: float) -> LiveCounts:
        raise AssertionError("an experiment's labels have been waited for as its plan says")

    def meets(self, *differences: float, first: int = 0) -> None:
        """A minute at the beginning of each day and one at its end, half of the rows answered by either."""
        for number, difference in enumerate(differences, first):
            since, until = BEGUN + number * DAY, BEGUN + (number + 1) * DAY - timedelta(minutes=1)
            self.minutes.append(("challenger", minute_of(since.timestamp()), pairs(difference)))
            self.minutes.append(("challenger-shadow", minute_of(until.timestamp()), pairs(difference)))

    def crown(self, version: str, run_id: str) -> None:
        found = read_pointer(self.models, "shop")
        promote(
            self.models,
            pipeline="shop",
            version=version,
            manifest_sha256=f"sha of {version}",
            judged_against=found.etag if found else None,
            run_id=run_id,
            fencing_token=1,
            now=BEGUN.isoformat(),
            reason="better",
        )

    def begin(self, *, promotes: bool = False, days: int = 14, aim: Aim = AIM, metric: str = "loss") -> None:
        self.crown("v1", "run-1")
        since = BEGUN.isoformat()
        experiment = Experiment(
            "ab-1", "shop", "v1", "v2", 0.5, days, 1, aim, promotes=promotes, since=since, by="ada", plan=PLAN
        )
        experiment = replace(experiment, metric=metric)
        write_experiment(self.data, experiment, based_on=None)
        self.try_out("v2", "ab-1")

    def try_out(self, version: str, run_id: str) -> None:
        trial = Trial(version, f"sha of {version}", 0.5, "canary", run_id, BEGUN.isoformat())
        etag = require_pointer(self.models, "shop").etag
        start_trial(self.models, pipeline="shop", trial=trial, judged_against=etag, fencing_token=1)

    def look(self, days: float, request_id: str = "call-1") -> Looked:
        place = Place("prod", "shop")
        desk = Desk("shop", self.data, self.models, self.ledger, self, self.sent, self.mails.append, place)
        return judge_experiment(desk, now=BEGUN + days * DAY, request_id=request_id)

    def experiment(self) -> Experiment:
        found = read_experiment(self.data, "shop")
        assert found is not None
        return found.experiment

    def serves(self) -> tuple[str, bool, tuple[str, ...]]:
        """Champion, whether a trial is on, and what was rolled back."""
        pointer = require_pointer(self.models, "shop").pointer
        return pointer.champion, pointer.challenger is not None, pointer.rolled_back


@pytest.fixture
def shop() -> Shop:
    return Shop()


def scattered(mean: float, days: int = 14) -> list[float]:
    return [float(each) for each in np.random.default_rng(5).normal(mean, 0.008, days)]


def looks(shop: Shop, until: float) -> list[Looked]:
    """A look every eight hours."""
    return [shop.look(each / 3.0) for each in range(int(3 * until) + 1)]


def test_without_an_experiment_there_is_nothing_to_do(shop: Shop) -> None:
    assert shop.look(1.0) == Looked("none")


def test_a_day_is_counted_once_when_its_labels_have_had_their_time(shop: Shop) -> None:
    shop.begin()
    shop.meets(*scattered(0.0))
    assert [shop.look(days).outcome for days in (0.5, 1.5, 1.99)] == ["on", "on", "on"]
    assert shop.asked == []  # the first day is over after one, and its labels are waited for until the second
    shop.look(2.0)
    counted = shop.experiment().counted
    assert [day.rows for day in counted] == [2 * ROWS]
    shop.meets(5.0)
    shop.look(2.5)
    assert shop.experiment().counted == counted
    assert shop.asked == [BEGUN.timestamp()] * 2


def test_the_minute_in_which_a_day_ends_belongs_to_the_next_one(shop: Shop) -> None:
    shop.begin()
    shop.meets(0.1, 0.2)
    shop.look(3.0)
    assert [day.difference_sum / day.rows for day in shop.experiment().counted] == pytest.approx([0.1, 0.2])


def test_equal_models_end_with_no_difference_worth_having(shop: Shop) -> None:
    shop.begin(promotes=True)
    shop.meets(*scattered(0.0))
    last = [found for found in looks(shop, 15.0) if found.outcome == "over"]
    assert [found.verdict for found in last] == ["no difference"]
    assert shop.serves() == ("v1", False, ())
    assert "No difference worth having: v2 and v1 differ by less than 0.02: loss " in last[0].reason


@pytest.mark.parametrize(("promotes", "champion"), [(True, "v2"), (False, "v1")])
def test_a_better_challenger_is_promoted_where_that_was_asked_for(shop: Shop, promotes: bool, champion: str) -> None:
    shop.begin(promotes=promotes)
    shop.meets(*scattered(-0.05))
    assert [found.verdict for found in looks(shop, 15.0) if found.outcome == "over"] == ["better"]
    assert shop.serves() == (champion, False, ())
    (entry, *_) = shop.ledger.promotions("shop")
    assert (entry["kind"], entry["run_id"], entry["by"]) == (
        "promotion" if promotes else "trial ended",
        "ab-1",
        "ada",
    )
    (record,) = shop.ledger.runs("shop")
    assert record["next_step"].startswith("Nothing to do." if promotes else "To let it answer all requests for a day: ")


def test_a_worse_challenger_is_taken_out_of_service(shop: Shop) -> None:
    shop.begin(promotes=True)
    shop.meets(*scattered(0.05))
    assert [found.verdict for found in looks(shop, 15.0) if found.outcome == "over"] == ["worse"]
    assert shop.serves() == ("v1", False, ("v2",))


def test_what_no_day_decides_ends_undecided_after_the_labels_of_the_last_day(shop: Shop) -> None:
    shop.begin()
    shop.meets(*[0.1, -0.1] * 7)
    assert shop.look(14.9).outcome == "on"
    assert "Undecided after 14 days" in shop.look(15.0).reason
    assert shop.serves() == ("v1", False, ())


def test_days_without_labels_end_undecided_with_how_much_was_seen(shop: Shop) -> None:
    shop.begin()
    assert "0 labelled rows in 0 days" in shop.look(15.0).reason


def test_the_verdict_is_a_run_a_report_and_one_mail(shop: Shop) -> None:
    shop.begin(promotes=True)
    shop.meets(*scattered(-0.05))
    looks(shop, 15.0)
    (run,) = shop.ledger.runs("shop")
    assert (run["run_id"], run["trigger"], run["verdict"]) == ("ab-1", "experiment", "better")
    assert (run["champion_before"], run["champion_after"], run["challenger"]) == ("v1", "v2", "v2")
    assert 0.0 < run["low"] < run["difference"] < run["high"]  # an improvement, as records have it
    row = json.loads(shop.data.get("tables/experiments/shop/month=2026-01/ab-1.json").body)
    assert (row["verdict"], row["difference"], row["champion_after"]) == ("better", run["difference"], "v2")
    assert json.loads(shop.data.get("tables/runs/shop/month=2026-01/ab-1.json").body)["trigger"] == "experiment"
    report = json.loads(shop.data.get("runs/shop/ab-1/experiment.json").body)
    assert (report["verdict"], report["evidence"]["days"]) == ("better", len(report["counted"]))
    (mail,) = shop.mails
    assert mail.subject == "[info] prod shop: A/B: v2 is better than v1"
    assert "Automatically: v2 is the champion now." in mail.body


def test_a_run_that_promotes_another_version_ends_the_experiment(shop: Shop) -> None:
    shop.begin(promotes=True)
    shop.meets(*scattered(-0.05))
    shop.look(3.0)
    shop.crown("v3", "run-2")
    found = shop.look(3.1)
    assert (found.verdict, shop.serves()) == ("stopped", ("v3", False, ()))
    assert "the champion is v3 now and no longer v1; until then: 2,000 labelled rows in 2 days" in found.reason
    assert shop.look(15.0) == Looked("none")


def test_the_canary_of_a_run_takes_the_experiments_place_and_stays(shop: Shop) -> None:
    shop.begin()
    shop.try_out("v3", "run-2")
    assert "the trial of v3 by run-2 took its place" in shop.look(1.0).reason
    assert shop.serves() == ("v1", True, ())


def test_a_trial_that_a_person_ended_is_an_experiment_that_was_stopped(shop: Shop) -> None:
    shop.begin()
    end_trial(shop.models, pipeline="shop", version="v2", run_id="ab-1", swap_id="by hand", bad=False)
    assert shop.look(1.0).verdict == "stopped"
    assert "ended by a person or an alarm" in shop.mails[0].body


def test_a_verdict_about_a_champion_that_was_replaced_meanwhile_promotes_nothing(shop: Shop) -> None:
    shop.begin(promotes=True)
    shop.meets(*scattered(-0.05))
    experiment = shop.experiment().end("better", "v2 is better than v1.", BEGUN)
    etag = shop.data.get(experiment_key("shop")).etag
    write_experiment(shop.data, experiment, based_on=etag)
    shop.crown("v3", "run-2")
    assert "Not promoted: the champion is v3 now" in shop.look(9.0).reason
    assert shop.serves() == ("v3", False, ())


@pytest.mark.parametrize("place", ["data", "models"])
@pytest.mark.parametrize("write", range(4))
def test_a_call_that_ends_half_way_is_completed_by_the_next_and_nothing_is_done_twice(
    shop: Shop, place: str, write: int
) -> None:
    shop.begin(promotes=True)
    shop.meets(*scattered(-0.05))
    getattr(shop, place).faults.extend([*[None] * write, Fault.LOST_AND_LANDED])
    for attempt in range(4):
        try:
            shop.look(15.0, request_id=f"call-{attempt}")
        except Exception:
            continue
    assert shop.serves() == ("v2", False, ())
    assert written(shop) == ["canary", "promotion"]
    assert (len(shop.mails), len(shop.ledger.runs("shop")), shop.experiment().settled) == (1, 1, True)


def written(shop: Shop) -> list[str]:
    """The kinds of the history's entries, oldest first."""
    return [entry["kind"] for entry in reversed(shop.ledger.promotions("shop"))]


@pytest.mark.parametrize(("difference", "last"), [(-0.05, "promotion"), (0.05, "rollback"), (0.0, "trial ended")])
def test_a_swap_that_nobody_wrote_down_is_in_the_history_before_the_experiments_own(
    shop: Shop, difference: float, last: str
) -> None:
    """`contender ab start` died after it had begun the trial."""
    shop.begin(promotes=True)
    shop.meets(*scattered(difference))
    looks(shop, 15.0)
    assert written(shop) == ["canary", last]


def test_an_end_of_the_trial_that_another_swap_followed_says_nothing_of_that_swap(shop: Shop) -> None:
    shop.begin()
    shop.meets(*scattered(0.0))
    end_trial(shop.models, pipeline="shop", version="v2", run_id="ab-1", swap_id="ab-1:v2:end", bad=False)
    shop.crown("v3", "run-2")
    looks(shop, 15.0)
    assert shop.experiment().settled
    assert written(shop) == []  # whoever made v3 the champion writes that down


def test_relative_differences_are_fractions_of_the_champions_loss(shop: Shop) -> None:
    shop.begin(aim=replace(AIM, relative=True, worth=0.04))
    shop.meets(*scattered(0.0))
    assert [found.verdict for found in looks(shop, 15.0) if found.outcome == "over"] == ["no difference"]


@pytest.mark.parametrize(("difference", "verdict"), [(-0.06, "better"), (0.06, "worse"), (0.0, "no difference")])
def test_an_experiment_by_accuracy_goes_by_errors_whatever_the_losses_say(
    shop: Shop, difference: float, verdict: str
) -> None:
    shop.begin(metric="accuracy")
    for number, mean in enumerate(scattered(difference)):
        sums = (ROWS * mean, ROWS * 0.2, ROWS * 0.3, ROWS * 0.3, ROWS * mean * 0.3)
        errors: dict[str, Any] = dict(zip(ERROR_SUMS, sums, strict=True))
        losses = replace(pairs(0.5 * (-1) ** number), error_pairs=ROWS, **errors)
        shop.minutes.append(("challenger", minute_of((BEGUN + number * DAY).timestamp()), losses))
    (last,) = [found for found in looks(shop, 15.0) if found.outcome == "over"]
    assert last.verdict == verdict
    assert {"better": "accuracy +0.0", "worse": "accuracy −0.0", "no difference": "accuracy"}[verdict] in last.reason
    (run,) = shop.ledger.runs("shop")
    assert (run["metric"], verdict != "better" or run["low"] > 0.0) == ("accuracy", True)


def test_days_before_errors_were_counted_say_nothing_of_accuracy(shop: Shop) -> None:
    shop.begin(metric="accuracy")
    shop.meets(*scattered(0.0))
    assert "0 labelled rows in 0 days" in shop.look(15.0).reason
