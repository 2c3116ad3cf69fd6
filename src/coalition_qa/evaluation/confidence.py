"""What a confidence is worth: risk against coverage, telling apart, and calibration.

Each statistic is a function of weights as `statistics` takes it. Equal confidences are taken in every order, and the
expectation is what stands here.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from coalition_qa.evaluation.statistics import Array, Statistic, divided

BINS = 10


class Ranked:
    """Items by falling confidence; `outcomes` are what is counted: wrong for risks, positive for AUROC and calibration.

    An item whose outcome is None takes no part. A group is the items of one confidence.
    """

    def __init__(self, confidences: Sequence[float | None], outcomes: Sequence[bool | None]) -> None:
        judged = [
            (-confidence, at, outcome)
            for at, (confidence, outcome) in enumerate(zip(confidences, outcomes, strict=True))
            if confidence is not None and outcome is not None
        ]
        judged.sort()
        self.n = len(judged)
        self._order = np.array([at for _, at, _ in judged], dtype=int)
        self._confidences = np.array([-negative for negative, _, _ in judged])
        self._outcomes = np.array([outcome for _, _, outcome in judged], dtype=float)
        self._starts = np.flatnonzero(np.diff(self._confidences, prepend=np.inf)) if judged else np.array([], dtype=int)

    def _groups(self, weights: Array) -> tuple[Array, Array]:
        """Of each resample and group the size and the sum of outcomes, (resamples, groups) each."""
        drawn = weights[:, self._order]
        if not self.n:
            return drawn, drawn
        sizes = np.add.reduceat(drawn, self._starts, axis=1)
        return sizes, np.add.reduceat(drawn * self._outcomes, self._starts, axis=1)

    def curve(self) -> list[tuple[float, float]]:
        """Coverage and risk at each threshold that there can be, one a group, from the most confident on.

        Risk is the share of wrong ones among those answered (El-Yaniv & Wiener, 2010).
        """
        sizes, wrong = (each.cumsum(axis=1)[0] for each in self._groups(_once(self._order)))
        return [(float(size / self.n), float(errors / size)) for size, errors in zip(sizes, wrong, strict=True)]

    @property
    def aurc(self) -> Statistic:
        """Area under the risk-coverage curve, the mean of the risks at 1/n, 2/n, ..., 1 (Geifman & El-Yaniv, 2017).

        A group of m items with e wrong ones that follows N with E wrong ones adds, over every order within it, the
        sum over j = 1..m of (E + j·e/m) / (N + j), which is e + (E - N·e/m)·(H(N + m) - H(N)), H the harmonic numbers.
        """

        def statistic(weights: Array) -> Array:
            sizes, wrong = self._groups(weights)
            after = sizes.cumsum(axis=1)
            before, errors = after - sizes, wrong.cumsum(axis=1) - wrong
            rate = np.divide(wrong, sizes, out=np.zeros_like(wrong), where=sizes > 0)
            harmonic = _harmonic(after)
            tail = harmonic[after.astype(int)] - harmonic[before.astype(int)]
            return divided((wrong + (errors - before * rate) * tail).sum(axis=1), sizes.sum(axis=1))

        return statistic

    @property
    def excess_aurc(self) -> Statistic:
        """E-AURC: the AURC less that of an oracle, which puts every right answer before every wrong one."""

        def statistic(weights: Array) -> Array:
            sizes, wrong = (each.sum(axis=1) for each in self._groups(weights))
            harmonic = _harmonic(sizes)
            tail = harmonic[sizes.astype(int)] - harmonic[(sizes - wrong).astype(int)]
            return self.aurc(weights) - divided(wrong - (sizes - wrong) * tail, sizes)

        return statistic

    def coverage_at(self, risk: float) -> Statistic:
        """The largest share that some threshold answers with at most this risk; 0 where no threshold does."""

        def statistic(weights: Array) -> Array:
            sizes, wrong = (each.cumsum(axis=1) for each in self._groups(weights))
            safe = np.where((sizes > 0) & (wrong <= risk * sizes + 1e-9), sizes, 0.0)
            return divided(safe.max(axis=1, initial=0.0), weights[:, self._order].sum(axis=1))

        return statistic

    @property
    def auroc(self) -> Statistic:
        """Chance that a positive outranks a negative, ties one half (Mann-Whitney U); undefined without both kinds."""

        def statistic(weights: Array) -> Array:
            sizes, positives = self._groups(weights)
            negatives = sizes - positives
            below = negatives.sum(axis=1, keepdims=True) - negatives.cumsum(axis=1)
            wins = (positives * (below + negatives / 2)).sum(axis=1)
            return divided(wins, positives.sum(axis=1) * negatives.sum(axis=1))

        return statistic

    @property
    def brier(self) -> Statistic:
        """Mean squared distance of confidence and outcome (Brier, 1950); 0 is best."""
        squares = (self._confidences - self._outcomes) ** 2

        def statistic(weights: Array) -> Array:
            drawn = weights[:, self._order]
            return divided(drawn @ squares, drawn.sum(axis=1))

        return statistic

    @property
    def calibration_error(self) -> Statistic:
        """ECE: mean over ten bins of equal mass of |mean confidence - share of positives| (Naeini et al., 2015).

        An item that a bin's edge falls on is shared out between the bins in proportion.
        """

        def statistic(weights: Array) -> Array:
            sizes, positives = self._groups(weights)
            gaps = positives - sizes * self._confidences[self._starts]
            mass = np.pad(sizes.cumsum(axis=1), ((0, 0), (1, 0)))
            gap = np.pad(gaps.cumsum(axis=1), ((0, 0), (1, 0)))
            edges = np.linspace(0, mass[:, -1], BINS + 1, axis=1)
            at_edges = [np.interp(*each) for each in zip(edges, mass, gap, strict=True)]
            return divided(np.abs(np.diff(np.array(at_edges), axis=1)).sum(axis=1), mass[:, -1])

        return statistic


def _once(order: Array) -> Array:
    return np.ones((1, int(order.max(initial=-1)) + 1))


def _harmonic(counts: Array) -> Array:
    """H(0), H(1), ... up to the largest of `counts`."""
    most = int(counts.max(initial=0))
    return np.concatenate(([0.0], np.cumsum(1 / np.arange(1, most + 1))))
