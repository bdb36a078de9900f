"""`contender card`: the card that training wrote, the champion's by default, and one made now where there is none."""

from __future__ import annotations

import json
import webbrowser
from pathlib import Path
from typing import Any

import boto3
import pytest

from contender.adapters.aws.s3 import S3Objects
from contender.cli.clouds import Cloud, Workbench
from contender.cli.commands import card as card_commands
from contender.cli.commands import reproduce as reproduce_commands
from contender.cli.commands.card import find, read_card
from contender.errors import IntegrityError, NotFoundError
from contender.registry.versions import CARD, EVIDENCE, EXPLANATION, ModelRegistry, ModelVersion
from contender.stats.metrics import METRICS
from tests.cli.conftest import Contender
from tests.conftest import REGION, create_bucket
from tests.models import crown
from tests.unit.reports.card.samples import evidence_of, explanation_of, manifest_of


@pytest.fixture
def bench(aws: None, monkeypatch: pytest.MonkeyPatch) -> Workbench:
    """A data stack with a model bucket."""
    create_bucket("models")
    cloud = Cloud(boto3.Session(region_name=REGION), None, lambda stack, name: "models", str)
    found = Workbench(cloud, "dev", "sales")
    for module in (card_commands, reproduce_commands):
        monkeypatch.setattr(module, "workbench", lambda pipeline, environment: found)
    return found


def registry() -> ModelRegistry:
    return ModelRegistry(S3Objects(boto3.client("s3"), "models"), "sales")


def trained(version: str, **files: bytes) -> ModelVersion:
    manifest = {
        name: value for name, value in manifest_of(version=version, pipeline="sales").items() if name != "files"
    }
    kept: dict[str, Any] = {EVIDENCE: evidence_of(), EXPLANATION: explanation_of()}
    bodies = {name: json.dumps(content).encode() for name, content in kept.items()}
    return registry().write(manifest, bodies | {CARD: f"the card of {version}".encode()} | files)


def test_the_champions_main_points_are_told_in_the_terminal(bench: Workbench, contender: Contender) -> None:
    crown(registry().objects, trained("v1"), pipeline="sales")
    shown = contender("card", "--pipeline", "sales")

    told = " ".join(shown.out.split())
    assert shown.code == 0
    assert f"Predicts whether late is yes: {METRICS['auc'].title} 0.900 (95 % CI 0.870 to 0.930)" in told
    assert "auc 0.9 (0.87 to 0.93) 0.95 (0.94 to 0.96)" in told
    assert "delay 50 % 0.5 (0.48 to 0.52)" in told
    assert "The challenger relies much more on delay (31 % → 52 %)." in told
    assert "! Overfitted: " in told


def test_the_page_that_training_wrote_is_saved_and_opened(
    bench: Workbench, contender: Contender, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained("20260101T000000Z-a"), trained("20260102T000000Z-b")
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    shown = contender("card", "20260102", "--pipeline", "sales", "--open")

    kept = project / ".contender" / "reports" / "card-20260102T000000Z-b.html"
    assert shown.code == 0
    assert kept.read_text() == "the card of 20260102T000000Z-b"
    assert opened == [kept.resolve().as_uri()]


def test_the_page_goes_where_it_is_asked_for(bench: Workbench, contender: Contender, tmp_path: Path) -> None:
    trained("v1")
    shown = contender("card", "v1", "-p", "sales", "--out", str(tmp_path / "cards" / "v1.html"))

    assert shown.code == 0
    assert (tmp_path / "cards" / "v1.html").read_text() == "the card of v1"


def test_json_is_what_the_card_is_made_of(bench: Workbench, contender: Contender) -> None:
    trained("v1")
    found = json.loads(contender("card", "v1", "-p", "sales", "--json").out)

    assert set(found) == {"manifest", "evidence", "explanation"}
    assert found["explanation"]["permutation"][0]["feature"] == "delay"


def test_a_version_from_before_cards_has_one_made_now(bench: Workbench, contender: Contender) -> None:
    old = {name: value for name, value in manifest_of(version="v0", pipeline="sales").items() if name != "files"}
    model = registry().write(old, {"model.onnx": b"m"})
    found = read_card(bench, model)

    assert (found.evidence, found.explanation) == (None, None)
    assert found.page.startswith("<!doctype html>")
    assert contender("card", "v0", "-p", "sales").code == 0


def test_a_card_that_was_changed_since_is_not_shown(bench: Workbench, contender: Contender) -> None:
    model = trained("v1")
    registry().objects.put(registry().key("v1", CARD), b"all is well")

    with pytest.raises(IntegrityError, match=r"card.html of v1 has sha256"):
        read_card(bench, model)


def test_without_a_champion_there_is_no_card_of_it(bench: Workbench, project: Path) -> None:
    with pytest.raises(NotFoundError, match="sales has no champion yet"):
        find("champion", "sales", "dev")
