"""Types the columns of a file batch by batch: each batch by what it and those before it say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from contender.adapters.files.cells import number_notation, time_notation
from contender.adapters.files.cells.categories import Names, read_categories
from contender.adapters.files.cells.class_names import keep_classes
from contender.adapters.files.cells.merged_numbers import refuse_merged_numbers
from contender.adapters.files.cells.number_notation import NumberEvidence, NumberNotation
from contender.adapters.files.cells.numbers import read_numbers
from contender.adapters.files.cells.style import CellStyle
from contender.adapters.files.cells.texts import refuse_nested, said_missing
from contender.adapters.files.cells.time_notation import TimeEvidence, TimeNotation, refuse_contradiction
from contender.adapters.files.cells.times import read_time
from contender.data.contract.batch import ParsedBatch
from contender.pipeline.config import PipelineConfig
from contender.table import MISSING, Categories, Column, Table

MOST_CLASSES = 1_000
"""With more labels a target has no classes."""


AS_TIME = "\0time"
"""What is noted of the time column as such: it may be a number too, as the year of a film is."""


class Typing:
    """How the columns of a file are read.

    The last batches may say what the first ones left open, such as the order of day and month: then `settled` gives
    what all batches are to be read with once more.

    Parameters
    ----------
    settled : how the numbers and times of columns are written, and the target's style, where they are known.
    """

    def __init__(self, config: PipelineConfig, settled: Mapping[str, Any] | None = None) -> None:
        self.config = config
        self._settled = settled or {}
        self._style = CellStyle.of(config)
        self._evidence: dict[str, Any] = {}
        self._used: dict[str, set[Hashable]] = {}
        self._last: dict[str, Any] = {}
        self._missing: dict[str, Counter[str]] = {}
        self._labels: Counter[str] = Counter()
        self._rows = 0

    @property
    def time_is_timestamp(self) -> bool:
        """Whether times are epoch seconds."""
        notation = self._last.get(AS_TIME)
        return isinstance(notation, TimeNotation) and notation.is_timestamp

    def read(self, columns: Mapping[str, pa.Array]) -> ParsedBatch:
        """The next batch, typed.

        Parameters
        ----------
        columns : of the contract, as they stand in the file.

        Raises
        ------
        BatchRejectedError
            When a column holds lists, bytes or the like, as Parquet columns may, dates that cannot be told, or numbers
            of so many digits that float64 takes many for one.
        """
        config = self.config
        for name in config.columns:
            refuse_nested(columns[name].type, name)
        table: dict[str, Column | Categories] = {}
        unreadable: dict[str, Mapping[int, str]] = {}
        for name in dict.fromkeys([*config.numeric, *([config.target] if config.task == "regression" else [])]):
            seen, notation = self._evidence.get(name), self._settled.get(name)
            numbers = read_numbers(columns[name], self._style, seen=seen, notation=notation)
            refuse_merged_numbers(name, columns[name], numbers.values)
            table[name] = numbers.values
            self._note(name, numbers.evidence, numbers.notation, numbers.missing)
            if numbers.faults:
                unreadable[name] = numbers.faults
        for name in config.text_columns:
            if name not in table:
                table[name] = self._names(name, columns[name])
        self._rows += len(columns[config.target])
        if not config.time:
            return ParsedBatch(Table(table), unreadable)
        seen, notation = self._evidence.get(AS_TIME), self._settled.get(AS_TIME)
        times = read_time(
            columns[config.time], self._style, name=config.time, seen=seen, notation=notation, whole=False
        )
        self._note(AS_TIME, times.evidence, times.notation, times.missing)
        return ParsedBatch(Table(table), unreadable, times.values, times.notation.is_timestamp)

    def settled(self) -> Mapping[str, Any] | None:
        """How all batches are to be read once more; None where they were, or are so already.

        Raises
        ------
        BatchRejectedError
            When some dates have the day first and others the month.
        """
        if self._settled:
            return None
        times = self._evidence.get(AS_TIME)
        if isinstance(times, TimeEvidence):
            refuse_contradiction(times, self.config.time)
        final = dict(self._last)
        if self._missing.get(self.config.target):
            final[self.config.target] = keep_classes(self._all_labels(), self.config, self._style)
        changed = any(used != {final[name]} for name, used in self._used.items())
        return final if changed else None

    def said(self) -> dict[str, str]:
        """How the cells of each column were read, where they do not speak for themselves."""
        notes: dict[str, str] = {}
        for name in self._used:
            notation, evidence = self._last[name], self._evidence.get(name)
            parts: tuple[str, ...] = ()
            if isinstance(notation, NumberNotation) and isinstance(evidence, NumberEvidence):
                parts = number_notation.said(evidence, notation)
            if isinstance(notation, TimeNotation) and isinstance(evidence, TimeEvidence):
                parts = time_notation.said(evidence, notation)
            parts = (*parts, *said_missing(self._missing.get(name, {})))
            column = self.config.time if name == AS_TIME else name
            if parts:
                notes[column] = "; ".join(dict.fromkeys(filter(None, (notes.get(column, ""), *parts))))
        return notes

    def _names(self, name: str, cells: pa.Array) -> Categories:
        style = self._settled.get(name, self._style) if name == self.config.target else self._style
        names = read_categories(cells, style)
        self._note(name, None, style, names.missing)
        if name == self.config.target and len(self._labels) <= MOST_CLASSES:
            found = names.categories
            counts = np.bincount(found.codes[found.codes != MISSING], minlength=len(found.levels)).tolist()
            self._labels.update(dict(zip(found.levels, counts, strict=True)))
        return names.categories

    def _note(self, name: str, evidence: Any, notation: Hashable, missing: Mapping[str, int]) -> None:
        if evidence is not None:
            self._evidence[name] = evidence
        self._used.setdefault(name, set()).add(notation)
        self._last[name] = notation
        self._missing.setdefault(name, Counter()).update(missing)

    def _all_labels(self) -> Names:
        """The target's classes, as if all batches were one."""
        counts = list(self._labels.values())
        codes = np.repeat(np.arange(len(counts)), counts)
        others = np.full(self._rows - len(codes), MISSING)
        missing = dict(self._missing[self.config.target])
        return Names(Categories(tuple(self._labels), np.concatenate([codes, others])), missing)
