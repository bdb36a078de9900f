"""The examples of docs/serving.md, word for word, on the local cloud: each runs, and prints what the page shows."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from demo_data import flights
from localcloud.state import CREDENTIALS
from tests.e2e.loop import PROJECT, LivePipeline, LocalLoop

pytestmark = pytest.mark.emulator

PAGE = (PROJECT / "docs" / "serving.md").read_text(encoding="utf-8")
NODE_PACKAGE = "aws4fetch@1.0.20"
RUNNERS = {"sh": ["bash", "-euo", "pipefail"], "python": [sys.executable], "javascript": ["node"]}
ENDINGS = {"sh": "sh", "python": "py", "javascript": "mjs"}


@dataclass(frozen=True)
class Example:
    """A block of code, and the answer that the page shows right below it, if any."""

    language: str
    code: str
    shown: Any

    @property
    def file(self) -> str:
        """The name that its first line gives it, if any: others use it."""
        named = re.match(r"# ([\w.]+)$", self.code, flags=re.MULTILINE)
        return named[1] if named else f"example.{ENDINGS[self.language]}"

    @property
    def name(self) -> str:
        return f"{self.language}: {self.code.strip().splitlines()[-1][:60]}"


def examples() -> list[Example]:
    blocks = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)
    following = [*blocks[1:], ("", "")]
    return [
        Example(language, code, json.loads(answer) if kind == "json" else None)
        for (language, code), (kind, answer) in zip(blocks, following, strict=True)
        if language in RUNNERS
    ]


@pytest.fixture(scope="module")
def served(loop: LocalLoop) -> LivePipeline:
    pipeline = loop.pipeline("flights")
    if pipeline.champion() is None:
        pipeline.run("served", flights.month(1)[::6][list(pipeline.config.columns)])
    return pipeline


@pytest.fixture(scope="module")
def environment(served: LivePipeline, loop: LocalLoop, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A backend's: the address of the API, credentials, and a folder where one may write."""
    folder = tmp_path_factory.mktemp("backend")
    tools = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    subprocess.run(
        ["npm", "install", "--no-fund", "--no-audit", "--prefix", str(folder), NODE_PACKAGE],
        check=True,
        capture_output=True,
        env={**os.environ, "PATH": tools},
    )
    return {
        **os.environ,
        "PATH": tools,
        "PWD": str(folder),
        "API": served.bench.api_url,
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": CREDENTIALS["aws_access_key_id"],
        "AWS_SECRET_ACCESS_KEY": CREDENTIALS["aws_secret_access_key"],
        "AWS_SESSION_TOKEN": "token",
    }


def shape(value: Any) -> Any:
    """Names and kinds of a JSON value; of a list only what its first item looks like."""
    if isinstance(value, dict):
        return {name: shape(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [shape(item) for item in value[:1]]
    return "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__


@pytest.mark.parametrize("example", examples(), ids=lambda example: example.name)
def test_an_example_runs_and_prints_what_the_page_shows(example: Example, environment: dict[str, str]) -> None:
    script = Path(environment["PWD"]) / example.file
    script.write_text(example.code, encoding="utf-8")
    done = subprocess.run(
        [*RUNNERS[example.language], str(script)],
        cwd=environment["PWD"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    if example.shown is not None:
        assert shape(json.loads(done.stdout)) == shape(example.shown), done.stdout


def test_every_language_of_the_page_has_an_example() -> None:
    assert {example.language for example in examples()} == set(RUNNERS)
