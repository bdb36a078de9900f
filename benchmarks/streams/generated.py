"""Generated streams whose change is known, written from the papers that brought them up.

References
----------
.. [1] Street & Kim (2001), "A streaming ensemble algorithm (SEA) for large-scale classification", KDD.
.. [2] Hulten, Spencer & Domingos (2001), "Mining time-changing data streams", KDD.
.. [3] Agrawal, Imielinski & Swami (1993), "Database mining: a performance perspective", IEEE TKDE 5(6).
.. [4] Friedman (1991), "Multivariate adaptive regression splines", Annals of Statistics 19(1).
.. [5] Pesaranghader & Viktor (2016), "Fast Hoeffding drift detection method for evolving data streams", ECML PKDD.
.. [6] Mahadevan & Mathioudakis (2024), "Cost-aware retraining for machine learning", Knowledge-Based Systems 293;
   Regol et al. (2025), "When to retrain a machine learning model", ICML, use the same two-dimensional streams.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.streams.stream import Stream, cut, pipeline

Floats = NDArray[np.float64]
Random = np.random.Generator


@dataclass(frozen=True)
class Generated:
    """A generator's rows of one batch.

    Attributes
    ----------
    rows : of the random numbers, how many, and where the batch is in time from 0 to 1; features (n, k) and target (n,).
    """

    task: str
    rows: Callable[[Random, int, float], tuple[Floats, Floats]]
    about: str


def sea(theta: Callable[[float], float], noise: float = 0.1) -> Callable[[Random, int, float], tuple[Floats, Floats]]:
    """SEA [1]: two of three features add up to at most a threshold; a tenth of the labels are wrong."""

    def rows(random: Random, count: int, time: float) -> tuple[Floats, Floats]:
        x = random.uniform(0.0, 10.0, (count, 3))
        y = x[:, 0] + x[:, 1] <= theta(time)
        return x, np.where(random.random(count) < noise, ~y, y).astype(np.float64)

    return rows


def hyperplane(turns: float, noise: float = 0.05) -> Callable[[Random, int, float], tuple[Floats, Floats]]:
    """The rotating hyperplane [2] in ten dimensions: half of the weights move, the others stay."""

    def rows(random: Random, count: int, time: float) -> tuple[Floats, Floats]:
        fixed = np.random.default_rng(2001).uniform(0.0, 1.0, (2, 10))
        angle = 2.0 * np.pi * turns * time
        weights = np.where(np.arange(10) < 5, fixed[0] + np.sin(angle + 2.0 * np.pi * fixed[1]), fixed[0])
        x = random.uniform(0.0, 1.0, (count, 10))
        y = x @ weights >= weights.sum() / 2.0
        return x, np.where(random.random(count) < noise, ~y, y).astype(np.float64)

    return rows


def agrawal(
    function: Callable[[float], int], noise: float = 0.05
) -> Callable[[Random, int, float], tuple[Floats, Floats]]:
    """Who gets a loan [3]: nine features, three of the first functions."""

    def rows(random: Random, count: int, time: float) -> tuple[Floats, Floats]:
        salary = random.uniform(20_000.0, 150_000.0, count)
        commission = np.where(salary >= 75_000.0, 0.0, random.uniform(10_000.0, 75_000.0, count))
        age, level = random.integers(20, 81, count), random.integers(0, 5, count)
        car, zipcode = random.integers(1, 21, count), random.integers(0, 9, count)
        house = random.uniform(0.5, 1.5, count) * 100_000.0 * (9 - zipcode)
        years, loan = random.integers(1, 31, count), random.uniform(0.0, 500_000.0, count)
        young, middle = age < 40, (age >= 40) & (age < 60)
        which = function(time)
        if which == 1:
            y = young | (age >= 60)
        elif which == 2:
            y = _between(salary, young, middle, (50e3, 100e3), (75e3, 125e3), (25e3, 75e3))
        else:
            y = (young & (level <= 1)) | (middle & (level >= 1) & (level <= 3)) | (~young & ~middle & (level >= 2))
        x = np.column_stack([salary, commission, age, level, car, zipcode, house, years, loan])
        return x, np.where(random.random(count) < noise, ~y, y).astype(np.float64)

    return rows


def _between(
    salary: Floats, young: NDArray[np.bool_], middle: NDArray[np.bool_], *ranges: tuple[float, float]
) -> NDArray[np.bool_]:
    inside = [(salary >= low) & (salary <= high) for low, high in ranges]
    found: NDArray[np.bool_] = np.where(young, inside[0], np.where(middle, inside[1], inside[2]))
    return found


def friedman(change: Callable[[float], float]) -> Callable[[Random, int, float], tuple[Floats, Floats]]:
    """Friedman's regression [4] of ten features; two that matter change places with two others by a share."""

    def rows(random: Random, count: int, time: float) -> tuple[Floats, Floats]:
        x = random.uniform(0.0, 1.0, (count, 10))
        share = change(time)
        third, fourth = (1.0 - share) * x[:, 2] + share * x[:, 5], (1.0 - share) * x[:, 3] + share * x[:, 6]
        y = 10.0 * np.sin(np.pi * x[:, 0] * x[:, 1]) + 20.0 * (third - 0.5) ** 2 + 10.0 * fourth + 5.0 * x[:, 4]
        return x, y + random.normal(0.0, 1.0, count)

    return rows


