"""Broken batches: what goes wrong with one upload, and is right again with the next."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from benchmarks.streams.stream import Stream
from contender.table import BLOCK, ORDER, Column, Table

Random = np.random.Generator
EVERY = 10
"""One of so many batches is broken."""
FLIPPED = 0.4
"""Share of the labels of a batch that are wrong."""
KEPT_OF_TRUNCATED = 0.2


def with_columns(table: Table, **columns: Column) -> Table:
    return Table({**table.columns, **columns})


def flipped_labels(stream: Stream, place: int, random: Random) -> Table:
    """A share of the rows has the target of other rows; of two classes, the other one."""
    table, target = stream.batches[place], stream.config.target
    values = table[target].copy()
    chosen = np.flatnonzero(random.random(len(values)) < FLIPPED)
    distinct = sorted(set(values.tolist()))
    if stream.config.task == "binary" and len(distinct) == 2:
        values[chosen] = np.where(values[chosen] == distinct[0], distinct[1], distinct[0])
    else:
        values[chosen] = values[random.permutation(chosen)]
    return with_columns(table, **{target: values})


def changed_unit(stream: Stream, place: int, random: Random) -> Table:
    """A numeric column times 1,000, or in degrees Fahrenheit instead of Celsius."""
    table = stream.batches[place]
    name = str(random.choice(stream.config.numeric))
    values = table[name] * 1000.0 if random.random() < 0.5 else table[name] * 1.8 + 32.0
    return with_columns(table, **{name: values})


def stale_file(stream: Stream, place: int, random: Random) -> Table:
    """An older batch once more, as if it were of today."""
    table, older = stream.batches[place], stream.batches[int(random.integers(0, place - 1))]
    rows = np.arange(len(older)) * len(table) // len(older)
    return with_columns(older, **{ORDER: table[ORDER][rows], BLOCK: table[BLOCK][rows]})


def shuffled_column(stream: Stream, place: int, random: Random) -> Table:
    """One feature's values in the order of other rows."""
    table = stream.batches[place]
    name = str(random.choice(stream.config.features))
    return with_columns(table, **{name: table[name][random.permutation(len(table))]})


def truncated(stream: Stream, place: int, _random: Random) -> Table:
    """Only the first rows of it."""
    table = stream.batches[place]
    return table.select_rows(np.arange(max(10, int(KEPT_OF_TRUNCATED * len(table)))))


FAULTS: Mapping[str, Callable[[Stream, int, Random], Table]] = {
    "flipped labels": flipped_labels,
    "changed unit": changed_unit,
    "stale file": stale_file,
    "shuffled column": shuffled_column,
    "truncated": truncated,
}


def broken_batches(stream: Stream, *, seed: int = 0) -> dict[int, tuple[str, Table]]:
    """One of every ten batches after the first model, each with one of the faults in turn: kind and rows, by place."""
    random = np.random.default_rng([seed, sum(map(ord, stream.name))])
    places = range(max(stream.start + 1, 3), len(stream.batches) - 1)
    kinds = random.permutation(list(FAULTS))
    found = {}
    for number, first in enumerate(range(places.start, places.stop, EVERY)):
        place = int(random.integers(first, min(first + EVERY, places.stop)))
        kind = str(kinds[number % len(kinds)])
        found[place] = (kind, FAULTS[kind](stream, place, random))
    return found
