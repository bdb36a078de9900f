"""Whether a file as a whole may enter, by what was found in its rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from contender.data.contract.expected import Expected
from contender.data.contract.file_state import FileState, Tally
from contender.data.contract.findings import ROWS, Places, summary
from contender.data.contract.wording import listed, shown_name
from contender.data.periods import period_labels
from contender.pipeline.column_contract import ColumnContract
from contender.pipeline.config import PipelineConfig
from contender.table import as_category

FEWEST_UNSEEN = 5
"""Rows with a value not seen before that say something: two of ten rows may have one by chance."""


def is_without_labels(state: FileState) -> bool:
    """Whether no row has a label: such a file can be looked at for drift only."""
    return 0 < state.rows == state.without_label


def refusal(state: FileState, config: PipelineConfig, expected: Expected, places: Places = ROWS) -> str:
    """Why the file may not enter, with what was expected and what to do; empty if it may.

    Parameters
    ----------
    places : where a row stands in the file.
    """
    return next(_refusals(state, config, expected, places), "")


def _refusals(state: FileState, config: PipelineConfig, expected: Expected, places: Places) -> Iterator[str]:
    policy = config.validation
    if not state.rows:
        yield "the file has a header but no rows"
        return
    unlabelled = is_without_labels(state)
    if unlabelled and not policy.late_labels:
        yield (
            f"target {shown_name(config.target)} has no value in any row; upload the rows when their labels are known, "
            f"or set validation.late_labels = true in pipelines/{config.name}.toml to check such files for drift"
        )
    limit = policy.max_rejected_fraction
    if state.rejected > limit * state.rows:
        yield (
            f"{state.rejected:,} of {state.rows:,} rows violate the data contract ({state.rejected / state.rows:.1%}; "
            f"the limit is {limit:.1%}): {summary(tuple(state.findings.values()), places)}"
        )
    tally = state.waiting if unlabelled else state.passed
    if tally.rows < policy.min_rows:
        yield f"{tally.rows:,} valid rows; the minimum is {policy.min_rows:,} (validation.min_rows)"
    yield from _row_count(tally.rows, config, expected)
    yield from _age(state.newest, config, expected)
    yield from _missing(tally, config)
    yield from _unseen(tally, state.unseen_values, config)
    if not unlabelled:
        yield from _target(state.labels, config)
        yield from _class_shares(state.labels, config, expected)


def _row_count(rows: int, config: PipelineConfig, expected: Expected) -> Iterator[str]:
    factor = config.validation.max_rows_factor
    if factor and expected.rows and not expected.rows / factor <= rows <= expected.rows * factor:
        yield (
            f"{rows:,} valid rows, but the last uploads had {expected.rows:,.0f} (median); expected "
            f"{expected.rows / factor:,.0f} to {expected.rows * factor:,.0f} (validation.max_rows_factor is "
            f"{factor:g}). Is the file cut off, or are several in one?"
        )


def _age(newest: float, config: PipelineConfig, expected: Expected) -> Iterator[str]:
    if np.isfinite(newest) and newest < expected.oldest:
        days = config.validation.max_age_days
        yield (
            f"the newest {config.time} is {_day(newest)}, but {_day(expected.oldest)} or later was expected "
            f"(validation.max_age_days is {days:g}). Is it an old file?"
        )


def _day(seconds: float) -> str:
    return str(period_labels(np.array([seconds]), "day")[0])


def _missing(tally: Tally, config: PipelineConfig) -> Iterator[str]:
    for name, count in tally.missing.items():
        own, key = _own(config, name).max_missing, f"contract.{name}.max_missing"
        is_feature = name in config.features
        if is_feature and count == tally.rows and own != 1.0:
            yield f"{shown_name(name)} is missing in all rows; fill it, or remove it from the pipeline file"
        if own is None:
            own, key = config.validation.max_missing_fraction if is_feature else 1.0, "validation.max_missing_fraction"
        if count > own * tally.rows:
            share = count / tally.rows
            yield f"{shown_name(name)} is missing in {share:.1%} of the rows (the limit is {own:.1%}, {key})"


def _unseen(tally: Tally, values: Mapping[str, tuple[str, ...]], config: PipelineConfig) -> Iterator[str]:
    for name, count in tally.unseen.items():
        own, key = _own(config, name).max_unseen, f"contract.{name}.max_unseen"
        if own is None:
            is_feature = name in config.categorical
            own, key = config.validation.max_unseen_fraction if is_feature else 1.0, "validation.max_unseen_fraction"
        present = tally.rows - tally.missing.get(name, 0)
        if count > own * present and count >= FEWEST_UNSEEN:
            yield (
                f"{shown_name(name)} has values that no earlier upload had in {count / present:.1%} of the rows "
                f"(the limit is {own:.1%}, {key}): {listed(values.get(name, ()))}. Are they spelt otherwise? If they "
                "are right, raise the limit"
            )


def _own(config: PipelineConfig, name: str) -> ColumnContract:
    return config.contract.get(name, ColumnContract())


def _target(labels: Mapping[str, int], config: PipelineConfig) -> Iterator[str]:
    values, rows = sorted(labels), sum(labels.values())
    if config.task == "binary" and len(values) > 2:
        yield (
            f"target {config.target} has {len(values)} values ({listed(values[:5])}), "
            "but a binary task has two; is the task multiclass or regression?"
        )
    if config.task == "binary" and config.positive and len(values) == 2 and as_category(config.positive) not in values:
        yield f"target {config.target} has the values {listed(values)}, but positive is {config.positive!r}"
    if len(values) == 1 and rows >= config.validation.constant_target_rows:
        yield f"target {config.target} is {listed(values)} in all {rows} rows: nothing can be learned or compared"


def _class_shares(labels: Mapping[str, int], config: PipelineConfig, expected: Expected) -> Iterator[str]:
    limit, rows = config.validation.max_class_shift, sum(labels.values())
    for name, share in expected.class_shares.items():
        found = labels.get(name, 0) / rows
        if abs(found - share) > limit:
            yield (
                f"{shown_name(name)} is {found:.1%} of the labels, but {share:.1%} in earlier uploads; expected "
                f"{max(0.0, share - limit):.1%} to {min(1.0, share + limit):.1%} (validation.max_class_shift is "
                f"{limit:g}). Is the file a part of the data, or are labels missing?"
            )
