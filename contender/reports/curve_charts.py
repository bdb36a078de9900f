"""The curves of `contender.stats.curves` as pictures: of one model, or of two models on the same rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from contender.formatting import figure
from contender.reports import html as pages
from contender.reports import small_charts
from contender.reports.interval_chart import IntervalRow, intervals

Curves = Mapping[str, Any]
CHALLENGER, CHAMPION = "challenger", "champion"
MOST_CLASSES = 12
"""Classes whose one-vs-rest AUC is drawn, the rarest first: there a model is weakest."""


def curve_figures(challenger: Curves, champion: Curves | None = None, *, prefix: str = "") -> list[str]:
    """Figures (HTML), for `contender.reports.html.panels`; a page needs the style sheet small_charts.css.

    Parameters
    ----------
    champion : on the same rows; None draws one model, which is then not called the challenger.
    prefix : makes the pictures' ids distinct where a page has several sets.

    Examples
    --------
    >>> from contender.stats.curves import curves
    >>> found = curve_figures(curves([1.0, 2.0], [[1.5], [2.0]]))
    >>> len(found), "<svg" in found[0]
    (2, True)
    """
    if "residuals" in challenger:
        return list(_regression(challenger, champion, prefix))
    figures = list(_two_classes(challenger, champion, prefix)) if "roc" in challenger else []
    figures += list(_calibration(challenger, champion, prefix, likeliest="auc" in challenger))
    figures += list(_scores(challenger, prefix))
    figures += list(_areas(challenger, champion, prefix))
    return figures + list(_confusion(challenger, champion, prefix))


def _two_classes(challenger: Curves, champion: Curves | None, prefix: str) -> Iterator[str]:
    titles = (
        (
            "roc",
            "ROC curve",
            "false positive rate",
            "true positive rate",
            True,
            "True positive rate vs. false positive rate",
        ),
        ("pr", "Precision-recall curve", "recall", "precision", False, "Precision vs. recall"),
    )
    for key, title, x, y, diagonal, said in titles:
        if challenger[key]:
            drawn = [(name, style, found[key]) for name, style, found in _sides(challenger, champion)]
            picture = small_charts.curve(f"{prefix}{key}", title, drawn, x, y, diagonal=diagonal)
            yield pages.figure(_caption(title, said, champion), picture)


def _calibration(challenger: Curves, champion: Curves | None, prefix: str, *, likeliest: bool) -> Iterator[str]:
    if not challenger["calibration"]:
        return
    drawn = [
        (name, style, [(each["predicted"], each["observed"]) for each in found["calibration"]])
        for name, style, found in _sides(challenger, champion)
    ]
    picture = small_charts.curve(
        f"{prefix}calibration",
        "Calibration",
        drawn,
        "predicted probability",
        "observed frequency",
        diagonal=True,
        dots=True,
    )
    of_what = " of the most likely class" if likeliest else ""
    said = f"Predicted vs. observed frequency{of_what} (equal-count bins)"
    yield pages.figure(_caption("Calibration", said, champion), picture)


def _scores(challenger: Curves, prefix: str) -> Iterator[str]:
    scores = challenger.get("scores")
    if not scores or not challenger["rows"]:
        return
    negative, positive = challenger["confusion"]["labels"]
    labels = [figure(edge) for edge in scores["edges"][:-1]]
    sides = [(negative, "quiet", scores["negative"]), (positive, "p1", scores["positive"])]
    picture = small_charts.bars(
        f"{prefix}scores",
        "Score distribution by class",
        labels,
        sides,
        x_label=f"predicted probability of {positive}",
        y_label="rows",
    )
    names = small_charts.legend([(str(name), style) for name, style, _ in sides])
    yield pages.figure(f"<b>Score distribution by class</b> {names}", picture)


def _areas(challenger: Curves, champion: Curves | None, prefix: str) -> Iterator[str]:
    """The one-vs-rest AUC of each class; two models have a row each."""
    if "auc" not in challenger:
        return
    rare_first = sorted(challenger["auc"], key=lambda each: each["rows"])[:MOST_CLASSES]
    theirs = {each["label"]: each["auc"] for each in champion["auc"]} if champion else {}
    rows: list[IntervalRow] = []
    for each in rare_first:
        rows.append((str(each["label"]), each["auc"], None, None, CHALLENGER))
        if champion:
            rows.append(("", theirs.get(each["label"]), None, None, CHAMPION))
    picture = intervals(f"{prefix}areas", "One-vs-rest AUC", rows)
    yield pages.figure(_caption("One-vs-rest AUC", "By class, the rarest first", champion), picture)


def _confusion(challenger: Curves, champion: Curves | None, prefix: str) -> Iterator[str]:
    for name, _, found in reversed(_sides(challenger, champion)):
        if found["rows"]:
            picture = small_charts.confusion(
                f"{prefix}confusion-{name}", f"Confusion matrix, {name}", **found["confusion"]
            )
            whose = f" of the {escape(name)}" if champion else ""
            yield pages.figure(f"<b>Confusion matrix{whose}</b> (predicted, actual)", picture)


def _regression(challenger: Curves, champion: Curves | None, prefix: str) -> Iterator[str]:
    if not challenger["rows"]:
        return
    drawn = [
        (name, style, [(each["predicted"], each["observed"]) for each in found["predicted"]])
        for name, style, found in _sides(challenger, champion)
    ]
    ends = [end for _, _, points in drawn for point in points for end in point]
    low, high = min(ends), max(ends)
    more = 0.05 * (high - low) or abs(high) * 0.1 or 0.5
    box = (low - more, high + more, low - more, high + more)
    picture = small_charts.curve(
        f"{prefix}predicted",
        "Predicted vs. actual",
        drawn,
        "predicted",
        "actual",
        diagonal=True,
        dots=True,
        box=box,
    )
    said = "Means of equal-count bins; on the grey line both are equal"
    yield pages.figure(_caption("Predicted vs. actual", said, champion), picture)
    residuals = challenger["residuals"]
    picture = small_charts.bars(
        f"{prefix}residuals",
        "Residuals",
        [figure(float(f"{edge:.2g}")).replace("-", "−") for edge in residuals["edges"][:-1]],
        [("rows", "p1", residuals["counts"])],
        x_label="actual − predicted",
        y_label="rows",
    )
    whose = " of the challenger" if champion else ""
    spread = {each["share"]: each["residual"] for each in challenger["quantiles"]}
    said = f"90 % are between {figure(spread[0.05])} and {figure(spread[0.95])}" if spread else ""
    yield pages.figure(f"<b>Residuals{whose}</b> {escape(said)}", picture)


def _sides(challenger: Curves, champion: Curves | None) -> list[tuple[str, str, Curves]]:
    """Name, class and curves, the challenger last: it lies on top."""
    mine = (CHALLENGER if champion else "model", CHALLENGER, challenger)
    return [mine] if champion is None else [(CHAMPION, CHAMPION, champion), mine]


def _caption(title: str, said: str, champion: Curves | None) -> str:
    names = small_charts.legend([(CHAMPION, CHAMPION), (CHALLENGER, CHALLENGER)]) if champion else ""
    return f"<b>{escape(title)}</b> {escape(said)} {names}".rstrip()
