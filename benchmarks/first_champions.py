"""How soon a small set has a first champion, and what `estimator = "auto"` is worth where a class is rare.

Each of 40 small real sets comes in two uploads, its first and its second half in the order of the file, with the
pipeline that `contender init` writes for the first one. The project's own training and comparison decide, without a
cloud. A set whose first half has one class only is shuffled first: `contender init` refuses it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.parts import Figure, Part, Report, Size, command
from benchmarks.small_sets import SEED, WITH_SIGNAL, WITHOUT_SIGNAL, SmallSet
from benchmarks.tables import markdown_table, seconds
from contender.adapters.files.inspection.columns import columns_of
from contender.adapters.files.inspection.propose import propose
from contender.adapters.files.readers import parse_frame
from contender.cli.replay_training import real_training
from contender.comparison.evaluate import judge, unseen_rows
from contender.comparison.outcome import Comparison
from contender.data.contract.rows import check_rows
from contender.data.row_order import order_and_blocks
from contender.errors import ContenderError
from contender.pipeline.config import PipelineConfig, load_pipeline, overridden, parse_pipeline
from contender.replay.arms import Trained
from contender.stats.metrics import metric_for
from contender.table import BLOCK, ORDER, Table
from demo_data import flights

FLIGHTS = Path(__file__).resolve().parents[1] / "pipelines" / "flights.toml"
RIVALS = ("auto", "linear", "hist_gradient_boosting", "lightgbm")
RARE_SHARE = 0.006
LEARNED = 0.75
"""Of the year's flights, the older ones that are trained on."""

UPLOADS = 2
LEAST_CHAMPIONS = 0.95


@dataclass(frozen=True)
class Begun:
    """What came of a set's uploads.

    Attributes
    ----------
    upload : the one that gave the first champion; None where none did, with the `reason` of the last.
    """

    data: SmallSet
    rows: int
    upload: int | None = None
    provisional: bool = False
    estimator: str = ""
    seconds: float = 0.0
    reason: str = ""


@dataclass(frozen=True)
class Rare:
    """A model trained where positives are rare; `said` is what `auto` chose, or why there is no model."""

    auc: float = 0.0
    log_loss: float = float("nan")
    seconds: float = float("nan")
    said: str = ""


def measure(*, size: Size, report: Report) -> Part:
    """Begin with every set, and train on rare positives."""
    smoke = size == "smoke"
    sets = (WITH_SIGNAL[5], WITHOUT_SIGNAL[1]) if smoke else (*WITH_SIGNAL, *WITHOUT_SIGNAL)
    found = []
    for data in sets:
        found.append(begun(data))
        report(f"{data.name}: {_outcome(found[-1])}")
    rare = rare_class(RIVALS[:2] if smoke else RIVALS, every=300 if smoke else 20, report=report)
    return part_of(found, rare, size)


def part_of(found: Sequence[Begun], rare: Mapping[str, Rare], size: Size) -> Part:
    """What was measured, as tables and figures."""
    served = sum(one.upload is not None for one in found) / len(found)
    without = [one for one in found if one.data.shuffled]
    provisional = sum(one.provisional or one.upload is None for one in without) / len(without)
    gap = rare["linear"].auc - rare["auto"].auc
    figures = [
        Figure(f"sets with a first champion within {UPLOADS} uploads, share", served, LEAST_CHAMPIONS, "at least"),
        Figure("of the sets without signal, those whose champion is provisional, share", provisional, 1.0, "at least"),
        Figure("rare class: AUC of auto behind a logistic regression's", gap, 0.01, "at most"),
    ]
    text = "\n\n".join([_about(), _sets_table(found), _rare_text(rare)])
    return Part("First champions on small sets", command("first_champions", size), text, figures)


def begun(data: SmallSet) -> Begun:
    """Give a set upload by upload until a first champion serves."""
    frame = data.rows()
    halves = np.array_split(np.arange(len(frame)), UPLOADS)
    if frame[data.target].iloc[halves[0]].nunique() < 2:
        frame = frame.sample(frac=1.0, random_state=SEED).reset_index(drop=True)
    proposal = propose(columns_of(frame.iloc[halves[0]]), source="set.csv", target=data.target, name="set")
    config = parse_pipeline(proposal.text)
    tables: list[Table] = []
    seconds, reason = 0.0, ""
    for number, rows in enumerate(halves, start=1):
        try:
            tables.append(uploaded(config, frame.iloc[rows], sequence=number))
            trained, found = _judged(config, Table.concatenate(tables))
        except ContenderError as error:
            reason = str(error)
            continue
        seconds += trained.seconds
        if found.verdict == "wins":
            estimator = trained.candidate.manifest["estimator"]["name"]
            return Begun(data, len(frame), number, found.provisional, estimator, seconds)
        reason = found.reason
    return Begun(data, len(frame), seconds=seconds, reason=reason)