CIRCLES = ((0.2, 0.5, 0.15), (0.4, 0.5, 0.2), (0.6, 0.5, 0.25), (0.8, 0.5, 0.3))


def circles(random: Random, count: int, time: float) -> tuple[Floats, Floats]:
    """Inside or outside of a circle [5]; four of them in turn, each taking over gradually."""
    place = min(time * 4.0, 3.999)
    which, within = int(place), place % 1.0
    coming = max(0.0, within - 0.5) * 2.0 if which < 3 else 0.0
    x = random.uniform(0.0, 1.0, (count, 2))
    chosen = np.array(CIRCLES)[which + (random.random(count) < coming)]
    y = (x[:, 0] - chosen[:, 0]) ** 2 + (x[:, 1] - chosen[:, 1]) ** 2 <= chosen[:, 2] ** 2
    return x, np.where(random.random(count) < 0.05, ~y, y).astype(np.float64)


def moving_gauss(concept: Callable[[float], float]) -> Callable[[Random, int, float], tuple[Floats, Floats]]:
    """Gaussian features whose mean wanders, under a sine as the boundary between the classes [6]."""

    def rows(random: Random, count: int, time: float) -> tuple[Floats, Floats]:
        centre = np.array([2.0 * np.cos(2.0 * np.pi * time), np.sin(4.0 * np.pi * time)])
        x = random.normal(centre, 0.6, (count, 2))
        y = concept(time) * np.sin(np.pi * x[:, 0]) > x[:, 1]
        return x, np.where(random.random(count) < 0.05, ~y, y).astype(np.float64)

    return rows


def steps(*values: float) -> Callable[[float], float]:
    """One value after the other, each for as long."""
    return lambda time: values[min(int(time * len(values)), len(values) - 1)]


GENERATORS: Mapping[str, Generated] = {
    "sea, abrupt": Generated("binary", sea(steps(8.0, 9.0, 7.0, 9.5)), "SEA, four concepts one after the other"),
    "sea, none": Generated("binary", sea(lambda _time: 8.0), "SEA, one concept for ever"),
    "hyperplane, gradual": Generated("binary", hyperplane(1.0), "a hyperplane that turns once"),
    "hyperplane, none": Generated("binary", hyperplane(0.0), "a hyperplane that stays"),
    "agrawal, abrupt": Generated(
        "binary", agrawal(lambda t: int(steps(1, 2, 3)(t))), "Agrawal's loans, three functions"
    ),
    "agrawal, recurring": Generated(
        "binary", agrawal(lambda t: int(steps(2, 3, 2, 3, 2)(t))), "Agrawal's loans, two functions by turns"
    ),
    "friedman, gradual": Generated("regression", friedman(lambda t: t), "Friedman's regression, slowly changed"),
    "friedman, abrupt": Generated("regression", friedman(steps(0.0, 0.6)), "Friedman's regression, changed half-way"),
    "friedman, none": Generated("regression", friedman(lambda _time: 0.0), "Friedman's regression, unchanged"),
    "circles": Generated("binary", circles, "inside a circle, four of them, taking over gradually"),
    "gauss": Generated("binary", moving_gauss(lambda _time: 1.0), "features wander, the concept stays"),
    "gauss and concept": Generated(
        "binary", moving_gauss(steps(1.0, 0.3, -0.4, 0.6)), "features wander, the concept changes"
    ),
}


def generated(name: str, *, batches: int = 40, rows: int = 500, seed: int = 0) -> Stream:
    """A stream of as many batches, each of as many rows on average: their numbers vary as uploads do."""
    chosen = GENERATORS[name]
    random = np.random.default_rng([seed, sum(map(ord, name))])
    sizes = random.integers(rows // 2, rows * 3 // 2, batches)
    parts = [chosen.rows(random, int(size), place / batches) for place, size in enumerate(sizes)]
    x, y = np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])
    names = [f"x{number}" for number in range(x.shape[1])]
    target = y if chosen.task == "regression" else np.where(y > 0, "yes", "no").astype(object)
    columns = {**{name: x[:, place] for place, name in enumerate(names)}, "y": target}
    return Stream(
        name=name,
        config=pipeline(chosen.task, numeric=names),
        batches=cut(columns, np.repeat(np.arange(batches), sizes)),
        start=max(1, batches // 10),
    )
