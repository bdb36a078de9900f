"""The documentation site: strict, alone, within the screen; on a desk and a phone, by day and by night."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from documentation.site import CONFIG, ROOT, SiteError, build
from tests.browser.chromium import open_tab
from tests.browser.test_in_a_browser import DESK, PHONE, Scheme, shown
from tests.console import serving

LOADED = re.compile(
    r"<(?:script|img|iframe|source|link|video|object)\b[^>]*?\b(?:src|srcset|href|data)=[\"']?([^\"'\s>]+)"
)
"""What a browser fetches, whether or not the reader clicks."""
FROM_OUTSIDE = re.compile(r"(?:https?:)?//")
OPENED = ("index.html", "tutorial.html", "how-it-decides.html", "reference/commands.html", "plots.html")


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site as `make docs` builds it: strictly, so that it has no broken link, anchor or lost page."""
    folder = tmp_path_factory.mktemp("site")
    build(folder)
    return folder


def test_no_page_loads_anything_from_another_host(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > 100
    for page in pages:
        loaded = LOADED.findall(page.read_text(encoding="utf-8"))
        assert len(loaded) > 3
        assert [address for address in loaded if FROM_OUTSIDE.match(address)] == [], page.name
    for sheet in site.rglob("*.css"):
        assert not re.search(r"(url\(|@import\s+)[\"']?(https?:)?//", sheet.read_text(encoding="utf-8")), sheet.name


def test_a_link_to_a_source_file_is_its_path(site: Path) -> None:
    """The site does not know where its repository is, unless SOURCE_URL says so."""
    page = (site / "evidence.html").read_text(encoding="utf-8")
    assert "benchmarks/README.md says what each" in page
    assert 'href="../benchmarks' not in page


def test_a_page_is_laid_out_for_a_phone_and_for_the_readers_scheme(site: Path) -> None:
    pages = {name: (site / f"{name}.html").read_text(encoding="utf-8") for name in ("limits", "evidence", "tutorial")}
    assert '<td data-label="why not">' in pages["limits"]
    assert "<table>" in pages["evidence"]  # of figures: it stays one
    assert '<span class="option">--target</span> price' in pages["tutorial"]
    for picture in ('src="pictures/drift-light.png#only-light"', 'src="pictures/drift-dark.png#only-dark"'):
        assert picture in pages["tutorial"]
    assert not any("<picture" in page.read_text(encoding="utf-8") for page in site.glob("*.html"))
    assert "run by a test as they are printed: <code>tests/e2e/test_tutorial.py" in pages["tutorial"]


def test_a_broken_link_a_missing_anchor_and_a_lost_page_fail_the_build(tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "index.md").write_text(
        "# Home\n\n[gone](gone.md), [part](#no-such-part), [code](../contender/no_such.py)\n"
    )
    (docs / "lost.md").write_text("# Lost\n")
    settings = CONFIG.read_text(encoding="utf-8").partition("\nnav:")[0].replace("docs_dir: docs", f"docs_dir: {docs}")
    settings = settings.replace("documentation/", f"{ROOT}/documentation/")
    (tmp_path / "mkdocs.yml").write_text(f"{settings}\nnav: [index.md]\n")
    with pytest.raises(SiteError) as failed:
        build(tmp_path / "site", tmp_path / "mkdocs.yml")
    for said in ("'gone.md'", "'#no-such-part'", "contender/no_such.py, which does not exist", "lost.md"):
        assert said in str(failed.value)


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    with serving(Starlette(routes=[Mount("/", StaticFiles(directory=site, html=True))])) as found:
        yield found


@pytest.fixture(scope="module")
def tab() -> Iterator[Page]:
    with open_tab() as found:
        yield found


@pytest.mark.parametrize(("width", "scheme"), [(PHONE, "dark"), (DESK, "light")])
@pytest.mark.parametrize("name", OPENED)
def test_a_page_is_quiet_alone_and_within_the_screen(
    tab: Page, address: str, name: str, width: int, scheme: Scheme
) -> None:
    with shown(tab, f"{address}/{name}", width, scheme) as page:
        tab.wait_for_load_state("networkidle")
        assert page.complaints == []
        assert {request for request in page.requests if not request.startswith(address)} == set()
        assert page.ask("document.documentElement.scrollWidth") == width
        assert page.ask("document.body.dataset.mdColorScheme") == {"light": "default", "dark": "slate"}[scheme]
        assert page.ask("document.querySelectorAll('pre.mermaid').length") == 0, "a diagram was not drawn"
