"""The serving API under load and abuse: where its knee is, what gives first, what callers get then."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.abusive_clients import Answered, Bomb, ask, bombs, send_without_end, slow_clients
from benchmarks.contest import CannotRunError
from benchmarks.local_api import LocalApi, local_api
from benchmarks.offered_load import AUTOCANNON, CONNECTIONS, Load, fire, in_turn
from benchmarks.parts import Figure, Part, Report, Size, command
from benchmarks.served_model import as_json, serve_files, split
from benchmarks.tables import markdown_table
from contender.pipeline.serving_policy import ServingPolicy

PREDICT = "/v1/predict"
ASKED_FOR = 10_000
"""Requests a second that the API is asked for at most."""
IN_FULL = 0.95
"""Answered in full is an offered rate of which so much was answered with a prediction."""
KNOWN = (200, 400, 413, 415, 429, 503)
"""Statuses that the API's document has."""

MOST_MIB = 512.0
SLOWER = 3.0
NO_LIMIT = ServingPolicy(requests_per_second=1_000_000, burst=1_000_000)
LIMITED = ServingPolicy(requests_per_second=20, burst=40)
"""Below what any machine answers, so that it is the limit that gives first."""


@dataclass(frozen=True)
class Sizes:
    """How long each rate is offered, and how much abuse there is.

    Attributes
    ----------
    rates : offered without limits; none where no load generator may be fetched.
    scale : by how much bombs are smaller than their full size.
    """

    training_rows: int
    rates: Sequence[int]
    seconds: int
    half_open: int
    in_turn: int
    scale: int


SIZES: dict[Size, Sizes] = {
    "smoke": Sizes(500, (), seconds=0, half_open=20, in_turn=5, scale=1_000),
    "quick": Sizes(5_000, (50, 100, 200, 400, ASKED_FOR), seconds=4, half_open=1_000, in_turn=50, scale=1),
    "full": Sizes(20_000, (25, 50, 100, 200, 400, 800, ASKED_FOR), seconds=20, half_open=4_000, in_turn=200, scale=1),
}


@dataclass(frozen=True)
class Measured:
    """All that was found.

    Attributes
    ----------
    without, limited : loads by offered rate without limits, and with some.
    unlogged : predictions that were answered and are not in the queue of the log.
    alone, beside : requests in turn, without and with half-open ones, of which `kept_open` were not closed.
    bombs : what came of each, with the bytes that were sent.
    load_mib, bomb_mib : by how much memory grew with load, and with bombs.
    missing : why no load could be offered; empty where it could.
    """

    without: Sequence[Load]
    limited: Sequence[Load]
    unlogged: int
    alone: Load
    beside: Load
    kept_open: int
    bombs: Sequence[tuple[Bomb, Answered, int]]
    load_mib: float
    bomb_mib: float
    missing: str = ""


def measure(*, size: Size, report: Report) -> Part:
    """All of it, on one local cloud."""
    sizes = SIZES[size]
    with tempfile.TemporaryDirectory() as folder:
        report("training, and a local cloud")
        model = serve_files(Path(folder), rows=sizes.training_rows)
        (row,) = as_json(split()[1].head(1))
        with local_api(model, Path(folder), NO_LIMIT) as api:
            found = _measured(api, row, sizes, report)
    text = [_about(), _load_text(found), _slow_text(found, sizes), _bomb_text(found)]
    return Part("The serving API under load and abuse", command("load", size), "\n\n".join(text), list(_figures(found)))


def _measured(api: LocalApi, row: Mapping[str, object], sizes: Sizes, report: Report) -> Measured:
    path, body = api.path + PREDICT, json.dumps({"rows": [row]}).encode()
    first = in_turn(api.port, path, body, requests=sizes.in_turn)
    start_mib = api.resident_mib()
    without, limited, missing, peak = [first], [], "", start_mib
    try:
        for rate in sizes.rates:
            report(f"{rate:,} requests a second")
            without.append(fire(api.url + PREDICT, body, rate=rate, seconds=sizes.seconds))
            peak = max(peak, api.resident_mib())
        if sizes.rates:
            api.limit(LIMITED)
            report(f"{ASKED_FOR:,} requests a second, with limits")
            limited.append(fire(api.url + PREDICT, body, rate=ASKED_FOR, seconds=sizes.seconds))
            api.limit(NO_LIMIT)
    except CannotRunError as error:
        missing = str(error)
    unlogged = _unlogged(api, sum(each.good for each in (*without, *limited)))
    report(f"{sizes.half_open:,} half-open requests")
    alone = in_turn(api.port, path, body, requests=sizes.in_turn)
    with slow_clients(api.port, path, sizes.half_open) as slow:
        slow.drip()
        beside = in_turn(api.port, path, body, requests=sizes.in_turn)
        slow.drip()
        kept_open = len(slow.open)
    before = api.resident_mib()
    tried = list(_tried(api, path, row, sizes, report))
    return Measured(
        without,
        limited,
        unlogged,
        alone,
        beside,
        kept_open,
        [(bomb, answer, sent) for bomb, answer, sent, _ in tried],
        peak - start_mib,
        max(mib for *_, mib in tried) - before,
        missing,
    )


