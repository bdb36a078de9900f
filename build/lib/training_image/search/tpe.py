"""Proposes parameters: a tree-structured Parzen estimator [1]_, as in Optuna [2]_.

References
----------
.. [1] Bergstra, Bardenet, Bengio & Kégl (2011), "Algorithms for hyper-parameter optimization", NeurIPS 24.
.. [2] Akiba, Sano, Yanase, Ohta & Koyama (2019), "Optuna: a next-generation hyperparameter optimization framework",
   KDD '19, 2623-2631.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np

from contender.pipeline.training_policy import Range

ATTEMPTS = 20
"""So often another set is asked for when one comes that was tried before; then any that was not is taken."""

MOST_POINTS = 2**62
"""A space with more sets than that counts as if it had so many."""

Space = Mapping[str, Range | tuple[Any, ...]]
Parameters = dict[str, Any]


@dataclass
class Sampler:
    """Proposes sets of parameters, each different from all before it.

    A proposal depends on the seed, the trial's number and what was told before, and on nothing else: a search that was
    interrupted goes on as it would have gone.

    Attributes
    ----------
    greater_is_better : of the scores.

    Examples
    --------
    >>> sampler = Sampler({"depth": (2, 3), "rate": Range(0.01, 0.3, log=True)}, seed=7, greater_is_better=True)
    >>> first = sampler.propose(1)
    >>> sorted(first), first["depth"] in (2, 3), 0.01 <= first["rate"] <= 0.3
    (['depth', 'rate'], True, True)
    >>> sampler.tell(first, [0.8, 0.9], given_up=False)
    >>> sampler.propose(2) != first
    True
    """

    space: Space
    seed: int
    greater_is_better: bool
    _study: Any = field(init=False, repr=False)
    _distributions: dict[str, Any] = field(init=False, repr=False)
    _tried: list[Parameters] = field(init=False, repr=False, default_factory=list)

    def __post_init__(self) -> None:
        import optuna  # noqa: PLC0415  takes a second or two, and only a search needs it

        optuna.logging.set_verbosity(optuna.logging.CRITICAL)
        self._study = optuna.create_study(direction="maximize" if self.greater_is_better else "minimize")
        self._distributions = {name: _distribution(given) for name, given in self.space.items()}

    def propose(self, number: int) -> Parameters | None:
        """The parameters of a trial; None when everything in the space was tried."""
        import optuna  # noqa: PLC0415

        for attempt in range(ATTEMPTS):
            seed = int(np.random.SeedSequence([self.seed, number, attempt]).generate_state(1)[0])
            self._study.sampler = optuna.samplers.TPESampler(seed=seed)
            asked = self._study.ask(self._distributions)
            self._study.tell(asked, state=optuna.trial.TrialState.FAIL)  # what came of it is told in `tell`
            found = {name: _value(self.space[name], asked.params[name]) for name in self.space}
            if not self._is_tried(found):
                return found
        return self.any_untried(np.random.default_rng([self.seed, number]))

    def any_untried(self, generator: np.random.Generator) -> Parameters | None:
        """A set that was not tried, each as likely; None when there is none, or where numbers are broken.

        The estimator comes back to the best of a small space again and again, long before all of it was tried.
        """
        listed = [_all_values(given) for given in self.space.values()]
        points = min(prod(map(len, listed)), MOST_POINTS)
        # Among one more than were tried, one was not.
        for point in generator.choice(points, min(points, len(self._tried) + 1), replace=False).tolist():
            found, rest = {}, point
            for name, values in zip(self.space, listed, strict=True):
                rest, place = divmod(rest, len(values))
                found[name] = values[place]
            if not self._is_tried(found):
                return found
        return None

    def _is_tried(self, parameters: Parameters) -> bool:
        return any(_same(parameters, before) for before in self._tried)

    def tell(self, parameters: Parameters, means: Sequence[float], *, given_up: bool) -> None:
        """What came of a trial: its mean score after each fold, none where it failed."""
        import optuna  # noqa: PLC0415

        self._tried.append(parameters)
        if not means:
            return
        states = optuna.trial.TrialState
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            self._study.add_trial(
                optuna.trial.create_trial(
                    state=states.PRUNED if given_up else states.COMPLETE,
                    value=None if given_up else means[-1],
                    params={name: _code(self.space[name], value) for name, value in parameters.items()},
                    distributions=self._distributions,
                    intermediate_values=dict(enumerate(means)),
                )
            )


def _distribution(given: Range | tuple[Any, ...]) -> Any:
    import optuna  # noqa: PLC0415

    kinds = optuna.distributions
    if not isinstance(given, Range):
        return kinds.CategoricalDistribution(tuple(range(len(given))))  # by position: a value may be of any type
    if given.whole:
        return kinds.IntDistribution(int(given.low), int(given.high), log=given.log)
    return kinds.FloatDistribution(float(given.low), float(given.high), log=given.log)


def _value(given: Range | tuple[Any, ...], code: Any) -> Any:
    """A parameter's value, of what Optuna chose."""
    return code if isinstance(given, Range) else given[code]


def _all_values(given: Range | tuple[Any, ...]) -> Sequence[Any]:
    """None of a range of broken numbers: no two proposals of these are the same."""
    if not isinstance(given, Range):
        return given
    return range(int(given.low), int(given.high) + 1) if given.whole else ()


def _code(given: Range | tuple[Any, ...], value: Any) -> Any:
    """What Optuna would have chosen for a value."""
    if isinstance(given, Range):
        return value
    return next(position for position, choice in enumerate(given) if _same(choice, value))


def _same(one: Any, other: Any) -> bool:
    """Equal and of one type: true is not 1."""
    return type(one) is type(other) and repr(one) == repr(other)
