"""Does the framework find what is there, and only that? The paper, and coverage."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.integrate import simpson
from scipy.stats import gamma, spearmanr, ttest_1samp

from sklearn_equity.allocation import dataset_inequality, model_inequality

# As in intensive care: median and spread of the logarithm, range, normal limit.
MEASURES = {
    "creatinine max, mg/dL": (1.0, 0.55, (0.0, 25.0), 1.35, "above"),
    "creatinine min, mg/dL": (0.8, 0.40, (0.0, 25.0), 0.59, "below"),
    "ALT max, U/L": (30.0, 0.90, (0.0, 3000.0), 30.0, "above"),
}
every_measure = pytest.mark.parametrize("measure", MEASURES)


def cohorts(measure, n_cohorts=10, n_patients=3390):
    """Draw cohorts from one population of men; half of each are relabelled women."""
    median, spread, (_, most), *_ = MEASURES[measure]
    rng = np.random.default_rng(20220723)
    everyone = median * np.exp(spread * rng.standard_normal(10 * n_patients))
    for _ in range(n_cohorts):
        drawn = rng.choice(everyone.clip(0, most), size=n_patients, replace=False)
        yield drawn, rng.random(n_patients) < 0.5


def female_against_male(readings, female, measure, unit=1.0):
    *_, (low, high), threshold, direction = MEASURES[measure]
    return dataset_inequality(
        readings * unit,
        subgroups=np.where(female, "female", "male"),
        compare=("female", "male"),
        threshold=threshold * unit,
        bounds=(low * unit, high * unit),
        direction=direction,
    )


# ---- the paper's validation --------------------------------------------------------
@every_measure
def test_shuffled_labels_show_no_inequality(measure):
    found = [female_against_male(*cohort, measure) for cohort in cohorts(measure)]
    assert ttest_1samp([result.estimate for result in found], 0).pvalue > 0.05
    assert sum(result.verdict == "unequal" for result in found) <= 2


@every_measure
def test_inequality_falls_with_controlled_improvement(measure):
    worse_is_high = MEASURES[measure][-1] == "above"
    improvements, inequalities = [], []
    for readings, female in cohorts(measure):
        for improvement in np.linspace(0.0, 0.5, 10):
            factor = 1 - improvement if worse_is_high else 1 + improvement
            improved = np.where(female, readings * factor, readings)
            found = female_against_male(improved, female, measure)
            improvements.append(improvement)
            inequalities.append(found.estimate)
    correlation = spearmanr(improvements, inequalities).statistic
    print(f"{measure}: Spearman correlation {correlation:.4f}")
    assert correlation <= -0.98


@every_measure
@pytest.mark.parametrize("unit", [88.42, 1e-5, 1000.0])
def test_inequality_is_the_same_in_another_unit(measure, unit):
    for readings, female in cohorts(measure, n_cohorts=3):
        here = female_against_male(readings, female, measure)
        there = female_against_male(readings, female, measure, unit)
        assert_allclose(there.estimate, here.estimate, atol=1e-6)
        assert_allclose(there.ci_high, here.ci_high, atol=1e-6)


# ---- coverage of the intervals -----------------------------------------------------
N_DRAWS = 2000  # the standard error of a coverage of .95 is then .0049
COVERAGE = (0.935, 0.965)
SITUATIONS = {
    "no inequality": {},
    "unequal": {"worse": 0.6},
    "a small minority": {"share": 0.25},
    "one cut-off": {"n_steps": 1},
    "a rare outcome": {"threshold": 5.0},
}
every_situation = pytest.mark.parametrize("situation", SITUATIONS)


def index_of(shape, threshold, n_steps):
    """Deterioration index of gamma laws with a range to 20, in closed form."""
    edges = np.append(
        threshold + (20 - threshold) / n_steps * np.arange(n_steps), np.inf
    )
    weights = np.arange(1, n_steps + 1) / (n_steps * (n_steps + 1) / 2)
    below = gamma.cdf(edges[None], np.atleast_1d(shape)[:, None])
    return np.diff(below, axis=1) @ weights


def share_covering(intervals, truths):
    held = [
        low <= true <= high for (low, high), true in zip(intervals, truths, strict=True)
    ]
    return np.mean(held)


@pytest.mark.slow
@every_situation
@pytest.mark.parametrize("n", [300, 1000, 8000])
def test_coverage_in_a_dataset(n, situation):
    setting = {"worse": 0.0, "share": 0.5, "n_steps": 20, "threshold": 3.5}
    setting |= SITUATIONS[situation]
    scale = {name: setting[name] for name in ("threshold", "n_steps")}
    rng = np.random.default_rng([n, *situation.encode()])
    minority = np.arange(n) < n * setting["share"]
    shape = 2.0 + setting["worse"] * minority
    one, other = index_of([2.0 + setting["worse"], 2.0], **scale)
    intervals = []
    for _ in range(N_DRAWS):
        found = dataset_inequality(
            rng.gamma(shape).clip(0, 20), subgroups=minority, compare=(True, False),
            bounds=(0, 20), **scale,
        )  # fmt: skip
        intervals.append((found.ci_low, found.ci_high))
    coverage = share_covering(intervals, [one / other - 1] * N_DRAWS)
    print(f"Def. 2.4, n = {n}, {situation}: coverage {coverage:.4f}")
    assert COVERAGE[0] <= coverage <= COVERAGE[1]


class Curves:
    """Curves of a population: scores a of beta(1.2, 1.8), readings gamma(1 + 2 a)."""

    def __init__(self, half_width, worse, **scale):
        rng = np.random.default_rng(99)
        self.scores = np.sort(rng.beta(1.2, 1.8, size=400_000))
        self.half_width = half_width
        self.cumulative = [
            np.concatenate([[0.0], np.cumsum(self._index(extra, scale))])
            for extra in (worse, 0.0)
        ]

    def _index(self, extra, scale):
        grid = np.linspace(0, 1, 2001)
        return np.interp(self.scores, grid, index_of(1 + 2 * grid + extra, **scale))

    def ratio(self, points, weights):
        """Ratio of the areas under the true curves, over the windows of a sample."""
        low = np.searchsorted(self.scores, points - self.half_width)
        high = np.searchsorted(self.scores, points + self.half_width)
        one, other = (
            weights @ ((total[high] - total[low]) / (high - low))
            for total in self.cumulative
        )
        return one / other


def windows_of(scores, minority, half_width, start=0.3):
    """Find, with loops, the points that a sample covers, and Simpson's weights."""
    points = np.linspace(start, 1, max(round((1 - start) * 99) + 1, 3))
    present = np.ones(len(points), dtype=bool)
    for side in (scores[minority], scores[~minority]):
        ordered = np.sort(side)
        ends = np.searchsorted(ordered, [points - half_width, points + half_width])
        present &= ends[1] - ends[0] >= 20
    weights, run = np.zeros(len(points)), []
    for point, there in enumerate([*present, False]):
        if there:
            run.append(point)
            continue
        if len(run) > 1:
            weights[run] = simpson(np.eye(len(run)), dx=points[1] - points[0], axis=0)
        run = []
    return points, weights


