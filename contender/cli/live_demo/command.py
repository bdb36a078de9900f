"""The demo in a local cloud of its own, with its pages."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

from rich.text import Text

from contender.cli.clouds import LOCAL, Workbench
from contender.cli.console import console
from contender.cli.drill.own_cloud import own_cloud
from contender.cli.live_demo.page import story_page
from contender.cli.live_demo.story import live_pipeline_file, play
from contender.workflow.run_folder import REPORT_PAGE, RunFolder

NAME = "shop-live-demo"
RUN_PAGE = "live-run.html"


def run_live_demo(project: Path) -> Path:
    """Play the story in a local cloud of its own, which ends with it; answers where its page is.

    Raises
    ------
    ContenderError
        When what should happen does not within two minutes.
    """
    started = time.monotonic()
    folder = project / ".contender" / "demo"
    folder.mkdir(parents=True, exist_ok=True)
    page = folder / "live.html"

    def tell(message: str) -> None:
        console.print(Text(f"{time.monotonic() - started:4.0f} s  {message}", style="dim"))

    with contextlib.ExitStack() as running:
        with console.status("starting a local cloud"):
            _, cloud = running.enter_context(own_cloud(project, {NAME: live_pipeline_file(NAME)}, tell))
        bench = Workbench(cloud, LOCAL, NAME)
        story = play(bench, folder)
        run = RunFolder(bench.data, NAME, str(story.run["run_id"]))
        (folder / RUN_PAGE).write_bytes(bench.data.get(run.key(REPORT_PAGE)).body)
        seconds = time.monotonic() - started
        page.write_text(story_page(story, seconds, run_page=RUN_PAGE), encoding="utf-8")
        tell("Stopping the local cloud")
    before, after = story.drifted, story.after
    console.print()
    console.print(
        Text(
            f"Accuracy on drifted requests: {before.accuracy:.1%} of {before.version}, {after.accuracy:.1%} of "
            f"{after.version}, which learned from their labels. {seconds:.0f} s. Page: {page}"
        )
    )
    return page
