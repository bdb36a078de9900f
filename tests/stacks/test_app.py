"""The app itself, run as the command line and the local cloud run it."""

from __future__ import annotations

import json
from pathlib import Path

from tests.stacks.synthesis import PROJECT_ROOT, Synthesised, run_app


def test_an_unknown_environment_ends_the_app_with_one_line(tmp_path: Path) -> None:
    result = run_app(PROJECT_ROOT, tmp_path / "cdk.out", env="staging")
    assert result.returncode == 1
    assert result.stderr.splitlines() == [
        "contender: env must be one of local, dev, prod, but got 'staging'; pass -c env=dev, for example, or add "
        "[staging] to environments.toml"
    ]


def test_a_pipeline_on_aws_whose_failures_nobody_would_hear_of_ends_the_app_with_one_line(tmp_path: Path) -> None:
    result = run_app(PROJECT_ROOT, tmp_path / "cdk.out", env="prod")
    assert result.returncode == 1
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("contender: ")]
    assert line.endswith("add notify.emails to the pipeline file, or pass -c alarm_emails=ADDRESS")


def test_the_local_environment_synthesises_without_the_cdk_command_line(local: Synthesised) -> None:
    manifest = json.loads((local.folder / "manifest.json").read_text("utf-8"))
    names = {a["displayName"] for a in manifest["artifacts"].values() if a["type"] == "aws:cloudformation:stack"}
    assert {"contender-local/data", "contender-local/training"} <= {name.split(" ")[0] for name in names}
