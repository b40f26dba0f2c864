"""What is the distribution of a bounded measurement? Laws, answers, refusals."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import beta, expon, gamma, norm
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.utils.estimator_checks import check_estimator
from sklearn.utils.validation import validate_data

from sklearn_equity.density import BoundedKDE

BOUNDARIES = ["local", "reflect", "adjusted", "none"]
every_boundary = pytest.mark.parametrize("boundary", BOUNDARIES)
every_rule = pytest.mark.parametrize(
    "bandwidth", ["isj", "silverman", "scott", "cv", 0, 0.07]
)

ONE_VARIABLE = "a density of one variable refuses the several columns of this check"


def column(values):
    return np.asarray(values).reshape(-1, 1)


def beta_sample(seed, n=400):
    return np.random.default_rng(seed).beta(2, 4, size=n)


# ---- scikit-learn's contract -------------------------------------------------------
class OnFirstColumn(BoundedKDE):
    """The estimator as it is, handed one column of what a check brings."""

    def _check_column(self, X, *, reset):
        table = validate_data(self, X, reset=reset, dtype=np.float64)
        return np.ascontiguousarray(table[:, 0])


def _failed_checks(estimator):
    results = check_estimator(estimator, on_fail=None, on_skip=None)
    return {
        result["check_name"]: str(result["exception"])
        for result in results
        if result["status"] == "failed"
    }


def test_estimator_passes_every_check_on_one_column():
    failed = _failed_checks(OnFirstColumn())
    # Three rows of weights of 0 and 1 are told apart by our message, worded our way.
    assert set(failed) <= {"check_all_zero_sample_weights_error"}, failed


def test_estimator_itself_fails_no_check_but_by_refusing_several_columns():
    failed = _failed_checks(BoundedKDE())
    indirect = {
        # These wrap the refusal in a text of their own.
        "check_positive_only_tag_during_fit",
        "check_sample_weights_pandas_series",
        "check_all_zero_sample_weights_error",
        "check_fit2d_1sample",
    }
    direct = {name for name, text in failed.items() if "one variable" in text}
    assert set(failed) - direct <= indirect, ONE_VARIABLE


def test_search_over_bandwidths_picks_by_likelihood():
    x = column(beta_sample(1))
    search = GridSearchCV(BoundedKDE(bounds=(0, 1)), {"bandwidth": [0.005, 0.1]})
    assert search.fit(x).best_params_ == {"bandwidth": 0.1}


def test_all_lies_between_the_ends_of_the_doubles():
    kde = BoundedKDE().fit(column(np.linspace(-0.01, 0.01, 50)))
    most = np.finfo(float).max
    assert_array_equal(kde.cdf([-most, most]), [0.0, 1.0])
    assert_array_equal(kde.pdf([-most, most]), [0.0, 0.0])
    ends = kde.pdf_interval([-most, most], random_state=0)
    assert_allclose(ends, 0.0, atol=1e-5)  # the peak is 50; as exact as a resample


def test_unfitted_pickled_and_cloned():
    kde = BoundedKDE(bounds=(0, 1), bandwidth="scott")
    with pytest.raises(NotFittedError):
        kde.pdf([0.5])
    kde.fit(column(beta_sample(2)))
    again = pickle.loads(pickle.dumps(kde))
    assert_array_equal(again.cdf([0.2, 0.6]), kde.cdf([0.2, 0.6]))
    assert not hasattr(clone(kde), "bandwidth_")


# ---- laws ----------------------------------------------------------------------------
@every_boundary
@every_rule
def test_distribution_function_rises_from_zero_to_one(boundary, bandwidth):
    kde = BoundedKDE(bounds=(0, 1), boundary=boundary, bandwidth=bandwidth)
    kde.fit(column(beta_sample(3)))
    cdf = kde.cdf(np.concatenate([[-np.inf], np.linspace(-2, 3, 2001), [np.inf]]))
    assert cdf[0] == 0.0
    assert cdf[-1] == 1.0
    assert (np.diff(cdf) > -1e-12).all()
    if boundary != "none":
        assert kde.cdf([1.0])[0] == 1.0
        assert kde.cdf([-1e-9])[0] == 0.0
    edges = np.concatenate([[-np.inf], np.linspace(0, 1, 7), [np.inf]])
    assert_allclose(kde.interval_probability(edges).sum(), 1.0, atol=1e-12)


@pytest.mark.parametrize("boundary", ["local", "reflect", "none"])
def test_distribution_function_never_falls_not_even_by_a_rounding(boundary):
    kde = BoundedKDE(boundary=boundary).fit(column(beta_sample(30) * 50.0))
    t = np.linspace(-100.0, 200.0, 5001)
    cdf = kde.cdf(t)
    assert (np.diff(cdf) >= 0.0).all()
    assert_allclose(kde.cdf(t[::-1]), cdf[::-1], atol=1e-14)
    assert_allclose(kde.cdf(t[1700:1710]), cdf[1700:1710], atol=1e-14)


@every_boundary
@settings(max_examples=12, deadline=None)
@given(exponent=st.integers(-290, 290))
def test_change_of_unit_changes_nothing(boundary, exponent):
    x, factor = beta_sample(4, 120), 10.0**exponent
    t = np.linspace(0.05, 0.9, 7)
    one = BoundedKDE(bounds=(0, 1), boundary=boundary).fit(column(x))
    other = BoundedKDE(bounds=(0, factor), boundary=boundary).fit(column(x * factor))
    # Grids are powers of two of the unit: their error, at 120 rows, differs.
    assert_allclose(other.cdf(t * factor), one.cdf(t), atol=2e-5)
    assert_allclose(other.bandwidth_ / factor, one.bandwidth_, rtol=1e-4)
    rows = other.score_samples(column(t * factor)) + np.log(10.0) * exponent
    assert_allclose(rows, one.score_samples(column(t)), atol=1e-3)


# The rules themselves are linear in the unit; what is left is the error of a grid whose
# cells are powers of two. The recursion of "isj" amplifies it.
UNIT_ERRORS = {"silverman": 1e-5, "scott": 1e-5, "cv": 1e-5, "isj": 2e-4}


@pytest.mark.parametrize("boundary", ["local", "reflect", "none"])
@pytest.mark.parametrize("rule", UNIT_ERRORS)
@pytest.mark.parametrize("n", [200, 2000])
@pytest.mark.parametrize(
    ("law", "bounds"), [(gamma(3), (0, None)), (beta(2, 4), (0, 1)), (norm(5), None)]
)
def test_bandwidth_follows_units_that_are_no_power_of_two(
    boundary, rule, n, law, bounds
):
    lower, upper = bounds or (None, None)
    x = law.rvs(n, random_state=29)
    t = law.ppf(np.linspace(0.02, 0.98, 9))
    params = {"boundary": boundary, "bandwidth": rule}
    one = BoundedKDE(bounds=(lower, upper), **params).fit(column(x))
    for factor in (88.4, 1 / 3, 7.7, 0.0113):
        top = None if upper is None else upper * factor
        other = BoundedKDE(bounds=(lower, top), **params).fit(column(x * factor))
        assert_allclose(
            other.bandwidth_ / factor, one.bandwidth_, rtol=UNIT_ERRORS[rule]
        )
        assert_allclose(other.cdf(t * factor), one.cdf(t), atol=2e-6)


@every_boundary
def test_mirror_image_has_the_mirrored_distribution(boundary):
    x = np.random.default_rng(5).exponential(size=300)
    up = BoundedKDE(bounds=(0, None), boundary=boundary).fit(column(x))
    down = BoundedKDE(bounds=(None, 0), boundary=boundary).fit(column(-x))
    t = np.linspace(0.1, 4, 9)
    assert_allclose(down.cdf(-t), 1 - up.cdf(t), atol=2e-6)


@every_boundary
def test_whole_weights_are_repeated_rows_bit_for_bit(boundary):
    x = beta_sample(6, 200)
    times = np.random.default_rng(6).integers(0, 4, size=200)
    t = np.linspace(0, 1, 21)
    weighted = BoundedKDE(bounds=(0, 1), boundary=boundary)
    weighted.fit(column(x), sample_weight=times)
    repeated = BoundedKDE(bounds=(0, 1), boundary=boundary)
    repeated.fit(column(np.repeat(x, times)))
    assert weighted.bandwidth_ == repeated.bandwidth_
    assert_array_equal(weighted.cdf(t), repeated.cdf(t))


def test_only_ratios_of_other_weights_matter():
    x, w = beta_sample(7), np.random.default_rng(7).uniform(0.1, 1, size=400)
    t = np.linspace(0, 1, 11)
    one, other = (
        BoundedKDE(bounds=(0, 1)).fit(column(x), sample_weight=v).cdf(t)
        for v in (w, w * 1e80)
    )
    assert_allclose(one, other, atol=1e-9)


@every_boundary
@pytest.mark.parametrize("n", [900, 70_000])
def test_chunks_and_merges_give_the_whole_in_any_order(boundary, n):
    rng = np.random.default_rng(8)
    x = np.where(rng.uniform(size=n) < 0.2, 0.0, rng.beta(2, 3, size=n))
    t = np.concatenate([[0.0], np.linspace(0, 1, 17)])
    make = BoundedKDE(bounds=(0, 1), boundary=boundary)
    whole = clone(make).fit(column(x))
    parts = np.array_split(x, 5)
    stream = clone(make)
    for part in reversed(parts):
        stream.partial_fit(column(part))
    merged = clone(make).fit(column(parts[3]))
    for i in (0, 4, 2, 1):
        merged.merge(clone(make).fit(column(parts[i])))
    assert whole.n_samples_seen_ == stream.n_samples_seen_ == merged.n_samples_seen_
    for other in (stream, merged):
        assert_array_equal(other.cdf(t), whole.cdf(t))
        assert other.bandwidth_ == whole.bandwidth_


@every_boundary
@pytest.mark.parametrize("sizes", [(500, 400), (70_000, 900), (900, 70_000)])
def test_whole_weights_in_one_chunk_and_shares_in_the_next_are_the_whole(
    boundary, sizes
):
    rng = np.random.default_rng(26)
    x = rng.beta(2, 3, size=sum(sizes))
    whole_weights = rng.integers(1, 6, size=sizes[0]).astype(float)
    w = np.concatenate([whole_weights, rng.uniform(0.1, 2.0, size=sizes[1])])
    parts = [slice(0, sizes[0]), slice(sizes[0], None)]
    make = BoundedKDE(bounds=(0, 1), boundary=boundary)
    whole = clone(make).fit(column(x), sample_weight=w)
    for order in (parts, parts[::-1]):
        stream = clone(make)
        for part in order:
            stream.partial_fit(column(x[part]), sample_weight=w[part])
        assert_allclose(stream.bandwidth_, whole.bandwidth_, rtol=1e-9)
        t = np.linspace(0, 1, 11)
        assert_allclose(stream.cdf(t), whole.cdf(t), atol=1e-9)


def test_whole_weights_and_shares_judge_ties_by_rows():
    # 20 of 400 rows are 0: a point mass of 5%, whatever the weights of the others.
    rng = np.random.default_rng(27)
    x = np.concatenate([np.zeros(20), rng.normal(size=380)])
    w = np.concatenate([np.full(20, 1e-3), np.full(380, 90.0)])
    whole = BoundedKDE().fit(column(x), sample_weight=w)
    stream = BoundedKDE().fit(column(x[20:]), sample_weight=w[20:])
    stream.partial_fit(column(x[:20]), sample_weight=w[:20])
    assert_array_equal(whole.point_values_, [0.0])
    assert_array_equal(stream.point_values_, whole.point_values_)
    assert stream.bandwidth_ == whole.bandwidth_


@pytest.mark.parametrize("boundary", ["local", "reflect"])
def test_long_streams_agree_with_the_whole(boundary):
    rng = np.random.default_rng(9)
    n = 300_000
    x = np.where(rng.uniform(size=n) < 0.2, 0.0, rng.exponential(size=n))
    make = BoundedKDE(bounds=(0, None), boundary=boundary)
    whole = clone(make).fit(column(x))
    stream = clone(make)
    for part in np.array_split(x, 10):
        stream.partial_fit(column(part))
    t = np.linspace(0, 5, 51)
    assert_allclose(stream.cdf(t), whole.cdf(t), atol=2e-5)
    assert_allclose(stream.point_probabilities_[0], np.mean(x == 0), atol=1e-12)


def test_row_order_changes_nothing():
    x = beta_sample(10, 100_000)
    shuffled = np.random.default_rng(10).permutation(x)
    t = np.linspace(0, 1, 11)
    one, other = (
        BoundedKDE(bounds=(0, 1)).fit(column(v)).cdf(t) for v in (x, shuffled)
    )
    assert_array_equal(one, other)


@every_boundary
def test_samples_follow_the_distribution(boundary):
    rng = np.random.default_rng(11)
    x = np.where(rng.uniform(size=500) < 0.3, 0.0, rng.beta(2, 3, size=500))
    kde = BoundedKDE(bounds=(0, 1), boundary=boundary).fit(column(x))
    drawn = kde.sample(40_000, random_state=0)
    assert drawn.shape == (40_000, 1)
    assert_array_equal(drawn, kde.sample(40_000, random_state=0))
    t = np.array([-0.5, 0.0, 0.1, 0.4, 0.8])
    shares = (drawn <= t).mean(axis=0)
    # Five standard errors of a share of 40,000.
    assert_allclose(shares, kde.cdf(t), atol=5 * 0.5 / 200)
    if boundary != "none":
        assert drawn.min() >= 0.0
        assert drawn.max() <= 1.0


# ---- point masses ------------------------------------------------------------------
def test_zeros_and_detection_limits_are_exact():
    rng = np.random.default_rng(12)
    x = np.clip(rng.normal(1, 0.5, size=1000), 0.2, 2.0)
    kde = BoundedKDE(bounds=(0.2, 2.0)).fit(column(x))
    assert_array_equal(kde.point_values_, [0.2, 2.0])
    shares = np.array([np.mean(x == 0.2), np.mean(x == 2.0)])
    assert_allclose(kde.point_probabilities_, shares, rtol=1e-12)
    assert_allclose(kde.cdf([0.2])[0], shares[0], atol=1e-12)
    assert_allclose(kde.pdf([0.2, 2.0]), shares)
    assert_allclose(kde.interval_probability([0.2, 2.0]).sum(), 1.0, atol=1e-12)


def test_counts_are_exact_and_half_open_but_for_the_last_interval():
    x = np.random.default_rng(13).poisson(2.0, size=5000)
    kde = BoundedKDE(bounds=(0, None)).fit(column(x))
    edges = [0, 1, 3, x.max()]
    counted = np.histogram(x, edges)[0] / 5000
    assert_allclose(kde.interval_probability(edges), counted, atol=1e-12)
    assert kde.bandwidth_ == 0.0
    assert_allclose(kde.score_samples([[1.0]])[0], np.log(np.mean(x == 1)))
    assert kde.score_samples([[1.5]])[0] == -np.inf


@pytest.mark.parametrize("boundary", ["local", "reflect"])
def test_thresholds_are_snapped_to_the_lattice(boundary):
    x = np.round(np.random.default_rng(14).gamma(4, size=3000), 1)
    kde = BoundedKDE(bounds=(0, None), boundary=boundary).fit(column(x))
    assert kde.bandwidth_ > 0.0
    k = np.arange(5, 80)
    assert_array_equal(kde.cdf(k * 0.1), kde.cdf(np.round(k * 0.1, 1)))
    assert_array_equal(kde.cdf(k * 0.1 + 0.04), kde.cdf(k * 0.1))
    jumps = kde.cdf(k * 0.1) - kde.cdf(k * 0.1 - 0.05)
    assert_allclose(kde.pdf(k * 0.1), jumps, atol=1e-12)
    drawn = kde.sample(500, random_state=0)
    assert_allclose(drawn, np.round(drawn, 1), atol=1e-9)


def test_discrete_overrules_what_is_found():
    x = np.random.default_rng(15).poisson(2.0, size=300)
    assert BoundedKDE(discrete=False).fit(column(x)).bandwidth_ > 0.0
    y = beta_sample(15)
    kde = BoundedKDE(discrete=True).fit(column(y))
    assert kde.bandwidth_ == 0.0
    assert_allclose(kde.cdf(np.sort(y)), np.arange(1, 401) / 400)


def test_many_distinct_values_said_to_be_discrete_stay_points_in_parts():
    """Over 65,536 distinct ones would else become counts on a grid."""
    values = np.random.default_rng(3).permutation(70_000) * 1.0
    kde = BoundedKDE(discrete=True)
    for part in np.array_split(values, 2):
        kde.partial_fit(part[:, np.newaxis])
    at = np.array([0.0, 0.5, 34_999.0, 34_999.5, 69_998.5, 69_999.0])
    expected = np.array([1, 1, 35_000, 35_000, 69_999, 70_000]) / 70_000
    assert_allclose(kde.cdf(at), expected, atol=1e-12)


# ---- every degenerate input has an answer ------------------------------------------
@every_boundary
@every_rule
@pytest.mark.parametrize(
    "values", [[3.0], [3.0, 3.0], [3.0] * 50, [0.0] * 30, [10.0] * 30]
)
def test_data_without_spread_are_a_point(boundary, bandwidth, values):
    kde = BoundedKDE(bounds=(0, 10), boundary=boundary, bandwidth=bandwidth)
    kde.fit(column(values))
    value = values[0]
    assert kde.bandwidth_ == 0.0
    assert kde.cdf([value])[0] == 1.0
    assert kde.cdf([np.nextafter(value, -1) - 0.001])[0] == 0.0
    assert_array_equal(kde.interval_probability([-1, value, 11]), [0.0, 1.0])
    assert_array_equal(kde.sample(3, random_state=0), np.full((3, 1), value))


_RNG = np.random.default_rng(16)
EXTREME = {
    "two points": (np.array([3.0, 4.0]), (0, 10)),
    "scale 1e-300": (_RNG.uniform(size=200) * 1e-300, (0, 1e-300)),
    "scale 1e300": (_RNG.uniform(size=200) * 1e300, (0, 1e300)),
    "subnormal": (_RNG.uniform(size=200) * 1e-310, (0, 1e-310)),
    "range overflows": (_RNG.uniform(-1, 1, size=200) * 1.6e308, (-1.7e308, 1.7e308)),
    "offset 1e12": (1e12 + _RNG.normal(size=200), (None, None)),
    "an outlier": (np.append(_RNG.normal(size=200), 1e6), (None, None)),
    "an outlier above a bound": (np.append(_RNG.uniform(size=200), 1e6), (0, None)),
    "near a bound": (np.append(_RNG.uniform(size=200), 1e-300), (0, None)),
    "narrow in its bounds": (100 + 1e-6 * _RNG.normal(size=200), (0, 1e6)),
    "whole numbers": (_RNG.integers(0, 10_000, size=200), (0, 10_000)),
    "truth values": (_RNG.uniform(size=200) < 0.3, (0, 1)),
    "float32": (_RNG.uniform(size=200).astype(np.float32), (0, 1)),
}


@every_boundary
@pytest.mark.parametrize("bandwidth", ["isj", "cv", 0])
@pytest.mark.parametrize("name", EXTREME)
def test_extreme_data_have_an_answer_near_their_shares(boundary, bandwidth, name):
    values, bounds = EXTREME[name]
    kde = BoundedKDE(bounds=bounds, boundary=boundary, bandwidth=bandwidth)
    kde.fit(column(values))
    x = np.sort(values.astype(np.float64))
    assert np.isfinite(kde.bandwidth_)
    assert not np.isnan(kde.pdf(x)).any()
    assert not np.isnan(kde.score_samples(column(x))).any()
    assert np.isfinite(kde.sample(20, random_state=0)).all()
    if len(x) > 2:
        shares = np.searchsorted(x, x, side="right") / len(x)
        assert np.abs(kde.cdf(x) - shares).max() < 0.12


@every_boundary
@every_rule
@pytest.mark.parametrize("far", [1e300, -1e305, 1.7e308])
def test_one_outlier_beyond_any_scale_moves_nothing(boundary, bandwidth, far):
    x = np.random.default_rng(22).normal(size=500)
    t = np.array([-1.0, 0.0, 1.0])
    params = {"boundary": boundary, "bandwidth": bandwidth}
    kde = BoundedKDE(**params).fit(column(np.append(x, far)))
    near = BoundedKDE(**params).fit(column(np.append(x, np.copysign(1e6, far))))
    assert_allclose(kde.cdf(t), near.cdf(t), atol=1e-12)
    assert kde.bandwidth_ == near.bandwidth_
    assert far in kde.point_values_ or bandwidth == 0


@pytest.mark.parametrize("boundary", ["local", "reflect", "none"])
@pytest.mark.parametrize(
    ("bounds", "law", "one"),
    [
        ((None, None), norm(), 0.0),
        ((None, None), norm(), 1e-310),
        ((0, None), expon(), 0.0),
        ((0, None), expon(), 1.0),
        ((0, 1), beta(2, 3), 0.5),
        ((0, 1), beta(2, 3), 0.0),
        ((0, 1), beta(2, 3), 1.0),
    ],
)
def test_a_chunk_of_one_value_at_the_origin_of_the_grid_joins(
    boundary, bounds, law, one
):
    x = law.rvs(70_000, random_state=23)
    make = BoundedKDE(bounds=bounds, boundary=boundary)
    stream = clone(make).fit(column(x)).partial_fit([[one]])
    whole = clone(make).fit(column(np.append(x, one)))
    t = law.ppf([0.05, 0.3, 0.7, 0.95])
    assert_allclose(stream.cdf(t), whole.cdf(t), atol=2e-5)


@pytest.mark.parametrize("boundary", ["adjusted", "none", "reflect", "local"])
def test_a_bandwidth_beyond_any_range_has_an_answer(boundary):
    x = np.random.default_rng(24).uniform(size=200)
    kde = BoundedKDE(bounds=(0, 1e-310), bandwidth=1.0, boundary=boundary)
    kde.fit(column(x * 1e-310))
    cdf = kde.cdf(np.linspace(0, 1, 11) * 1e-310)
    assert np.isfinite(cdf).all()
    assert (np.diff(cdf) >= 0).all()
    if boundary == "reflect":  # a flat kernel spreads everything evenly
        assert_allclose(cdf, np.linspace(0, 1, 11), atol=1e-9)


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_bounds_of_another_order_than_the_data_have_an_answer(boundary):
    x = np.random.default_rng(25).uniform(1, 2, size=300)
    wide = BoundedKDE(bounds=(0, 1e300), boundary=boundary).fit(column(x))
    open_ended = BoundedKDE(bounds=(0, None), boundary=boundary).fit(column(x))
    t = np.array([1.1, 1.5, 1.9])
    assert_allclose(wide.cdf(t), open_ended.cdf(t), atol=1e-3)


@every_boundary
@pytest.mark.parametrize("h", [1e-12, 1e12])
def test_extreme_bandwidths_have_an_answer(boundary, h):
    x = beta_sample(17, 50)
    kde = BoundedKDE(bounds=(0, 1), boundary=boundary, bandwidth=h).fit(column(x))
    cdf = kde.cdf(np.linspace(0, 1, 11))
    assert np.isfinite(cdf).all()
    assert (np.diff(cdf) >= 0).all()
    assert kde.bandwidth_ == h


def test_read_only_and_strided_input_is_not_changed():
    table = np.random.default_rng(18).uniform(size=(600, 4))
    before = table.copy()
    table.flags.writeable = False
    strided = table[::2, 2:3]
    kde = BoundedKDE(bounds=(0, 1)).fit(strided, sample_weight=table[::2, 0])
    assert_array_equal(table, before)
    copied = BoundedKDE(bounds=(0, 1)).fit(strided.copy(), sample_weight=table[::2, 0])
    assert_array_equal(kde.cdf([0.3]), copied.cdf([0.3]))


# ---- refusals ------------------------------------------------------------------------
def test_data_outside_the_bounds_are_refused_or_clipped():
    x = column([-0.5, 0.2, 0.4, 0.6, 1.5])
    message = (
        r"`X` must lie within `bounds`, from 0 to 1; got values from -0.5 to 1.5, "
        r"outside in 2 of 5 rows.*clip=True"
    )
    with pytest.raises(ValueError, match=message):
        BoundedKDE(bounds=(0, 1)).fit(x)
    clipped = BoundedKDE(bounds=(0, 1), clip=True, bandwidth=0).fit(x)
    assert_allclose(clipped.cdf([0.0, 0.5, 1.0]), [0.2, 0.6, 1.0])
    with pytest.raises(ValueError, match="must lie within `bounds`"):
        BoundedKDE(bounds=(0, 1)).fit(x[1:4]).partial_fit(x)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_missing_and_infinite_data_are_refused(bad):
    with pytest.raises(ValueError, match=r"NaN|infinity"):
        BoundedKDE().fit(column([1.0, bad]))


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"bandwidth": -1.0}, "'bandwidth' parameter of BoundedKDE must be"),
        (
            {"bandwidth": np.nan},
            "'bandwidth' parameter of BoundedKDE must be|`bandwidth`",
        ),
        (
            {"bandwidth": np.inf},
            "'bandwidth' parameter of BoundedKDE must be|`bandwidth`",
        ),
        ({"bandwidth": "best"}, "'bandwidth' parameter of BoundedKDE must be"),
        ({"boundary": "clip"}, "'boundary' parameter of BoundedKDE must be"),
        ({"bounds": (1, 0)}, r"`bounds` must be a lower and a higher number.*\(1, 0\)"),
        ({"bounds": (0, 1, 2)}, "`bounds` must be two numbers"),
        ({"bounds": ("a", 1)}, r"`bounds` must be two numbers, or None.*\('a', 1\)"),
        ({"n_bins": 3}, "'n_bins' parameter of BoundedKDE must be"),
    ],
)
def test_bad_parameters_are_refused(params, message):
    with pytest.raises(ValueError, match=message):
        BoundedKDE(**params).fit(column([0.1, 0.2, 0.5]))


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        ([0.0, 0.0], "`sample_weight` must have a positive sum"),
        ([-1.0, 1.0], "`sample_weight` must not be negative"),
        ([1.0], r"`sample_weight` must have one value per row of `X` \(2\)"),
        ([1e200, 1.0], "largest value between 1e-100 and 1e100.*got 1e\\+200"),
    ],
)
def test_bad_weights_are_refused(weight, message):
    with pytest.raises(ValueError, match=message):
        BoundedKDE().fit(column([1.0, 2.0]), sample_weight=weight)


def test_several_columns_and_bare_vectors_are_refused():
    with pytest.raises(ValueError, match="`X` must have 1 column; got 3"):
        BoundedKDE().fit(np.ones((4, 3)))
    with pytest.raises(ValueError, match="Reshape your data"):
        BoundedKDE().fit(np.ones(4))


def test_bad_thresholds_are_refused():
    kde = BoundedKDE().fit(column(beta_sample(19)))
    with pytest.raises(ValueError, match="`edges` must be at least two rising numbers"):
        kde.interval_probability([0.5, 0.2])
    with pytest.raises(ValueError, match="`values` must be one-dimensional"):
        kde.cdf([np.nan])


def test_unlike_estimators_do_not_merge():
    one = BoundedKDE(bounds=(0, 1)).fit(column(beta_sample(20)))
    other = BoundedKDE(bounds=(0, 2)).fit(column(beta_sample(20)))
    with pytest.raises(ValueError, match=r"`other` must have the parameters.*bounds"):
        one.merge(other)
    far = BoundedKDE().fit(column(beta_sample(20) * 1e200))
    with pytest.raises(ValueError, match="another order of magnitude"):
        BoundedKDE().fit(column(beta_sample(20))).merge(far)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("bounds", (0, 2)),
        ("bandwidth", 0.1),
        ("boundary", "reflect"),
        ("discrete", True),
        ("n_bins", 64),
    ],
)
def test_parameters_changed_since_the_first_chunk_are_refused(name, value):
    x = column(beta_sample(28))
    other = BoundedKDE(bounds=(0, 1)).fit(x)
    kde = BoundedKDE(bounds=(0, 1)).fit(x).set_params(**{name: value})
    message = f"must stay as they were.*then, now.*'{name}'.*fit all data again"
    for add in (
        lambda: kde.partial_fit(x),
        lambda: kde.merge(other),
        lambda: other.merge(kde),
    ):
        with pytest.raises(ValueError, match=message):
            add()
    assert other.n_samples_seen_ == 400
    assert kde.fit(x).partial_fit(x).n_samples_seen_ == 800
