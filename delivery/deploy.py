"""Deploys a stage, shows what a deployment would change, and goes back to the last good one."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from delivery import assemblies, preflight
from delivery.cdk import Run
from delivery.stages import Stage

ALL = "**"
MOST_CHARACTERS = 60_000
"""Of a comment on GitHub it takes 65,536."""
COLOURS = re.compile(r"\x1b\[[0-9;]*m")

Say = Callable[[str], None]


def ready(stage: Stage, facts: preflight.Facts, pipelines: Sequence[str], say: Say) -> None:
    """Say what a deployment leaves alone. Raises DeliveryError where the stage cannot be deployed."""
    preflight.check(stage, facts)
    if not stage.account:
        say(f"note: environments.toml names no account for {stage.name}; it is the session's, {facts.account}")
    for pipeline, stacks in preflight.removed_pipelines(stage, list(facts.stacks), pipelines).items():
        say(
            f"note: pipeline {pipeline} has no file any more. Its stacks stay, with its data and models: "
            f"{', '.join(stacks)}. Bring pipelines/{pipeline}.toml back, or delete them with `aws cloudformation "
            "delete-stack`; objects below its name in both buckets are deleted by hand only"
        )


def deploy(stage: Stage, root: Path, run: Run) -> None:
    """Synthesise and deploy all stacks. CloudFormation rolls a stack back by itself where its update fails."""
    run(
        [
            "deploy",
            ALL,
            *_context(stage),
            "--output",
            str(assembly_of(stage, root)),
            "--outputs-file",
            str(_made(root / "reports") / f"outputs-{stage.name}.json"),
            "--require-approval",
            "never",
            "--progress",
            "events",
        ],
        root,
    )


def roll_back(stage: Stage, root: Path, run: Run, s3: Any, bucket: str) -> None:
    """Deploy the templates that the stage last passed its smoke test with.

    Raises DeliveryError where there are none.
    """
    folder = assemblies.fetch(s3, stage, bucket, root / "cdk.out" / f"{stage.name}-last-good")
    run(["deploy", ALL, "--app", str(folder), "--require-approval", "never", "--progress", "events"], root)


def diff(stage: Stage, root: Path, run: Run) -> str:
    """What a deployment would change, as Markdown; nothing is changed, no change set is made."""
    printed = run(["diff", ALL, *_context(stage), "--no-change-set", "--output", str(assembly_of(stage, root))], root)
    return diff_markdown(stage.name, printed)


def diff_markdown(stage: str, printed: str) -> str:
    """The CDK's diff for a comment: the verdict first, the rest to unfold.

    Examples
    --------
    >>> print(diff_markdown("dev", "Stack a\\nThere were no differences\\n").splitlines()[0])
    **dev: no stack changes**
    """
    plain = COLOURS.sub("", printed).strip()
    changed = [part.split("\n")[0] for part in plain.split("Stack ")[1:] if "There were no differences" not in part]
    if not changed:
        return f"**{stage}: no stack changes**\n"
    replaced = sum(bool(re.search(r"requires replacement|\breplace\b", line)) for line in plain.splitlines())
    warning = f", {replaced} lines name a replacement" if replaced else ""
    body = plain.replace("```", "` ` `")
    if len(body) > MOST_CHARACTERS:
        body = f"{body[:MOST_CHARACTERS]}\n… (cut; `make diff STAGE={stage}`)"
    return (
        f"**{stage}: {len(changed)} stacks change{warning}**\n\n"
        f"<details><summary>cdk diff</summary>\n\n```\n{body}\n```\n\n</details>\n"
    )


def assembly_of(stage: Stage, root: Path) -> Path:
    """Where the stage's templates are synthesised to."""
    return root / "cdk.out" / stage.name


def _context(stage: Stage) -> list[str]:
    return ["-c", f"env={stage.name}", "-c", f"prefix={stage.prefix}"]


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
