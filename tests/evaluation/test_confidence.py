from __future__ import annotations

import random

import numpy as np
import pytest

from coalition_qa.evaluation.confidence import Ranked
from coalition_qa.evaluation.statistics import Statistic, value_of

Judged = list[tuple[float, bool]]


def ranked(judged: Judged) -> Ranked:
    return Ranked([confidence for confidence, _ in judged], [outcome for _, outcome in judged])


def once(statistic: Statistic, judged: Judged) -> float | None:
    return value_of(statistic, len(judged))


@pytest.mark.parametrize(
    ("judged", "risks"),
    [
        ([(0.9, False), (0.8, False), (0.1, True)], [0, 0, 1 / 3]),
        ([(0.1, False), (0.8, True), (0.9, True)], [1, 1, 2 / 3]),
        ([(0.5, True), (0.5, False)], [(1 + 0) / 2, 1 / 2]),  # either may come first
        ([(0.9, False), (0.5, True), (0.5, False)], [0, 1 / 4, 1 / 3]),
        ([(0.5, True), (0.5, True), (0.5, False)], [2 / 3, 2 / 3, 2 / 3]),
        ([(0.3, True)], [1]),
    ],
)
def test_aurc_is_the_mean_risk_over_every_order_of_equal_confidences(judged: Judged, risks: list[float]) -> None:
    assert once(ranked(judged).aurc, judged) == pytest.approx(sum(risks) / len(risks))


def test_excess_aurc_is_what_a_perfect_order_would_save() -> None:
    judged = [(0.9, True), (0.8, False), (0.7, True), (0.6, False)]
    risks = [1, 1 / 2, 2 / 3, 1 / 2]
    oracle = [0, 0, 1 / 3, 2 / 4]
    assert once(ranked(judged).excess_aurc, judged) == pytest.approx((sum(risks) - sum(oracle)) / 4)
    perfect = [(0.9, False), (0.8, False), (0.1, True)]
    assert once(ranked(perfect).excess_aurc, perfect) == pytest.approx(0)


def test_the_curve_has_a_point_for_each_threshold_that_there_can_be() -> None:
    judged = [(0.9, False), (0.5, True), (0.5, False), (0.2, True)]
    assert ranked(judged).curve() == [(0.25, 0), (0.75, 1 / 3), (1, 1 / 2)]


@pytest.mark.parametrize(
    ("risk", "expected"), [(0.0, 0.25), (0.3, 0.25), (0.34, 0.75), (0.5, 1.0)], ids=lambda value: str(value)
)
def test_coverage_at_a_risk_is_what_some_threshold_answers(risk: float, expected: float) -> None:
    judged = [(0.9, False), (0.5, True), (0.5, False), (0.2, True)]
    assert once(ranked(judged).coverage_at(risk), judged) == expected


def test_a_later_threshold_may_be_safe_again_and_none_may_be() -> None:
    judged = [(0.9, True), (0.8, False), (0.7, False), (0.6, False)]
    assert once(ranked(judged).coverage_at(0.25), judged) == 1.0
    assert once(ranked(judged).coverage_at(0.1), judged) == 0.0


@pytest.mark.parametrize(
    ("judged", "expected"),
    [
        ([(0.9, True), (0.1, False)], 1.0),
        ([(0.1, True), (0.9, False)], 0.0),
        ([(0.5, True), (0.5, False)], 0.5),
        ([(0.9, True), (0.5, True), (0.5, False), (0.1, False)], 3.5 / 4),
        ([(0.9, True), (0.1, True)], None),
        ([], None),
    ],
)
def test_auroc_counts_pairs_in_the_right_order_and_ties_half(judged: Judged, expected: float | None) -> None:
    assert once(ranked(judged).auroc, judged) == pytest.approx(expected)


def test_brier_is_the_mean_squared_distance() -> None:
    judged = [(0.9, True), (0.6, False), (0.5, True)]
    assert once(ranked(judged).brier, judged) == pytest.approx((0.01 + 0.36 + 0.25) / 3)


def test_calibration_error_is_the_mean_gap_of_ten_equal_bins() -> None:
    # Twenty confidences .025, .075, ... in ten bins of two; the outcome is true from the eleventh on.
    judged = [((at + 0.5) / 20, at >= 10) for at in range(20)]
    gaps = [abs((bin_ >= 5) - (bin_ + 0.5) / 10) for bin_ in range(10)]
    assert once(ranked(judged).calibration_error, judged) == pytest.approx(sum(gaps) / 10)
    alike = [(0.75, True)] * 3 + [(0.75, False)]
    assert once(ranked(alike).calibration_error, alike) == pytest.approx(0)


def test_an_item_without_confidence_or_outcome_takes_no_part() -> None:
    some = Ranked([0.9, None, 0.5, 0.1], [True, True, None, False])
    assert some.n == 2
    assert value_of(some.auroc, 4) == 1.0
    assert value_of(some.brier, 4) == pytest.approx(0.01)


def test_nothing_has_no_value_and_no_curve() -> None:
    nothing = Ranked([None], [True])
    statistics = (nothing.aurc, nothing.excess_aurc, nothing.auroc, nothing.brier, nothing.calibration_error)
    assert [value_of(each, 1) for each in (*statistics, nothing.coverage_at(0.1))] == [None] * 6
    assert nothing.curve() == []


@pytest.mark.parametrize("name", ["aurc", "excess_aurc", "auroc", "brier", "calibration_error", "coverage"])
def test_a_weight_is_how_often_an_item_counts(name: str) -> None:
    draw = random.Random(4)
    judged = [(draw.choice([0.1, 0.3, 0.35, 0.8, 0.9]), draw.random() < 0.5) for _ in range(30)]
    weights = [draw.choice([0, 1, 1, 2, 3]) for _ in judged]
    repeated = [each for each, weight in zip(judged, weights, strict=True) for _ in range(weight)]

    def statistic(of: Judged) -> Statistic:
        return ranked(of).coverage_at(0.45) if name == "coverage" else getattr(ranked(of), name)

    assert statistic(judged)(np.array([weights], dtype=float))[0] == pytest.approx(once(statistic(repeated), repeated))
