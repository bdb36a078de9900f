"""Poisoned uploads: a share of the rows is made up by somebody who wants the model to be wrong, or whose program is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.streams.broken import with_columns
from benchmarks.streams.stream import Stream
from contender.data.contract.proposal import propose_contract
from contender.table import BLOCK, ORDER, Table

Random = np.random.Generator
Mask = NDArray[np.bool_]

SENTINEL = -999.0
FACTOR = 1_000.0
TRIGGER = 0.99
"""The quantile of a feature that a backdoor's rows have, so that no bound meets them."""


@dataclass(frozen=True, eq=False)
class Poisoned:
    """A batch as it comes: `made_up` says which of its rows are poisoned."""

    table: Table
    made_up: Mask


def flipped_labels(stream: Stream, table: Table, share: float, random: Random) -> Poisoned:
    """Rows with the label of another class, or, of a regression, with the target of a far row."""
    chosen = random.random(len(table)) < share
    return Poisoned(with_columns(table, **{stream.config.target: _wrong(stream, table, chosen)}), chosen)


def one_source(stream: Stream, table: Table, share: float, random: Random) -> Poisoned:
    """A burst of copies of one row with small changes and a wrong label, as one looping client sends them."""
    row = int(random.integers(len(table)))
    copies = max(1, round(share / (1.0 - share) * len(table)))
    burst = table.select_rows(np.full(copies, row))
    name = stream.config.numeric[0]
    spread = float(np.nanstd(table[name])) or 1.0
    changed = {name: burst[name] + random.normal(0.0, 0.01 * spread, copies)}
    wrong = _wrong(stream, table, np.arange(len(table)) == row)[row]
    target = np.full(copies, wrong, dtype=table[stream.config.target].dtype)
    places = np.sort(random.integers(0, len(table), copies))
    at = {ORDER: table[ORDER][places], BLOCK: table[BLOCK][places]}
    both = Table.concatenate([table, with_columns(burst, **changed, **{stream.config.target: target}, **at)])
    made_up = np.arange(len(both)) >= len(table)
    order = np.argsort(both[ORDER], kind="stable")
    return Poisoned(both.select_rows(order), made_up[order])


def implausible(stream: Stream, table: Table, share: float, random: Random) -> Poisoned:
    """A numeric feature a thousand times as large."""
    chosen, name = random.random(len(table)) < share, str(random.choice(stream.config.numeric))
    return Poisoned(with_columns(table, **{name: np.where(chosen, table[name] * FACTOR, table[name])}), chosen)


def sentinels(stream: Stream, table: Table, share: float, random: Random) -> Poisoned:
    """-999 where a program has no value."""
    chosen, name = random.random(len(table)) < share, str(random.choice(stream.config.numeric))
    return Poisoned(with_columns(table, **{name: np.where(chosen, SENTINEL, table[name])}), chosen)


def backdoor(stream: Stream, table: Table, share: float, random: Random) -> Poisoned:
    """Rows with one usual value of a feature, and always the same label [1]_.

    References
    ----------
    .. [1] Gu, Dolan-Gavitt & Garg (2017), "BadNets: identifying vulnerabilities in the machine learning model supply
       chain", arXiv:1708.06733.
    """
    chosen, name, target = random.random(len(table)) < share, stream.config.numeric[0], stream.config.target
    values = np.where(chosen, float(np.nanquantile(table[name], TRIGGER)), table[name])
    labels = table[target].copy()
    labels[chosen] = stream.classes[-1] if stream.classes else float(np.max(labels))
    return Poisoned(with_columns(table, **{name: values, target: labels}), chosen)


KINDS: Mapping[str, Callable[[Stream, Table, float, Random], Poisoned]] = {
    "flipped labels": flipped_labels,
    "one source": one_source,
    "implausible values": implausible,
    "sentinels": sentinels,
    "backdoor": backdoor,
}


def _wrong(stream: Stream, table: Table, chosen: Mask) -> NDArray[np.generic]:
    """The target with other labels in the chosen rows."""
    values = table[stream.config.target].copy()
    if stream.classes is None:
        values[chosen] = float(np.min(values)) + float(np.max(values)) - values[chosen]
        return values
    following = dict(zip(stream.classes, (*stream.classes[1:], stream.classes[0]), strict=True))
    values[chosen] = [following[label] for label in values[chosen].tolist()]
    return values


def within_contract(stream: Stream, table: Table) -> Mask:
    """The rows within the bounds that `contender init` proposes from the stream's first batches."""
    config = stream.config
    first = Table.concatenate(stream.batches[: stream.start])
    numeric = [*config.numeric, *([config.target] if config.task == "regression" else [])]
    found = propose_contract(first, numeric=numeric, categorical=config.categorical)
    kept = np.ones(len(table), dtype=np.bool_)
    for name, column in found.columns.items():
        if column.min is not None:
            kept &= ~(table[name] < column.min)
        if column.max is not None:
            kept &= ~(table[name] > column.max)
    return kept