def _unlogged(api: LocalApi, answered: int) -> int:
    """How many answers the log has not got; it is written after them."""
    until = time.monotonic() + 15
    while (logged := api.logged()) < answered and time.monotonic() < until:
        time.sleep(0.1)
    return max(0, answered - logged)  # some callers have gone before their answer came


def _tried(
    api: LocalApi, path: str, row: Mapping[str, object], sizes: Sizes, report: Report
) -> Iterator[tuple[Bomb, Answered, int, float]]:
    """Each bomb: what was answered, how many bytes were sent, and the memory after it."""
    for bomb in bombs(row, scale=sizes.scale):
        report(bomb.name)
        answer = ask(api.port, path, bomb.body, bomb.headers)
        yield bomb, answer, len(bomb.body), api.resident_mib()
    report("a body without an end")
    answer, sent = send_without_end(api.port, path)
    yield Bomb("a body without an end", b""), answer, sent, api.resident_mib()


def _knee(loads: Sequence[Load]) -> float:
    """The highest offered rate that was answered in full; 0 where none was."""
    return max((each.offered for each in loads if each.good_a_second >= IN_FULL * each.offered), default=0.0)


def _slowdown(found: Measured) -> float:
    return found.beside.p50_ms / found.alone.p50_ms if found.beside.good == found.beside.sent else float("inf")


def _figures(found: Measured) -> Iterator[Figure]:
    loads = (*found.without, *found.limited, found.alone, found.beside)
    unknown = sum(count for each in loads for status, count in each.statuses.items() if status not in KNOWN)
    taken = [bomb.name for bomb, answer, _ in found.bombs if answer.status not in bomb.refused]
    yield Figure("predictions that were answered and not logged", found.unlogged, 0, "at most")
    yield Figure("answers with a status that the document does not have", unknown, 0, "at most")
    yield Figure("median answer beside half-open requests, times that without", _slowdown(found), SLOWER, "at most")
    yield Figure("bombs that were not refused", len(taken), 0, "at most")
    yield Figure("memory that load needed, MiB", found.load_mib, MOST_MIB, "at most")
    yield Figure("memory that bombs needed, MiB", found.bomb_mib, MOST_MIB, "at most")


def _about() -> str:
    return (
        "The API of the local cloud on loopback: its front (MiniStack on hypercorn), its processes of the serving "
        "function, its queue of the prediction log; one row a request. Requests are not checked against roles. On AWS "
        "the front is API Gateway, and each concurrent request has an instance of its own: the knee is this machine's, "
        "the answers are the same."
    )


def _load_text(found: Measured) -> str:
    header = ("offered a second", "limits", "answered a second", "p50", "p99", "answers by status", "no answer")
    pairs = [*((each, "none") for each in found.without), *((each, _limits()) for each in found.limited)]
    lines = [
        [
            f"{each.offered:,.0f}",
            limits,
            f"{each.good_a_second:,.0f}",
            f"{each.p50_ms:,.0f} ms",
            f"{each.p99_ms:,.0f} ms",
            ", ".join(f"{status}: {count:,}" for status, count in sorted(each.statuses.items())) or "none",
            f"{each.broken:,}",
        ]
        for each, limits in pairs
    ]
    said = (
        f"The first row: one request after the other. The others: {AUTOCANNON} on up to {CONNECTIONS} connections, "
        f"with latencies corrected for coordinated omission. The highest rate that was answered in full (at least "
        f"{IN_FULL:.0%} of it): {_knee(found.without[1:]):,.0f} a second. Memory grew by {found.load_mib:,.0f} MiB."
    )
    left_out = f" Left out: {found.missing}." if found.missing else ""
    return f"{said}{left_out}\n\n{markdown_table(header, lines)}"


def _limits() -> str:
    return f"{LIMITED.requests_per_second} a second, {LIMITED.burst} at once"


def _slow_text(found: Measured, sizes: Sizes) -> str:
    return (
        f"With {sizes.half_open:,} half-open requests, each a byte further now and then, {found.beside.good:,} of "
        f"{found.beside.sent:,} others were answered, in {found.beside.p50_ms:,.0f} ms (median) instead of "
        f"{found.alone.p50_ms:,.0f} ms. {found.kept_open:,} of them were still open then."
    )


def _bomb_text(found: Measured) -> str:
    lines = [
        [
            bomb.name,
            f"{sent / 1e6:,.3f} MB",
            str(answer.status or "none"),
            answer.message.replace("|", "¦"),
            f"{answer.seconds:.2f} s",
        ]
        for bomb, answer, sent in found.bombs
    ]
    said = f"Requests that are meant to need much; memory grew by at most {found.bomb_mib:,.0f} MiB with them."
    return f"{said}\n\n{markdown_table(('what', 'sent', 'status', 'message', 'answered in'), lines)}"
