"""`make fuzz`: each parser and the API for as long as is asked; inputs that reached new code are kept for the next run.

`python -m tests.fuzz [TARGET …] [--seconds 1800]`; the exit code says whether every input was taken or refused. What
was found lies in `.contender/fuzz/<target>/found/`, and belongs into a test.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from hashlib import sha256

from localcloud.side_environments import tool
from tests.fuzz.targets import ROOT, TARGETS

CORPUS = ROOT / ".contender" / "fuzz"
SLOWEST_SECONDS, MOST_MIB = 25, 3_000
LONGEST = 1 << 16
"""Bytes of an input: code is reached by small ones, sooner."""

API = "api"
"""The target that is no parser: schemathesis sends sequences of requests to the serving function."""

EXECUTED, COVERED = re.compile(r"^#(\d+)", re.MULTILINE), re.compile(r"cov: (\d+)")


def fuzz(name: str, seconds: int) -> bool:
    """Run a target; whether nothing was found."""
    corpus, found = CORPUS / name / "corpus", CORPUS / name / "found"
    for folder in (corpus, found):
        folder.mkdir(parents=True, exist_ok=True)
    for seed in TARGETS[name].seeds():
        (corpus / sha256(seed).hexdigest()[:16]).write_bytes(seed)
    before = set(found.iterdir())
    options = (f"-max_total_time={seconds}", f"-timeout={SLOWEST_SECONDS}", f"-rss_limit_mb={MOST_MIB}")
    python = tool("atheris", ROOT).python(print)
    command = [python, "-m", "tests.fuzz.guided", name, *options, f"-max_len={LONGEST}", f"-artifact_prefix={found}/"]
    path = os.pathsep.join([str(ROOT), sysconfig.get_path("purelib"), sysconfig.get_path("platlib")])
    with (CORPUS / name / "log").open("w+") as log:
        print(f"{name}: {seconds} s from {len(list(corpus.iterdir()))} inputs …", flush=True)
        variables = {**os.environ, "PYTHONPATH": path}
        ended = subprocess.run([*command, str(corpus)], env=variables, stdout=log, stderr=log, cwd=ROOT, check=False)
        log.seek(0)
        said = log.read()
    new = sorted(set(found.iterdir()) - before)
    executed, covered = _last(EXECUTED, said), _last(COVERED, said)
    print(f"{name}: {executed} inputs, {covered} places of the code reached, {len(new)} found", flush=True)
    if ended.returncode or new:
        print("\n".join([*said.splitlines()[-25:], *map(str, new)]))
    return not ended.returncode and not new


def fuzz_api(seconds: int) -> bool:
    """Have schemathesis send requests to the serving function; whether each was answered as its document says."""
    print(f"{API}: {seconds} s …", flush=True)
    (CORPUS / API).mkdir(parents=True, exist_ok=True)
    log = CORPUS / API / "log"
    command = [sys.executable, "-m", "pytest", "-q", "-m", "fuzz", "tests/handlers/test_api_contract.py"]
    variables = {**os.environ, "CONTENDER_FUZZ_SECONDS": str(seconds), "CONTENDER_FUZZ_LOG": str(log)}
    ended = subprocess.run(command, env=variables, cwd=ROOT, check=False, capture_output=True, text=True)
    said = log.read_text("utf-8") if log.exists() else ended.stdout
    print("\n".join(said.splitlines()[-25:]))
    return not ended.returncode


def _last(pattern: re.Pattern[str], said: str) -> str:
    numbers = pattern.findall(said)
    return f"{int(numbers[-1]):,}" if numbers else "no"


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Fuzz the parsers of what people send.")
    every = [*TARGETS, API]
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"one of {', '.join(every)}; all by default")
    parser.add_argument("--seconds", type=int, default=1800, help="for each target (1800)")
    asked = parser.parse_args(arguments)
    unknown = [name for name in asked.targets if name not in every]
    if unknown:
        parser.error(f"there is no target {', '.join(unknown)}; there are {', '.join(every)}")
    results = [fuzz_api(asked.seconds) if name == API else fuzz(name, asked.seconds) for name in asked.targets or every]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
