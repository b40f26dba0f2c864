"""What every estimate of a density must do, whatever its boundary and its rule."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from sklearn_equity.density import BoundedKDE, estimate_subgroups, is_discrete

few = settings(max_examples=4, deadline=None)
every_boundary = pytest.mark.parametrize(
    "boundary", ["local", "reflect", "adjusted", "none"]
)
KINDS = ("smooth", "zero-inflated", "on a lattice", "counts", "constant", "two values")
LIMITS = ((0.0, 1.0), (0.0, None), (None, 1.0), (None, None))
RULES = ("isj", "silverman", "scott", "cv", 0.05, 0.0)
AT = np.linspace(0.0, 1.0, 13)

drawn = given(
    kind=st.sampled_from(KINDS),
    bounds=st.sampled_from(LIMITS),
    bandwidth=st.sampled_from(RULES),
    seed=st.integers(0, 10_000),
)


def sample(kind, seed, n_rows=240):
    """Draw measurements between 0 and 1."""
    rng = np.random.default_rng(seed)
    smooth = rng.beta(2.0, 4.0, n_rows)
    return {
        "smooth": smooth,
        "zero-inflated": np.where(rng.uniform(size=n_rows) < 0.3, 0.0, smooth),
        "on a lattice": np.round(smooth, 2),
        "counts": rng.binomial(5, 0.3, n_rows) / 5.0,
        "constant": np.full(n_rows, smooth[0]),
        "two values": rng.choice([0.25, 0.75], n_rows),
    }[kind]


def fitted(x, weight=None, **options):
    return BoundedKDE(**options).fit(x[:, np.newaxis], sample_weight=weight)


@every_boundary
@few
@drawn
def test_probabilities_rise_from_none_to_all(boundary, kind, bounds, bandwidth, seed):
    x = sample(kind, seed)
    kde = fitted(x, boundary=boundary, bounds=bounds, bandwidth=bandwidth)
    cdf = kde.cdf(np.r_[-np.inf, np.sort(x), np.inf])
    assert cdf[0] == 0.0
    assert cdf[-1] == 1.0
    assert (np.diff(cdf) >= 0.0).all()
    edges = np.r_[-np.inf, AT, np.inf]
    assert_allclose(kde.interval_probability(edges).sum(), 1.0, atol=1e-12)
    assert (kde.pdf(AT) >= 0.0).all()
    held = kde.point_probabilities_.sum()
    assert -1e-12 <= held <= 1.0 + 1e-12
    assert (kde.bandwidth_ == 0.0) == (abs(held - 1.0) < 1e-12)


@every_boundary
@few
@drawn
def test_the_order_of_rows_does_not_matter(boundary, kind, bounds, bandwidth, seed):
    x = sample(kind, seed)
    weight = np.random.default_rng(seed).integers(1, 4, len(x)).astype(float)
    order = np.random.default_rng(seed + 1).permutation(len(x))
    options = {"boundary": boundary, "bounds": bounds, "bandwidth": bandwidth}
    one = fitted(x, weight, **options)
    other = fitted(x[order], weight[order], **options)
    assert_array_equal(other.cdf(AT), one.cdf(AT))
    assert other.bandwidth_ == one.bandwidth_


@every_boundary
@few
@drawn
def test_a_weight_is_so_many_rows(boundary, kind, bounds, bandwidth, seed):
    """And one of 0 is nobody."""
    x = sample(kind, seed)
    times = np.random.default_rng(seed).integers(0, 4, len(x))
    options = {"boundary": boundary, "bounds": bounds, "bandwidth": bandwidth}
    weighted = fitted(x, times.astype(float), **options)
    repeated = fitted(np.repeat(x, times), **options)
    assert_array_equal(weighted.cdf(AT), repeated.cdf(AT))
    assert weighted.bandwidth_ == repeated.bandwidth_
    assert_array_equal(weighted.point_values_, repeated.point_values_)


@every_boundary
@few
@drawn
def test_equal_weights_are_none(boundary, kind, bounds, bandwidth, seed):
    """Such that count nobody: only their ratios matter. Quarters add up exactly."""
    x = sample(kind, seed)
    options = {"boundary": boundary, "bounds": bounds, "bandwidth": bandwidth}
    plain, weighted = (
        fitted(x, weight, **options) for weight in (None, np.full(len(x), 0.25))
    )
    assert_allclose(weighted.cdf(AT), plain.cdf(AT), atol=1e-12)
    assert_allclose(weighted.bandwidth_, plain.bandwidth_, rtol=1e-12)


@every_boundary
@few
@given(
    kind=st.sampled_from(["smooth", "counts", "constant", "two values"]),
    bounds=st.sampled_from(LIMITS),
    bandwidth=st.sampled_from([0.05, 0.0]),
    seed=st.integers(0, 10_000),
    times=st.integers(2, 4),
)
def test_replication_changes_nothing_under_a_bandwidth_given(
    boundary, kind, bounds, bandwidth, seed, times
):
    """A rule's would be narrower, with more people; so ties are not looked for."""
    x = sample(kind, seed)
    options = {
        "boundary": boundary, "bounds": bounds, "bandwidth": bandwidth,
        "discrete": False,
    }  # fmt: skip
    one, other = fitted(x, **options), fitted(np.tile(x, times), **options)
    assert_allclose(other.cdf(AT), one.cdf(AT), atol=1e-12)


