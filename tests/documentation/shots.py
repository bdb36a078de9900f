"""Pictures of the site's main pages, light and dark, on a phone and a desk.

`python -m tests.documentation.shots FOLDER` takes them all, with names of pages behind it only those.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from documentation.site import build
from tests.browser.chromium import open_tab
from tests.console import serving

PAGES = (
    "index",
    "tutorial",
    "how-it-decides",
    "deployment",
    "reference/commands",
    "reference/states",
    "alarms",
    "plots",
    "limits",
    "evidence",
)
SIZES = {400: 800, 1400: 900}
SCHEMES = ("light", "dark")


def take(folder: Path, pages: tuple[str, ...] = PAGES) -> list[Path]:
    """Write `<page>-<width>-<scheme>.png` for each; a picture is three screens high at most."""
    taken = []
    with tempfile.TemporaryDirectory() as site, open_tab() as tab:
        build(Path(site))
        with serving(Starlette(routes=[Mount("/", StaticFiles(directory=site, html=True))])) as address:
            for page in pages:
                for width, height in SIZES.items():
                    for scheme in SCHEMES:
                        tab.set_viewport_size({"width": width, "height": height})
                        tab.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
                        tab.goto(f"{address}/{page}.html")
                        tab.wait_for_load_state("networkidle")
                        whole = int(tab.evaluate("document.documentElement.scrollHeight"))
                        tab.set_viewport_size({"width": width, "height": min(whole, 3 * height)})
                        file = folder / f"{page.replace('/', '-')}-{width}-{scheme}.png"
                        tab.screenshot(path=file)
                        taken.append(file)
    return taken


if __name__ == "__main__":
    to = Path(sys.argv[1])
    to.mkdir(parents=True, exist_ok=True)
    for file in take(to, tuple(sys.argv[2:]) or PAGES):
        print(file)  # noqa: T201
