"""Plays incidents: all at once, each on a pipeline of its own, under one clock."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import localcloud.cloud
from contender.cli.clouds import LOCAL, Workbench
from contender.cli.drill.incident import Result
from contender.cli.drill.incidents.plan import Incident
from contender.cli.drill.oncall import OnCall
from contender.cli.drill.own_cloud import own_cloud
from contender.cli.drill.scene import Scene
from contender.cli.drill.view import duration
from contender.cli.drill.watch import Watch

LANES = 4
"""So many incidents are prepared at a time: most of it is waiting for runs."""

OnEvent = Callable[[str], None]


def play_all(
    project: Path, incidents: Sequence[Incident], *, on_event: OnEvent, on_progress: OnEvent, keep: bool = False
) -> Sequence[Result]:
    """Play incidents on a local cloud that is there for them alone; answers what came of each, in their order.

    `on_event` hears each step of the cloud's start, `on_progress` what a person wants to read. With `keep` the cloud
    is left running.

    Raises
    ------
    LocalCloudError
        When the cloud does not start.
    ContenderError
        When its alarms cannot be evaluated.
    """
    pipelines = {incident.name: incident.pipeline_file for incident in incidents}
    with own_cloud(project, pipelines, on_event, keep=keep) as (root, cloud):
        scenes = [Scene(Workbench(cloud, LOCAL, incident.name), root) for incident in incidents]
        on_progress("the drill's local cloud is up")
        if keep:
            localcloud.cloud.stop_watching(root)  # it would put the alarms' clock back
        oncall = OnCall(root, [scene.bench for scene in scenes])
        return play([Watch(*pair) for pair in zip(incidents, scenes, strict=True)], oncall, on_progress)


def play(watches: Sequence[Watch], oncall: OnCall, on_progress: OnEvent) -> Sequence[Result]:
    """Play incidents on a cloud that is up.

    Raises
    ------
    ContenderError
        When its alarms cannot be evaluated.
    """
    with oncall.alone():
        _each(watches, Watch.prepare, "prepared", on_progress)
        before = oncall.look(time.time(), [watch.name for watch in watches])
        for watch in watches:
            watch.hear_before(before[watch.name], oncall)
        _each(watches, Watch.strike, "broken", on_progress)
        _put_forward(watches, oncall, on_progress)
        for watch in watches:
            watch.end(oncall)
            on_progress(f"{watch.name}: {'passed' if not watch.result().problems else 'failed'}")
    return [watch.result() for watch in watches]


def _each(watches: Sequence[Watch], do: Callable[[Watch], None], word: str, on_progress: OnEvent) -> None:
    def one(watch: Watch) -> None:
        began = time.monotonic()
        do(watch)
        told = watch.failure or f"{word} in {time.monotonic() - began:.0f} s"
        on_progress(f"{watch.name}: {told}")

    with ThreadPoolExecutor(LANES) as lanes:
        list(lanes.map(one, watches))


def _put_forward(watches: Sequence[Watch], oncall: OnCall, on_progress: OnEvent) -> None:
    """Put the clock forward, from one time at which an incident is looked at to the next.

    The alarms of an incident rest when it has ended: days later they would tell of what is no part of it.
    """
    start = time.time()
    for minutes in sorted({minute for watch in watches for minute in watch.incident.looks}):
        at = start + 60.0 * minutes
        going_on = [watch for watch in watches if minutes <= max(watch.incident.looks)]
        ringing = oncall.look(at, [watch.name for watch in going_on])
        for watch in going_on:
            for ring in watch.hear(ringing[watch.name], at, oncall):
                on_progress(f"{watch.name}: {ring.kind} rings, {duration(ring.minutes)} after the fault")
