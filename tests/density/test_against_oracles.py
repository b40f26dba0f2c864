"""Do the fast estimates agree with slow, obvious ones that share no code with them?"""

from itertools import pairwise

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.integrate import trapezoid
from scipy.optimize import brentq, minimize
from scipy.special import factorial2, ndtr
from scipy.stats import beta, gaussian_kde, norm

from sklearn_equity.density import BoundedKDE, estimate_subgroups, select_bandwidth
from sklearn_equity.density._binning import bin_linearly
from sklearn_equity.density._grid import make_grid, merge_grids


# ---- the oracles -----------------------------------------------------------------
def reflected_cdf(x, h, t, lower, upper):
    """Sum normal distribution functions over the sample and its mirror images."""
    length = upper - lower
    total = np.zeros(len(t))
    for shift in range(-3, 4):
        for image in (x + 2 * shift * length, 2 * lower - x + 2 * shift * length):
            from_lower = ndtr((lower - image) / h)
            total += [np.sum(ndtr((s - image) / h) - from_lower) for s in t]
    return total / len(x)


def linear_counts(x, lower, width, n_bins):
    """Give each value to its two nodes, one value at a time."""
    counts = np.zeros(n_bins + 1)
    for value in x:
        for node in range(n_bins + 1):
            counts[node] += max(0.0, 1.0 - abs((value - lower) / width - node))
    return counts


def isj(x, lower, upper):
    """Botev's rule, from moments of the values themselves, by root finding."""
    k = np.arange(1, 1024)
    u = (x - lower) / (upper - lower)
    squares = np.array([np.mean(np.cos(np.pi * j * u)) for j in k]) ** 2

    def norm_of(order, t):
        terms = k ** (2.0 * order) * squares * np.exp(-(np.pi**2) * k**2 * t)
        return 2 * np.pi ** (2 * order) * terms.sum()

    def difference(t):
        f = norm_of(7, t)
        for s in range(6, 1, -1):
            moment = factorial2(2 * s - 1) / np.sqrt(2 * np.pi)
            constant = (1 + 0.5 ** (s + 0.5)) / 3
            f = norm_of(s, (2 * constant * moment / (len(x) * f)) ** (2 / (3 + 2 * s)))
        return t - (2 * len(x) * np.sqrt(np.pi) * f) ** (-2 / 5)

    return np.sqrt(brentq(difference, 1e-7, 0.05)) * (upper - lower)


def log_quadratic_density(x, h, place):
    """Maximise the local likelihood of exp(a + b u + c u**2) numerically."""
    u = x - place
    weight = norm.pdf(u, scale=h)

    def loss(theta):
        a, b, c = theta
        log_f = a + b * u + c * u**2
        variance = 1 / (1 / h**2 - 2 * c)
        if variance <= 0:
            return 1e9
        mass = np.exp(a + b**2 * variance / 2) * np.sqrt(variance) / h
        return mass - np.mean(weight * log_f)

    start = [np.log(weight.mean()), 0.0, -0.1]
    options = {"xatol": 1e-9, "fatol": 1e-14, "maxiter": 20_000, "maxfev": 20_000}
    return np.exp(minimize(loss, start, method="Nelder-Mead", options=options).x[0])


# ---- agreement -------------------------------------------------------------------
@pytest.mark.parametrize("share", [0.005, 0.02, 0.1, 0.5])
@pytest.mark.parametrize("bounds", [(0.0, 1.0), (-30.0, 70.0)])
def test_reflect_against_exact_sums_of_normal_probabilities(share, bounds):
    rng = np.random.default_rng(2026110101)
    lower, upper = bounds
    x = lower + (upper - lower) * rng.beta(0.8, 2.0, size=2000)
    h = share * (upper - lower)
    t = np.linspace(lower, upper, 41)
    ours = BoundedKDE(bounds=bounds, bandwidth=h, boundary="reflect")
    cdf = ours.fit(x.reshape(-1, 1)).cdf(t)
    assert_allclose(cdf, reflected_cdf(x, h, t, lower, upper), atol=1e-6)


