"""Estimated metrics of a flights model against what the labels then said, month by month.

Trained on January to March, the newest days held out to calibrate on; April to December are estimated without labels.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.parts import Part, Report, Size, command
from benchmarks.tables import markdown_table
from contender.data.encoding import encode
from contender.drift.performance.calibration import fit_calibration
from contender.drift.performance.estimate import EstimateCheck, check_estimate, estimate
from contender.pipeline.config import PipelineConfig, load_pipeline
from contender.stats.metrics import METRICS
from contender.table import Table
from demo_data.flights import month
from training_image.fit.fit import train
from training_image.fit.fitted import Fitted

PIPELINE = Path(__file__).parents[1] / "pipelines" / "flights.toml"
TRAINED = (1, 2, 3)


@dataclass(frozen=True)
class Effort:
    """Days held out, one training each; months that are estimated; of how many flights one is taken."""

    held_out: tuple[int, ...]
    months: tuple[int, ...] = tuple(range(4, 13))
    one_in: int = 1


EFFORTS: dict[Size, Effort] = {
    "smoke": Effort((28,), (4,), one_in=20),
    "quick": Effort((28,)),
    "full": Effort((7, 28)),
}


def table_of(frame: pd.DataFrame, config: PipelineConfig) -> Table:
    numbers = {name: frame[name].to_numpy(dtype=np.float64) for name in config.numeric}
    return Table(numbers | {name: frame[name].to_numpy(dtype=object) for name in (*config.categorical, config.target)})


def answers(model: Fitted, frame: pd.DataFrame, config: PipelineConfig) -> NDArray[np.float64]:
    return model.predict(encode(table_of(frame, config), model.encodings))


def compare(holdout_days: int, effort: Effort, report: Report) -> list[str]:
    """One line of the table: errors, months as estimated, days inside their intervals."""
    config = load_pipeline(PIPELINE)
    config = replace(config, training=replace(config.training, holdout_blocks=holdout_days))
    known = pd.concat([month(number) for number in TRAINED], ignore_index=True).iloc[:: effort.one_in]
    order, days = _order_and_days(known)
    model = train(config, table_of(known, config), order, days)
    held = known[np.isin(days, model.holdout.blocks)]
    truth, predicted = _truth(held), answers(model.judged, held, config)
    calibration = fit_calibration(truth, predicted, blocks=_order_and_days(held)[1])
    errors: dict[str, list[float]] = {"auc": [], "accuracy": [], "log_loss": []}
    plain: dict[str, list[float]] = {name: [] for name in errors}
    months: list[EstimateCheck] = []
    inside: list[bool] = []
    for number in effort.months:
        frame = month(number).iloc[:: effort.one_in]
        labels, scores, blocks = _truth(frame), answers(model.served, frame, config), _order_and_days(frame)[1]
        months.append(check_estimate(estimate(calibration, scores, blocks=blocks), labels, scores))
        report(f"{holdout_days} days held out, month {number}: {months[-1].reason}")
        for check in months[-1].metrics:
            if check.name in errors:
                errors[check.name].append(abs(check.estimated - check.realised))
                of_holdout = METRICS[check.name].score(truth, predicted) or 0.0
                plain[check.name].append(abs(of_holdout - check.realised))
        for day in np.unique(blocks)[::5]:
            rows = blocks == day
            found = estimate(calibration, scores[rows], blocks=blocks[rows])
            inside.append(check_estimate(found, labels[rows], scores[rows]).verdict == "as estimated")
    pairs = [f"{np.mean(errors[name]):.3f} / {np.mean(plain[name]):.3f}" for name in errors]
    agreed = sum(check.verdict == "as estimated" for check in months)
    return [f"{holdout_days}", *pairs, f"{agreed} of {len(months)}", f"{np.mean(inside):.0%}"]


def measure(*, size: Size, report: Report) -> Part:
    """Two trainings at full size, else the longer holdout only."""
    effort = EFFORTS[size]
    lines = [compare(days, effort, report) for days in effort.held_out]
    text = (
        "Mean absolute error of the estimate / of assuming the holdout's own metric, over "
        f"{len(effort.months)} months. "
        "Then the months, and the share of every fifth day, whose realised metrics agree with the estimate (95 % "
        "intervals, which do not cover concept drift).\n\n"
        + markdown_table(["days held out", "AUC", "accuracy", "log loss", "months", "days"], lines)
    )
    return Part("(b) Metrics estimated without labels", command("unlabelled", size), text, ())


def _truth(frame: pd.DataFrame) -> NDArray[np.float64]:
    return (frame["late"] == "yes").to_numpy(dtype=np.float64)


def _order_and_days(frame: pd.DataFrame) -> tuple[NDArray[np.float64], NDArray[np.object_]]:
    stamps = pd.to_datetime(frame["scheduled_at"])
    return stamps.astype("int64").to_numpy(dtype=np.float64), frame["scheduled_at"].str[:10].to_numpy(dtype=object)
