"""Pure noise that is exported twice, the second time with more rows: the kind of file that made a model look perfect.

Known rows are neither learned nor judged on twice, so that no model is better than chance; by an id, by a time, and by
the content where a row has neither.
"""

from __future__ import annotations

from itertools import count
from math import sqrt

import numpy as np
import pandas as pd
import pytest

from contender.cli.replay_training import real_training
from contender.comparison.compared_rows import compared_rows
from contender.comparison.evaluate import unseen_rows
from contender.data.current_rows import RowVersions
from contender.data.datasets import DatasetStore
from contender.pipeline.config import PipelineConfig
from contender.pipeline.training_policy import TrainingPolicy
from contender.pipeline.validation_policy import ValidationPolicy
from contender.ports import Batch
from contender.registry.candidate import Candidate, answers
from contender.replay.arms import Trained
from contender.stats.metrics import METRICS
from contender.table import Table
from tests.fakes import MemoryObjects
from tests.uploads import receive
from training_image.train import read_datasets

FIRST, SECOND = 600, 900
COLUMNS = ("f0", "f1", "f2", "f3")


def noise() -> pd.DataFrame:
    random = np.random.default_rng(11)
    rows = pd.DataFrame({name: random.normal(size=SECOND) for name in COLUMNS})
    return rows.assign(
        y=random.choice(["a", "b"], SECOND),
        rid=[f"R{number}" for number in range(SECOND)],
        at=pd.date_range("2026-01-01", periods=SECOND, freq="h").strftime("%Y-%m-%dT%H:%M:%S"),
    )


def pipeline(**keys: str) -> PipelineConfig:
    return PipelineConfig(
        name="noise",
        task="binary",
        target="y",
        numeric=COLUMNS,
        ignored=tuple({"rid", "at"} - set(keys.values())),
        block_rows=50,
        training=TrainingPolicy(
            holdout_blocks=6, parameters={"max_iter": 25, "min_samples_leaf": 2, "learning_rate": 0.3}
        ),
        validation=ValidationPolicy(known_rows=keys.pop("known_rows", "once")),
        **keys,  # type: ignore[arg-type]
    )


class Exports:
    """A pipeline that takes the second export after the first, and trains after each."""

    def __init__(self, config: PipelineConfig) -> None:
        self.config, self.objects = config, MemoryObjects()
        self.store = DatasetStore(self.objects, config.name)
        ticks = count()
        self.train = real_training(lambda: float(next(ticks)))
        rows = noise()
        # The newest rows come first, as exports have it.
        self.said = [self.take(rows[:FIRST]), self.take(pd.concat([rows[FIRST:], rows[:FIRST]]))]

    def take(self, rows: pd.DataFrame) -> str:
        key = f"incoming/noise/{len(rows)}.csv"
        self.objects.put(key, rows.to_csv(index=False).encode())
        batch = Batch(key, key, None, 1, "2026-06-01")
        _, (report,) = receive(self.objects, self.config, [batch], run_id=key, now="2026-06-01")
        return report.reason

    def trained_on(self, versions: int) -> Trained:
        return self.train(self.config, read_datasets(self.store, self.store.manifests()[:versions], self.config))

    def compared(self, challenger: Trained, champion: Trained) -> Table:
        """The rows that the two are compared on, as EvaluateChallenger finds them."""
        manifests = self.store.manifests()
        versions, table = RowVersions(self.store, manifests), read_datasets(self.store, manifests, self.config)
        first_seen = np.concatenate([versions.first_seen(found) for found in manifests])
        newer = unseen_rows(table, challenger.judged.manifest, champion.candidate.manifest)
        return compared_rows(self.config, table, newer, {}, first_seen=first_seen).table


def area(exports: Exports, model: Candidate, table: Table) -> float:
    found = answers(exports.config, table, [model])
    value = METRICS["auc"].score(found.truth, found.predictions[0], positive=found.positive)
    assert value is not None
    return value


def by_chance(table: Table) -> float:
    """How far the area of a useless model may be from 0.5 in 99 of 100 cases (Mann & Whitney 1947)."""
    positive = int((table["y"] == "b").sum())
    negative = len(table) - positive
    return 2.58 * sqrt((positive + negative + 1) / (12.0 * positive * negative))


@pytest.mark.parametrize("keys", [{"row_id": "rid"}, {"time": "at"}, {}], ids=["an id", "a time", "neither"])
def test_no_model_of_noise_beats_chance_and_the_run_counts_the_known_rows(keys: dict[str, str]) -> None:
    exports = Exports(pipeline(**keys))
    assert exports.said == ["600 rows accepted", "300 rows accepted (300 new, 600 known)"]
    champion, challenger = exports.trained_on(1), exports.trained_on(2)
    learned = read_datasets(exports.store, exports.store.manifests()[:1], exports.config)
    assert area(exports, champion.candidate, learned) > 0.9  # it learns by heart: a row that came back would show
    rows = exports.compared(challenger, champion)
    assert 100 < len(rows) <= SECOND - FIRST
    for model in (champion.candidate, challenger.judged):
        assert abs(area(exports, model, rows) - 0.5) < by_chance(rows)


def test_rows_that_are_added_once_more_teach_but_do_not_judge() -> None:
    exports = Exports(pipeline(known_rows="add"))
    assert exports.said[1] == "900 rows accepted (300 new, 600 known: no model is judged on these)"
    champion, challenger = exports.trained_on(1), exports.trained_on(2)
    rows = exports.compared(challenger, champion)
    assert 100 < len(rows) <= SECOND - FIRST
    for model in (champion.candidate, challenger.judged):
        assert abs(area(exports, model, rows) - 0.5) < by_chance(rows)
