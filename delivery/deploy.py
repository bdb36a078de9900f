"""Deploys a stage, shows what a deployment would change, and goes back to the last good one."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from contender.environments.stacks import without_file
from delivery import assemblies, preflight
from delivery.cdk import Run
from delivery.stages import Stage

ALL = "**"
FOLDER = Path(".contender") / "assemblies"
"""Apart from `cdk.out`, where `make check` and whoever calls the CDK by hand write templates that are not deployed."""
MOST_CHARACTERS = 60_000
"""Of a comment on GitHub it takes 65,536."""
COLOURS = re.compile(r"\x1b\[[0-9;]*m")

Say = Callable[[str], None]


def ready(stage: Stage, facts: preflight.Facts, pipelines: Sequence[str], say: Say) -> None:
    """Say what a deployment leaves alone. Raises DeliveryError where the stage cannot be deployed."""
    preflight.check(stage, facts)
    if not stage.account:
        say(f"note: environments.toml names no account for {stage.name}; it is the session's, {facts.account}")
    for pipeline, stacks in without_file(facts.stacks, stage.stacks, pipelines).items():
        say(
            f"note: pipeline {pipeline} has no file any more. Its stacks stay as they are, with its data and models: "
            f"{', '.join(stacks)}. To go on with it, bring pipelines/{pipeline}.toml back; what is kept of it and what "
            f"would remove it: contender env kept {stage.name}"
        )


def deploy(stage: Stage, root: Path, run: Run) -> None:
    """Synthesise and deploy all stacks. CloudFormation rolls a stack back by itself where its update fails."""
    draft = _begun(stage, root)
    run(
        [
            "deploy",
            ALL,
            *_context(stage),
            "--output",
            str(draft),
            "--outputs-file",
            str(_made(root / "reports") / f"outputs-{stage.name}.json"),
            "--require-approval",
            "never",
            "--progress",
            "events",
        ],
        root,
    )
    _keep_deployed(draft, stage, root)


def roll_back(stage: Stage, root: Path, run: Run, s3: Any, bucket: str) -> None:
    """Deploy the templates that the stage last passed its smoke test with.

    Raises DeliveryError where there are none.
    """
    draft = assemblies.fetch(s3, stage, bucket, _begun(stage, root))
    run(["deploy", ALL, "--app", str(draft), "--require-approval", "never", "--progress", "events"], root)
    _keep_deployed(draft, stage, root)


def diff(stage: Stage, root: Path, run: Run) -> str:
    """What a deployment would change, as Markdown; nothing is changed, no change set is made."""
    printed = run(["diff", ALL, *_context(stage), "--no-change-set", "--output", str(_draft(stage, root))], root)
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
    """The templates that were deployed from here last, whole: what a smoke test that passes has seen."""
    return root / FOLDER / stage.name


def _draft(stage: Stage, root: Path) -> Path:
    """Templates that are compared, or are being deployed; they are the stage's only when that has succeeded."""
    folder = root / FOLDER / f"{stage.name}-draft"
    shutil.rmtree(folder, ignore_errors=True)
    return folder


def _begun(stage: Stage, root: Path) -> Path:
    """The draft of a deployment; until it has succeeded, no templates are known to be the stage's."""
    shutil.rmtree(assembly_of(stage, root), ignore_errors=True)
    return _draft(stage, root)


def _keep_deployed(draft: Path, stage: Stage, root: Path) -> None:
    """The draft is what is deployed now."""
    draft.rename(assembly_of(stage, root))


def _context(stage: Stage) -> list[str]:
    return ["-c", f"env={stage.name}", "-c", f"prefix={stage.prefix}"]


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
