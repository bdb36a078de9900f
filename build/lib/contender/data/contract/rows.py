"""Which rows of a file may enter, and whether the file may: the contract on a whole file at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contender.data.contract.batch import ParsedBatch
from contender.data.contract.expected import NOTHING_EXPECTED, Expected
from contender.data.contract.file_state import FileState, check_batch
from contender.data.contract.findings import ROWS, Broken, Finding, Places, most_frequent, summary
from contender.data.contract.judgement import is_without_labels, refusal
from contender.data.contract.repeated_ids import repeated_ids
from contender.data.contract.typed_columns import Mask, TypedColumns
from contender.errors import BatchRejectedError
from contender.pipeline.config import PipelineConfig


@dataclass(frozen=True, eq=False)
class Checked:
    """A file after the contract.

    Attributes
    ----------
    accepted : (n,) the rows that may enter; of a file without labels, those that may be looked at for drift.
    state : what was found in the rows.
    without_labels : whether no row has a label.
    places : where a row stands in the file.
    """

    accepted: Mask
    state: FileState
    without_labels: bool = False
    places: Places = ROWS

    @property
    def rejected(self) -> Mapping[int, str]:
        """Row number, counted from 0, and why the row may not enter."""
        return self.state.reasons

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The most frequent kinds of faults, 20 at most."""
        return most_frequent(self.state.findings.values())

    def summary(self) -> str:
        """The most frequent kinds in one sentence."""
        return summary(tuple(self.state.findings.values()), self.places)


def check_rows(batch: ParsedBatch, config: PipelineConfig, expected: Expected = NOTHING_EXPECTED) -> Checked:
    """Decide which rows may enter.

    Parameters
    ----------
    expected : what is known of the pipeline's rows so far.

    Raises
    ------
    BatchRejectedError
        When the file as a whole may not (see `contender.data.contract.judgement`), or no row has a label.
    """
    checked = hold_to_contract(batch, config, expected)
    refused = refusal(checked.state, config, expected, checked.places)
    if checked.without_labels and not refused:
        refused = f"target {config.target} has no value in any row"
    if refused:
        raise BatchRejectedError(refused)
    return checked


def hold_to_contract(batch: ParsedBatch, config: PipelineConfig, expected: Expected = NOTHING_EXPECTED) -> Checked:
    """Everything that was found in the rows, whether or not the file is refused for it."""
    found = check_batch(batch, config, expected)
    state, accepted = found.state, found.accepted
    without_labels = is_without_labels(state) and config.validation.late_labels
    if without_labels:
        state, accepted = state.without_missing_labels(config.target), found.waiting
    repeated = list(_repeated(batch, config))
    if repeated:
        state = state.with_broken(repeated, accepted)
        accepted = accepted.copy()
        for broken in repeated:
            accepted[broken.rows] = False
    return Checked(accepted, state, without_labels, batch.places)


def _repeated(batch: ParsedBatch, config: PipelineConfig) -> list[Broken]:
    if not config.row_id:
        return []
    columns = TypedColumns(batch)
    ids = columns.texts(config.row_id)
    labels: NDArray[np.generic]
    if columns.is_text(config.target):
        classes = columns.texts(config.target)
        labels, label_of = classes.codes, lambda row: classes.levels[classes.codes[row]]
    else:
        numbers = columns.numbers(config.target)
        labels, label_of = numbers, lambda row: str(numbers[row])
    return list(
        repeated_ids(
            ids.codes,
            labels,
            name=config.row_id,
            target=config.target,
            without=ids.codes < 0,
            id_of=lambda row: ids.levels[ids.codes[row]],
            label_of=label_of,
            places=batch.places,
        )
    )
