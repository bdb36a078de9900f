"""Our pages in a real browser: quiet, alone, within the screen, readable; on a desk, on a phone, by day, by night."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Page
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from contender.cli.console_server.app import FILES, answer_with
from contender.cli.live_demo.page import story_page
from contender.replay import page as replay_page
from contender.reports.card.page import card
from contender.reports.run import page as run_page
from tests import ran, tracked
from tests.browser.chromium import open_tab
from tests.cli.live_demo import example as live_demo
from tests.console import serving
from tests.unit.console.examples import PAGES as CONSOLE
from tests.unit.dashboard import example as example_dashboard
from tests.unit.replay.test_page import example

Scheme = Literal["light", "dark"]
PHONE, DESK = 400, 1400
READABLE = Path(__file__).with_name("readable.js").read_text(encoding="utf-8")


def manifest() -> dict[str, Any]:
    """Of a version, with what its card begins with."""
    return {**tracked.Shop().train(1).manifest, "task": "binary", "target": "late", "positive": "yes"}


def long_names() -> str:
    """The card of a version with many features of long names."""
    names = [f"{ran.LONG}_{number}" for number in range(60)]
    features = [{"name": name, "kind": "numeric", "levels": []} for name in names]
    seen = {"kind": "numeric", "missing": {"training": 0.0, "holdout": 0.2}, "low": 0.0, "high": 1.0, "outside": 0.2}
    evidence = tracked.some_evidence() | {"inputs": [seen | {"feature": name} for name in names]}
    importances = [{"feature": name, "importance": 0.1, "low": 0.05, "high": 0.15} for name in names]
    return card(manifest() | {"features": features}, evidence, tracked.EXPLANATION | {"permutation": importances})


PAGES: dict[str, Callable[[], str]] = {
    **{f"report {name}": lambda make=make: run_page.page(make()) for name, make in ran.ENDINGS.items()},
    "replay": lambda: replay_page.page(example()),
    "dashboard": example_dashboard.page,
    "live demo": lambda: story_page(live_demo.story(), 140.0, run_page="live-run.html"),
    "model card of long names": long_names,
    "model card": lambda: card(manifest(), tracked.some_evidence(), tracked.EXPLANATION),
}


@pytest.fixture(scope="module")
def tab() -> Iterator[Page]:
    """The one in which every page is opened: a new one takes longer than all that is asked of a page."""
    with open_tab() as found:
        yield found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pages")


@cache
def written(name: str, folder: Path) -> Path:
    """The page as a file."""
    file = folder / f"{name}.html"
    file.write_text(PAGES[name](), encoding="utf-8")
    return file


@dataclass
class Shown:
    """A page that is open, all that folds unfolded, with all that it complained about and asked for on the way."""

    tab: Page
    address: str
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def ask(self, script: str) -> Any:
        return self.tab.evaluate(script)


@contextmanager
def shown(tab: Page, address: str, width: int, scheme: Scheme) -> Iterator[Shown]:
    found = Shown(tab, address)
    listeners: dict[str, Callable[[Any], None]] = {
        "console": lambda message: found.complaints.append(message.text),
        "pageerror": lambda error: found.complaints.append(str(error)),
        "request": lambda request: found.requests.append(request.url),
    }
    tab.set_viewport_size({"width": width, "height": 900})
    tab.emulate_media(color_scheme=scheme)
    for event, listener in listeners.items():
        tab.on(event, listener)  # type: ignore[call-overload]
    tab.goto(found.address)
    found.ask("document.querySelectorAll('details').forEach(each => each.open = true)")
    yield found
    for event, listener in listeners.items():
        tab.remove_listener(event, listener)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [PHONE, DESK])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_quiet_alone_within_the_screen_and_readable(
    tab: Page, folder: Path, name: str, width: int, scheme: Scheme
) -> None:
    with shown(tab, written(name, folder).as_uri(), width, scheme) as page:
        assert page.complaints == []
        assert page.requests == [page.address]
        assert page.ask("document.documentElement.scrollWidth") == width
        assert page.ask(READABLE) == []
        assert page.ask("document.querySelector('h1').checkVisibility()")
        brightness = page.ask("Number(getComputedStyle(document.body).backgroundColor.match(/[0-9]+/)[0])")
        assert (brightness > 128) == (scheme == "light")


@pytest.fixture(scope="module")
def console() -> Iterator[str]:
    """The address of a server that has the console's pages of the examples."""

    def page(request: Request) -> Response:
        return answer_with(CONSOLE[request.path_params["name"]]())

    with serving(Starlette(routes=[*FILES, Route("/page/{name}", page)])) as address:
        yield address


@pytest.mark.parametrize(("width", "scheme"), [(PHONE, "dark"), (DESK, "light")])
@pytest.mark.parametrize("name", CONSOLE)
def test_a_page_of_the_console_is_quiet_within_the_screen_and_readable(
    tab: Page, console: str, name: str, width: int, scheme: Scheme
) -> None:
    with shown(tab, f"{console}/page/{name}", width, scheme) as page:
        assert page.complaints == []
        assert page.requests == [page.address, f"{console}/keys.js"]
        assert page.ask("document.documentElement.scrollWidth") == width
        assert page.ask(READABLE) == []


def test_the_consoles_keys_go_from_row_to_row_and_to_the_filter(tab: Page, console: str) -> None:
    with shown(tab, f"{console}/page/runs", DESK, "light") as page:
        focused = []
        for key in ("j", "ArrowDown", "k", "/"):
            tab.keyboard.press(key)
            focused.append(page.ask("document.activeElement.textContent || document.activeElement.type"))
        assert focused == ["8b2e41c7", "7a-2", "8b2e41c7", "search"]


def test_a_page_that_breaks_every_rule_is_seen_through(tab: Page, folder: Path) -> None:
    """What the test above would miss if it looked the wrong way."""
    file = folder / "bad.html"
    file.write_text(
        "<!doctype html><body style='background:#fff'><h1>bad</h1><p style='color:#999;width:2000px'>pale</p>"
        "<svg width=100 height=40><rect width=100 height=40 fill='#333'/>"
        "<text y=20 fill='#111'>dark on dark</text></svg>"
        "<img src='other.png'><script>console.log('hello'); nothing()</script>",
        encoding="utf-8",
    )
    with shown(tab, file.as_uri(), PHONE, "light") as page:
        assert page.ask("document.documentElement.scrollWidth") > PHONE
        assert [text for text, *_ in page.ask(READABLE)] == ["pale", "dark on dark"]
        assert page.requests == [page.address, (folder / "other.png").as_uri()]
        assert any("hello" in said for said in page.complaints)
        assert any("nothing is not defined" in said for said in page.complaints)
