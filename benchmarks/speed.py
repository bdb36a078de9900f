"""How long the drift check of a batch takes, what memory it needs, and how exact its distances are."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from benchmarks.contest import CannotRunError, run
from benchmarks.environments import (
    ALIBI_DETECT,
    CONTENDER,
    DEEPCHECKS,
    EVIDENTLY,
    FROUROS,
    LEFT_OUT,
    NANNYML,
    SCIPY,
    WHYLOGS,
    Contestant,
)
from benchmarks.frames import WIDE_CATEGORICAL, WIDE_NUMERIC, wide_frame
from benchmarks.parts import Figure, Part, Report, Size, command
from benchmarks.peers.contender.check import table_of
from benchmarks.tables import markdown_table, number, seconds
from contender.drift.profiles.counting import count_profile, fit_profile
from contender.drift.profiles.distances import ks_distance
from contender.drift.profiles.profile import Profile, to_bytes
from contender.table import Table

Floats = NDArray[np.float64]

ENTRANTS: tuple[tuple[Contestant, str], ...] = (
    (CONTENDER, "independent rows"),
    (NANNYML, "KS + chi-square"),
    (SCIPY, "KS + chi-square, Holm"),
    (DEEPCHECKS, "feature drift"),
    (WHYLOGS, "default"),
    (FROUROS, "KS + chi-square"),
    (ALIBI_DETECT, "tabular, Bonferroni"),
    (EVIDENTLY, "default"),
)
COMPARED = ENTRANTS[:2]
SLOWEST_SECONDS = 1_200.0
SHIFTED_BY = 0.1
NOTHING = 0.0005
"""Seconds of a fit that only keeps the rows."""


@dataclass(frozen=True)
class Sizes:
    """Rows of the reference and of the two batches, checks of each, and who gets which.

    Attributes
    ----------
    distances : rows of the batches whose distances are compared with exact ones.
    large_for_all : whether peers get the large batch too.
    ours_only : whether the peers are left out.
    """

    reference: int
    small: int
    large: int
    repeat: int = 7
    large_for_all: bool = False
    ours_only: bool = False
    distances: tuple[int, ...] = (500, 5_000, 100_000)

    @property
    def batches(self) -> dict[str, int]:
        return {"small": self.small, "large": self.large}


SIZES: dict[Size, Sizes] = {
    "smoke": Sizes(5_000, 1_000, 5_000, repeat=2, ours_only=True, distances=(500, 2_000)),
    "quick": Sizes(1_000_000, 100_000, 1_000_000),
    "full": Sizes(1_000_000, 100_000, 1_000_000, large_for_all=True),
}


def measure(*, size: Size, report: Report) -> Part:
    """Every contestant on the same frames, in one run; then Contender's distances beside exact ones."""
    sizes = SIZES[size]
    with tempfile.TemporaryDirectory() as folder:
        task = _write_frames(Path(folder), sizes, report)
        found: dict[str, dict[str, Any] | str] = {}
        for name, answer in _contest(task, sizes, report):
            found[name] = _better(found[name], answer) if name in found else answer
    report("distances against exact ones")
    errors = dict(_distance_errors(sizes.reference, sizes.distances))
    bytes_ = _profile_bytes(sizes.reference)
    tables = [_speed_table(found, sizes), _better_peers(found), _exactness_table(errors, bytes_, sizes)]
    text = "\n\n".join([_about(sizes), *tables])
    figures = _figures(found, errors, bytes_, sizes)
    return Part("Speed and memory of a drift check", command("speed", size), text, figures)


def _write_frames(folder: Path, sizes: Sizes, report: Report) -> dict[str, Any]:
    report(f"writing frames of {sizes.reference:,}, {sizes.small:,} and {sizes.large:,} rows")
    paths = {name: folder / f"{name}.parquet" for name in ("reference", *sizes.batches)}
    for seed, (name, path) in enumerate(paths.items(), start=1):
        wide_frame(getattr(sizes, name), seed=seed).to_parquet(path, index=False)
    return {
        "reference": str(paths["reference"]),
        "batches": {name: str(paths[name]) for name in sizes.batches},
        "numeric": WIDE_NUMERIC,
        "categorical": WIDE_CATEGORICAL,
        "chunk_rows": sizes.small,
        "repeat": sizes.repeat,
        "seconds": 20.0,
    }


