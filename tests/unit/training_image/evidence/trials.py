"""A model on twelve days of made-up rows, the last three held out: for what is found out about trained models."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from contender.data.encoding import encode
from contender.data.fit_encoding import fit_encoding
from contender.pipeline.config import PipelineConfig
from contender.pipeline.training_policy import TrainingPolicy
from contender.table import Table
from training_image.estimators.catalogue import fit_estimator
from training_image.evidence.files import Inputs, build
from training_image.evidence.overfit import Scored
from training_image.export.export import pipeline_predictions

ROWS, DAYS = 1200, 12


def config_of(task: str = "binary", estimator: str = "hist_gradient_boosting", **changes: Any) -> PipelineConfig:
    return PipelineConfig(
        name="trial",
        task=task,
        target="y",
        numeric=("a", "b"),
        categorical=("kind",),
        training=TrainingPolicy(estimator=estimator, parameters=changes.pop("parameters", {})),
        **changes,
    )


class Trial:
    """The target is `a`, plus one where `kind` is u, and noise; `b` is in no formula, and `region` is no feature."""

    def __init__(self, config: PipelineConfig, *, seed: int = 1) -> None:
        random = np.random.default_rng(seed)
        self.config = config
        a, b = random.normal(size=(2, ROWS))
        kind = random.choice(np.array(["u", "v", "w"], dtype=object), ROWS)
        region = random.choice(np.array(["north", "south", None], dtype=object), ROWS)
        signal = a + (kind == "u") + random.normal(size=ROWS) / 2
        self.classes = {"binary": ("no", "yes"), "multiclass": ("low", "mid", "top")}.get(config.task)
        levels = {"binary": [0.3], "multiclass": [-0.3, 0.8]}.get(config.task)
        target = signal if levels is None else np.digitize(signal, levels)
        blocks = np.array([f"day-{i * DAYS // ROWS:02d}" for i in range(ROWS)], dtype=object)
        held = blocks >= "day-09"
        self.table = Table({"a": a, "b": b, "kind": kind, "region": region})
        self.holdout_table = self.table.select_rows(held)
        self.encodings = fit_encoding(self.table.select_rows(~held), config)
        self.matrix, self.newest = (encode(self.table.select_rows(rows), self.encodings) for rows in (~held, held))
        self.target = target[~held]
        self.pipeline = fit_estimator(config, self.matrix, self.target)
        self.training = Scored(self.target, pipeline_predictions(self.pipeline, self.matrix), blocks[~held])
        self.holdout = Scored(target[held], pipeline_predictions(self.pipeline, self.newest), blocks[held])

    @property
    def positive(self) -> str | None:
        return "yes" if self.config.task == "binary" else None

    def evidence(self, **more: Any) -> dict[str, Any]:
        return build(
            self.config,
            classes=self.classes,
            positive=self.positive,
            holdout=self.holdout,
            holdout_table=self.holdout_table,
            training=self.training,
            inputs=Inputs(self.encodings, self.matrix, self.newest),
            **more,
        )

    def fit_on(self, rows: NDArray[np.intp]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        pipeline = fit_estimator(self.config, self.matrix[rows], self.target[rows])
        return pipeline_predictions(pipeline, self.matrix[rows]), pipeline_predictions(pipeline, self.newest)
