"""An estimator of a user's own that gets nowhere the time after STALL_AT times."""

from __future__ import annotations

import itertools
import os
import signal

from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline

from contender.pipeline.config import PipelineConfig

TIMES = itertools.count()


def build(config: PipelineConfig) -> Pipeline:
    """Logistic regression, until it is too late."""
    if next(TIMES) == int(os.environ.get("STALL_AT", "-1")):
        print("getting nowhere", flush=True)  # noqa: T201  the test waits for it
        signal.pause()
    return make_pipeline(SimpleImputer(), LogisticRegression(**config.training.parameters))
