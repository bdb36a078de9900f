"""Pictures of Contender's own pages for docs/pictures, light and dark, made by its commands.

    make demo                                     # flights on the local cloud
    (the commands of docs/tutorial.md)            # computers, beside it
    python -m tests.documentation.pictures        # all of these; or those that are named: report model-card

Those of a drill are made of pages in the project's folder:

    contender drill --keep --html drill.html      # says where its cloud is
    (there) contender dashboard --pipeline champion-5xx --html …/drill-dashboard.html
    python -m tests.documentation.pictures drill-mails drill-dashboard
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.browser.chromium import open_tab

if TYPE_CHECKING:
    from playwright.sync_api import Page

PROJECT = Path(__file__).resolve().parents[2]
PICTURES = PROJECT / "docs" / "pictures"
RIDES = PROJECT / "benchmarks" / "pipelines" / "bikeshare.toml"
CONTENDER = [str(Path(sys.executable).parent / "contender")]
SCHEMES = ("light", "dark")


@dataclass(frozen=True)
class Picture:
    """A picture of a page.

    Attributes
    ----------
    address : where the page is; it may be made in the folder that it gets.
    width, height : of the window, in pixels.
    section : the heading of the section that is shown; the window's upper part where empty.
    whole : whether all of the page is shown.
    """

    address: Callable[[Path], str]
    width: int
    height: int
    section: str = ""
    whole: bool = False


def run_page(pipeline: str) -> Callable[[Path], str]:
    """The report of the newest run that was promoted after an upload."""

    def made(folder: Path) -> str:
        return page_of(folder / f"run-{pipeline}.html", "show", promoted(pipeline), "--report")

    return made


def card(folder: Path) -> str:
    return page_of(folder / "card.html", "card", "champion", "--pipeline", "flights", "--out")


def dashboard(folder: Path) -> str:
    return page_of(folder / "dashboard.html", "dashboard", "--pipeline", "flights", "--hours", "1", "--html")


def replay(folder: Path) -> str:
    history = folder / "rides.parquet"
    subprocess.run([sys.executable, "-m", "demo_data", "bikeshare", str(history)], cwd=PROJECT, check=True)
    options = ("--pipeline", str(RIDES), "--policy", "promotion.rule=proven", "--hindsight", "--html")
    return page_of(folder / "replay.html", "replay", str(history), *options)


def left(name: str) -> Callable[[Path], str]:
    """A page that a drill has left in the project's folder."""
    return lambda _: (PROJECT / name).as_uri()


def execution(_folder: Path) -> str:
    """A page of the console, whose server stays until this process ends."""
    run = promoted("flights")
    return f"{CONSOLE.address}/flights/executions/loop/{run}"


RUN = Picture(run_page("computers"), 1080, 478)
PICTURES_OF = {
    "run": RUN,
    "drift": Picture(RUN.address, 1000, 900, "Drift detected"),
    "comparison": Picture(RUN.address, 1000, 900, "Champion vs"),
    "report": Picture(run_page("flights"), 1080, 1850),
    "model-card": Picture(card, 1080, 1500),
    "console": Picture(execution, 1000, 1142),
    "dashboard": Picture(dashboard, 1400, 1590),
    "replay": Picture(replay, 1080, 1130),
}
OF_A_DRILL = {
    "drill-mails": Picture(left("drill.html"), 1400, 900, whole=True),
    "drill-mails-phone": Picture(left("drill.html"), 400, 900, whole=True),
    "drill-dashboard": Picture(left("drill-dashboard.html"), 1400, 900, whole=True),
    "drill-dashboard-phone": Picture(left("drill-dashboard.html"), 400, 900, whole=True),
}


class _Console:
    """`contender console`, started when its address is first asked for."""

    def __init__(self) -> None:
        self._server: subprocess.Popen[str] | None = None
        self._address = ""

    @property
    def address(self) -> str:
        if self._server is None:
            self._server = subprocess.Popen([*CONTENDER, "console"], cwd=PROJECT, stdout=subprocess.PIPE, text=True)
            assert self._server.stdout is not None
            self._address = self._server.stdout.readline().split()[0].rstrip("/")
        return self._address

    def stop(self) -> None:
        if self._server is not None:
            self._server.terminate()
            self._server.wait(20)


CONSOLE = _Console()


def page_of(file: Path, *command: str) -> str:
    """The address of the page that a command writes; made once."""
    if not file.exists():
        subprocess.run([*CONTENDER, *command, str(file)], cwd=PROJECT, check=True, stdout=subprocess.DEVNULL)
    return file.as_uri()


def promoted(pipeline: str) -> str:
    asked = [*CONTENDER, "runs", "--pipeline", pipeline, "--json"]
    found: list[dict[str, Any]] = json.loads(subprocess.check_output(asked, cwd=PROJECT))
    return next(str(run["run_id"]) for run in found if (run["verdict"], run["trigger"]) == ("promoted", "upload"))


def take(tab: Page, name: str, picture: Picture, address: str) -> Iterator[Path]:
    """Write `<name>-light.png` and `<name>-dark.png`."""
    for scheme in SCHEMES:
        tab.set_viewport_size({"width": picture.width, "height": picture.height})
        tab.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        tab.goto(address)
        file = PICTURES / f"{name}-{scheme}.png"
        if picture.section:
            box = tab.locator("section", has=tab.locator("h2", has_text=picture.section)).first.bounding_box()
            assert box is not None, f"the page has no section {picture.section!r}"
            around = {"x": box["x"] - 24, "y": box["y"] - 24, "width": box["width"] + 48, "height": box["height"] + 24}
            tab.screenshot(path=file, full_page=True, clip=around)  # type: ignore[arg-type]
        else:
            tab.screenshot(path=file, full_page=picture.whole)
        yield file


@contextmanager
def console_stopped() -> Iterator[None]:
    try:
        yield
    finally:
        CONSOLE.stop()


def main(names: Sequence[str]) -> None:
    with tempfile.TemporaryDirectory() as folder, open_tab() as tab, console_stopped():
        for name in names or PICTURES_OF:
            picture = (PICTURES_OF | OF_A_DRILL)[name]
            for file in take(tab, name, picture, picture.address(Path(folder))):
                print(file.relative_to(PROJECT), flush=True)  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1:])
