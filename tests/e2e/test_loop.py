"""The whole loop on real data: files land in S3, and what follows is seen only from outside."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from html import escape
from typing import Any

import pandas as pd
import pytest

from contender.cli.console_server.app import Server
from contender.cli.console_server.gather import Gatherer
from contender.cli.run_view import PROMISED_KEYS
from contender.reports.run.challenger import BASELINE_COMPARED, CHAMPION_COMPARED
from contender.workflow.run_folder import REPORT_PAGE, RunFolder
from demo_data import flights, movies
from tests.console import ask, serving
from tests.e2e.early import early
from tests.e2e.loop import LivePipeline, LocalLoop

pytestmark = pytest.mark.emulator

DECIDED = ("promoted", "retained", "inconclusive")


@dataclass(frozen=True)
class Story:
    """What happened to one pipeline: the record of the run that each file, and a repeated event, started."""

    pipeline: LivePipeline
    sample: pd.DataFrame
    first: dict[str, Any]
    alike: dict[str, Any]
    changed: dict[str, Any]
    repeated: dict[str, Any]

    @property
    def records(self) -> tuple[dict[str, Any], ...]:
        return (self.first, self.alike, self.changed, self.repeated)


def tell(pipeline: LivePipeline, first: pd.DataFrame, alike: pd.DataFrame, changed: pd.DataFrame) -> Story:
    columns = list(pipeline.config.columns)
    execution = pipeline.execution_of(pipeline.upload_frame("first", first[columns]))
    return Story(
        pipeline,
        sample=first,
        first=pipeline.record_of(execution),
        alike=pipeline.run("alike", alike[columns]),
        changed=pipeline.run("changed", changed[columns]),
        # At least once is what EventBridge promises: the very event again.
        repeated=pipeline.record_of(pipeline.start(pipeline.input_of(execution))),
    )


@pytest.fixture(scope="module")
@early
def stories(loop: LocalLoop) -> dict[str, Story]:
    """Slices of real data, so that it is quick. `alike` are other rows of the time that the first model knows; of the
    films only those from 1960 on, because its answers are known of the newest alone."""
    january, july = flights.month(1), flights.month(7)
    old, new = movies.batch("1893-1979"), movies.batch("1995-1999")
    old = old[old["year"] >= 1950]
    with ThreadPoolExecutor() as pool:
        told = [
            pool.submit(tell, loop.pipeline("flights"), january[::6], january[1::6], july[::6]),
            pool.submit(tell, loop.pipeline("movies"), old[::6], old[old["year"] >= 1960][1::6], new[::3]),
        ]
        return {story.result().pipeline.name: story.result() for story in told}


@pytest.fixture(params=["flights", "movies"])
def story(request: pytest.FixtureRequest, stories: dict[str, Story]) -> Story:
    return stories[request.param]


def test_the_first_file_trains_the_first_champion(story: Story) -> None:
    assert story.first["verdict"] == "promoted", story.first["reason"]
    assert story.first["champion_before"] is None
    assert story.first["champion_after"] == story.first["challenger"]


def test_a_file_like_the_reference_is_skipped_and_says_why(story: Story) -> None:
    assert story.alike["verdict"] == "skipped", story.alike["reason"]
    assert story.alike["drifted_features"] == []
    assert story.alike["champion_after"] == story.first["champion_after"]
    assert "training" not in story.pipeline.reports(story.alike["run_id"])


def test_a_changed_world_is_noticed_and_a_challenger_judged_with_an_interval(story: Story) -> None:
    run = story.changed
    assert run["verdict"] in DECIDED, run["reason"]
    assert run["drifted_features"]
    assert run["low"] <= run["difference"] <= run["high"]
    comparison = story.pipeline.reports(run["run_id"])["comparison"]
    assert comparison["against"] == "champion"
    assert comparison["champion_version"] == story.first["champion_after"]
    assert comparison["challenger_version"] == run["challenger"]
    expected = run["challenger"] if run["verdict"] == "promoted" else story.first["champion_after"]
    assert run["champion_after"] == expected


def test_an_event_that_is_delivered_again_is_a_duplicate(story: Story) -> None:
    assert story.repeated["verdict"] == "duplicate"
    assert "Duplicate event" in story.repeated["reason"]
    assert story.repeated["champion_after"] == story.changed["champion_after"]


def test_the_lease_is_given_back_and_nothing_waits(story: Story) -> None:
    story.pipeline.rest()
    assert not story.pipeline.is_leased()


def test_predictions_over_http_carry_the_champions_version(story: Story) -> None:
    champion = story.pipeline.champion()
    assert champion is not None
    rows = [story.pipeline.feature_row(story.sample, number) for number in range(5)]
    answer = story.pipeline.predict(*rows)
    assert answer["model_version"] == champion.champion == story.changed["champion_after"]
    assert len(answer["predictions"]) == 5
    assert answer["prediction_id"]
    assert story.pipeline.bench.request("GET", "/v1/model")["model_version"] == champion.champion
    assert story.pipeline.bench.request("GET", "/health")["status"] == "ok"


def test_every_run_has_left_a_page_that_tells_it_whole(story: Story) -> None:
    for record in story.records:
        folder = RunFolder(story.pipeline.bench.data, story.pipeline.name, record["run_id"])
        page = story.pipeline.bench.data.get(folder.key(REPORT_PAGE)).body.decode()
        assert "cannot be shown" not in page
        assert escape(record["run_id"]) in page
        compared = CHAMPION_COMPARED in page or BASELINE_COMPARED in page
        assert compared == ("comparison" in folder.reports())


def test_a_runs_folder_holds_the_report_of_each_of_its_steps(story: Story) -> None:
    reports = {record["verdict"]: set(story.pipeline.reports(record["run_id"])) for record in story.records}
    assert reports["promoted"] >= {"validation", "training", "comparison", "rehearsal"}
    assert reports["skipped"] == {"validation", "drift"}
    assert reports["duplicate"] == set()
    rehearsed = {"rehearsal"} if story.changed["verdict"] == "promoted" else set()
    judged = {"validation", "drift", "training", "comparison"}
    assert set(story.pipeline.reports(story.changed["run_id"])) == judged | rehearsed


def test_runs_are_listed_newest_first_with_exactly_the_promised_keys(story: Story, loop: LocalLoop) -> None:
    listed = json.loads(loop.contender("runs", "--pipeline", story.pipeline.name, "--json"))
    assert [record["run_id"] for record in listed] == [record["run_id"] for record in reversed(story.records)]
    for record in listed:
        assert tuple(record) == PROMISED_KEYS
        assert record["seconds"] > 0


def test_one_run_is_shown_whole_with_its_reports(story: Story, loop: LocalLoop) -> None:
    shown = json.loads(loop.contender("show", story.changed["run_id"][:13], "--json"))
    assert shown.items() >= story.changed.items()
    assert shown["drift"]["features"]
    assert shown["comparison"]["difference"] == story.changed["difference"]
    text = loop.contender("show", story.changed["run_id"])
    assert story.changed["verdict"] in text
    assert "Drift" in text
    assert "Comparison" in text


def test_a_mail_is_sent_for_what_needs_somebody_and_for_nothing_else(story: Story, loop: LocalLoop) -> None:
    (sent,) = loop.mails(story.first["run_id"])
    assert sent.subject.startswith(f"[info] local {story.pipeline.name}: promoted ")
    assert story.first["reason"][:300] in sent.body
    assert loop.mails(story.alike["run_id"]) == []
    assert loop.mails(story.repeated["run_id"]) == []


def test_the_console_shows_the_executions_the_log_and_the_champions(
    stories: dict[str, Story], loop: LocalLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(loop.root)
    run = str(stories["flights"].first["run_id"])
    version = str(stories["flights"].first["champion_after"])
    pages = {
        "/": "Pipelines",
        "/flights/executions": run,
        f"/flights/executions/loop/{run}": "EvaluateChallenger",
        f"/flights/executions/loop/{run}/log?state=Claim": "step finished",
        "/flights/runs?q=duplicate": "Duplicate event",
        f"/flights/runs/{run}": "Data received",
        "/flights/champions": version,
        "/flights/drift": "minimum effect",
        "/flights/live": "Live metrics",
        "/flights/alarms": "champion-fails",
        "/flights/dashboard": 'class="dashboard"',
        "/mails": "<h1>Mails</h1>",
    }
    with serving(Server(Gatherer("local")).app()) as address:
        answers = {path: ask(address + path) for path in pages}
    assert {path: status for path, (status, _, _) in answers.items() if status != 200} == {}
    assert {path: said for path, said in pages.items() if said not in answers[path][1]} == {}
    assert 'class="state succeeded"' in answers[f"/flights/executions/loop/{run}"][1]