def test_half_bounded_reflect_against_exact_sums():
    rng = np.random.default_rng(2026110102)
    x = rng.exponential(size=1500)
    t = np.linspace(0, 6, 31)
    exact = [np.mean(ndtr((s - x) / 0.2) - ndtr((-s - x) / 0.2)) for s in t]
    for sign in (1.0, -1.0):
        bounds = (0, None) if sign > 0 else (None, 0)
        ours = BoundedKDE(bounds=bounds, bandwidth=0.2, boundary="reflect")
        cdf = ours.fit(sign * x.reshape(-1, 1)).cdf(sign * t)
        assert_allclose(cdf if sign > 0 else 1 - cdf, exact, atol=1e-6)


def test_no_bounds_against_scipy():
    rng = np.random.default_rng(2026110103)
    x = np.concatenate([rng.normal(size=400), rng.normal(5, 0.5, size=200)])
    scipy_kde = gaussian_kde(x, bw_method=0.1)
    h = 0.1 * x.std(ddof=1)
    ours = BoundedKDE(bandwidth=h, boundary="none").fit(x.reshape(-1, 1))
    edges = np.linspace(-2, 6, 17)
    boxes = [scipy_kde.integrate_box_1d(a, b) for a, b in pairwise(edges)]
    assert_allclose(ours.interval_probability(edges), boxes, atol=1e-6)
    assert_allclose(ours.pdf(edges), scipy_kde(edges), atol=1e-5)


def test_isj_against_root_finding_on_exact_moments():
    rng = np.random.default_rng(2026110104)
    for x in (
        rng.beta(2, 5, size=800),
        np.concatenate([rng.normal(0.3, 0.04, 500), rng.normal(0.7, 0.08, 500)]),
    ):
        ours = select_bandwidth(x, "isj", bounds=(0, 1))
        assert_allclose(ours, isj(x, 0.0, 1.0), rtol=5e-3)


def test_rules_against_their_formulas():
    rng = np.random.default_rng(2026110105)
    x = rng.gamma(2.0, size=4000)
    quarter, three_quarters = np.sort(x)[[999, 2999]]
    spread = min(x.std(), (three_quarters - quarter) / 1.34)
    assert_allclose(select_bandwidth(x, "scott"), 1.06 * x.std() * 4000**-0.2)
    assert_allclose(select_bandwidth(x, "silverman"), 0.9 * spread * 4000**-0.2)
    assert_allclose(select_bandwidth(x, "cdf"), 0.5 * spread * 4000 ** (-1 / 3))
    fitted = BoundedKDE(bandwidth="scott", boundary="reflect").fit(x.reshape(-1, 1))
    assert_allclose(fitted.bandwidth_, 1.06 * x.std() * 4000**-0.2, rtol=1e-5)
    fitted = BoundedKDE(bandwidth="silverman", boundary="none").fit(x.reshape(-1, 1))
    # Its quartiles are those of the lightly smoothed sample.
    assert_allclose(fitted.bandwidth_, 0.9 * spread * 4000**-0.2, rtol=5e-3)


def test_cv_finds_the_best_leave_one_out_likelihood_of_its_grid():
    rng = np.random.default_rng(2026110106)
    x = np.concatenate([rng.normal(size=150), rng.normal(6, 0.7, size=150)])

    def likelihood(h):
        kernels = norm.pdf(x[:, None] - x, scale=h)
        np.fill_diagonal(kernels, 0.0)
        return np.log(kernels.sum(axis=1) / (len(x) - 1)).sum()

    chosen = select_bandwidth(x, "cv")
    factor = 20 ** (1 / 29)  # the grid's ratio
    assert likelihood(chosen) > likelihood(chosen * factor) - 1e-3
    assert likelihood(chosen) > likelihood(chosen / factor) - 1e-3


