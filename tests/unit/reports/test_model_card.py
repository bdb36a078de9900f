"""A model card stands alone, tells what its files tell, says where to be careful, and makes do with less."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import pytest

from contender.reports.model_card import card
from contender.reports.model_limits import limits
from contender.stats.curves import curves

VOID = {"meta", "br", "circle", "path", "rect", "line"}

SLICE = {"column": "origin", "metric": "auc", "declared": True}


def manifest_of(**changes: Any) -> dict[str, Any]:
    return {
        "pipeline": "flights",
        "version": "20260102T060506Z-0123abcd-4567ef01",
        "created_at": "2026-01-02T06:05:06Z",
        "description": "Flights that <arrive> late",
        "run_id": "run-1",
        "task": "binary",
        "target": "late",
        "classes": ["no", "yes"],
        "positive": "yes",
        "features": [
            {"name": "delay", "kind": "numeric", "levels": []},
            {"name": "carrier", "kind": "categorical", "levels": ["UA", "AA"]},
        ],
        "datasets": ["d1", "d2"],
        "trained_rows": 900,
        "holdout": {"rows": 300},
        "code": {"sha": "c0de", "image": None},
        "packages": {"numpy": "2.4.6"},
        "metrics": {"auc": 0.9},
        "metrics_training": {"auc": 0.95},
        "overfit": {"auc": {"training": [0.95, 0.94, 0.96], "validation": None, "holdout": [0.9, 0.87, 0.93]}},
        "estimator": {"name": "hist_gradient_boosting", "parameters": {"max_iter": 100}},
        "settings": {"training": {"parameters": {"max_iter": 100}, "class_weight": "none"}},
        "search": {
            "trials": 20, "pruned": 8, "failed": 0, "seconds": 9.0, "usd": 0.01, "stopped_by": "trials",
            "metric": "auc", "best": {"learning_rate": 0.05}, "default_score": 0.88, "best_score": 0.91,
        },
        "stopping": {"rounds": 60, "of": 100},
        "calibration": {"method": "sigmoid", "rows": 100, "log_loss_before": 0.4, "log_loss_after": 0.3},
        "resources": {"seconds": {"total": 12.5}, "peak_memory_mib": 400.0, "usd": 0.0012},
        "files": {"model.onnx": {"bytes": 1000, "sha256": "ab" * 32}},
    } | changes  # fmt: skip


def evidence_of(**changes: Any) -> dict[str, Any]:
    drawn = curves([0, 0, 1, 1], [[0.9, 0.1], [0.6, 0.4], [0.65, 0.35], [0.2, 0.8]], labels=["no", "yes"])
    return {
        "format": 1,
        "task": "binary",
        "metric": "auc",
        "holdout": drawn,
        "training": drawn,
        "validation": None,
        "blocks": {
            "training": {"first": "2026-01-01", "last": "2026-01-09", "count": 9},
            "holdout": {"first": "2026-01-10", "last": "2026-01-12", "count": 3},
        },
        "inputs": [
            {
                "feature": "delay", "kind": "numeric", "missing": {"training": 0.0, "holdout": 0.0},
                "low": -30.0, "high": 300.0, "middle": [-10.0, 60.0], "outside": 0.0,
            },
            {"feature": "carrier", "kind": "categorical", "missing": {"training": 0.1, "holdout": 0.1}, "levels": 2},
        ],
        "slices": [
            SLICE | {"level": "EWR", "rows": 200, "value": 0.91, "low": 0.88, "high": 0.94},
            SLICE | {"level": "LGA", "rows": 100, "value": 0.88, "low": 0.80, "high": 0.93},
        ],
        "learning_curve": [
            {"rows": 225, "metric": "auc", "training": 0.99, "validation": 0.85},
            {"rows": 900, "metric": "auc", "training": 0.95, "validation": 0.9},
        ],
        "search": [
            {"number": 1, "parameters": {"learning_rate": 0.3}, "score": 0.88, "state": "complete", "seconds": 1.0},
            {"number": 2, "parameters": {"learning_rate": 0.05}, "score": 0.91, "state": "complete", "seconds": 1.0},
        ],
        "rounds": [{"round": i, "training": 0.5 / i, "validation": 0.6 / i} for i in (1, 2, 3)],
    } | changes  # fmt: skip


def importance(feature: str, value: float) -> dict[str, Any]:
    return {
        "feature": feature, "importance": value, "low": value - 0.02, "high": value + 0.02,
        "share": value, "share_low": value - 0.02, "share_high": value + 0.02,
    }  # fmt: skip


def explanation_of(**changes: Any) -> dict[str, Any]:
    return {
        "format": 1,
        "metric": "auc",
        "permutation": [importance("delay", 0.5), importance("carrier", 0.1)],
        "shap": {
            "kind": "exact", "unit": "log-odds", "rows": 250,
            "mean_abs": [
                {"feature": "delay", "value": 2.0, "direction": 0.9},
                {"feature": "carrier", "value": 0.2, "direction": None},
            ],
        },
        "shap_reason": None,
        "against": {
            "version": "v0",
            "said": "the challenger leans on delay much more (31 % → 52 %)",
            "shifts": [{"feature": "delay", "share": 0.52, "share_before": 0.31, "change": 0.21, "clear": True}],
        },
    } | changes  # fmt: skip


class Reader(HTMLParser):
    """Text of a page, its ids, and whether every tag is closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.ids += [value for name, value in attrs if name == "id" and value]
        self.links += [value for name, value in attrs if name in ("href", "src") and value]
        assert tag not in ("script", "link", "img", "iframe")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())