def uploaded(config: PipelineConfig, frame: pd.DataFrame, *, sequence: int) -> Table:
    """The rows of a file as ValidateBatch accepts them."""
    parsed = parse_frame(frame.reset_index(drop=True), config)
    accepted = check_rows(parsed, config).accepted
    order, blocks = order_and_blocks(parsed, accepted, config, sequence=sequence)
    return Table({**parsed.table.select_rows(accepted).columns, ORDER: order, BLOCK: blocks})


def _judged(config: PipelineConfig, rows: Table) -> tuple[Trained, Comparison]:
    trained = real_training(time.perf_counter)(config, rows)
    unseen = rows.select_rows(unseen_rows(rows, trained.candidate.manifest, None))
    return trained, judge(config, unseen, trained.judged, None, seed=config.training.seed)


def rare_class(rivals: Sequence[str], *, every: int, report: Report) -> dict[str, Rare]:
    """Flights of which 0.6 % are late, trained on the first three quarters of the year and scored on the last.

    Parameters
    ----------
    every : of so many flights one is taken.
    """
    config = load_pipeline(FLIGHTS)
    rows = flights.flights().iloc[::every]
    late = np.flatnonzero(rows["late"] == "yes")
    kept = late[np.linspace(0, len(late) - 1, round(RARE_SHARE * (len(rows) - len(late)))).astype(int)]
    frame = rows.iloc[np.sort(np.concatenate([np.flatnonzero(rows["late"] == "no"), kept]))]
    cut = int(LEARNED * len(frame))
    older, newer = (uploaded(config, part, sequence=1) for part in (frame.iloc[:cut], frame.iloc[cut:]))
    truth = (newer[config.target] == "yes").astype(np.int64)
    found = {}
    for estimator in rivals:
        try:
            trained = real_training(time.perf_counter)(overridden(config, [f"training.estimator={estimator}"]), older)
        except ContenderError as error:
            found[estimator] = Rare(said=f"failed: {str(error).partition(':')[0]}")
            continue
        answers = trained.candidate.predict(newer)
        auc, loss = (metric_for("binary", name).score(truth, answers) or 0.0 for name in ("auc", "log_loss"))
        choice = trained.candidate.manifest["choice"]
        found[estimator] = Rare(auc, loss, trained.seconds, choice["reason"] if choice else "")
        report(f"rare class, {len(older):,} rows, {estimator}: {found[estimator]}")
    return found


def _outcome(one: Begun) -> str:
    if one.upload is None:
        return f"none: {one.reason}"
    return f"{'provisional, ' if one.provisional else ''}upload {one.upload}"


def _about() -> str:
    return (
        "Forty real sets of 150 to 6,000 rows, each in two uploads (its halves in the order of the file; shuffled "
        "first where the first half has one class only, which `contender init` refuses), with the pipeline file that "
        "`contender init` writes for the first half. The target of ten was shuffled: nothing can be learned there."
    )


def _sets_table(found: Sequence[Begun]) -> str:
    rows = [
        (
            one.data.name + (", shuffled target" if one.data.shuffled else ""),
            f"{one.rows:,}",
            _outcome(one),
            one.estimator or "–",
            seconds(one.seconds),
        )
        for one in found
    ]
    return markdown_table(("set", "rows", "first champion", "estimator", "training"), rows)


def _rare_text(found: Mapping[str, Rare]) -> str:
    rows = [
        (name, f"{one.auc:.4f}", f"{one.log_loss:.4f}", seconds(one.seconds), one.said or "–")
        if one.auc
        else (name, "–", "–", "–", one.said)
        for name, one in found.items()
    ]
    head = ("estimator", "AUC", "log loss", "training", "note")
    return (
        "**A rare class.** Flights of 2013, thinned to 0.6 % that are late; trained on the first three quarters of the "
        f"year, scored on the last.\n\n{markdown_table(head, rows)}"
    )
