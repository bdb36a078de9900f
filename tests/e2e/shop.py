"""The pipelines of the end-to-end tests: the drill's shop, in several kinds."""

from __future__ import annotations

from pathlib import Path

from contender.cli.drill.catalogue import INCIDENTS
from contender.cli.drill.shop import ONLY_AFTER_DRIFT, ROWS, pipeline_file, visits
from contender.cli.live_demo.story import live_pipeline_file

__all__ = ["ROWS", "pipeline_file", "visits"]

CANARY = """
[rollout]
canary_weight = 0.5
bake_seconds = 25
max_bake_seconds = 600
min_requests = 100
min_labels = 50
"""
"""The end of a pipeline file whose champions bake for a few moments, on a busy machine for as long as requests take."""

WITHOUT_PAUSE = """
[serving]
requests_per_second = 10000
burst = 10000
"""
"""The end of a pipeline file whose clients ask without a pause, more often than the default lets pass."""

NIGHTLY = """
[serving]
batch_schedule = "cron(0 3 1 1 ? 2099)"
"""
"""The end of a pipeline file whose files for prediction wait for a schedule that never comes by itself."""

ASKS = """
[rollout]
approval = "always"
approval_minutes = 5
"""
"""The end of a pipeline file whose challengers serve when a person says so."""

SKEW = """

import os

_as_sent = RowReader.read
_most = lambda: 4.0 if os.environ.get("PIPELINE") == "shop-skew" else np.inf
RowReader.read = lambda reader, rows: np.minimum(_as_sent(reader, rows), _most())
"""
"""What a mistake in serving may be like: amounts above 4 arrive as 4. Training and comparison do not go this way."""


def plant_skew(root: Path) -> None:
    """Make that mistake in a copy of the project, for the pipeline `shop-skew` alone."""
    add_to(root / "contender" / "serving" / "requests.py", SKEW)


AHEAD = """

import os


def _ahead() -> float:
    if os.environ.get("PIPELINE") == "shop-canary" and os.path.exists({file!r}):
        with open({file!r}) as ahead:
            return float(ahead.read() or 0)
    return 0.0
"""

SERVING_CLOCK = """

from types import SimpleNamespace

_started = time
time = SimpleNamespace(time=lambda: _started.time() + _ahead(), perf_counter=_started.perf_counter)
"""

WATCH_CLOCK = """

from datetime import timedelta

_watched = watch_canary
watch_canary = lambda *given, now, **more: _watched(*given, now=now + timedelta(seconds=_ahead()), **more)
"""
"""The clocks of Serve and of Watch are ahead by the seconds in a file, for the pipeline whose trials take days."""


def clock_file(root: Path) -> Path:
    """Where a test writes how many seconds those clocks are ahead."""
    return root / "seconds-ahead"


def put_clocks(root: Path, seconds: float) -> None:
    """From now on those clocks are so far ahead."""
    clock_file(root).write_text(str(seconds))


def plant_clocks(root: Path) -> None:
    """Give Serve and Watch those clocks in a copy of the project, for the pipeline `shop-canary` alone."""
    ahead = AHEAD.format(file=str(clock_file(root)))
    add_to(root / "lambdas" / "serve" / "composition.py", ahead + SERVING_CLOCK)
    add_to(root / "lambdas" / "watch" / "handler.py", ahead + WATCH_CLOCK)


def add_to(module: Path, code: str) -> None:
    """Add code to the end of a module, which has to be there."""
    module.write_text(module.read_text(encoding="utf-8") + code, encoding="utf-8")


KEYS = {"flights": f"{ONLY_AFTER_DRIFT}\nparameters = {{ max_iter = 30 }}", "movies": ONLY_AFTER_DRIFT}
"""What the project's own pipelines have here in `[training]`. With few trees boosting, its export and its explanation
take a third of the time; of the movies, rows like the first ones would then train a challenger."""


def with_keys(text: str, keys: str) -> str:
    """A pipeline file with these keys."""
    section = "[training]"
    written = text if section in text else f"{text}\n{section}\n"
    return written.replace(section, f"{section}\n{keys}", 1)


PLAYED = ("champion-5xx", "pointer-lost")
"""Incidents of the drill that are played here."""

PIPELINES = {
    **{name: INCIDENTS[name].pipeline_file for name in PLAYED},
    **{name: pipeline_file(name) for name in ("shop-input", "shop-burst", "shop-abort", "shop-skew")},
    **{name: pipeline_file(name) for name in ("shop-log", "shop-code")},
    "shop-live": pipeline_file("shop-live") + WITHOUT_PAUSE,
    "shop-feedback": live_pipeline_file("shop-feedback"),
    "shop-canary": pipeline_file("shop-canary") + CANARY,
    "shop-asks": pipeline_file("shop-asks") + ASKS,
    "shop-broken": pipeline_file("shop-broken", parameters="{ trees = 7 }") + NIGHTLY,
}
"""Each is for one story. `shop-broken` names a parameter that is none, so that it never has a champion."""
