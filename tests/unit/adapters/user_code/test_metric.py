"""A user's own metric: found by its path, checked, and told clearly what is wrong with it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from contender.adapters.user_code.metric import import_metric
from contender.comparison.compare import compare
from contender.errors import InvalidInputError
from contender.pipeline.config import PipelineConfig, parse_pipeline
from contender.pipeline.promotion_policy import PromotionPolicy

MODULE = """
from contender.stats.metrics import Metric

def profit(y, predictions, weights):
    warned = predictions[:, 1] > 0.5
    return weights @ (warned * (3 * y - 1)) / weights.sum()

def broken(y, predictions, weights):
    raise KeyError("price")

def nothing(y, predictions, weights):
    return float("nan")

def words(y, predictions, weights):
    return "a lot"

hits = Metric("hits", "share of hits", ("binary",), True, False, lambda y, p, w: float(w @ (p[:, 1] == y)))
tons = Metric("tons", "tons", ("regression",), False, True, lambda y, p, w: 0.0)
rate = 0.3
"""


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "shop_figures.py").write_text(MODULE)
    (tmp_path / "shop_broken.py").write_text("import shop_ledger")
    (tmp_path / "shop_failing.py").write_text("1 / 0")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    for name in ("shop_figures", "shop_broken", "shop_failing"):
        sys.modules.pop(name, None)


def config(metric: str, more: str = "") -> PipelineConfig:
    about = 'name = "shop"\ntask = "binary"\ntarget = "late"\nnumeric = ["amount"]'
    return parse_pipeline(f'{about}\n[promotion]\nmetric = "{metric}"\n{more}')


TRUTH = np.tile([0.0, 1.0], 200)
SURE, DOUBTFUL = (
    np.stack([1.0 - p, p], axis=1) for p in (0.05 + 0.9 * TRUTH, np.where(np.arange(400) % 3, TRUTH, 0.5))
)


@pytest.mark.usefixtures("shop")
class TestAnOwnMetric:
    def test_that_is_a_function_decides(self) -> None:
        metric = import_metric(config("shop_figures:profit"))
        assert metric is not None
        result = compare(TRUTH, DOUBTFUL, SURE, blocks=np.arange(400) // 20, metric=metric)
        assert (result.metric, result.verdict, result.greater_is_better) == ("shop_figures:profit", "wins", True)
        assert result.challenger == pytest.approx(1.0)  # of each two rows one is late: (3 - 1) / 2

    def test_of_which_less_is_better_is_turned_around(self) -> None:
        metric = import_metric(config("shop_figures:profit", "metric_greater_is_better = false"))
        assert metric is not None
        assert compare(TRUTH, DOUBTFUL, SURE, blocks=np.arange(400) // 20, metric=metric).verdict == "loses"

    def test_that_is_a_metric_object_knows_itself(self) -> None:
        metric = import_metric(config("shop_figures:hits"))
        assert (metric and metric.title) == "share of hits"

    def test_that_is_undefined_leaves_it_to_the_log_loss_and_proves_nothing(self) -> None:
        metric = import_metric(config("shop_figures:nothing"))
        found = compare(TRUTH, DOUBTFUL, SURE, metric=metric)
        assert (found.verdict, found.metric) == ("wins", "log_loss")
        assert found.reason.endswith(" The nothing is undefined on these rows, so the log loss decides.")
        proven = PromotionPolicy(rule="proven")
        assert compare(TRUTH, DOUBTFUL, SURE, metric=metric, policy=proven).verdict == "inconclusive"

    @pytest.mark.parametrize(
        ("path", "words"),
        [
            ("shop_figures:loss", "promotion.metric is shop_figures:loss, but shop_figures has no loss"),
            ("no_such.place:profit", "there is no module no_such here; it must be in the function's code or image"),
            ("shop_broken:profit", "there is no module shop_ledger here"),
            ("shop_failing:profit", "importing shop_failing failed with ZeroDivisionError: division by zero"),
            ("shop_figures:rate", "must be a Metric or a function of .y, predictions, weights., but is float"),
            ("shop_figures:tons", "metric shop_figures:tons is for regression predictions, not for binary"),
        ],
    )
    def test_that_is_not_there_or_not_one_is_told_so(self, path: str, words: str) -> None:
        with pytest.raises(InvalidInputError, match=words):
            import_metric(config(path))

    @pytest.mark.parametrize(
        ("name", "words"),
        [("broken", "failed with KeyError: 'price'"), ("words", "failed with ValueError: could not convert")],
    )
    def test_that_fails_when_it_is_called_is_named(self, name: str, words: str) -> None:
        metric = import_metric(config(f"shop_figures:{name}"))
        with pytest.raises(InvalidInputError, match=f"metric shop_figures:{name} {words}"):
            compare(TRUTH, DOUBTFUL, SURE, metric=metric)


def test_a_built_in_metric_is_not_imported() -> None:
    assert import_metric(config("log_loss")) is None
    assert import_metric(config("")) is None


def test_who_compares_without_having_imported_it_is_told_how() -> None:
    with pytest.raises(InvalidInputError, match=r"has to be imported .* contender\.adapters\.user_code\.metric"):
        compare(TRUTH, DOUBTFUL, SURE, policy=config("shop_figures:profit").promotion)
