"""`contender card`: show the model card of a version."""

from __future__ import annotations

import json
import webbrowser
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from contender.cli.clouds import Workbench
from contender.cli.commands.reproduce import find_model
from contender.cli.console import console, print_fields, print_json, print_table
from contender.cli.options import (
    DEFAULT_ENVIRONMENT,
    EnvironmentOption,
    JsonOption,
    PipelineOption,
    project_root,
    workbench,
)
from contender.formatting import percent, with_interval
from contender.registry.pointer import require_pointer
from contender.registry.versions import CARD, EVIDENCE, EXPLANATION, ModelRegistry, ModelVersion
from contender.reports.card.limits import limits
from contender.reports.card.page import card as card_page
from contender.reports.card.page import headline

CHAMPION = "champion"
MOST_FEATURES = 8


def add_to(app: typer.Typer) -> None:
    """Add `contender card` to the app."""
    app.command()(card)


def card(
    pipeline: PipelineOption,
    version: Annotated[str, typer.Argument(help="A model version, its first characters, or: champion.")] = CHAMPION,
    open_page: Annotated[bool, typer.Option("--open", help="Open the card in a browser.")] = False,
    out: Annotated[Path | None, typer.Option(help="Write the card's page to this file.", show_default=False)] = None,
    environment: EnvironmentOption = DEFAULT_ENVIRONMENT,
    as_json: JsonOption = False,
) -> None:
    """Show a version's model card: metrics with confidence intervals, slices, feature importance, limitations.

    The terminal shows a summary; --open and --out give the full page.

    Example: contender card champion --pipeline flights --open
    """
    bench, model = find(version, pipeline, environment)
    found = read_card(bench, model)
    if as_json:
        print_json({"manifest": model.manifest, "evidence": found.evidence, "explanation": found.explanation})
    if open_page or out is not None:
        target = out or project_root() / ".contender" / "reports" / f"card-{model.version}.html"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(found.page, encoding="utf-8")
        if not as_json:
            console.print(f"card: {target}", markup=False)
        if open_page:
            webbrowser.open(target.resolve().as_uri())
    elif not as_json:
        found.show()


def find(version: str, pipeline: str, environment: str) -> tuple[Workbench, ModelVersion]:
    """The version that is named, or the champion, checked against the pointer.

    Raises
    ------
    NotFoundError
        When there is none.
    """
    if version != CHAMPION:
        return find_model(version, [pipeline], environment)
    bench = workbench(pipeline, environment)
    pointer = require_pointer(bench.models, pipeline).pointer
    registry = ModelRegistry(bench.models, pipeline)
    return bench, registry.read(pointer.champion, manifest_sha256=pointer.manifest_sha256)


@dataclass(frozen=True)
class Card:
    """A version's page and the files that it is made of; None where an older version has none."""

    manifest: Mapping[str, Any]
    evidence: Mapping[str, Any] | None
    explanation: Mapping[str, Any] | None
    page: str

    def show(self) -> None:
        """The main points, for a terminal."""
        evidence, explanation = self.evidence or {}, self.explanation or {}
        console.print(f"[bold]{self.manifest['version']}[/bold]")
        console.print(headline(self.manifest, evidence), markup=False)
        measured = self.manifest.get("overfit") or {}
        if measured:
            console.print()
            rows = [
                (name, with_interval(*each["holdout"]), with_interval(*each["training"]))
                for name, each in measured.items()
            ]
            print_table(("metric", "holdout", "training rows"), rows)
        listed = (explanation.get("permutation") or [])[:MOST_FEATURES]
        if listed:
            console.print("\n[bold]Feature importance[/bold]")
            print_table(
                ("feature", "share", "loss increase when permuted"),
                [
                    (
                        each["feature"],
                        percent(round(each["share"], 3)),
                        with_interval(each["importance"], each["low"], each["high"]),
                    )
                    for each in listed
                ],
            )
        against = explanation.get("against")
        if against:
            console.print(f"{against['said'][:1].upper()}{against['said'][1:]}.", markup=False)
        found = limits(self.manifest, evidence)
        if found:
            console.print("\n[bold]Limitations[/bold]")
            for limit in found:
                console.print(f"{'!' if limit.warns else '–'} {limit.said}", markup=False)
        console.print()
        print_fields({"full card": f"contender card {self.manifest['version']} -p {self.manifest['pipeline']} --open"})


def read_card(bench: Workbench, model: ModelVersion) -> Card:
    """The card that training wrote; one made now for a version that has none.

    Raises
    ------
    IntegrityError
        When a file is not the one that the manifest names.
    """
    registry = ModelRegistry(bench.models, bench.pipeline)
    kept = {
        name: registry.file(model, name) for name in (EVIDENCE, EXPLANATION, CARD) if name in model.manifest["files"]
    }
    evidence, explanation = (json.loads(kept[name]) if name in kept else None for name in (EVIDENCE, EXPLANATION))
    page = kept[CARD].decode() if CARD in kept else card_page(model.manifest, evidence, explanation)
    return Card(model.manifest, evidence, explanation, page)
