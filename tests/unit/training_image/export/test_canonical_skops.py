"""The same trained pipeline gives the same file, wherever in memory it was and whenever it was written."""

from __future__ import annotations

import zipfile
from io import BytesIO
from typing import Any

import numpy as np
import pytest
import skops.io
from lightgbm import LGBMClassifier
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from training_image.export.canonical_skops import canonical_skops

ESTIMATORS = {
    "trees": lambda: HistGradientBoostingClassifier(max_iter=3, random_state=7),
    "forest": lambda: RandomForestClassifier(3, random_state=7),
    "linear": LogisticRegression,
    "lightgbm": lambda: LGBMClassifier(n_estimators=3, random_state=7, verbose=-1),
}
ROWS = np.random.default_rng(0).normal(size=(200, 3))


def trained(name: str) -> Pipeline:
    return make_pipeline(StandardScaler(), ESTIMATORS[name]()).fit(ROWS, (ROWS[:, 0] > 0).astype(int))


def opened(file: bytes) -> Any:
    return skops.io.loads(file, trusted=skops.io.get_untrusted_types(data=file))


@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
def test_two_trainings_give_one_file_which_opens_as_the_pipeline(name: str) -> None:
    first, second = trained(name), trained(name)
    dumped = [skops.io.dumps(pipeline) for pipeline in (first, second)]
    assert dumped[0] != dumped[1]  # addresses of two objects that are there at once
    files = {canonical_skops(one) for one in dumped}
    assert len(files) == 1
    again = opened(files.pop())
    np.testing.assert_array_equal(again.predict_proba(ROWS), first.predict_proba(ROWS))


def test_the_file_has_no_date_and_one_that_is_canonical_stays_as_it_is() -> None:
    file = canonical_skops(skops.io.dumps(trained("linear")))
    with zipfile.ZipFile(BytesIO(file)) as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    assert canonical_skops(file) == file


def test_one_object_in_two_places_is_one_object_still() -> None:
    shared = np.arange(3)
    first, second = opened(canonical_skops(skops.io.dumps([shared, shared])))
    assert first is second


def test_what_only_looks_like_an_address_stays() -> None:
    content = {"__id__": 5, "file": "12.npy", "text": '\n  "__id__": 77,\n'}
    assert opened(canonical_skops(skops.io.dumps(content))) == content