def _contest(task: Mapping[str, Any], sizes: Sizes, report: Report) -> Iterator[tuple[str, dict[str, Any] | str]]:
    """What each contestant needed, or why it could not run; the two that a figure compares, once more at the end."""
    for contestant, rule in (*ENTRANTS, *(() if sizes.ours_only else COMPARED)):
        name = f"{contestant.name}, {rule}"
        if sizes.ours_only and contestant is not CONTENDER:
            yield name, LEFT_OUT
            continue
        report(name)
        try:
            ours = contestant is CONTENDER
            batches = task["batches"] if ours or sizes.large_for_all else {"small": task["batches"]["small"]}
            asked = {**task, "batches": batches, "trace": ours}
            yield name, run("speed", contestant, rule, asked, timeout=SLOWEST_SECONDS)
        except CannotRunError as error:
            yield name, str(error)


def _better(first: dict[str, Any] | str, second: dict[str, Any] | str) -> dict[str, Any] | str:
    """Of two measurements of one contestant the best times, for the machine may have been busy, and the most memory."""
    if isinstance(first, str) or isinstance(second, str):
        return second if isinstance(first, str) else first
    batches = {}
    for name, batch in first["batches"].items():
        other = second["batches"][name]
        pick = {"check_s": min, "rss_mb": max, "traced_mb": max, "times": max}
        batches[name] = {key: pick[key](value, other[key]) for key, value in batch.items()}
    return {"fit_s": min(first["fit_s"], second["fit_s"]), "batches": batches}


def _distance_errors(rows: int, sizes: Sequence[int]) -> Iterator[tuple[str, Floats]]:
    """By how much Contender's KS distance is off, by column: (sizes, 2) for a batch from the reference's world and one
    that moved by a tenth of its standard deviation (of its middle half, where the tails have none)."""
    batches = [_columns(size, seed=size) for size in sizes]
    for name, values in _columns(rows, seed=1).items():
        profile = fit_profile(Table({name: values}), numeric=[name])
        step = SHIFTED_BY * float(np.subtract(*np.nanpercentile(values, [75, 25]))) / 1.349
        errors = [[_error(profile, name, values, batch[name] + moved) for moved in (0.0, step)] for batch in batches]
        yield name, np.array(errors)


def _error(profile: Profile, name: str, reference: Floats, batch: Floats) -> float:
    counted = count_profile(profile.grid, Table({name: batch})).counts[name]
    exact = stats.ks_2samp(reference[np.isfinite(reference)], batch[np.isfinite(batch)], method="asymp").statistic
    return abs(ks_distance(profile.counts[name], counted) - float(exact))


def _columns(rows: int, *, seed: int) -> dict[str, Floats]:
    """The wide frame's numeric columns, and three that defeat bins of equal width."""
    frame, random = wide_frame(rows, seed=seed), np.random.default_rng(seed)
    columns = {name: frame[name].to_numpy(np.float64) for name in WIDE_NUMERIC}
    outlier = random.normal(size=rows)
    outlier[0] = 1e9
    return columns | {
        "one value of 1e9": outlier,
        "Cauchy": random.standard_cauchy(rows),
        "lognormal, sigma 3": random.lognormal(0.0, 3.0, rows),
    }


def _profile_bytes(rows: int) -> int:
    """The stored size of a profile of all features, with the counts of sixty days."""
    frame = wide_frame(rows, seed=1)
    table = table_of(frame, WIDE_NUMERIC, WIDE_CATEGORICAL)
    days = np.arange(rows) * 60 // rows
    return len(to_bytes(fit_profile(table, numeric=WIDE_NUMERIC, categorical=WIDE_CATEGORICAL, blocks=days)))


def _about(sizes: Sizes) -> str:
    return (
        f"A reference of {sizes.reference:,} rows, 20 numeric and 5 categorical features, fitted in advance if the "
        "tool can; then the check of a batch: p-values and distances of all features. Best of up to seven in a process "
        "of its own; wall-clock time, or processor time if other processes interfered. Contender and NannyML ran at "
        "the start and again at the end. Memory is the rise of resident memory during the checks. Contender's check "
        "starts from the pandas frame; the others' frames were converted to their preferred form in advance."
    )


