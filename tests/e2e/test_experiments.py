"""A/B experiments on the local cloud: days of requests over HTTP, a look each day, and a verdict that is kept and told.

Days pass by two clocks: serving's, which is put forward, and the time that JudgeExperiment's schedule names.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pandas as pd
import pytest

from contender.errors import ContenderError
from contender.predictions.record import LIVE_VARIANTS
from contender.rollout.traffic_split import keeps_control
from localcloud.mail import Mail
from tests.e2e.loop import LivePipeline, LocalLoop, eventually
from tests.e2e.shop import put_clocks, visits
from tests.e2e.test_canary import NAME, champion, three_trials

pytestmark = pytest.mark.emulator

DAY = timedelta(days=1)
DAYS, ROWS_A_DAY = 9, 150
WORTH = 0.05


def is_judge(function: dict[str, Any]) -> bool:
    """Whether it is the pipeline's JudgeExperiment."""
    variables = function.get("Environment", {}).get("Variables", {})
    return variables.get("PIPELINE") == NAME and "CONTROL_WEIGHT" in variables


@dataclass(frozen=True)
class Ended:
    """An experiment that is over: what `start` said of it, each look's answer, its run and its mail."""

    started: dict[str, Any]
    looks: list[dict[str, Any]]
    run: dict[str, Any]
    mails: list[Mail]
    champion: str


@dataclass(frozen=True)
class Shop:
    """The pipeline whose trials left three versions: two learned of the world as it was, one of the turned world."""

    loop: LocalLoop
    pipeline: LivePipeline

    def ask(self, frame: pd.DataFrame, *days: float) -> None:
        """Requests of a caller a day, so many days from now, and what turned out true an hour later."""
        version, labelled = champion(self.pipeline), []
        for number, day in enumerate(days):
            visitors = frame.iloc[number * ROWS_A_DAY : (number + 1) * ROWS_A_DAY]
            rows = json.loads(visitors[list(self.pipeline.config.features)].to_json(orient="records"))
            self._put_clock(day)
            answer = eventually(partial(self._answer, rows, f"visitor {day}"), what="model that serves")
            said = zip(answer["predictions"], visitors["bought"], strict=True)
            items = [{"prediction_id": one["prediction_id"], "label": label} for one, label in said]
            labelled.append((day, items))
        names = [version.champion] + ([version.challenger.version] if version.challenger else [])
        eventually(lambda: self._rows(names, *days) >= len(days) * ROWS_A_DAY * len(names), what="log of the requests")
        for day, items in labelled:
            self._put_clock(day + 1.0 / 24.0)
            assert self.pipeline.bench.request("POST", "/v1/feedback", {"items": items})["accepted"] == ROWS_A_DAY
        wanted = len(days) * ROWS_A_DAY * len(names)
        eventually(lambda: self._rows(names, *days, labelled=True) >= wanted, what="labels of the requests")

    def _answer(self, rows: list[dict[str, Any]], key: str) -> dict[str, Any] | None:
        """As of a caller who comes back when asked to (503): one that starts on a busy machine has no model yet."""
        try:
            answer: dict[str, Any] = self.pipeline.bench.request("POST", "/v1/predict", {"rows": rows, "key": key})
        except ContenderError as error:
            if ": 503 " not in str(error):
                raise
            return None
        return answer

    def _put_clock(self, days: float) -> None:
        put_clocks(self.loop.root, days * DAY.total_seconds())

    def _rows(self, versions: list[str], *days: float, labelled: bool = False) -> int:
        """Rows that these versions predicted on these days, or those with a label."""
        now = datetime.now().timestamp()
        since, until = (now + each * DAY.total_seconds() for each in (min(days) - 0.1, max(days) + 0.1))
        live = self.pipeline.bench.predictions.live
        found = [live(NAME, version, variant, since, until) for version in versions for variant in LIVE_VARIANTS]
        return sum(counts.labels if labelled else counts.rows for counts in found)

    def look(self, at: datetime) -> dict[str, Any]:
        """What JudgeExperiment answers to its schedule."""
        client = self.pipeline.bench.cloud.client("lambda")
        functions = client.get_paginator("list_functions").paginate().build_full_result()["Functions"]
        (name,) = [one["FunctionName"] for one in functions if is_judge(one)]
        answer = client.invoke(FunctionName=name, Payload=json.dumps({"time": at.isoformat()}).encode())
        found: dict[str, Any] = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer, found
        return found

    def compare(self, version: str, frame: pd.DataFrame, *more: str) -> Ended:
        """An experiment of this version against the champion, with days of these visitors, looked at every day."""
        self.ask(frame, -0.5)  # the plan wants labels
        asked = ("--version", version, "--worth", str(WORTH), "--days", str(DAYS), *more, "--json")
        started = json.loads(self.loop.contender("ab", "start", "--pipeline", NAME, *asked))
        self.ask(frame.iloc[ROWS_A_DAY:], *(day + 0.2 for day in range(DAYS)))
        looks, begun, read = [], datetime.fromisoformat(started["since"]), self.loop.mail_reader()
        for day in range(DAYS + started["wait_days"] + 1):
            looks.append(self.look(begun + day * DAY + timedelta(minutes=1)))
            if looks[-1]["outcome"] == "over":
                break
        self._put_clock(0.0)
        runs = json.loads(self.loop.contender("runs", "--pipeline", NAME, "--json"))
        assert started["experiment_id"] in [run["run_id"] for run in runs]
        run = json.loads(self.loop.contender("show", started["experiment_id"], "--pipeline", NAME, "--json"))
        names = [started[role].partition("-")[0] for role in ("champion", "challenger")]

        def verdicts() -> list[Mail]:
            return [mail for mail in read() if "A/B" in mail.subject and all(name in mail.subject for name in names)]

        mails = eventually(verdicts, what="mail of the verdict")
        return Ended(started, looks, run, mails, champion(self.pipeline).champion)