@every_boundary
@few
@given(
    kind=st.sampled_from(KINDS),
    bounds=st.sampled_from(LIMITS),
    bandwidth=st.sampled_from(RULES),
    seed=st.integers(0, 10_000),
    cuts=st.lists(st.integers(1, 239), min_size=1, max_size=3, unique=True),
)
def test_parts_in_any_order_are_the_whole(
    boundary, kind, bounds, bandwidth, seed, cuts
):
    x = sample(kind, seed)
    options = {"boundary": boundary, "bounds": bounds, "bandwidth": bandwidth}
    whole = fitted(x, **options)
    parts = np.split(x, sorted(cuts))[::-1]
    stream, merged = clone(whole), fitted(parts[0], **options)
    for part in parts:
        stream.partial_fit(part[:, np.newaxis])
    for part in parts[1:]:
        merged.merge(fitted(part, **options))
    # A bandwidth that is a number sets the cells by the range of the first part.
    atol = 1e-4 if bandwidth == 0.05 else 0.0
    for found in (stream, merged):
        assert_allclose(found.cdf(AT), whole.cdf(AT), rtol=0.0, atol=atol)
        assert found.n_samples_seen_ == len(x)


@every_boundary
@few
@given(
    kind=st.sampled_from(KINDS),
    bandwidth=st.sampled_from(RULES),
    seed=st.integers(0, 10_000),
    shift=st.integers(-8, 8),
)
def test_where_the_range_begins_does_not_matter(boundary, kind, bandwidth, seed, shift):
    x = sample(kind, seed)
    options = {"boundary": boundary, "bandwidth": bandwidth}
    one = fitted(x, bounds=(0.0, 1.0), **options)
    other = fitted(x + shift, bounds=(shift, shift + 1.0), **options)
    between = AT + 0.0013  # a shift rounds: no threshold is a value
    assert_allclose(other.cdf(between + shift), one.cdf(between), atol=5e-5)
    assert_allclose(other.bandwidth_, one.bandwidth_, rtol=1e-3)


@every_boundary
@few
@drawn
@example(kind="smooth", bounds=(0.0, None), bandwidth=0.05, seed=3)
def test_the_mirror_image_has_the_mirrored_distribution(
    boundary, kind, bounds, bandwidth, seed
):
    x = sample(kind, seed)
    mirrored = tuple(None if bound is None else -bound for bound in bounds[::-1])
    options = {"boundary": boundary, "bandwidth": bandwidth}
    one = fitted(x, bounds=bounds, **options)
    other = fitted(-x, bounds=mirrored, **options)
    # Pr(M > t) is that of a mirrored value below -t.
    below = np.cumsum(other.interval_probability(np.r_[-np.inf, -AT[::-1], np.inf]))
    assert_allclose(1.0 - below[-2::-1], one.cdf(AT), atol=5e-5)


@every_boundary
@few
@given(value=st.floats(-1e6, 1e6), n_rows=st.integers(1, 40))
def test_people_who_are_all_equal_are_one_point(boundary, value, n_rows):
    kde = fitted(np.full(n_rows, value), boundary=boundary)
    assert_array_equal(kde.point_values_, [value])
    assert_array_equal(kde.point_probabilities_, [1.0])
    assert_array_equal(kde.sample(2, random_state=0), [[value], [value]])
    assert kde.bandwidth_ == 0.0
    assert is_discrete(np.full(n_rows, value))


@every_boundary
@few
@drawn
def test_draws_lie_where_people_can(boundary, kind, bounds, bandwidth, seed):
    x = sample(kind, seed)
    kde = fitted(x, boundary=boundary, bounds=bounds, bandwidth=bandwidth)
    values = kde.sample(200, random_state=seed)[:, 0]
    assert_array_equal(kde.sample(200, random_state=seed)[:, 0], values)
    if boundary != "none":
        assert bounds[0] is None or (values >= bounds[0]).all()
        assert bounds[1] is None or (values <= bounds[1]).all()
    at = AT + 0.0013
    if boundary == "adjusted" and is_discrete(x):
        # It moves thresholds into gaps, and no draws: they are of the plain estimate.
        inside = [-np.inf if bounds[0] is None else bounds[0]]
        inside.append(np.inf if bounds[1] is None else bounds[1])
        at = at[(at >= inside[0]) & (at < inside[1])]
        kde = fitted(x, boundary="none", bandwidth=kde.bandwidth_, discrete=False)
    # By the law of Dvoretzky, Kiefer and Wolfowitz: in a million runs once.
    shares = (values[:, np.newaxis] <= at).mean(axis=0)
    assert np.abs(shares - kde.cdf(at)).max() < np.sqrt(np.log(2e6) / 400)


@pytest.mark.parametrize("boundary", ["local", "reflect", "none"])
@few
@drawn
def test_names_and_order_of_subgroups_are_only_names(
    boundary, kind, bounds, bandwidth, seed
):
    x = sample(kind, seed)
    codes = np.random.default_rng(seed).integers(0, 3, len(x))
    options = {
        "n_subgroups": 4, "bounds": bounds, "bandwidth": bandwidth,
        "boundary": boundary,
    }  # fmt: skip
    renamed = np.array([3, 0, 1])
    one = estimate_subgroups(x, codes=codes, **options)
    other = estimate_subgroups(x, codes=renamed[codes], **options)
    assert_allclose(other.cdf(AT)[renamed], one.cdf(AT)[:3], atol=1e-12)
    assert np.isnan(other.cdf(AT)[2]).all()
