"""A model card stands alone, tells what its files tell, says where to be careful, and makes do with less."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from contender.reports.card.page import card
from contender.stats.curves import curves
from contender.stats.metrics import METRICS
from tests.unit.reports.card.samples import CHOICE, evidence_of, explanation_of, manifest_of

AUC = METRICS["auc"].title
VOID = {"meta", "br", "circle", "path", "rect", "line"}


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
    assert f"<h1>Predicts whether late is yes: {AUC} 0.900 (95\N{NO-BREAK SPACE}% CI 0.870 to 0.930)</h1>" in page


def test_what_came_from_a_file_is_text_and_never_markup(page: str) -> None:
    assert "Flights that &lt;arrive&gt; late" in page
    assert "<arrive>" not in page


@pytest.mark.parametrize(
    "said",
    [
        "on 900 rows, judged on 300 newer rows in 3 blocks, then refitted on all 1,200 rows.",
        "Refit the model that serves: all 1,200 rows",
        "for the model that was judged",
        "All metrics and importances are those of the exported model that was judged.",
        "0.900 (0.870 to 0.930) 0.950 (0.940 to 0.960)",  # holdout, then training rows
        "20 trials, 8 pruned; cross-validated auc 0.91 vs. 0.88 by default",
        "after 60 of 100 rounds",
        "sigmoid, fitted to 100 rows: log loss 0.4 → 0.3 on them",
        "Duration 12 s Peak memory 400 MiB Cost $0.0012",
        "900 rows in 9 blocks, 2026-01-01 to 2026-01-09",
        "The challenger relies much more on delay (31 % → 52 %).",
        "delay ▲",
        "learning_rate = 0.05",
        "declared slice; smallest level: LGA (100 rows)",
        "2 dataset versions, oldest first",
        "−30 to 300",
    ],
)
def test_the_card_tells(page: str, said: str) -> None:
    assert said in Reader(page).text


def test_the_card_of_a_version_without_a_refit_tells_of_one_model() -> None:
    text = Reader(card(manifest_of(trained_rows=900, judged=None), evidence_of(), explanation_of())).text
    assert "on 900 rows, judged on 300 newer rows in 3 blocks." in text
    assert "All metrics are those of the exported model that serves." in text
    assert "900 rows in 9 blocks, 2026-01-01 to 2026-01-09" in text
    assert "efit" not in text


def test_trials_stand_in_the_order_of_their_scores(page: str) -> None:
    assert page.index("learning_rate = 0.05") < page.index("learning_rate = 0.3")


def test_a_version_from_before_evidence_was_kept_has_a_card_without_it() -> None:
    old = {
        name: value
        for name, value in manifest_of().items()
        if name not in ("overfit", "settings", "search", "stopping", "calibration", "resources", "description")
    }
    read = Reader(card(old))

    assert f"{AUC} 0.9 0.95" in read.text
    assert "Feature importance" not in read.text
    assert "Predictions on the holdout" not in read.text


def test_an_explanation_without_exact_values_says_why() -> None:
    reason = "They are computed for trees and for linear models, not for KNeighborsClassifier."
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

    assert "Predicts rating: mean absolute error 0.33 (95 % CI 0.23 to 0.43)" in read.text
    assert "Residuals" in read.text
    assert "90 % of the residuals (actual − predicted) on the holdout are between" in read.text


def test_of_many_features_the_first_are_named_and_the_rest_unfold() -> None:
    features = [{"name": f"mean_{number}", "kind": "numeric", "levels": []} for number in range(60)]
    page = card(manifest_of(features=features), evidence_of(), explanation_of())

    folded = page.index("<summary>36 more</summary>")
    assert page.index("<li>mean_23</li>") < folded < page.index("<li>mean_24</li>")
    assert "more</summary>" not in card(manifest_of(), evidence_of(), explanation_of())


def test_a_chosen_estimator_is_told_with_its_rivals() -> None:
    prior = {"method": "prior", "parameters": [1.0, -5.1]}
    text = Reader(card(manifest_of(choice=CHOICE, calibration=prior), evidence_of(), explanation_of())).text

    assert "Why this estimator lightgbm is the best of 2 candidates. A linear model would have done." in text
    assert "linear auc 0.861 0.2 s hist_gradient_boosting – – left out: the 60 s were used up" in text
    assert "lightgbm, balanced classes auc 0.865 0.5 s chosen" in text
    assert "Sample weights balanced classes" in text
    assert "prior: -5.1 added to the log odds, for the weights of the classes" in text
