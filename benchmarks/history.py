"""How long it takes to check a champion history, beside git, which checks a signed chain of commits."""

from __future__ import annotations

import math
import os
import resource
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from benchmarks.parts import Figure, Part, Report, Size, command
from benchmarks.tables import markdown_table
from contender.adapters.aws.public_key import check_with
from contender.ports import HistoryHead
from contender.registry.history import head_of, linked, verify_history

ENTRIES = 10_000
SECONDS = 5.0
COMMITS: Mapping[Size, int] = {"smoke": 0, "quick": 40, "full": 200}
"""git starts a process for each signature: 10,000 would take minutes."""


def measure(size: Size, report: Report) -> Part:
    """The part of the evidence on the champion history."""
    entries = 100 if size == "smoke" else ENTRIES
    history, head, public = written(entries)
    report(f"{entries:,} entries are written")
    check = check_with(public)
    started = time.process_time()
    problems = verify_history("shop", history, verify_signature=check, head=head)
    seconds = time.process_time() - started
    assert not problems
    found = [found_of(kind, history, check, head) for kind in ("altered", "removed", "newest removed", "reordered")]
    report(f"checked in {seconds:.2f} s")
    rows = [("Contender", f"{entries:,}", f"{seconds:.2f} s", f"{seconds / entries * 1e6:.0f} µs")]
    figures = [
        Figure(f"seconds of one core to check {entries:,} entries", seconds, SECONDS, "at most"),
        Figure("of an altered, a removed, the newest and a reordered entry, named", sum(found), len(found), "at least"),
    ]
    theirs = (
        git_seconds(COMMITS[size]) if COMMITS[size] and shutil.which("git") and shutil.which("ssh-keygen") else None
    )
    each = theirs / COMMITS[size] if theirs is not None else math.nan
    if theirs is not None:
        rows.append(("git log --show-signature", f"{COMMITS[size]:,}", f"{theirs:.2f} s", f"{each * 1e6:,.0f} µs"))
    figures.append(Figure("times as fast as git for each entry", each / (seconds / entries), 10.0, "at least"))
    text = (
        "Each entry is signed (ECDSA, P-256) and holds the digest of the one before; all signatures are checked with "
        "the public key. git checks commits that are signed by SSH keys, which is the same kind of chain. Seconds are "
        "those of one processor core.\n\n" + markdown_table(("", "entries", "checked in", "each"), rows)
    )
    return Part("Checking the champion history", command("history", size), text, figures)


def written(entries: int) -> tuple[list[dict[str, Any]], HistoryHead | None, bytes]:
    """A history, newest first, its head, and the public key in DER."""
    key = ec.generate_private_key(ec.SECP256R1())
    digest = ec.ECDSA(utils.Prehashed(hashes.SHA256()))
    made: list[dict[str, Any]] = []
    head: HistoryHead | None = None
    for number in range(entries):
        made.append(linked("shop", entry(number), head=head, sign=lambda body: key.sign(body, digest)))
        head = head_of(made[-1])
    return made[::-1], head, key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def entry(number: int) -> dict[str, Any]:
    """An entry as Promote writes it."""
    version = f"20260101T{number:06}Z-0123abcd-4567ef01"
    past = [{"swap_id": swap_id(each), "champion": f"v{each}"} for each in range(max(number - 8, 0), number)]
    return {
        "pipeline": "shop",
        "champion": version,
        "manifest_sha256": f"{number:064x}",
        "run_id": f"run-{number}",
        "fencing_token": number + 1,
        "swap_id": swap_id(number),
        "swapped_at": f"2026-01-01T00:00:{number:06}+00:00",
        "reason": "AUC 0.8407 vs. 0.8324 (+0.008, 95 % CI 0.002 to 0.014) on 6,389 rows in 7 days.",
        "previous": version,
        "previous_manifest_sha256": f"{number:064x}",
        "challenger": None,
        "past": past,
        "rolled_back": [],
        "provisional": False,
        "kind": "promotion",
    }


def swap_id(number: int) -> str:
    """Of the entry of this number, from 0."""
    return f"run-{number}:v{number}"


def found_of(kind: str, history: Sequence[dict[str, Any]], check: Any, head: HistoryHead | None) -> bool:
    """Whether the one entry to which this was done is named, and no other."""
    place = 0 if kind == "newest removed" else len(history) // 2
    changed, named = list(history), history[place]["swap_id"]
    if kind == "altered":
        changed[place] = changed[place] | {"champion": "another"}
    elif kind == "reordered":
        changed[place], changed[place - 1] = changed[place - 1], changed[place]
    else:
        del changed[place]
    problems = verify_history("shop", changed, verify_signature=check, head=head)
    return [problem.swap_id for problem in problems] == [named]


def git_seconds(commits: int) -> float:
    """Seconds of processor time in which git checks so many signed commits."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        key, allowed = folder / "key", folder / "allowed"
        environment = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}

        def run(*arguments: str | Path) -> None:
            subprocess.run(arguments, cwd=folder, env=environment, check=True, capture_output=True)

        run("ssh-keygen", "-q", "-t", "ecdsa", "-N", "", "-f", key)
        allowed.write_text("a@example.org " + key.with_suffix(".pub").read_text())
        settings = {
            "user.name": "a",
            "user.email": "a@example.org",
            "gpg.format": "ssh",
            "user.signingkey": str(key),
            "gpg.ssh.allowedSignersFile": str(allowed),
            "gc.auto": "0",
        }
        run("git", "init", "-q", ".")
        for setting, value in settings.items():
            run("git", "config", setting, value)
        for number in range(commits):
            run("git", "commit", "-q", "--allow-empty", "-S", "-m", f"entry {number}")
        before = _of_children()
        run("git", "log", "--show-signature", "--format=%G?")
        return _of_children() - before


def _of_children() -> float:
    """Seconds of processor time that programs have used that were started from here and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