@pytest.mark.slow
@every_situation
@pytest.mark.parametrize(("n", "half_width"), [(300, 0.15), (1000, 0.05), (8000, 0.05)])
def test_coverage_at_equal_score(n, half_width, situation):
    setting = {"worse": 0.0, "share": 0.5, "n_steps": 20, "threshold": 3.5}
    setting |= SITUATIONS[situation]
    scale = {name: setting[name] for name in ("threshold", "n_steps")}
    rng = np.random.default_rng([n, *situation.encode()])
    minority = np.arange(n) < n * setting["share"]
    curves = Curves(half_width, setting["worse"], **scale)
    intervals, truths = [], []
    for _ in range(N_DRAWS):
        scores = rng.beta(1.2, 1.8, size=n)
        readings = rng.gamma(1 + 2 * scores + setting["worse"] * minority).clip(0, 20)
        found = model_inequality(
            scores, readings, subgroups=minority, compare=(True, False),
            decision_threshold=0.3, half_width=half_width, bounds=(0, 20), **scale,
        )  # fmt: skip
        intervals.append((found.ci_low, found.ci_high))
        truths.append(curves.ratio(*windows_of(scores, minority, half_width)) - 1)
    coverage = share_covering(intervals, truths)
    print(f"Def. 2.5, n = {n}, {situation}: coverage {coverage:.4f}")
    assert COVERAGE[0] <= coverage <= COVERAGE[1]