def test_local_against_numerical_local_likelihood():
    rng = np.random.default_rng(2026110107)
    x = np.concatenate([rng.normal(size=300), rng.normal(2.5, 0.6, size=100)])
    ours = BoundedKDE(bandwidth=0.5, boundary="local").fit(x.reshape(-1, 1))
    places = np.array([-1.5, -0.3, 0.8, 1.7, 2.6])
    naive = np.array([log_quadratic_density(x, 0.5, place) for place in places])
    # The fast estimate is normalised; the naive one is not, so compare their shapes.
    ratio = ours.pdf(places) / naive
    assert_allclose(ratio / ratio.mean(), 1.0, atol=2e-3)
    assert_allclose(ratio.mean(), 1.0, atol=0.02)


def test_wide_local_kernel_gives_the_normal_law_of_the_same_moments():
    rng = np.random.default_rng(2026110108)
    x = rng.normal(10, 3, size=2000)
    ours = BoundedKDE(bandwidth=25.0, boundary="local").fit(x.reshape(-1, 1))
    t = np.linspace(2, 18, 9)
    assert_allclose(ours.cdf(t), norm.cdf(t, x.mean(), x.std()), atol=2e-3)


@pytest.mark.parametrize("boundary", ["local", "reflect", "none"])
@pytest.mark.parametrize(
    ("bounds", "law"), [((0, 1), beta(2, 3)), ((None, None), norm())]
)
def test_density_is_the_slope_of_the_distribution_function(boundary, bounds, law):
    x = law.rvs(400, random_state=2026110109).reshape(-1, 1)
    ours = BoundedKDE(bounds=bounds, bandwidth=0.1, boundary=boundary).fit(x)
    a, b = np.quantile(x, [0.2, 0.7])
    places = np.linspace(a, b, 20_001)
    area = trapezoid(ours.pdf(places), places)
    assert_allclose(area, np.diff(ours.cdf([a, b]))[0], atol=5e-5)


def test_adjusted_moves_thresholds_of_counts_into_the_gaps():
    x = np.repeat([0.0, 1.0, 2.0, 3.0, 4.0], [40, 30, 15, 10, 5]).reshape(-1, 1)
    ours = BoundedKDE(bounds=(0, 10), bandwidth=0.05, boundary="adjusted").fit(x)
    # A kernel of .05 leaves gaps, so every threshold falls into one: exact shares.
    assert_allclose(ours.cdf([0, 1, 2, 3, 4]), [0.4, 0.7, 0.85, 0.95, 1.0], atol=1e-9)
    assert_allclose(ours.interval_probability([0, 1, 2, 5]), [0.4, 0.3, 0.3], atol=1e-9)


def test_adjusted_is_the_plain_estimate_but_for_the_bounds():
    x = np.random.default_rng(2026110110).exponential(size=500)
    ours = BoundedKDE(bounds=(0, None), bandwidth=0.3, boundary="adjusted")
    ours.fit(x.reshape(-1, 1))
    inside = [0.1, 0.5, 2.0]
    plain = [np.mean(ndtr((t - x) / 0.3)) for t in inside]
    assert_allclose(ours.cdf(inside), plain, atol=1e-6)
    # What leaked below 0 counts when 0 is the threshold: Pr(M >= 0) = 1.
    assert ours.interval_probability([0, np.inf])[0] == 1.0


# ---- counts that add -------------------------------------------------------------
def test_binning_against_one_value_at_a_time():
    x = np.random.default_rng(2026110111).uniform(2, 5, size=60)
    counts = bin_linearly(x, lower=2.0, width=0.25, n_bins=12)
    assert_allclose(counts[0], linear_counts(x, 2.0, 0.25, 12), atol=60 * 2.0**-20)
    assert counts.sum() == 60.0


def test_counts_of_chunks_add_bit_for_bit_in_any_order():
    rng = np.random.default_rng(2026110112)
    x, codes = rng.uniform(size=100_000), rng.integers(3, size=100_000)
    at = {"lower": 0.0, "width": 1 / 512, "n_bins": 512, "n_rows": 3}
    whole = bin_linearly(x, codes=codes, **at)
    order = rng.permutation(7)
    chunks = list(zip(np.array_split(x, 7), np.array_split(codes, 7), strict=True))
    parts = [bin_linearly(chunks[i][0], codes=chunks[i][1], **at) for i in order]
    assert_array_equal(sum(parts), whole)


