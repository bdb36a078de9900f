"""Production closes the loop, over HTTP: drift starts a run that learns from labels; poisoned labels teach nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from contender.cli.clouds import LOCAL, Workbench, connect
from contender.cli.drill.shop import CLASSES, TARGET
from contender.cli.live_demo.requests import ask
from contender.cli.live_demo.story import DRIFT, MOVED, ROWS, Story, play
from contender.data.datasets import DatasetReader
from contender.predictions.callers import caller_hash
from contender.registry.versions import ModelRegistry
from localcloud.mail import Mail
from tests.e2e.early import earliest, early
from tests.e2e.loop import LocalLoop
from tests.e2e.shop import visits

pytestmark = pytest.mark.emulator

NAME = "shop-feedback"
PEOPLE = "contender-local-people"
FLIPPED = 480
"""Labels of one caller that say the opposite: 30 % of all that the run finds, with those of the minute before."""
HONEST = 320
OTHER = dict(zip(CLASSES, reversed(CLASSES), strict=True))


@earliest
def played(loop: LocalLoop) -> Story:
    folder = loop.root / "live demo"
    folder.mkdir()
    return play(loop.pipeline(NAME).bench, folder)


@dataclass(frozen=True)
class Attack:
    """A run after a caller has sent flipped labels: its record, reports and mails, and the hash of that caller."""

    record: Mapping[str, Any]
    reports: Mapping[str, Any]
    mails: Sequence[Mail]
    caller: str


@early
def attacked(loop: LocalLoop) -> Attack:
    played(loop)
    shop = loop.pipeline(NAME)
    person = connect(LOCAL, loop.root, people_stack=PEOPLE)
    caller = caller_hash(NAME, person.client("sts").get_caller_identity()["Arn"])
    rows = visits(100, rows=HONEST + FLIPPED, shift=MOVED)
    asked, truth = ask(shop.bench, rows), rows[TARGET].tolist()
    asked.label(truth[:HONEST])
    asked.label([OTHER[label] for label in truth[HONEST:]], start=HONEST, caller=Workbench(person, LOCAL, NAME))
    asked.wait_until_labelled()
    record = shop.record_of(shop.start(json.dumps({"trigger": "schedule", "pipeline": NAME})))
    run_id = str(record["run_id"])
    return Attack(record, shop.reports(run_id), loop.mails(run_id), caller)


@pytest.fixture(scope="module")
def story(loop: LocalLoop) -> Story:
    return played(loop)


@pytest.fixture(scope="module")
def attack(loop: LocalLoop) -> Attack:
    return attacked(loop)


def test_drift_of_live_requests_starts_a_run_that_learns_from_labels_and_the_new_champion_is_better(
    story: Story, loop: LocalLoop
) -> None:
    run, bench = story.run, loop.pipeline(NAME).bench
    assert (story.drift["kind"], story.drift["features"][0]) == ("drift", "amount")
    assert (run["trigger"], run["verdict"]) == (DRIFT, "promoted")
    assert run["evidence"]["window"] == story.window["window"]
    assert run["evidence"]["features"] == story.drift["features"]

    assert (story.learned.source, story.learned.rows) == ("feedback", ROWS)
    assert story.learned.source_key.startswith(f"labelled/{NAME}/feedback-")
    trained = ModelRegistry(bench.models, NAME).read(run["champion_after"]).manifest
    assert trained["datasets"] == [story.learned.version]

    assert [minute.version for minute in story.minutes] == [run["champion_before"]] * 2 + [run["champion_after"]]
    assert [minute.labels for minute in story.minutes] == [0, ROWS, ROWS]
    assert story.usual.accuracy > 0.75
    assert story.drifted.accuracy < 0.6
    assert story.after.accuracy > 0.75
    assert story.window_after["versions"][story.after.version]["kind"] == "stable"


def test_flipped_labels_of_one_caller_change_neither_data_nor_champion_and_the_mail_names_the_caller(
    attack: Attack, story: Story, loop: LocalLoop
) -> None:
    shop = loop.pipeline(NAME)
    assert attack.record["champion_after"] == story.run["champion_after"] == shop.champion().champion
    assert attack.record["verdict"] == "skipped"
    learned = DatasetReader(shop.bench.data, NAME).manifest(str(attack.record["dataset_version"]))
    assert (learned.source, learned.rows) == ("feedback", ROWS + HONEST)
    assert f"{FLIPPED} set aside (caller {attack.caller}, {FLIPPED} rows" in attack.record["reason"]
    (kept,) = shop.bench.data.keys(f"labelled/{NAME}/set-aside/")
    assert kept.startswith(f"labelled/{NAME}/set-aside/{attack.caller}/")
    (mail,) = attack.mails
    assert attack.caller in mail.body
    assert "disagree with the model" in mail.body
