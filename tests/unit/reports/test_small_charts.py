"""Small pictures are well-formed, say in words what they show, and stay inside their frame whatever the figures."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contender.reports.frame import tick_labels
from contender.reports.interval_chart import intervals
from contender.reports.line_chart import told_apart
from contender.reports.small_charts import bars, confusion, curve, legend

finite = st.floats(-1e9, 1e9, allow_nan=False)
end = st.one_of(st.none(), finite)
SVG = "{http://www.w3.org/2000/svg}"


def parsed(picture: str) -> ElementTree.Element:
    return ElementTree.fromstring(picture.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1))


def width_of(picture: ElementTree.Element) -> float:
    return float(picture.attrib["viewBox"].split()[2])


@given(st.lists(st.tuples(st.text(max_size=30), end, end, end, st.just("p1")), max_size=8), st.booleans())
def test_any_figures_and_names_give_a_picture(
    rows: list[tuple[str, float, float, float, str]], from_zero: bool
) -> None:
    legal = [(re.sub(r"[^\x20-\ud7ff]", "", name), *others) for name, *others in rows]
    picture = parsed(intervals("i", "Slices", legal, from_zero=from_zero))  # type: ignore[arg-type]

    for circle in picture.iter(f"{SVG}circle"):
        assert 0.0 <= float(circle.attrib["cx"]) <= width_of(picture)


def test_markup_in_a_name_is_text() -> None:
    picture = parsed(intervals("i", "Slices", [("<b>&", 1.0, 0.5, 1.5, "p1")]))

    assert "<b>&" in [text.text for text in picture.iter(f"{SVG}text")]


def test_who_does_not_see_an_interval_is_told_it() -> None:
    picture = parsed(intervals("i", "AUC by origin", [("EWR", 0.91, 0.9, 0.92, "p1"), ("JFK", None, None, None, "p1")]))

    assert picture.attrib["role"] == "img"
    assert picture.attrib["aria-labelledby"] == "i-t i-d"
    assert picture.findtext(f"{SVG}title") == "AUC by origin"
    assert picture.findtext(f"{SVG}desc") == "EWR 0.91 (0.9 to 0.92); JFK undefined"


def test_a_curve_is_described_by_some_of_its_points() -> None:
    points = [(i / 100, (i / 100) ** 0.5) for i in range(101)]
    picture = parsed(
        curve("roc", "ROC", [("challenger", "challenger", points)], "false positive rate", "true positive rate")
    )

    assert picture.findtext(f"{SVG}desc") == "challenger: 0 at 0, 0.5 at 0.25, 0.7071 at 0.5, 0.866 at 0.75, 1 at 1"


def test_a_curve_without_points_is_an_empty_frame() -> None:
    picture = parsed(
        curve("roc", "ROC", [("challenger", "challenger", [])], "false positive rate", "true positive rate", dots=True)
    )

    assert picture.findtext(f"{SVG}desc") == "challenger: none"
    assert not list(picture.iter(f"{SVG}circle"))


def test_bars_of_two_series_stand_beside_each_other() -> None:
    picture = parsed(bars("b", "Scores", ["0", "0.5"], [("yes", "p1", [1, 3]), ("no", "quiet", [4, 0])]))
    found = [(rect.attrib["class"], float(rect.attrib["x"])) for rect in picture.iter(f"{SVG}rect")]

    assert [style for style, _ in found] == ["fill p1", "fill p1", "fill quiet", "fill quiet"]
    assert found[0][1] < found[2][1] < found[1][1] < found[3][1]


@pytest.mark.parametrize("classes", [1, 2, 5, 20])
def test_a_confusion_matrix_fits_the_page_whatever_its_size(classes: int) -> None:
    labels = [f"a class with a long name {i}" for i in range(classes)]
    picture = parsed(confusion("c", "Confusion", labels, [[i + j for i in range(classes)] for j in range(classes)]))
    cells = list(picture.iter(f"{SVG}rect"))

    assert len(cells) == classes**2
    assert max(float(cell.attrib["x"]) + float(cell.attrib["width"]) for cell in cells) <= width_of(picture)


def test_a_class_without_rows_divides_by_nothing() -> None:
    assert "0 rows, 0.0% of the actual class" in confusion("c", "Confusion", ["no", "yes"], [[0, 0], [0, 3]])


def test_negative_ticks_have_the_true_minus() -> None:
    assert tick_labels([-0.5, 0.0, 0.5]) == ["−0.5", "0", "0.5"]


def test_a_legend_shows_each_line_with_its_name() -> None:
    assert 'class="line champion"' in legend([("the <champion>", "champion")])
    assert "the &lt;champion&gt;" in legend([("the <champion>", "champion")])


@given(st.lists(st.tuples(st.floats(0.8, 1.0), st.floats(0.0, 0.1)), min_size=1, max_size=4))
def test_a_scale_has_two_figures_at_least(values: list[tuple[float, float]]) -> None:
    rows = [(f"row {place}", value, value - half, value + half, "p1") for place, (value, half) in enumerate(values)]
    picture = parsed(intervals("i", "Slices", rows))

    assert len([line for line in picture.iter(f"{SVG}line") if line.attrib["class"] == "grid"]) >= 2


def test_names_that_begin_alike_are_told_apart() -> None:
    names = [f"mean_of_the_amount_over_the_last_{days:02d}_days_by_region" for days in (7, 14, 30)]
    picture = parsed(intervals("i", "Importances", [(name, 1.0, None, None, "p1") for name in (*names, "hour")]))

    shown = [text.text for text in picture.iter(f"{SVG}text") if text.attrib["class"] == "name"]
    assert shown == ["…07_days_by_region", "…14_days_by_region", "…30_days_by_region", "hour"]


def test_names_without_words_are_told_apart_by_what_differs() -> None:
    assert told_apart(["a" * 30 + "1", "a" * 30 + "2", "a" * 30 + "2"], 12) == ["…1", "…2", "…2"]
