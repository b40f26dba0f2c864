"""Is the work cut by the problem alone, and are results the same whoever does it?"""

from itertools import combinations

import numpy as np
import pytest
from joblib import parallel_config, register_parallel_backend
from joblib.parallel import ThreadingBackend
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import LinearRegression
from sklearn.metrics import median_absolute_error

import sklearn_equity as se
from sklearn_equity import _parallel
from sklearn_equity._parallel import blocks_of, generators_for, run
from sklearn_equity.allocation import compare_deterioration, exacerbation

N_ROWS = 240
rng = np.random.default_rng(20261130)
WARD = np.repeat(["east", "north", "west"], N_ROWS // 3)
X = rng.normal(size=(N_ROWS, 4))
TRUTH = 40.0 + X @ [3.0, 1.0, 0.0, 0.0] + rng.normal(size=N_ROWS)
BEFORE, AFTER = (TRUTH + rng.normal(size=N_ROWS) for _ in range(2))
SCORE = rng.uniform(size=N_ROWS)
RANGE = {"threshold": 40.0, "bounds": (0.0, 80.0), "n_points": 5}
DRAWS = {"interval": "bootstrap", "n_resamples": 60, "random_state": 0}


def shuffled(n_jobs):
    found = se.permutation_test(
        X, subgroups=WARD, n_permutations=60, random_state=0, n_jobs=n_jobs
    )
    return found.p_value


def described(n_jobs):
    found = se.describe_subgroups(
        X, subgroups=WARD, n_permutations=60, random_state=0, n_jobs=n_jobs
    )
    rules = [(rule.precision, rule.recall, rule.n_matched) for rule in found.rules]
    return np.r_[found.q_value, np.ravel(rules)]


def fidelity(n_jobs):
    table = se.subgroup_fidelity(
        TRUTH,
        BEFORE,
        subgroups=WARD,
        metric=median_absolute_error,
        n_resamples=60,
        random_state=0,
        n_jobs=n_jobs,
    )
    return np.r_[table.std_error, table.ci_low, table.ci_high, table.overall.std_error]


def fidelity_by_bca(n_jobs):
    table = se.subgroup_fidelity(
        1.0 * (TRUTH > 40.0),
        BEFORE,
        subgroups=WARD,
        metric="roc_auc",
        interval_method="bca",
        n_resamples=60,
        random_state=0,
        n_jobs=n_jobs,
    )
    return np.r_[table.ci_low, table.ci_high, table.overall.ci_low]


def along_a_curve(n_jobs):
    curve = se.fidelity_curve(
        TRUTH, BEFORE, X[:, 0], n_resamples=60, random_state=0, n_jobs=n_jobs
    )
    return np.r_[curve.ci_low, curve.ci_high]


def attainable(n_jobs):
    table = se.attainable_fidelity(
        X, TRUTH, subgroups=WARD, cv=3, n_resamples=50, random_state=0, n_jobs=n_jobs
    )
    return np.r_[table.estimate, table.ci_high]


def departure(n_jobs):
    table = se.departure_from_attainable(
        X,
        TRUTH,
        BEFORE,
        subgroups=WARD,
        estimator=LinearRegression(),
        cv=3,
        n_resamples=50,
        random_state=0,
        n_jobs=n_jobs,
    )
    return np.r_[table.estimate, table.ci_high]


def inequality_of_data(n_jobs):
    how = {name: RANGE[name] for name in ("threshold", "bounds")}
    compared = se.dataset_inequality(
        TRUTH, subgroups=WARD, compare=("east", None), n_jobs=n_jobs, **how, **DRAWS
    )
    return np.r_[compared.ci_low, compared.ci_high]


def inequality_of_model(n_jobs):
    how = {"subgroups": WARD, "n_jobs": n_jobs, "half_width": 0.3, **RANGE, **DRAWS}
    one = se.model_inequality(SCORE, TRUTH, compare=("east", "west"), **how)
    many = compare_deterioration(SCORE, TRUTH, against="rest", **how)
    return np.r_[one.ci_low, one.ci_high, [r.ci_low for r in many.results]]


def exacerbated(n_jobs):
    found = exacerbation(
        SCORE,
        TRUTH,
        subgroups=WARD,
        compare=("east", "west"),
        half_width=0.3,
        n_jobs=n_jobs,
        **RANGE,
        **DRAWS,
    )
    return np.r_[found.ci_low, found.ci_high]


def harmed(n_jobs):
    found = se.no_harm_test(
        TRUTH,
        BEFORE,
        AFTER,
        subgroups=WARD,
        n_resamples=100,
        random_state=0,
        n_jobs=n_jobs,
    )
    return np.r_[found.harm_low, found.p_harm]


def remedied(n_jobs):
    path = se.remediation_path(
        se.SubgroupOversampler(LinearRegression(), n_jobs=1, random_state=0),
        X,
        TRUTH,
        subgroups=WARD,
        strengths=(2.0, 4.0),
        min_subgroup_size=10,
        random_state=0,
        n_jobs=n_jobs,
    )
    return np.r_[path.overall, path.ci_low.ravel(), path.no_harm[0].harm_low]


def recruited(n_jobs):
    plan = se.acquisition_plan(
        LinearRegression(),
        X,
        TRUTH,
        subgroups=WARD,
        cv=2,
        n_designs=3,
        n_resamples=100,
        random_state=0,
        n_jobs=n_jobs,
    )
    return np.r_[plan.error, plan.ci_low, plan.ci_high, plan.needed_low]


ROUTED = (
    *(shuffled, described, fidelity, fidelity_by_bca, along_a_curve),
    *(attainable, departure),
    *(inequality_of_data, inequality_of_model, exacerbated),
    *(harmed, remedied, recruited),
)


@pytest.fixture
def in_small_blocks(monkeypatch):
    """Cut as small as if these few rows took long."""
    monkeypatch.setattr(_parallel, "_BLOCK", 5e4)


class _Counting(ThreadingBackend):
    """Two threads, and how many tasks they were sent."""

    n_sent = 0

    def submit(self, func, callback=None):
        type(self).n_sent += len(func)
        return getattr(super(), self._sending)(func, callback)

    _sending = "submit" if hasattr(ThreadingBackend, "submit") else "apply_async"
    apply_async = submit  # as joblib called it before 1.5


register_parallel_backend("counting", _Counting)


@pytest.fixture
def counting():
    _Counting.n_sent = 0
    with parallel_config(backend="counting", n_jobs=2):
        yield _Counting


# ---- who does it -----------------------------------------------------------------
@pytest.mark.parametrize("figures", ROUTED, ids=lambda f: f.__name__)
def test_two_processes_give_the_bits_of_one(figures, in_small_blocks):
    alone = figures(None)
    assert np.isfinite(alone).any()
    assert_array_equal(figures(2), alone)


@pytest.mark.parametrize("figures", ROUTED, ids=lambda f: f.__name__)
def test_threads_of_a_context_give_the_bits_of_one(figures, in_small_blocks):
    alone = figures(1)
    with parallel_config(backend="threading", n_jobs=2):
        assert_array_equal(figures(None), alone)


@pytest.mark.parametrize("figures", ROUTED, ids=lambda f: f.__name__)
def test_the_work_goes_through_joblib(figures, in_small_blocks, counting):
    figures(None)
    assert counting.n_sent >= 3
    counting.n_sent = 0
    figures(1)
    assert counting.n_sent == 0


@pytest.mark.parametrize(
    "figures", [shuffled, described, fidelity, exacerbated, harmed, attainable]
)
def test_little_work_is_done_on_the_spot(figures, counting):
    figures(None)
    assert counting.n_sent == 0


@pytest.mark.parametrize("figures", ROUTED, ids=lambda f: f.__name__)
@pytest.mark.parametrize("n_jobs", [0, 1.5, True, "all"])
def test_what_is_no_number_of_workers_is_refused(figures, n_jobs):
    message = "`n_jobs` must be a whole number other than 0 .* or None; got "
    with pytest.raises(ValueError, match=message + repr(n_jobs)):
        figures(n_jobs)


# ---- how it is cut ---------------------------------------------------------------
@pytest.mark.parametrize("n_repeats", [1, 2, 999, 1000])
@pytest.mark.parametrize("nanoseconds", [0.0, 1e5, 5e8, 1e11])
def test_blocks_take_half_a_second_and_leave_nothing_out(n_repeats, nanoseconds):
    blocks = blocks_of(n_repeats, nanoseconds=nanoseconds)
    assert sum(blocks) == n_repeats
    assert max(blocks) - min(blocks) <= 1
    assert min(blocks) >= 1
    assert max(blocks) * nanoseconds <= 5e8 or max(blocks) == 1
    assert len(blocks) <= max(2 * n_repeats * nanoseconds / 5e8, 1)


@pytest.mark.parametrize("kind", [np.random.default_rng, np.random.RandomState])
def test_each_block_draws_numbers_of_its_own(kind):
    one, again = (generators_for([5, 5, 5], kind(7)) for _ in range(2))
    drawn = [own.normal(size=5) for own in one]
    assert len(np.unique(drawn)) == 15
    assert_array_equal(drawn, [own.normal(size=5) for own in again])
    mine = kind(7)
    assert generators_for([15], mine) == [mine]


def test_results_come_in_the_order_of_the_tasks():
    tasks = ((i, 2) for i in range(7))
    with parallel_config(backend="threading", n_jobs=2):
        assert run(pow, tasks, n_jobs=None) == [0, 1, 4, 9, 16, 25, 36]
    assert run(pow, (), n_jobs=2) == []


# ---- blocks against theory ---------------------------------------------------------
def test_p_values_of_many_blocks_are_those_of_all_permutations(in_small_blocks):
    """Of 7 people 35 choices of 3 have a sum; p-values count those as far out."""
    values = np.array([0.0, 1.0, 3.0, 7.0, 15.0, 31.0, 63.0])
    found = se.permutation_test(
        values,
        subgroups=["a", "b", "b", "a", "b", "b", "a"],
        n_permutations=6000,
        alternative="greater",
        random_state=0,
    )
    sums = np.array([sum(three) for three in combinations(values, 3)])
    exact = (sums >= 0.0 + 7.0 + 63.0).mean()
    assert abs(found.p_value[0, 0] - exact) < 4 * np.sqrt(exact / 6000)


def test_standard_errors_of_many_blocks_are_those_of_theory(in_small_blocks):
    """The mean of rows, as a function that nothing is known of."""

    def mean_error(y_true, y_pred):
        return float(np.mean(y_pred - y_true))

    table = se.subgroup_fidelity(
        TRUTH,
        BEFORE,
        subgroups=WARD,
        metric=mean_error,
        greater_is_better=False,
        n_resamples=1000,
        random_state=0,
    )
    n = N_ROWS // 3
    parts = (BEFORE - TRUTH).reshape(3, n)
    theory = parts.std(axis=1) / np.sqrt(n)
    assert_allclose(table.std_error, theory, rtol=0.1)
