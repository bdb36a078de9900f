"""`contender env`: how environments differ, versions that go from one to another, and what they keep."""

from __future__ import annotations

from dataclasses import asdict
from itertools import groupby
from typing import Annotated

import typer
from rich.text import Text

from contender.cli.caller import caller_of
from contender.cli.clouds import LOCAL
from contender.cli.console import console, errors, print_json, print_table
from contender.cli.environments import (
    Entry,
    champions_of,
    config_in,
    differences,
    enter_version,
    kept_resources,
    settings_of_environment,
)
from contender.cli.follow_run import follow_execution, print_outcome, run_of
from contender.cli.options import (
    JsonOption,
    PipelineOption,
    all_pipelines,
    cloud_of,
    pipeline_config,
    project_root,
    stack_prefix,
    workbench_as,
)
from contender.formatting import counted

environments = typer.Typer(
    no_args_is_help=True,
    help="Compare environments, take a version from one to another, list what is kept.\n\n"
    "Example: contender env diff dev prod",
)

RoleOption = Annotated[
    str,
    typer.Option("--role", metavar="ARN", help="A role in the account of the second environment, to act as there."),
]


def add_to(app: typer.Typer) -> None:
    """Add the group `contender env` with its commands to the app."""
    app.add_typer(environments, name="env")


@environments.command("diff")
def diff(
    here: Annotated[str, typer.Argument(help="An environment, for example dev.")],
    there: Annotated[str, typer.Argument(help="Another one, for example prod.")],
    role: RoleOption = "",
    as_json: JsonOption = False,
) -> None:
    """Show how two environments differ: settings, pipelines, champions.

    Exit code 0, whether or not they differ. A champion that cannot be read is shown with the reason.

    Example: contender env diff dev prod
    """
    project, names = project_root(), all_pipelines()
    configs = [pipeline_config(name) for name in names]
    settings = tuple(settings_of_environment(project, name, names) for name in (here, there))
    with errors.status("reading champions", spinner="dots"):
        champions = (
            champions_of(lambda name: workbench_as(name, here), names),
            champions_of(lambda name: workbench_as(name, there, role), names),
        )
    found = list(differences(configs, (settings[0], settings[1]), champions))
    if as_json:
        print_json(
            {
                "here": here,
                "there": there,
                "champions": {here: champions[0], there: champions[1]},
                "differences": [asdict(each) for each in found],
            }
        )
        return
    print_table(
        ("about", "key", here, there),
        [(each.about, each.name, Text(_shown(each.here)), Text(_shown(each.there))) for each in found],
    )


def _shown(value: object) -> str:
    """A value as the files have it."""
    if isinstance(value, bool):
        return str(value).lower()
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


@environments.command("promote")
def promote(
    version: Annotated[str, typer.Argument(help="The model version.")],
    pipeline: PipelineOption,
    source: Annotated[str, typer.Option("--from", help="The environment that has it.")],
    target: Annotated[str, typer.Option("--to", help="The environment whose loop is to judge it.")],
    reason: Annotated[str, typer.Option(help="Why, for the run's record.")] = "",
    again: Annotated[bool, typer.Option("--again", help="Although it was rolled back there; needs --reason.")] = False,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until the run has ended.")] = True,
    role: RoleOption = "",
    as_json: JsonOption = False,
) -> None:
    """Take a model version to another environment, where a run judges it as a challenger.

    Files, manifest and signature are verified, and the version is signed anew with the other environment's key. Its
    champion pointer moves only if the version wins there. Your credentials need kms:Sign in the other environment.

    Example: contender env promote 20261130T101500Z-8f14e45f-c0dec0de -p flights --from dev --to prod
    """
    if source == target:
        raise typer.BadParameter(f"--from and --to are both {source}", param_hint="--to")
    config = config_in(project_root(), target, pipeline_config(pipeline))
    benches = workbench_as(pipeline, source), workbench_as(pipeline, target, role)
    entry = Entry(version, caller_of(benches[0]), reason, again)
    with errors.status("looking at both environments", spinner="dots") as spinner:
        entered = enter_version(*benches, config, entry, report=spinner.update)
    if not as_json:
        console.print(
            f"{version} is in {target}: {counted(entered.files, 'file')}, {entered.bytes:,} bytes, verified and signed",
            markup=False,
        )
        if source != LOCAL and not settings_of_environment(project_root(), source, all_pipelines()).keep_data:
            console.print(
                f"Its rows stay in {source}, which does not keep them when it is destroyed (keep_data = false); without"
                " them nobody can train it again (contender reproduce)",
                markup=False,
            )
    execution = entered.execution
    if wait:
        print_outcome(benches[1], lambda: follow_execution(benches[1], execution, quiet=as_json), as_json=as_json)
    elif as_json:
        print_json({**asdict(entered), "run_id": run_of(execution)})
    else:
        console.print(f"run {run_of(execution)} judges it; see contender runs --env {target} --pipeline {pipeline}")


@environments.command("kept")
def kept(
    environment: Annotated[str, typer.Argument(help="The environment, for example prod.")],
    as_json: JsonOption = False,
) -> None:
    """List what an environment keeps without a stack or a pipeline file, and what would remove it for good.

    Nothing is removed. Data and models outlive the pipeline file, and in prod the stacks, as do tables, queues, keys,
    secrets and logs there.

    Example: contender env kept prod
    """
    root = project_root()
    if environment != LOCAL:
        settings_of_environment(root, environment, all_pipelines())
    with errors.status(f"looking at {environment}", spinner="dots"):
        cloud = cloud_of(environment, root, whole_account=True)
        found = list(kept_resources(cloud, stack_prefix(root), environment, all_pipelines()))
    if as_json:
        print_json([asdict(each) for each in found])
        return
    if not found:
        console.print(f"{environment} keeps nothing beyond its stacks and pipeline files")
    for (kind, why), group in groupby(found, key=lambda each: (each.kind, each.why)):
        alike = list(group)
        console.print(Text(f"{kind} ({len(alike)}): {why}", style="bold"))
        for each in alike:
            console.print(Text(f"  {each.name}"))
        console.print(Text(f"  to remove {'the first' if alike[1:] else 'it'} for good: {alike[0].to_remove}"))
    if found:
        console.print("--json has the command for each of them")
