"""`contender doctor`: find what is wrong with a pipeline, and mend what is safe to mend."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from rich.text import Text

from contender.cli.caller import caller_of
from contender.cli.console import console, errors, print_json, print_table
from contender.cli.examination import examination_of
from contender.cli.options import DEFAULT_ENVIRONMENT, EnvironmentOption, JsonOption, all_pipelines, workbench
from contender.doctor.examine import examine
from contender.doctor.findings import Finding, is_ill
from contender.doctor.mend import Mended, Mender

STYLES = {"critical": "bold red", "warning": "yellow", "note": "dim"}


@dataclass(frozen=True)
class Examined:
    """A pipeline's findings; with `--fix` what was mended of those before, and what is left."""

    pipeline: str
    findings: Sequence[Finding]
    mended: Sequence[Mended] = ()

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        mended = [{"what": each.finding.what, "done": each.done, "failed": each.failed or None} for each in self.mended]
        return {
            "pipeline": self.pipeline,
            "findings": [found.to_dict() for found in self.findings],
            "mended": mended,
        }


def doctor(
    pipeline: Annotated[str, typer.Option("--pipeline", "-p", help="One pipeline; default: all of the project.")] = "",
    fix: Annotated[
        bool,
        typer.Option("--fix", help="Mend what is safe to mend; for the rest, the command to type is shown."),
    ] = False,
    deep: Annotated[
        bool, typer.Option("--deep", help="Read every file of every model and dataset version, not only those in use.")
    ] = False,
    environment: EnvironmentOption = DEFAULT_ENVIRONMENT,
    as_json: JsonOption = False,
) -> None:
    """Find what is wrong: pointer, history, versions, signatures, datasets, queue, lease, runs, keys, clocks.

    The exit code is 1 if something is wrong. With --fix it is 1 if something is left.

    Example: contender doctor --pipeline flights --fix
    """
    with errors.status("looking") as status:

        def tell(step: str) -> None:
            status.update(Text(step))

        names = [pipeline] if pipeline else all_pipelines()
        examined = [_examine(name, environment, fix=fix, deep=deep, tell=tell) for name in names]
    if as_json:
        print_json([each.to_dict() for each in examined])
    else:
        for each in examined:
            _print(each)
    if any(is_ill(each.findings) for each in examined):
        raise typer.Exit(1)


def _examine(name: str, environment: str, *, fix: bool, deep: bool, tell: Callable[[str], None]) -> Examined:
    bench = workbench(name, environment, whole_account=True)
    examination, around = examination_of(bench, deep=deep, tell=tell)
    findings = examine(examination.gather(around))
    if not fix or all(found.repair is None for found in findings):
        return Examined(name, findings)
    mender = Mender(name, bench.models, bench.data, bench.ledger, examination.now, caller_of(bench), tell)
    mended = mender.mend(findings)
    again, around = examination_of(bench, deep=deep, tell=tell)
    return Examined(name, examine(again.gather(around)), mended)


def _print(examined: Examined) -> None:
    console.print(Text(examined.pipeline, style="bold"))
    for each in examined.mended:
        said = f"not mended: {each.finding.what}: {each.failed}" if each.failed else f"mended: {each.done}"
        console.print(Text(f"  {said}", style="red" if each.failed else "green"))
    if not examined.findings:
        console.print("  nothing is wrong")
        return
    rows = [
        (
            Text(found.severity, style=STYLES[found.severity]),
            found.check,
            Text(
                f"{found.what}\n{found.means}\n→ {'contender doctor --fix: ' if found.repair else ''}{found.action}\n"
            ),
        )
        for found in examined.findings
    ]
    print_table(("severity", "check", "finding, what it means, what to do"), rows)


def add_to(app: typer.Typer) -> None:
    """Add `contender doctor` to the app."""
    app.command()(doctor)
