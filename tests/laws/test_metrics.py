"""Laws over every metric of the registry: what each declares holds."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from sklearn_equity._checks import SubgroupCodes
from sklearn_equity.fidelity import METRIC_NAMES, resolve_metric, subgroup_estimates

NORMALIZATIONS = ("mean", "std", "iqr", "range", "max", None, 10.0, np.median)
METRICS = {name: resolve_metric(name) for name in METRIC_NAMES if name != "nrmse"} | {
    f"nrmse by {getattr(divisor, '__name__', divisor)}": resolve_metric(
        "nrmse", normalization=divisor
    )
    for divisor in NORMALIZATIONS
}
few = settings(max_examples=3, deadline=None)
drawn_people = given(
    people=st.fixed_dictionaries(
        {
            "seed": st.integers(0, 10_000),
            "n_rows": st.integers(240, 400),
            "n_subgroups": st.integers(1, 4),
        }
    )
)
every_metric = pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS.keys())
WANTS_SCORES = {"predict_proba", ("decision_function", "predict_proba")}


def population(metric, seed=0, n_rows=400, n_subgroups=4):
    """Draw truth and predictions of the kind that the metric needs, and subgroups."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, n_subgroups, n_rows)
    signal = rng.normal(size=n_rows)
    if metric.task == "classification":
        y_true = (rng.logistic(size=n_rows) < signal).astype(float)
        y_pred = 1.0 / (1.0 + np.exp(-signal))
        y_pred = y_pred if metric.response in WANTS_SCORES else np.round(y_pred)
    else:
        y_true = 40.0 + 6.0 * signal
        y_pred = y_true + 4.0 * rng.normal(size=n_rows)
        if metric.n_predictions == 2:
            y_pred = np.column_stack([y_pred - 4.0, y_pred + 4.0])
    return y_true, y_pred, SubgroupCodes(codes, tuple(range(n_subgroups)), "ward")