@pytest.fixture(scope="module")
def page() -> str:
    return card(manifest_of(), evidence_of(), explanation_of())


def test_the_page_stands_alone_and_is_well_formed(page: str) -> None:
    read = Reader(page)

    assert read.open == []
    assert read.links == []
    assert "@import" not in page
    assert "url(" not in page
    assert not re.search(r"https?://", page)
    assert len(set(read.ids)) == len(read.ids)


def test_the_headline_says_what_it_predicts_and_how_well(page: str) -> None:
    assert "<h1>Predicts whether late is yes: area under the ROC curve 0.900 (0.870 to 0.930)</h1>" in page


def test_what_came_from_a_file_is_text_and_never_markup(page: str) -> None:
    assert "Flights that &lt;arrive&gt; late" in page
    assert "<arrive>" not in page


@pytest.mark.parametrize(
    "said",
    [
        "on 900 rows, judged on 300 that came later",
        "0.900 (0.870 to 0.930) 0.950 (0.940 to 0.960)",  # holdout, then training rows
        "20 trials, 8 of them given up early; auc 0.88 → 0.91 on the folds",
        "after 60 of 100 rounds",
        "sigmoid, fitted to 100 rows: log loss 0.4 → 0.3 there",
        "12.5 s, 400 MiB at most, $0.0012",
        "900 rows in 9 blocks, 2026-01-01 to 2026-01-09",
        "The challenger leans on delay much more (31 % → 52 %).",
        "delay ▲",
        "learning_rate = 0.05",
        "a declared slice; the fewest rows: 100 in LGA",
        "2 dataset versions, the newest last",
        "-30 to 300",
    ],
)
def test_the_card_tells(page: str, said: str) -> None:
    assert said in Reader(page).text


def test_trials_stand_in_the_order_of_their_scores(page: str) -> None:
    assert page.index("learning_rate = 0.05") < page.index("learning_rate = 0.3")


def test_a_version_from_before_evidence_was_kept_has_a_card_without_it() -> None:
    old = {
        name: value
        for name, value in manifest_of().items()
        if name not in ("overfit", "settings", "search", "stopping", "calibration", "resources", "description")
    }
    read = Reader(card(old))

    assert "area under the ROC curve 0.9 0.95" in read.text
    assert "What it goes by" not in read.text
    assert "What its predictions look like" not in read.text


def test_an_explanation_without_exact_values_says_why() -> None:
    reason = "Exact values are known for trees and for linear models, not for KNeighborsClassifier."
    read = Reader(card(manifest_of(), evidence_of(), explanation_of(shap=None, shap_reason=reason, against=None)))

    assert reason in read.text
    assert "▲" not in read.text


def test_a_regression_has_a_card_of_residuals() -> None:
    drawn = curves([1.0, 2.0, 3.0], [[1.5], [2.0], [2.5]])
    evidence = evidence_of(task="regression", metric="mae", holdout=drawn, training=drawn, slices=[])
    manifest = manifest_of(
        task="regression", target="rating", classes=None, positive=None, metrics={"mae": 0.33},
        overfit={"mae": {"training": [0.3, 0.2, 0.4], "validation": None, "holdout": [0.33, 0.23, 0.43]}},
    )  # fmt: skip
    read = Reader(card(manifest, evidence, explanation_of(metric="mae", against=None)))

    assert "Predicts rating: mean absolute error 0.33 (0.23 to 0.43)" in read.text
    assert "Residuals" in read.text
    assert "nine in ten of the holdout's truths were between" in read.text