def _speed_table(found: Mapping[str, dict[str, Any] | str], sizes: Sizes) -> str:
    header = ["", "fit"]
    for rows in sizes.batches.values():
        header += [f"{rows:,} rows", "memory"]
    lines = [_speed_line(name, answer, sizes) for name, answer in found.items()]
    return markdown_table(header, lines)


def _better_peers(found: Mapping[str, dict[str, Any] | str]) -> str:
    """Who is ahead of Contender in anything that was measured."""
    ours, *others = found.items()
    if isinstance(ours[1], str):
        return ""
    ahead = []
    for name, answer in others:
        if isinstance(answer, str):
            continue
        if NOTHING < answer["fit_s"] < ours[1]["fit_s"]:
            ahead.append(f"{name} (fit)")
        for batch, measured in answer["batches"].items():
            for key, what in (("check_s", "check"), ("rss_mb", "memory")):
                if measured[key] < ours[1]["batches"][batch][key]:
                    ahead.append(f"{name} ({what} of the {batch} batch)")
    return f"Ahead of Contender: {'; '.join(ahead) if ahead else 'nobody'}."


def _speed_line(name: str, answer: dict[str, Any] | str, sizes: Sizes) -> list[str]:
    if isinstance(answer, str):
        return [name, answer, *[""] * 4]
    cells = [name, seconds(answer["fit_s"])]
    for batch in sizes.batches:
        measured = answer["batches"].get(batch)
        cells += [seconds(measured["check_s"]), f"{measured['rss_mb']:.0f} MB"] if measured else ["", ""]
    return cells


def _exactness_table(errors: Mapping[str, Floats], bytes_: int, sizes: Sizes) -> str:
    special = list(errors)[len(WIDE_NUMERIC) :]
    shown = {"the twenty of the frame, worst": np.max([errors[name] for name in WIDE_NUMERIC], axis=0)}
    shown |= {name: errors[name] for name in special}
    header = ["KS distance off by at most", *(f"{rows:,} rows" for rows in sizes.distances)]
    lines = [[name, *(number(worst) for worst in error.max(axis=1))] for name, error in shown.items()]
    return (
        f"Contender's distances come from counts, not from the rows (the stored profile, with the counts of sixty "
        f"days, has {bytes_ / 1024:.0f} KB). Error against scipy's distances on all rows, with and without drift:\n\n"
        + markdown_table(header, lines)
    )


def _figures(
    found: Mapping[str, dict[str, Any] | str], errors: Mapping[str, Floats], bytes_: int, sizes: Sizes
) -> list[Figure]:
    ours, nannyml = (found[f"{contestant.name}, {rule}"] for contestant, rule in COMPARED)
    figures = [
        Figure("largest error of a KS distance", max(float(error.max()) for error in errors.values()), 2e-4, "at most"),
        Figure("profile of 25 features, MB", bytes_ / 2**20, 1.0, "at most"),
    ]
    small, large = _checked(ours, "small"), _checked(ours, "large")
    theirs = _checked(nannyml, "small")
    memory = max(max(batch.get(key, np.nan) for key in ("rss_mb", "traced_mb")) for batch in (small, large))
    return [
        Figure(
            f"check of {sizes.small:,} rows, as a share of NannyML's with KS + chi-square",
            small["check_s"] / theirs["check_s"],
            0.2,
            "at most",
        ),
        Figure(
            f"check of {sizes.large:,} rows, times that of {sizes.small:,}",
            large["check_s"] / small["check_s"],
            10.0,
            "at most",
        ),
        Figure(f"memory over the frame of {sizes.large:,} rows, MB", memory, 64.0, "at most"),
        *figures,
    ]


def _checked(answer: dict[str, Any] | str, batch: str) -> dict[str, float]:
    """What was measured; not a number, which holds no bound, where nothing was."""
    if isinstance(answer, str):
        return dict.fromkeys(("check_s", "rss_mb", "traced_mb"), np.nan)
    measured: dict[str, float] = answer["batches"][batch]
    return measured
