"""Draws a model version's evidence as images, for trackers.

matplotlib is imported when a picture is drawn, and without pyplot: no window system is looked for, nothing is global.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Content = Mapping[str, Any]
Sides = Sequence[tuple[str, Content]]
"""Curves by what they are of: the holdout, or champion and challenger on the same rows."""

SIZE = (6.4, 4.8)
DOTS_PER_INCH = 110
BLUE, GREY, ORANGE = "#0b6bcb", "#8a8f98", "#c77700"
COLOURS = {
    "challenger": BLUE,
    "holdout": BLUE,
    "complete": BLUE,
    "champion": GREY,
    "training": GREY,
    "pruned": GREY,
    "validation": ORANGE,
}
MOST_BARS = 20
DARK = 0.5
"""Of the darkest cell: text in a darker one is white."""


def draw(evidence: Content, explanation: Content | None = None, compared: Content | None = None) -> dict[str, bytes]:
    """Pictures (PNG) by file name, of what there is to draw.

    Parameters
    ----------
    evidence : a version's evidence.json; empty for a version from before it.
    explanation : its explanation.json.
    compared : a run's curves.json: champion and challenger on the rows that they were compared on.

    Examples
    --------
    >>> pictures = draw({"holdout": {"roc": [[0.0, 0.0], [0.1, 0.7], [1.0, 1.0]]}})
    >>> list(pictures), pictures["roc.png"][1:4]
    (['roc.png'], b'PNG')
    """
    drawn: dict[str, bytes] = {}
    holdout = [("holdout", evidence["holdout"])] if evidence.get("holdout") else []
    for name, drawer in CURVES.items():
        if holdout and holdout[0][1].get(name):
            drawn[f"{name}.png"] = _picture(partial(drawer, sides=holdout))
    both = [(side, curves) for side in ("champion", "challenger") if (curves := (compared or {}).get(side))]
    for name in SIDE_BY_SIDE:
        if len(both) == 2 and all(curves.get(name) for _side, curves in both):
            drawn[f"comparison_{name}.png"] = _picture(partial(CURVES[name], sides=both))
    for name, series in SERIES.items():
        if evidence.get(name):
            drawn[f"{name}.png"] = _picture(partial(series, found=evidence[name]))
    if explanation and explanation.get("permutation"):
        drawn["importance.png"] = _picture(partial(_importance, explanation=explanation))
    return drawn


def _picture(drawer: Callable[[Axes], None]) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=SIZE, dpi=DOTS_PER_INCH, layout="constrained")
    axes = figure.add_subplot()
    drawer(axes)
    if axes.get_legend_handles_labels()[1]:
        axes.legend(frameon=False)
    buffer = io.BytesIO()
    # No time and no version in the file: the same evidence is the same picture, byte for byte.
    FigureCanvasAgg(figure).print_figure(buffer, metadata={"Software": None}, dpi=DOTS_PER_INCH)
    return buffer.getvalue()


def _roc(axes: Axes, sides: Sides) -> None:
    axes.plot([0, 1], [0, 1], color="#cccccc", linewidth=1)
    _lines(axes, [(side, curves["roc"]) for side, curves in sides])
    axes.set(title="ROC curve", xlabel="false positive rate", ylabel="true positive rate")


def _precision_recall(axes: Axes, sides: Sides) -> None:
    _lines(axes, [(side, curves["pr"]) for side, curves in sides])
    axes.set(title="Precision-recall curve", xlabel="recall", ylabel="precision", ylim=(0, 1.02))


def _calibration(axes: Axes, sides: Sides) -> None:
    axes.plot([0, 1], [0, 1], color="#cccccc", linewidth=1)
    bins = [(side, [(each["predicted"], each["observed"]) for each in curves["calibration"]]) for side, curves in sides]
    _lines(axes, bins, marker="o")
    axes.set(title="Calibration", xlabel="predicted probability", ylabel="observed frequency")


def _confusion(axes: Axes, sides: Sides) -> None:
    side, curves = sides[0]
    labels, counts = curves["confusion"]["labels"], curves["confusion"]["counts"]
    most = max(max(row) for row in counts) or 1
    axes.imshow(counts, cmap="Blues", vmin=0, vmax=most)
    for row, line in enumerate(counts):
        for column, count in enumerate(line):
            colour = "white" if count > DARK * most else "black"
            axes.text(column, row, f"{count:,}", ha="center", va="center", color=colour)
    axes.set_xticks(range(len(labels)), labels, rotation=45 if len(labels) > 4 else 0)
    axes.set_yticks(range(len(labels)), labels)
    axes.set(title=f"Confusion matrix ({side})", xlabel="predicted", ylabel="actual")


def _residuals(axes: Axes, sides: Sides) -> None:
    for side, curves in sides:
        axes.stairs(curves["residuals"]["counts"], curves["residuals"]["edges"], label=side, color=COLOURS[side])
    axes.axvline(0, color="#cccccc", linewidth=1)
    axes.set(title="Residuals", xlabel="actual − predicted", ylabel="rows")


def _predicted(axes: Axes, sides: Sides) -> None:
    bins = [(side, [(each["predicted"], each["observed"]) for each in curves["predicted"]]) for side, curves in sides]
    ends = [value for _side, found in bins for pair in found for value in pair]
    axes.plot([min(ends), max(ends)], [min(ends), max(ends)], color="#cccccc", linewidth=1)
    _lines(axes, bins, marker="o")
    axes.set(title="Predicted vs. actual", xlabel="mean predicted", ylabel="mean actual")


def _lines(axes: Axes, sides: Sequence[tuple[str, Any]], marker: str = "") -> None:
    for side, found in sides:
        x, y = zip(*found, strict=True)
        axes.plot(x, y, label=side, color=COLOURS[side], marker=marker)


def _learning_curve(axes: Axes, found: Sequence[Content]) -> None:
    rows = [size["rows"] for size in found]
    _both_parts(axes, rows, found, marker="o")
    axes.set(title="Learning curve", xlabel="training rows", ylabel=found[0].get("metric", "metric"))


def _rounds(axes: Axes, found: Sequence[Content]) -> None:
    _both_parts(axes, [each["round"] for each in found], found)
    axes.set(title="Loss by boosting round", xlabel="round", ylabel="loss")


def _both_parts(axes: Axes, steps: Sequence[float], found: Sequence[Content], marker: str = "") -> None:
    for part, name in (("training", "training"), ("validation", "unseen rows")):
        axes.plot(steps, [each[part] for each in found], label=name, color=COLOURS[part], marker=marker)


def _search(axes: Axes, found: Sequence[Content]) -> None:
    for state, marker in (("complete", "o"), ("pruned", "x")):
        scored = [trial for trial in found if trial["state"] == state and trial["score"] is not None]
        if scored:
            x, y = [trial["number"] for trial in scored], [trial["score"] for trial in scored]
            axes.scatter(x, y, label=state, color=COLOURS[state], marker=marker)
    axes.set(title="Hyperparameter search", xlabel="trial", ylabel="score")


def _importance(axes: Axes, explanation: Content) -> None:
    ranked = sorted(explanation["permutation"], key=lambda found: float(found["importance"]))[-MOST_BARS:]
    values = [found["importance"] for found in ranked]
    axes.barh([str(found["feature"]) for found in ranked], values, color=COLOURS["holdout"], xerr=_errors(ranked))
    metric = explanation.get("metric", "metric")
    axes.set(title="Permutation importance on the holdout", xlabel=f"loss in {metric} when the feature is shuffled")


def _errors(ranked: Sequence[Content]) -> tuple[list[float], list[float]]:
    """Lengths below and above; an interval that does not hold its own value is drawn as far as it goes."""
    pairs = list(_lengths(ranked))
    return [below for below, _above in pairs], [above for _below, above in pairs]


def _lengths(ranked: Sequence[Content]) -> Iterator[tuple[float, float]]:
    for found in ranked:
        value = found["importance"]
        low, high = (value if found.get(end) is None else found[end] for end in ("low", "high"))
        yield max(value - low, 0.0), max(high - value, 0.0)


CURVES: dict[str, Callable[..., None]] = {
    "roc": _roc,
    "pr": _precision_recall,
    "calibration": _calibration,
    "confusion": _confusion,
    "residuals": _residuals,
    "predicted": _predicted,
}
SIDE_BY_SIDE = ("roc", "pr", "calibration", "residuals", "predicted")
SERIES: dict[str, Callable[..., None]] = {
    "learning_curve": _learning_curve,
    "rounds": _rounds,
    "search": _search,
}