@dataclass(frozen=True)
class Experiments:
    """One with a challenger that is better now, then one of two versions that learned the same."""

    shop: Shop
    unequal: Ended
    equal: Ended


@pytest.fixture(scope="module")
def experiments(loop: LocalLoop) -> Experiments:
    trials = three_trials(loop)
    shop = Shop(loop, trials.pipeline)
    as_it_was = visits(300, rows=4000)
    better = shop.compare(trials.worse["challenger"], as_it_was, "--promote")
    first = trials.better["champion_before"]
    return Experiments(shop, better, shop.compare(first, as_it_was.iloc[2000:], "--promote"))


def test_between_unequal_models_the_better_one_becomes_champion(experiments: Experiments) -> None:
    found = experiments.unequal
    assert (found.looks[-1]["outcome"], found.run["verdict"]) == ("over", "better"), found.run["reason"]
    assert found.run["champion_after"] == found.started["challenger"]
    assert found.run["difference"] > WORTH


def test_between_equal_models_there_is_no_difference_worth_having(experiments: Experiments) -> None:
    found = experiments.equal
    assert (found.looks[-1]["outcome"], found.run["verdict"]) == ("over", "no difference"), found.run["reason"]
    assert found.champion == found.started["champion"] == experiments.unequal.started["challenger"]
    assert -WORTH < found.run["low"] < found.run["high"] < WORTH


def test_both_are_in_history_and_sql_and_each_is_mailed_once(experiments: Experiments) -> None:
    loop, ended = experiments.shop.loop, (experiments.unequal, experiments.equal)
    changes = json.loads(loop.contender("history", "--pipeline", NAME, "--json"))
    for found, kind in zip(ended, ("promotion", "trial ended"), strict=True):
        assert [entry["kind"] for entry in changes if entry["run_id"] == found.run["run_id"]] == [kind, "canary"]
        (mail,) = found.mails
        assert (mail.severity, found.run["reason"][:100] in mail.body) == ("info", True), mail.body
    loop.contender("history", "verify", "--pipeline", NAME)  # it fails where an entry is missing or altered
    rows = json.loads(loop.contender("sql", "--pipeline", NAME, "--saved", "experiment-results", "--json"))
    assert {row["verdict"]: row["difference"] for row in rows} == {
        found.run["verdict"]: found.run["difference"] for found in ended
    }
    kept = set(experiments.shop.pipeline.bench.data.keys("tables/"))
    for table in ("runs", "experiments"):
        files = {key.rpartition("/")[2] for key in kept if key.startswith(f"tables/{table}/{NAME}/")}
        assert {f"{found.run['run_id']}.json" for found in ended} <= files


def test_callers_of_a_control_group_keep_the_old_version_and_both_are_scored_on_their_rows(
    experiments: Experiments,
) -> None:
    shop, old = experiments.shop, experiments.equal.started["challenger"]
    asked = ("--pipeline", NAME, "--weight", "0.1", "--version", old)
    assert f"10 % of the callers keep {old}" in shop.loop.contender("ab", "control", *asked)
    pointer, bench, frame = champion(shop.pipeline), shop.pipeline.bench, visits(500)
    key = next(f"visitor {number}" for number in range(10_000) if keeps_control(pointer, f"visitor {number}"))
    rows = [shop.pipeline.feature_row(frame, number) for number in range(10)]

    def answered_by_the_old_one() -> dict[str, Any] | None:
        said: dict[str, Any] = bench.request("POST", "/v1/predict", {"rows": rows, "key": key})
        return said if said["variant"] == "control" else None

    answer = eventually(answered_by_the_old_one, what="answer of the control group's version")
    assert answer["model_version"] == old
    truth = zip(answer["predictions"], frame["bought"], strict=False)
    items = [{"prediction_id": one["prediction_id"], "label": label} for one, label in truth]
    bench.request("POST", "/v1/feedback", {"items": items})

    def paired() -> list[dict[str, Any]]:
        live = json.loads(shop.loop.contender("live", "--pipeline", NAME, "--json"))
        return [one for one in live if (one["version"], one["variant"], one["pairs"]) == (old, "control", 10)]

    assert eventually(paired, what="labelled rows that champion and control group's version predicted")
    assert "no control group" in shop.loop.contender("ab", "control", "--pipeline", NAME, "--weight", "0")