def test_a_coarser_grid_has_the_counts_of_binning_there():
    x = np.random.default_rng(2026110113).normal(size=300)
    identity = {"to_place": lambda v: v, "origin": 0.0, "unit": 1.0}
    fine = make_grid(x, n_bins=512, **identity).coarsened().coarsened()
    lower = fine.first * fine.width
    direct = bin_linearly(x, lower=lower, width=fine.width, n_bins=fine.n_nodes - 1)
    assert_allclose(fine.counts, direct, atol=300 * 2.0**-20)


def test_merged_grids_have_the_counts_of_the_union():
    rng = np.random.default_rng(2026110114)
    x, y = rng.normal(size=300), rng.normal(50, 9, size=200)
    identity = {"to_place": lambda v: v, "origin": 0.0, "unit": 1.0, "n_bins": 256}
    merged = merge_grids(make_grid(x, **identity), make_grid(y, **identity), n_bins=256)
    both = make_grid(np.concatenate([x, y]), **identity)
    assert merged.width == both.width
    shift = both.first - merged.first
    inner = merged.counts[:, shift : shift + both.n_nodes]
    assert_allclose(inner, both.counts, atol=500 * 2.0**-20)


@pytest.mark.parametrize("boundary", ["local", "reflect", "none"])
def test_many_subgroups_at_once_are_as_each_alone(boundary):
    rng = np.random.default_rng(2026110115)
    x, codes = rng.beta(2, 4, size=4000), rng.integers(4, size=4000)
    edges = np.linspace(0, 1, 9)
    together = estimate_subgroups(
        x, codes=codes, n_subgroups=5, bounds=(0, 1), boundary=boundary
    )
    rows = together.interval_probability(edges)
    for code in range(4):
        alone = BoundedKDE(bounds=(0, 1), boundary=boundary)
        alone.fit(x[codes == code].reshape(-1, 1))
        assert_allclose(rows[code], alone.interval_probability(edges), atol=2e-5)
        assert_allclose(together.bandwidth[code], alone.bandwidth_, rtol=5e-3)
    assert np.isnan(rows[4]).all(), "an empty subgroup is NaN, not an exception"
    assert np.isnan(together.bandwidth[4])


def test_subgroups_share_point_masses_and_leave_out_dropped_rows():
    rng = np.random.default_rng(2026110116)
    x = np.where(rng.uniform(size=3000) < 0.3, 0.0, rng.exponential(size=3000))
    codes = rng.integers(-1, 2, size=3000)
    both = estimate_subgroups(x, codes=codes, n_subgroups=2, bounds=(0, None))
    at_zero = both.cdf(np.array([0.0]))[:, 0]
    assert_allclose(at_zero, [np.mean(x[codes == c] == 0) for c in (0, 1)])
    with pytest.raises(ValueError, match="`values` must lie within `bounds`"):
        estimate_subgroups(-x - 1, codes=codes, n_subgroups=2, bounds=(0, None))


