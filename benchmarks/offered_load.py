"""Offers requests at a rate, whatever becomes of those before: autocannon, or in turn where nothing may be fetched.

autocannon corrects latencies for coordinated omission as wrk2 does: a request that could not be sent in time, because
one before it was slow, counts from when it should have been sent.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.abusive_clients import HEADERS, ask
from benchmarks.contest import CannotRunError

AUTOCANNON = "autocannon@9.0.0"
CONNECTIONS = 256
NODE = Path(__file__).parent.parent / ".venv" / "bin"
EXTRA_SECONDS = 120.0


@dataclass(frozen=True)
class Load:
    """What came of a load.

    Attributes
    ----------
    offered : requests a second that were asked for.
    sent : requests.
    statuses : how many answers had which.
    p50_ms, p99_ms : of all answers, from when a request should have been sent.
    broken : connections that failed or timed out.
    """

    offered: float
    seconds: float
    sent: int
    statuses: Mapping[int, int] = field(default_factory=dict)
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    broken: int = 0

    @property
    def good(self) -> int:
        return self.statuses.get(200, 0)

    @property
    def good_a_second(self) -> float:
        return self.good / self.seconds


def fire(url: str, body: bytes, *, rate: int, seconds: int) -> Load:
    """Offer `rate` requests a second with autocannon.

    Raises
    ------
    CannotRunError
        When it cannot be fetched, or fails.
    """
    connections = min(CONNECTIONS, rate)
    command = ["npx", "--yes", AUTOCANNON, "--json", "--no-progress", "-m", "POST", "-i", "/dev/stdin"]
    command += ["-c", str(connections), "-R", str(rate), "-d", str(seconds), "-t", "30"]
    for name, value in HEADERS.items():
        command += ["-H", f"{name}={value}"]
    environment = {**os.environ, "PATH": f"{NODE}{os.pathsep}{os.environ['PATH']}", "NO_UPDATE_NOTIFIER": "1"}
    try:
        ended = subprocess.run(
            [*command, url],
            input=body,
            capture_output=True,
            timeout=seconds + EXTRA_SECONDS,
            env=environment,
            check=True,
        )
        return _read(json.loads(ended.stdout), rate)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        said = getattr(error, "stderr", b"") or str(error).encode()
        raise CannotRunError(" ".join(said.decode(errors="replace").split())[-300:]) from None


def _read(said: Mapping[str, object], rate: int) -> Load:
    """autocannon's result: https://github.com/mcollina/autocannon#results."""
    statuses = {int(code): int(each["count"]) for code, each in said["statusCodeStats"].items()}
    latency, requests = said["latency"], said["requests"]
    return Load(
        offered=rate,
        seconds=float(said["duration"]),
        sent=int(requests["sent"]),
        statuses=statuses,
        p50_ms=float(latency["p50"]),
        p99_ms=float(latency["p99"]),
        broken=int(said["errors"]) + int(said["timeouts"]),
    )


def in_turn(port: int, path: str, body: bytes, *, requests: int) -> Load:
    """So many requests, one after the other."""
    started = time.perf_counter()
    answers = [ask(port, path, body) for _ in range(requests)]
    seconds, statuses = time.perf_counter() - started, [each.status for each in answers]
    p50, p99 = np.quantile([1e3 * each.seconds for each in answers], [0.5, 0.99])
    counted = {status: statuses.count(status) for status in set(statuses) if status}
    return Load(requests / seconds, seconds, requests, counted, float(p50), float(p99), statuses.count(0))
