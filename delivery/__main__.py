"""`python -m delivery deploy dev`, and the other commands of the workflows; each is a target of the Makefile."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from contender.cli.clouds import Workbench, connect
from contender.cli.commands.retrain import start_by_hand
from contender.cli.console import console
from contender.cli.execution_view import follow
from contender.cli.follow_run import follow_execution
from contender.errors import ContenderError
from contender.pipeline.config import pipeline_names
from delivery import assemblies, deploy, preflight, publish, pull_requests, release, smoke, summary, training
from delivery.cdk import run_cdk
from delivery.errors import DeliveryError
from delivery.replays import compare
from delivery.stages import Stage, stage_named

ROOT = Path(__file__).resolve().parents[1]
REPORTS = ROOT / "reports"


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0 where the step is done, 1 with a sentence on standard error where it is not."""
    parser = argparse.ArgumentParser(prog="python -m delivery", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (step, added) in STEPS.items():
        command = commands.add_parser(name, help=(step.__doc__ or "").split("\n")[0])
        for argument in added:
            command.add_argument(argument)
        command.set_defaults(step=step)
    given = parser.parse_args(arguments)
    try:
        given.step(given)
    except (DeliveryError, ContenderError) as error:
        print(f"{given.command}: {error}", file=sys.stderr)
        return 1
    except (BotoCoreError, ClientError) as error:
        print(f"{given.command}: AWS refuses: {error}; docs/delivery.md says what the role needs", file=sys.stderr)
        return 1
    return 0


def _pipelines() -> list[str]:
    return pipeline_names(ROOT / "pipelines")


def _ready(name: str) -> tuple[Stage, boto3.Session, str]:
    stage, session = stage_named(name, ROOT), boto3.Session()
    facts = preflight.gather(stage, session)
    deploy.ready(stage, facts, _pipelines(), _say)
    return stage, session, assemblies.bucket_of(facts.account, facts.region)


def _deploy(given: argparse.Namespace) -> None:
    """Deploy a stage, after a look at credentials, account and stacks."""
    stage, _, _ = _ready(given.stage)
    deploy.deploy(stage, ROOT, run_cdk)
    _say(f"{stage.name} is deployed; `make smoke STAGE={stage.name}` asks it for predictions")


def _diff(given: argparse.Namespace) -> None:
    """Write what a deployment would change to reports/diff.md."""
    stage, _, _ = _ready(given.stage)
    _write("diff.md", deploy.diff(stage, ROOT, run_cdk))


def _smoke(given: argparse.Namespace) -> None:
    """Ask a deployed stage for predictions, and remember its templates if it answers as it should."""
    stage, session, bucket = _ready(given.stage)
    cloud = connect(stage.name, ROOT)
    benches = [Workbench(cloud, stage.name, pipeline, stage.prefix) for pipeline in _pipelines()]
    _say(smoke.verdict(stage.name, [smoke.smoke(bench.pipeline, bench.request) for bench in benches]))
    if (deploy.assembly_of(stage, ROOT) / "manifest.json").is_file():
        assemblies.keep(session.client("s3"), stage, bucket, deploy.assembly_of(stage, ROOT))


def _roll_back(given: argparse.Namespace) -> None:
    """Deploy the templates that the stage last passed its smoke test with."""
    stage, session, bucket = _ready(given.stage)
    deploy.roll_back(stage, ROOT, run_cdk, session.client("s3"), bucket)
    _say(f"{stage.name} is what it was when it last passed its smoke test")


def _train(given: argparse.Namespace) -> None:
    """Train challengers of a stage, each pipeline in turn, and wait for the verdicts."""
    stage, _, _ = _ready(given.stage)
    cloud, until = connect(stage.name, ROOT), time.monotonic() + training.FOLLOWED_FOR.total_seconds()
    for pipeline in [given.pipeline] if given.pipeline else _pipelines():
        bench = Workbench(cloud, stage.name, pipeline, stage.prefix)
        verdicts = training.trained(
            given.because,
            partial(_running, bench),
            partial(start_by_hand, bench),
            partial(_followed, bench, until),
        )
        _say(f"{pipeline}: {', '.join(verdicts) or 'no run, the code that trains has not changed'}")
        if "failed" in verdicts:
            raise DeliveryError(
                f"the run of {pipeline} failed; see `contender runs --pipeline {pipeline} --env {stage.name}`"
            )


def _followed(bench: Workbench, until: float, execution: str) -> Mapping[str, Any]:
    """A run's record; of a run that goes on for longer than we may stay, that it does."""
    client, left = bench.cloud.client("stepfunctions"), max(0.0, until - time.monotonic())
    if follow(client, execution, console, seconds=left) == "RUNNING":
        return {"verdict": f"still running (`contender runs --pipeline {bench.pipeline} --env {bench.environment}`)"}
    return follow_execution(bench, execution, quiet=True)


def _running(bench: Workbench) -> list[str]:
    asked = {"stateMachineArn": bench.state_machine_arn, "statusFilter": "RUNNING"}
    found = bench.cloud.client("stepfunctions").list_executions(**asked)["executions"]
    return [str(one["executionArn"]) for one in found]


def _compare(given: argparse.Namespace) -> None:
    """Replay two commits on the same history, and write the comparison to reports/comparison.md."""
    history = Path(given.history) if given.history else None
    _write("comparison.md", compare(ROOT, given.base, given.head, history, _say))


def _comment(given: argparse.Namespace) -> None:
    """Write a file as the comment of a pull request, in place of the one before."""
    file = Path(given.file)
    if not file.is_file():
        raise DeliveryError(f"FILE must be a file, but is {given.file!r}; `make compare` or `make diff` writes one")
    repository, number = (os.environ.get(name, "") for name in ("GITHUB_REPOSITORY", "PULL_REQUEST"))
    text = file.read_text(encoding="utf-8")
    _say(pull_requests.comment(repository, number, file.stem, text, pull_requests.run_gh))


def _summary(_: argparse.Namespace) -> None:
    """Write coverage and test results of reports/ as Markdown."""
    tests = summary.read_tests(REPORTS / "junit.xml")
    measured = summary.read_coverage(REPORTS / "coverage.xml") if (REPORTS / "coverage.xml").is_file() else None
    _write("tests.md", summary.markdown(tests, measured) + "\n")


def _notes(_: argparse.Namespace) -> None:
    """Write the notes of the version in pyproject.toml to dist/notes.md; the tag in GITHUB_REF_NAME must be its own."""
    tag = os.environ.get("GITHUB_REF_NAME", "") if os.environ.get("GITHUB_REF_TYPE") == "tag" else ""
    version = release.version_of((ROOT / "pyproject.toml").read_text(encoding="utf-8"), tag)
    if tag:
        release.check_on_main(ROOT)
    notes = release.notes_of((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), version)
    (ROOT / "dist").mkdir(exist_ok=True)
    (ROOT / "dist" / "notes.md").write_text(notes, encoding="utf-8")
    _say(f"{version}: {len(notes.splitlines())} lines of notes")


def _publish(_: argparse.Namespace) -> None:
    """Publish dist/ and both images, and make the release on GitHub."""
    places, session = publish.Places.of(os.environ), boto3.Session()
    version = release.version_of((ROOT / "pyproject.toml").read_text(encoding="utf-8"), "")
    wheels = sorted((ROOT / "dist").glob(f"contender-{version}-*.whl"))
    if len(wheels) != 1:
        raise DeliveryError(
            f"dist/ must have one wheel of version {version}, but has {len(wheels)}; run `make release`"
        )
    address = publish.publish_wheel(wheels[0], places, session.client("codeartifact"), publish.run)
    digests = publish.publish_images(version, places, session.client("ecr"), publish.run)
    publish.publish_page(version, sorted((ROOT / "dist").glob("[!.]*")), ROOT / "dist" / "notes.md", publish.run)
    if outputs := os.environ.get("GITHUB_OUTPUT"):  # for the provenance, which is attested by digest
        with Path(outputs).open("a", encoding="utf-8") as file:
            file.writelines(f"{name}={digest}\n" for name, digest in digests.items())
    _say(f"{version} is in {address}; images: {', '.join(f'{name} {digest}' for name, digest in digests.items())}")


def _write(name: str, text: str) -> None:
    """Keep a report, show it, and put it into the summary of GitHub's run, if this is one."""
    REPORTS.mkdir(exist_ok=True)
    (REPORTS / name).write_text(text, encoding="utf-8")
    print(text)
    if page := os.environ.get("GITHUB_STEP_SUMMARY"):
        with Path(page).open("a", encoding="utf-8") as file:
            file.write(text + "\n")


def _say(line: str) -> None:
    print(line, file=sys.stderr)


STEPS: dict[str, tuple[Callable[[argparse.Namespace], None], tuple[str, ...]]] = {
    "deploy": (_deploy, ("stage",)),
    "diff": (_diff, ("stage",)),
    "smoke": (_smoke, ("stage",)),
    "roll-back": (_roll_back, ("stage",)),
    "train": (_train, ("stage", "because", "pipeline")),
    "compare": (_compare, ("base", "head", "history")),
    "comment": (_comment, ("file",)),
    "summary": (_summary, ()),
    "notes": (_notes, ()),
    "publish": (_publish, ()),
}

if __name__ == "__main__":
    sys.exit(main())
