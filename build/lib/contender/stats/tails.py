"""Tail probabilities of the binomial and of Student's t without scipy, for functions that must start fast."""

from __future__ import annotations

from math import erfc, exp, inf, lgamma, log, log1p, sqrt

_TINY = 1e-300
_BISECTIONS = 60


def binomial_tail(successes: int, trials: int, chance: float) -> float:
    """The chance of `successes` or more in so many trials.

    Examples
    --------
    >>> round(binomial_tail(2, 2, 0.5), 12), binomial_tail(0, 5, 0.1), binomial_tail(3, 2, 0.9)
    (0.25, 1.0, 0.0)
    """
    if successes <= 0:
        return 1.0
    if successes > trials:
        return 0.0
    return _beta_share(successes, trials - successes + 1, chance)


def binomial_upper_limit(successes: int, trials: int, level: float) -> float:
    """The upper confidence limit of a chance: at any larger one, so few successes had a chance below `level` [1]_.

    References
    ----------
    .. [1] Clopper & Pearson (1934), "The use of confidence or fiducial limits illustrated in the case of the
       binomial", Biometrika 26(4), 404-413.

    Examples
    --------
    >>> round(binomial_upper_limit(0, 300, 0.05), 4)  # the rule of three
    0.0099
    """
    if successes >= trials:
        return 1.0
    low, high = successes / trials, 1.0
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2.0
        if 1.0 - binomial_tail(successes + 1, trials, middle) > level:
            low = middle
        else:
            high = middle
    return high


def student_tail(value: float, degrees: float) -> float:
    """The chance that Student's t is larger than `value`.

    Examples
    --------
    >>> round(student_tail(2.228139, 10.0), 6), student_tail(0.0, 3.0)
    (0.025, 0.5)
    """
    if value == inf:
        return 0.0
    beyond = 0.5 * _beta_share(degrees / 2.0, 0.5, degrees / (degrees + value * value))
    return beyond if value >= 0.0 else 1.0 - beyond


def student_quantile(level: float, degrees: float) -> float:
    """The value that Student's t exceeds with a chance of `level`, below 1/2.

    Examples
    --------
    >>> round(student_quantile(0.025, 6), 3)
    2.447
    """
    low, high = 0.0, 2.0
    while student_tail(high, degrees) > level:
        low, high = high, 2.0 * high
    for _ in range(_BISECTIONS):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if student_tail(middle, degrees) > level else (low, middle)
    return high


def f_tail(value: float, numerator: float, denominator: float) -> float:
    """The chance that the F distribution with these degrees of freedom exceeds a value of at least 0.

    Examples
    --------
    >>> round(f_tail(2.1, 6, 5000), 3)
    0.05
    """
    return _beta_share(denominator / 2.0, numerator / 2.0, denominator / (denominator + numerator * value))


def always_valid_p_value(total: float, variance: float, *, effect_variance: float) -> float:
    """The p-value of a sum's mean above 0, one-sided and valid at all looks at once.

    It is one over the likelihood ratio of a positive normal effect to none, for a sum with this variance so far [1]_:
    the chance that it is ever at most `level` is at most `level` while the mean is 0 or less.

    Parameters
    ----------
    effect_variance : of the sum's mean, before anything is known of it.

    References
    ----------
    .. [1] Robbins (1970), "Statistical methods related to the law of the iterated logarithm", Annals of Mathematical
       Statistics 41(5), 1397-1409.

    Examples
    --------
    >>> [round(always_valid_p_value(z * 10.0, 100.0, effect_variance=900.0), 4) for z in (-1.0, 2.0, 4.0)]
    [1.0, 0.2691, 0.0012]
    """
    if total <= 0.0:
        return 1.0
    if variance <= 0.0:
        return 0.0
    wider = variance + effect_variance
    log_ratio = 0.5 * (log(variance / wider) + total * total * (1.0 / variance - 1.0 / wider))
    twice_positive = erfc(-total * sqrt(effect_variance / variance / wider / 2.0))
    return min(1.0, exp(-log_ratio) / twice_positive)


def _beta_share(a: float, b: float, x: float) -> float:
    """The regularised incomplete beta function, by its continued fraction (Lentz's method)."""
    if x <= 0.0:
        return 0.0
    if x >= 1.0:
        return 1.0
    if x > (a + 1.0) / (a + b + 2.0):  # the fraction converges fast on the other side
        return 1.0 - _beta_share(b, a, 1.0 - x)
    front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x)) / a
    return min(1.0, front * _continued(a, b, x))


def _continued(a: float, b: float, x: float) -> float:
    c, d = 1.0, 1.0 / _away(1.0 - (a + b) * x / (a + 1.0))
    value = d
    for m in range(1, 200 + int(20.0 * sqrt(max(a, b)))):
        for numerator in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1.0 / _away(1.0 + numerator * d)
            c = _away(1.0 + numerator / c)
            value *= c * d
        if abs(c * d - 1.0) < 1e-14:
            break
    return value


def _away(value: float) -> float:
    """A number that can be divided by."""
    return value if abs(value) > _TINY else _TINY
