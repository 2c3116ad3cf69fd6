from __future__ import annotations

from math import nan

import numpy as np
import pytest

from coalition_qa.evaluation import statistics
from coalition_qa.evaluation.statistics import Array, Estimate, ratio


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [(60, 60, 0.940, 1.0), (51, 60, 0.739, 0.919), (0, 10, 0.0, 0.278), (1, 1, 0.207, 1.0)],
)
def test_a_share_has_a_wilson_interval(successes: int, n: int, low: float, high: float) -> None:
    estimate = statistics.share(successes, n)
    assert (estimate.value, estimate.n) == (successes / n, n)
    assert (estimate.low, estimate.high) == (pytest.approx(low, abs=5e-4), pytest.approx(high, abs=5e-4))


def test_a_share_of_nothing_is_none_and_never_nan() -> None:
    assert statistics.share(0, 0) == Estimate(None, 0)


def test_a_ratio_is_of_sums_and_its_value_counts_each_item_once() -> None:
    assert statistics.value_of(ratio([1, 0, 2], [1, 1, 3]), 3) == pytest.approx(3 / 5)
    assert statistics.value_of(ratio([0, 0], [0, 0]), 2) is None


def mean_interval(values: list[float], units: list[str] | None = None) -> tuple[float, float] | None:
    names = units or [str(at) for at in range(len(values))]
    return statistics.bootstrap({"mean": ratio(values, [1] * len(values))}, names)["mean"]


def test_a_bootstrap_interval_is_close_to_the_normal_one_and_the_same_every_time() -> None:
    values = [0.0, 0.5, 1.0, 1.0, 0.25, 0.75, 0.5, 1.0]
    # The normal approximation is 0.625 ± 1.96 · 0.331 / √8.
    assert mean_interval(values) == pytest.approx((0.396, 0.854), abs=0.03)
    assert mean_interval(values) == mean_interval(values)


def test_equal_values_have_no_interval_rather_than_one_of_no_width() -> None:
    assert mean_interval([1.0, 1.0, 1.0]) is None


def test_items_of_one_unit_are_drawn_together() -> None:
    values = [float(at % 2) for at in range(10)]
    tenfold = [value for value in values for _ in range(10)]
    units = [str(at) for at in range(10) for _ in range(10)]
    assert mean_interval(tenfold, units) == mean_interval(values)
    low, high = mean_interval(tenfold) or (nan, nan)
    assert high - low < 0.25  # as if the hundred were independent; the ten give 0.6


def test_one_unit_alone_has_no_interval() -> None:
    assert mean_interval([0.0, 1.0], ["a", "a"]) is None


def test_resamples_on_which_a_statistic_is_undefined_are_left_out() -> None:
    # Of three items one has no denominator: 1 of 27 resamples holds it alone.
    assert statistics.bootstrap({"r": ratio([1, 0, 0], [1, 1, 0])}, ["a", "b", "c"]) == {"r": (0.0, 1.0)}
    assert statistics.bootstrap({"r": ratio([0, 0], [0, 0])}, ["a", "b"]) == {"r": None}


def test_every_resample_draws_as_many_units_as_there_are() -> None:
    seen: list[Array] = []

    def remember(weights: Array) -> Array:
        seen.append(weights)
        return weights.sum(axis=1)

    statistics.bootstrap({"n": remember}, [str(at) for at in range(100)])
    drawn = np.concatenate(seen)
    assert set(drawn.sum(axis=1)) == {100.0}
    assert drawn.shape == (statistics.RESAMPLES, 100)
    assert abs(drawn.mean(axis=0) - 1).max() < 0.05  # each as often as any other


@pytest.mark.parametrize(
    ("values", "q", "expected"),
    [([3, 1, 2], 0.5, 2), ([1, 2], 0.5, 1.5), ([0, 10], 0.95, 9.5), ([7], 0.95, 7), ([1, 2, 3], 1, 3)],
)
def test_a_quantile_is_linear_between_neighbours(values: list[float], q: float, expected: float) -> None:
    estimate = statistics.quantile(values, q)
    assert (estimate.value, estimate.n) == (pytest.approx(expected), len(values))


def test_a_quantile_of_nothing_is_none() -> None:
    assert statistics.quantile([], 0.5) == Estimate(None, 0)


def test_the_interval_of_a_median_runs_between_order_statistics() -> None:
    # Binomial(20, 1/2) has its .025 quantile at 6 and its .975 quantile at 14: ranks 6 and 15.
    assert statistics.quantile(range(1, 21), 0.5) == Estimate(10.5, 20, 6, 15)
    assert statistics.quantile([1, 2, 3], 0.95) == Estimate(pytest.approx(2.9), 3)  # nothing is far enough out


@pytest.mark.parametrize(
    ("lost", "gained", "p"),
    [(0, 0, 1.0), (5, 0, 2 / 32), (6, 0, 2 / 64), (0, 6, 2 / 64), (3, 3, 1.0), (1, 3, 10 / 16)],
)
def test_the_exact_mcnemar_test_is_a_sign_test_of_what_changed(lost: int, gained: int, p: float) -> None:
    assert statistics.mcnemar(lost, gained) == pytest.approx(p)


@pytest.mark.parametrize(
    ("differences", "p"),
    [
        ([], 1.0),
        ([0.0, 0.0], 1.0),
        ([-1.0], 1.0),
        ([0.2] * 6, 2 / 64),
        ([0.2] * 6 + [0.0] * 50, 2 / 64),  # what did not change says nothing
        ([0.5, -0.5], 1.0),
        ([0.3, 0.2, 0.1, -0.1], 6 / 16),  # sums of ±.3 ±.2 ±.1 ±.1 that reach .5: three, and as many below -.5
    ],
)
def test_the_permutation_test_counts_sign_patterns(differences: list[float], p: float) -> None:
    assert statistics.permutation(differences) == pytest.approx(p)


def test_the_permutation_test_draws_where_there_are_too_many_patterns_to_count() -> None:
    shifted = [0.1 + 0.01 * (at % 7) for at in range(40)]
    assert statistics.permutation(shifted) == pytest.approx(2 / 10_000)
    balanced = [(-1) ** at * (0.1 + 0.01 * (at % 7)) for at in range(40)]
    assert statistics.permutation(balanced) > 0.5
    assert statistics.permutation(balanced) == statistics.permutation(balanced)