def perfect(metric, n_repeats=40, **people):
    """Return a population that a perfect model serves."""
    y_true, _, codes = population(metric, **people)
    if metric.n_predictions == 2:
        return y_true, np.column_stack([y_true, y_true]), codes
    if metric.name.startswith("calibration"):
        # A risk of a fifth comes true for one in five, one of a half for every other.
        y_true = np.tile([1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0], n_repeats)
        y_pred = np.tile([0.2] * 5 + [0.5] * 2, n_repeats)
        half = 7 * (n_repeats // 2)
        codes = np.repeat([0, 1], [half, len(y_true) - half])
        return y_true, y_pred, SubgroupCodes(codes, (0, 1), "ward")
    return y_true, y_true, codes


def worsen(metric, y_true, y_pred):
    """Change predictions so that no metric of the kind can like them better."""
    if metric.name.startswith("calibration"):
        return y_pred**3
    if metric.task == "classification":
        return 1.0 - y_pred
    return y_pred + 30.0


@every_metric
@few
@drawn_people
def test_values_lie_within_the_declared_range(metric, people):
    y_true, y_pred, codes = population(metric, **people)
    for predictions in (y_pred, worsen(metric, y_true, y_pred)):
        values = subgroup_estimates(y_true, predictions, codes, metric)
        assert (values >= metric.bounds[0]).all()
        assert (values <= metric.bounds[1]).all()


@every_metric
@few
@drawn_people
def test_perfect_predictions_have_the_declared_best_value(metric, people):
    n_repeats = people["n_rows"] // 7
    values = subgroup_estimates(*perfect(metric, n_repeats, **people), metric)
    assert_allclose(values, metric.best, atol=1e-12)
    assert metric.bounds[0] <= metric.best <= metric.bounds[1]


@every_metric
@few
@given(seed=st.integers(0, 10_000))
def test_worse_predictions_have_a_higher_loss(metric, seed):
    """Of so many people that chance turns it round nowhere; of risks that are true."""
    y_true, y_pred, codes = population(metric, seed, n_rows=2000, n_subgroups=1)
    if metric.name.startswith("calibration"):
        y_true, y_pred, codes = perfect(metric)
    worse = worsen(metric, y_true, y_pred)
    loss = metric.as_loss(subgroup_estimates(y_true, y_pred, codes, metric))
    loss_of_worse = metric.as_loss(subgroup_estimates(y_true, worse, codes, metric))
    assert (loss_of_worse > loss).all()


@every_metric
def test_orientation_points_from_the_bounds_to_the_best(metric):
    if metric.best_is_inside:
        assert not metric.greater_is_better
    else:
        assert metric.best == metric.bounds[1 if metric.greater_is_better else 0]


@every_metric
def test_what_is_declared_is_complete(metric):
    assert metric.task in {"regression", "classification"}
    assert metric.min_rows >= max(10, sum(metric.min_of_class))
    assert (metric.columns is None) == (metric.finish is None)
    assert (metric.columns is None) != (metric.function is None)
    assert metric.influence is None or metric.function is not None
    assert metric.shares is None or metric.columns is not None


@every_metric
@few
@drawn_people
def test_row_order_does_not_matter(metric, people):
    y_true, y_pred, codes = population(metric, **people)
    order = np.random.default_rng(1).permutation(len(y_true))
    shuffled = SubgroupCodes(codes.codes[order], codes.labels, codes.name)
    assert_allclose(
        subgroup_estimates(y_true[order], y_pred[order], shuffled, metric),
        subgroup_estimates(y_true, y_pred, codes, metric),
        rtol=1e-11,
    )


# A normalization by a function is not given the weights, as its documentation says.
@pytest.mark.parametrize(
    "metric",
    [metric for name, metric in METRICS.items() if name != "nrmse by median"],
    ids=[name for name in METRICS if name != "nrmse by median"],
)
@few
@drawn_people
def test_weights_equal_repetition(metric, people):
    y_true, y_pred, codes = population(metric, **people)
    times = np.random.default_rng(2).integers(0, 4, len(y_true))
    rows = np.repeat(np.arange(len(y_true)), times)
    repeated = SubgroupCodes(codes.codes[rows], codes.labels, codes.name)
    assert_allclose(
        subgroup_estimates(y_true, y_pred, codes, metric, sample_weight=1.0 * times),
        subgroup_estimates(y_true[rows], y_pred[rows], repeated, metric),
        rtol=1e-10,
    )


@every_metric
@few
@drawn_people
def test_one_subgroup_does_not_depend_on_the_others(metric, people):
    y_true, y_pred, codes = population(metric, **people)
    kept = codes.codes == 0
    alone = SubgroupCodes(np.zeros(kept.sum(), dtype=int), (0,), "ward")
    assert_allclose(
        subgroup_estimates(y_true[kept], y_pred[kept], alone, metric)[0],
        subgroup_estimates(y_true, y_pred, codes, metric)[0],
        rtol=1e-11,
    )


@every_metric
@few
@drawn_people
def test_empty_and_dropped_rows_leave_nan_and_no_trace(metric, people):
    y_true, y_pred, codes = population(metric, **people)
    dropped = np.where(codes.codes == 0, -1, codes.codes)
    values = subgroup_estimates(
        y_true, y_pred, SubgroupCodes(dropped, codes.labels, codes.name), metric
    )
    expected = subgroup_estimates(y_true, y_pred, codes, metric)
    expected[0] = np.nan
    assert_allclose(values, expected)


INFLUENCES = {name: one for name, one in METRICS.items() if one.influence is not None}


@pytest.mark.parametrize("metric", INFLUENCES.values(), ids=INFLUENCES.keys())
@settings(max_examples=2, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10_000), weighted=st.booleans())
def test_influence_against_a_small_change_of_each_rows_weight(metric, seed, weighted):
    """Raised as squares of deviations are that fall short of the variance."""
    y_true, y_pred, _ = population(metric, seed, n_rows=40)
    if metric.task == "classification":
        y_pred = np.clip(np.round(y_pred, 1), 0.05, 0.95)  # with ties
    weights = np.ones(40)
    if weighted:
        weights = np.random.default_rng(seed).uniform(0.5, 2.0, 40)
    found = metric.influence(y_true, y_pred, weights if weighted else None)
    expected = np.empty(40)
    for row in range(40):
        moved = [weights * (1.0 + sign * 1e-5 * np.eye(40)[row]) for sign in (1, -1)]
        up, down = (metric.function(y_true, y_pred, sample_weight=w) for w in moved)
        expected[row] = (up - down) / 2e-5
    assert_allclose(found, raised(metric, y_true) * expected, rtol=1e-4, atol=1e-6)


def raised(metric, y_true):
    """By the root of n over n less what was fitted, in each class for an area."""
    if metric.name == "roc_auc":
        n = np.where(y_true == 1.0, y_true.sum(), (1.0 - y_true).sum())
        return np.sqrt(n / (n - 1.0))
    fitted = {"calibration_in_the_large": 1, "calibration_slope": 2}
    return np.sqrt(len(y_true) / (len(y_true) - fitted.get(metric.name, 0)))
