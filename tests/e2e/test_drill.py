"""The drill's short form: incidents on the shared cloud, and every command of every runbook."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import pytest

from contender.cli.drill.catalogue import INCIDENTS
from contender.cli.drill.incident import Result
from contender.cli.drill.oncall import OnCall
from contender.cli.drill.play import play
from contender.cli.drill.runbooks import commands
from contender.cli.drill.scene import PROJECT, Scene
from contender.cli.drill.watch import Watch
from tests.e2e.early import early
from tests.e2e.loop import LocalLoop
from tests.e2e.shop import PLAYED

pytestmark = pytest.mark.emulator

LOOKS = (1.0, 2.0, 3.0, 4.0, 5.0, 10.0, 20.0, 30.0)
"""Fewer than in the whole drill: each evaluates the alarms of every pipeline here."""
TYPED_BY_ITS_INCIDENT = "pointer-lost"
"""Where the pointer is there, its runbook has nothing to restore."""


@dataclass(frozen=True)
class SharedScene(Scene):
    """A pipeline of the shared cloud, whose commands need no interpreter of their own."""

    loop: LocalLoop

    def command(self, *arguments: str) -> str:
        return self.loop.contender(*arguments)


@pytest.fixture(scope="module")
@early
def results(loop: LocalLoop) -> Mapping[str, Result]:
    """What came of the incidents that are played here."""
    scenes = {name: SharedScene(loop.pipeline(name).bench, loop.root, loop) for name in PLAYED}
    watches = [Watch(replace(INCIDENTS[name], looks=LOOKS), scene) for name, scene in scenes.items()]
    oncall = OnCall(loop.root, [scene.bench for scene in scenes.values()], loop.mail_reader())
    found = play(watches, oncall, lambda message: None)
    return {result.incident: result for result in found}


@pytest.mark.parametrize("incident", PLAYED)
def test_an_incident_rings_in_time_tells_once_and_heals(results: Mapping[str, Result], incident: str) -> None:
    assert results[incident].problems == []


def test_every_command_of_every_runbook_runs(results: Mapping[str, Result], loop: LocalLoop) -> None:
    """On a pipeline with two champions, of which one was rolled back; what restores a pointer, by the incident."""
    pages = sorted((PROJECT / "docs" / "runbooks").glob("*.md"))
    typed = [
        tuple(arguments)
        for page in pages
        if page.stem != TYPED_BY_ITS_INCIDENT
        for arguments in commands(page.read_text("utf-8"), pipeline="champion-5xx", environment="local")
    ]
    assert len(typed) > len(pages)
    for arguments in dict.fromkeys(typed):
        loop.contender(*arguments)
    loop.pipeline("champion-5xx").rest()
