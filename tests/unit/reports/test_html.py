"""The skeleton of pages: text is text whatever it holds, and nothing is drawn of nothing."""

from __future__ import annotations

import pytest

from contender.reports import html as pages
from tests.html import stands_alone
from tests.ran import HOSTILE


def test_a_page_stands_alone_and_shows_text_as_it_is() -> None:
    content = (
        pages.header("about <b>it</b>", HOSTILE, "<p>more</p>")
        + pages.section(HOSTILE, HOSTILE, pages.table([HOSTILE, "rows"], [["EWR", "12"], ["JFK", "3"]], css="figures"))
        + pages.section("Facts", "", pages.fields({HOSTILE: "<code>x</code>", "none": ""}))
        + pages.details(HOSTILE, pages.panels([pages.figure("<b>one</b>", "<svg></svg>")], css="columns"), opened=True)
    )
    found = stands_alone(pages.whole(HOSTILE, content))
    assert found.text.count(HOSTILE) == 7
    assert "none" not in found.text.partition("Facts")[2]


def test_nothing_is_made_of_nothing() -> None:
    empty = (
        pages.section("a", "b", ""),
        pages.table(["a"], []),
        pages.panels([]),
        pages.fields({"a": ""}),
        pages.details("a", ""),
    )
    assert set(empty) == {""}


@pytest.mark.parametrize("sheet", ["pages.css", "run_page.css", "replay_page.css", "small_charts.css"])
def test_sheets_have_no_color_of_their_own_but_the_shared_one(sheet: str) -> None:
    style = pages.whole("a", "", styles=() if sheet == "pages.css" else (sheet,)).partition("</style>")[0]
    own = style if sheet == "pages.css" else style.partition("@media print")[2].partition("\n")[2]
    assert ("prefers-color-scheme: dark" in own) == (sheet == "pages.css")
    if sheet != "pages.css":
        assert "#" not in own  # a color that is written down is right in one of the two schemes


def test_a_picture_is_drawn_for_the_desk_and_for_the_phone() -> None:
    drawn = pages.both(lambda width: f"{pages.size(width)} {width:.0f} ")
    assert drawn == "wide 1040 narrow 380 "