# --- limits


def warnings_of(manifest: dict[str, Any] | None = None, **evidence: Any) -> list[str]:
    return [limit.said for limit in limits(manifest or manifest_of(), evidence_of(**evidence)) if limit.warns]


def test_training_rows_that_it_knows_by_heart_are_a_warning() -> None:
    assert warnings_of() == [
        "It knows part of its training rows by heart: area under the ROC curve 0.95 there, and on newer rows between "
        "0.87 and 0.93. Judge it by the latter."
    ]


def fitted() -> dict[str, Any]:
    """A manifest without that warning."""
    return manifest_of(
        overfit={"auc": {"training": [0.9, 0.8, 0.95], "validation": None, "holdout": [0.9, 0.87, 0.93]}}
    )


def test_a_slice_whose_whole_interval_is_worse_is_a_warning() -> None:
    weak = SLICE | {"level": "JFK", "rows": 150, "value": 0.7, "low": 0.6, "high": 0.8}
    found = warnings_of(fitted(), slices=[*evidence_of()["slices"], weak])

    assert found == ["Worse than on all rows (0.9), by more than chance does to one slice, in origin = JFK (0.7)."]


def test_an_error_is_worse_the_larger_it_is() -> None:
    slices = [
        SLICE | {"level": level, "rows": 500, "metric": "mae", "value": value, "low": value - 0.1, "high": value + 0.1}
        for level, value in (("small", 0.5), ("large", 2.0))
    ]
    manifest = manifest_of(metrics={"mae": 1.0}, overfit=None)

    assert warnings_of(manifest, metric="mae", slices=slices) == [
        "Worse than on all rows (1), by more than chance does to one slice, in origin = large (2)."
    ]


def test_a_holdout_beyond_what_training_has_seen_is_a_warning() -> None:
    delay, carrier = evidence_of()["inputs"]
    inputs = [delay | {"outside": 0.2}, carrier | {"missing": {"training": 0.1, "holdout": 0.4}}]

    assert warnings_of(fitted(), inputs=inputs) == [
        "The holdout already goes beyond what training has seen, in delay (20 %) of its rows.",
        "More is missing or unknown in the holdout than in training: carrier (10 % → 40 %).",
    ]


def test_probabilities_that_are_not_the_datas_are_a_warning() -> None:
    balanced = fitted() | {"settings": {"training": {"class_weight": "balanced"}}, "calibration": None}
    assert "Classes were weighed as if equally frequent" in warnings_of(balanced)[0]
    assert warnings_of(balanced | {"calibration": manifest_of()["calibration"]}) == []

    off = [{"low": 0.4, "high": 0.6, "predicted": 0.5, "observed": 0.3, "rows": 544}]
    assert warnings_of(fitted(), holdout=evidence_of()["holdout"] | {"calibration": off}) == [
        "Do not take its probabilities at their word around 50 %: there it came true in 30 % of 544 rows."
    ]


@pytest.mark.parametrize(
    ("estimator", "beyond"),
    [
        ("hist_gradient_boosting", "it answers as at the nearest edge"),
        ("linear", "it goes on in a straight line"),
        ("shop.models:mine", "nothing is known"),
    ],
)
def test_what_happens_beyond_the_training_rows_depends_on_the_estimator(estimator: str, beyond: str) -> None:
    found = limits(manifest_of(estimator={"name": estimator, "parameters": {}}), evidence_of())

    assert f"Seen so far: delay -30 to 300. Beyond that {beyond}, which no figure here supports." in [
        limit.said for limit in found
    ]


def test_few_rows_of_a_slice_are_named() -> None:
    few = SLICE | {"level": "JFK", "rows": 12, "value": None, "low": None, "high": None}
    found = [limit.said for limit in limits(fitted(), evidence_of(slices=[few]))]

    assert "Judged on fewer than 100 rows in origin = JFK (12): do not rely on its figures there." in found


def test_warnings_come_first() -> None:
    warns = [limit.warns for limit in limits(manifest_of(), evidence_of())]

    assert warns == sorted(warns, reverse=True)
    assert any(warns)


def test_of_many_features_the_first_are_named_and_the_rest_unfold() -> None:
    features = [{"name": f"mean_{number}", "kind": "numeric", "levels": []} for number in range(60)]
    page = card(manifest_of(features=features), evidence_of(), explanation_of())

    folded = page.index("<summary>36 more</summary>")
    assert page.index("<li>mean_23</li>") < folded < page.index("<li>mean_24</li>")
    assert "more</summary>" not in card(manifest_of(), evidence_of(), explanation_of())
