"""Intervals and paired tests: what a number is worth.

Every statistic here is a function of weights, how often each item counts: the value is the statistic with every
weight 1, and a bootstrap resample is the same function with the weights that were drawn. Nothing is ever NaN outside
this module: where nothing is to be counted the value is None.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SEED = 20_210_628
RESAMPLES = 9_999
CLUSTERS_FROM = 10
"""From so many documents on, documents are resampled and not items: questions on one text are not independent."""

_BATCH = 400_000  # weights at once: a few megabytes, however many items there are

Array = NDArray[np.float64]

Statistic = Callable[[Array], Array]
"""Weights (resamples, items) to values (resamples,), NaN where the statistic is undefined."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number, what it was counted over, and its 95% interval where there is one."""

    value: float | None
    n: int
    low: float | None = None
    high: float | None = None


def share(successes: int, n: int) -> Estimate:
    """A proportion with its Wilson 95% score interval (Wilson, 1927)."""
    if n == 0:
        return Estimate(None, 0)
    from scipy.stats import binomtest

    interval = binomtest(successes, n).proportion_ci(confidence_level=0.95, method="wilson")
    return Estimate(successes / n, n, float(interval.low), float(interval.high))


def ratio(numerators: Sequence[float], denominators: Sequence[float]) -> Statistic:
    """Sum of numerators over sum of denominators, one of each for every item; undefined where the latter is 0."""
    above, below = np.asarray(numerators, dtype=float), np.asarray(denominators, dtype=float)

    def statistic(weights: Array) -> Array:
        return divided(weights @ above, weights @ below)

    return statistic


def divided(above: Array, below: Array) -> Array:
    """Element by element, NaN where `below` is 0."""
    quotients = np.full(np.shape(above), np.nan)
    np.divide(above, below, out=quotients, where=below != 0)
    return quotients


def value_of(statistic: Statistic, items: int) -> float | None:
    """The statistic with each item counted once."""
    return _known(statistic(np.ones((1, items)))[0])


def bootstrap(statistics: Mapping[str, Statistic], units: Sequence[Hashable]) -> dict[str, tuple[float, float] | None]:
    """Percentile bootstrap 95% intervals (Efron, 1979), all over the same resamples; the same every time.

    `units` names what each item is drawn with: items of one unit are drawn together. A resample on which a statistic
    is undefined is left out of its interval. There is None with fewer than two units, and where every resample gives
    the same: that all items are alike says nothing on how far the next may differ.
    """
    drawn: dict[str, list[Array]] = {name: [] for name in statistics}
    if len(set(units)) > 1 and statistics:
        for weights in _resamples(units):
            for name, statistic in statistics.items():
                drawn[name].append(statistic(weights))
    return {name: _middle(np.concatenate(values)) if values else None for name, values in drawn.items()}


def _middle(values: Array) -> tuple[float, float] | None:
    defined = values[~np.isnan(values)]
    if not defined.size or defined.min() == defined.max():
        return None
    low, high = np.quantile(defined, (0.025, 0.975))
    return float(low), float(high)


def _resamples(units: Sequence[Hashable]) -> Iterator[Array]:
    numbers = {unit: number for number, unit in enumerate(dict.fromkeys(units))}
    unit_of = np.array([numbers[unit] for unit in units])
    draws = np.random.default_rng(SEED)
    batch = max(1, _BATCH // len(units))
    for start in range(0, RESAMPLES, batch):
        rows = min(batch, RESAMPLES - start)
        drawn = draws.integers(0, len(numbers), (rows, len(numbers)))
        drawn += np.arange(rows)[:, None] * len(numbers)
        counts = np.bincount(drawn.ravel(), minlength=rows * len(numbers)).reshape(rows, len(numbers))
        yield counts[:, unit_of].astype(float)


def quantile(values: Sequence[float], q: float) -> Estimate:
    """The q-quantile, linear between order statistics (type 7 of Hyndman & Fan, 1996).

    Its 95% interval runs between two order statistics whose ranks are binomial quantiles, whatever the distribution
    (Conover, Practical Nonparametric Statistics, 1999, section 3.2); none where no values are that far out.
    """
    n = len(values)
    if n == 0:
        return Estimate(None, 0)
    from scipy.stats import binom

    ordered = np.sort(np.asarray(values, dtype=float))
    value = float(np.quantile(ordered, q))
    low, high = int(binom.ppf(0.025, n, q)), int(binom.ppf(0.975, n, q)) + 1
    if low < 1 or high > n:
        return Estimate(value, n)
    return Estimate(value, n, float(ordered[low - 1]), float(ordered[high - 1]))


def mcnemar(lost: int, gained: int) -> float:
    """Two-sided p of the exact McNemar test: of the items that changed, is either way the likelier (1947)."""
    if lost + gained == 0:
        return 1.0
    from scipy.stats import binomtest

    return float(binomtest(lost, lost + gained).pvalue)


def permutation(differences: Sequence[float]) -> float:
    """Two-sided p of the paired permutation test: how often random signs give a sum as far from 0 (Fisher, 1935).

    Every sign pattern is tried where there are fewer than 9,999, so many random ones otherwise. Pass one difference
    for each unit that is independent of the others: an item's, or the sum of a document's.
    """
    changed = np.asarray([each for each in differences if each], dtype=float)
    if changed.size < 2:
        return 1.0  # one alone is as far from 0 with either sign
    from scipy.stats import permutation_test

    tested = permutation_test(
        (changed,),
        _total,
        permutation_type="samples",
        n_resamples=RESAMPLES,
        batch=max(1, _BATCH // len(changed)),
        rng=np.random.default_rng(SEED),
    )
    return float(tested.pvalue)


def _total(values: Array, axis: int) -> Array:
    return np.asarray(values.sum(axis=axis))


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