# ---- many subgroups at every scale -----------------------------------------------
@pytest.mark.parametrize("boundary", ["local", "reflect", "none"])
@pytest.mark.parametrize("rule", ["isj", "cv", "silverman", 0.05])
@pytest.mark.parametrize("exponent", [-1060, -1000, 1000, 1022])
@pytest.mark.parametrize("bounded", [True, False])
def test_subgroups_have_one_formula_at_every_scale(boundary, rule, exponent, bounded):
    rng = np.random.default_rng(2026110117)
    x, codes = rng.beta(2, 4, size=1200), rng.integers(2, size=1200)
    # Few digits, which a subnormal number keeps.
    x = np.round(x * 2**13) / 2**13 if exponent < -1022 else x
    t, factor = np.linspace(0.125, 0.875, 7), float(np.ldexp(1.0, exponent))
    at = {"codes": codes, "n_subgroups": 3, "boundary": boundary, "discrete": False}
    top = (1.0, factor) if bounded else (None, None)
    low = 0 if bounded else None
    one = estimate_subgroups(x, bounds=(low, top[0]), bandwidth=rule, **at)
    scaled = rule if isinstance(rule, str) else rule * factor
    other = estimate_subgroups(x * factor, bounds=(low, top[1]), bandwidth=scaled, **at)
    # Kernels given in a subnormal unit have few digits themselves.
    atol = 1e-9 if exponent > -1022 or isinstance(rule, str) else 1e-3
    assert_allclose(other.cdf(t * factor), one.cdf(t), atol=atol)
    smallest = np.finfo(float).smallest_subnormal / factor
    expected = one.bandwidth
    assert_allclose(other.bandwidth / factor, expected, rtol=1e-9, atol=smallest)
    is_empty = np.isnan(other.cdf(t * factor)).all(axis=1)
    assert_array_equal(is_empty, [False, False, True])
    if abs(exponent) <= 1000:
        assert_allclose(other.pdf(t * factor) * factor, one.pdf(t), rtol=1e-2)


def test_subgroups_over_a_range_that_overflows():
    rng = np.random.default_rng(2026110118)
    x, codes = rng.uniform(-1, 1, size=500), rng.integers(2, size=500)
    t = np.array([-0.5, 0.0, 0.5])
    at = {"codes": codes, "n_subgroups": 2}
    for boundary in ("local", "reflect", "none"):
        one = estimate_subgroups(x, bounds=(-1, 1), boundary=boundary, **at)
        bounds = (-1.7e308, 1.7e308)
        other = estimate_subgroups(x * 1.7e308, bounds=bounds, boundary=boundary, **at)
        assert_allclose(other.cdf(t * 1.7e308), one.cdf(t), atol=2e-5)
        assert np.isfinite(other.bandwidth).all()


@pytest.mark.parametrize("factor", [1e-200, 1e200])
def test_only_ratios_of_the_weights_of_subgroups_matter(factor):
    rng = np.random.default_rng(2026110119)
    x, codes = rng.normal(size=900), rng.integers(2, size=900)
    w = rng.uniform(0.1, 1, size=900)
    t = np.array([-1.0, 0.2, 1.0])
    one, other = (
        estimate_subgroups(x, codes=codes, n_subgroups=2, sample_weight=v)
        for v in (w, w * factor)
    )
    assert_allclose(other.cdf(t), one.cdf(t), rtol=1e-12)
    assert_allclose(other.bandwidth, one.bandwidth, rtol=1e-12)


@pytest.mark.parametrize("boundary", ["local", "reflect", "none"])
@pytest.mark.parametrize("rule", ["isj", "cv", "silverman", "scott", 0.05, 0])
@pytest.mark.parametrize("bounds", [(0, 1), (None, None), (None, 3)])
@pytest.mark.parametrize(("values", "codes"), [([], []), ([0.1, 0.4], [-1, -1])])
def test_no_rows_at_all_are_rows_of_nan(boundary, rule, bounds, values, codes):
    empty = estimate_subgroups(
        values,
        codes=np.array(codes, dtype=int),
        n_subgroups=2,
        bounds=bounds,
        bandwidth=rule,
        boundary=boundary,
    )
    t = np.array([0.0, 0.5, np.inf])
    for rows in (empty.cdf(t), empty.interval_probability(t), empty.pdf(t[:2])):
        assert len(rows) == 2
        assert np.isnan(rows).all()
    assert np.isnan(empty.bandwidth).all()


def test_codes_that_name_no_subgroup_are_refused():
    at = {"values": [1.0, 2.0], "n_subgroups": 2}
    with pytest.raises(ValueError, match=r"below `n_subgroups` \(2\); got up to 2"):
        estimate_subgroups(codes=np.array([0, 2]), **at)
    with pytest.raises(ValueError, match="`codes` must have one integer per row"):
        estimate_subgroups(codes=np.array([0]), **at)
    with pytest.raises(ValueError, match="`codes` must have one integer per row"):
        estimate_subgroups(codes=np.array([0.0, 1.0]), **at)
