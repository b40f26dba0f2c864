"""On which scale and grid is a sample summarised? By SciPy's laws and by hand."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import logit
from scipy.stats import norm

from sklearn_equity.density import BoundedKDE, estimate_subgroups
from sklearn_equity.density._plan import Plan, plan_for
from sklearn_equity.density._scale import Scale

SCALES = {
    "none": Scale(),
    "below": Scale(2.0, np.inf),
    "above": Scale(-np.inf, 12.0),
    "both": Scale(2.0, 12.0),
}
VALUES = np.array([2.001, 2.5, 4.0, 7.0, 10.0, 11.5, 11.999])
LINES = {
    "none": VALUES,
    "below": np.log(VALUES - 2.0),
    "above": -np.log(12.0 - VALUES),
    "both": norm.ppf((VALUES - 2.0) / 10.0),
}
every_scale = pytest.mark.parametrize("name", SCALES)


# ---- scales ----------------------------------------------------------------------
@every_scale
def test_values_go_to_the_line_and_back(name):
    scale = SCALES[name]
    assert_allclose(scale.to_line(VALUES), LINES[name], rtol=1e-9)
    assert_allclose(scale.from_line(LINES[name]), VALUES, rtol=1e-12)
    assert scale.is_identity == (name == "none")
    assert scale.has_two_bounds == (name == "both")


@every_scale
def test_a_grid_is_the_line_but_for_logits(name):
    scale = SCALES[name]
    places = scale.to_grid(VALUES.copy())
    expected = logit((VALUES - 2.0) / 10.0) if name == "both" else LINES[name]
    assert_allclose(places, expected, rtol=1e-9)
    assert_allclose(scale.grid_to_line(places), LINES[name], rtol=1e-9)


@every_scale
def test_a_slope_is_that_of_the_line(name):
    scale = SCALES[name]
    difference = scale.to_line(VALUES + 1e-6) - scale.to_line(VALUES - 1e-6)
    assert_allclose(scale.slope(VALUES), difference / 2e-6, rtol=1e-5)


def test_logits_of_any_size_have_a_probit():
    places = np.array([-700.0, -40.0, 0.0, 40.0, 700.0])
    found = SCALES["both"].grid_to_line(places)
    # ndtri(exp(-700)) is -37.33; log ndtr there is -700.
    assert_allclose(norm.logcdf(found[:2]), places[:2], rtol=1e-9)
    assert_array_equal(found[3:], -found[1::-1])
    assert found[2] == 0.0


def test_bounds_are_infinitely_far():
    assert_array_equal(SCALES["below"].to_grid(np.array([2.0])), [-np.inf])
    assert_array_equal(SCALES["above"].to_grid(np.array([12.0])), [np.inf])
    ends = SCALES["both"].to_grid(np.array([2.0, 12.0]))
    assert_array_equal(ends, [-np.inf, np.inf])
    assert_array_equal(SCALES["above"].from_line(np.array([-1e9])), [-np.inf])


@pytest.mark.parametrize(
    ("name", "values", "inside"),
    [
        ("both", [2.0, 5.0, 12.0], [2.0 + 1e-5, 5.0, 12.0 - 1e-5]),
        ("below", [2.0, 5.0, 12.0], [2.0 + 4e-6, 5.0, 12.0]),
        ("above", [2.0, 5.0, 12.0], [2.0, 5.0, 12.0 - 6e-6]),
    ],
)
def test_values_move_off_a_bound_by_a_millionth_of_the_range(name, values, inside):
    """With one bound, of the distance of a typical value: here 6."""
    found = SCALES[name].inside(np.array(values), 6.0)
    assert_allclose(found, inside, rtol=0.0, atol=1e-14)


# ---- plans -----------------------------------------------------------------------
INF = np.inf


@pytest.mark.parametrize(
    ("bounds", "boundary", "frame"),
    [
        ((1.0, 5.0), "local", (Scale(0.75, 5.25), 0.0, 1.0)),
        ((1.0, INF), "local", (Scale(0.75, INF), 0.0, 1.0)),
        ((1.0, 5.0), "reflect", (Scale(), 0.75, 4.5)),
        ((1.0, INF), "reflect", (Scale(), 0.75, 1.0)),
        ((-INF, 5.0), "reflect", (Scale(), 5.25, 1.0)),
        ((-INF, INF), "reflect", (Scale(), 0.0, 1.0)),
        ((1.0, 5.0), "none", (Scale(), 0.0, 1.0)),
        ((1.0, 5.0), "adjusted", (Scale(), 0.0, 1.0)),
    ],
)
def test_a_lattice_has_half_a_step_more_room(bounds, boundary, frame):
    assert Plan(bounds, boundary, "auto", 64).frame(0.5) == frame


@pytest.mark.parametrize(
    ("rule", "n_bins"),
    [
        ("isj", 64),
        (1.0, 320),  # 32 cells a bandwidth over a range of 10
        (5.0, 64),
        (1e-9, 2**17),
        (1e-300, 2**17),
    ],
)
def test_a_narrow_kernel_has_more_cells(rule, n_bins):
    x = np.array([3.0, 13.0])
    options = {"bounds": (0.0, INF), "boundary": "local", "discrete": "auto"}
    plan = plan_for(x, n_bins=64, rule=rule, **options)
    assert plan == Plan((0.0, INF), "local", "auto", n_bins)


def test_no_smoothing_is_points_alone():
    found = plan_for(
        np.ones(2), bounds=(0.0, 1.0), boundary="local", discrete="auto", n_bins=64,
        rule=0.0,
    )  # fmt: skip
    assert found == Plan((0.0, 1.0), "none", discrete=True, n_bins=64)


# ---- one subgroup is a sample -------------------------------------------------------
_RNG = np.random.default_rng(2026113002)
SAMPLES = {
    "smooth": _RNG.beta(2, 4, 600),
    "zero-inflated": np.where(_RNG.uniform(size=600) < 0.3, 0.0, _RNG.beta(2, 4, 600)),
    "on a lattice": np.round(_RNG.gamma(4, size=3000).clip(0, 9.6), 1) / 10,
    "a lattice with a spike": np.round(
        np.where(_RNG.uniform(size=3000) < 0.2, 0.0, _RNG.gamma(9, size=3000)), 1
    ) / 30,
    "an outlier": np.r_[_RNG.beta(2, 4, 600), 1e4],
}  # fmt: skip


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("boundary", ["local", "reflect", "none"])
@pytest.mark.parametrize("weights", ["none", "whole", "shares"])
def test_one_subgroup_is_estimated_as_a_sample_is(name, boundary, weights):
    """Beside another, of whom nothing is known, and rows that are nobody's."""
    x = SAMPLES[name]
    weight = {
        "none": None,
        "whole": _RNG.integers(0, 3, len(x)).astype(float),
        "shares": _RNG.uniform(0.5, 1.5, len(x)),
    }[weights]
    top = None if name == "an outlier" else 1.2
    alone = BoundedKDE(bounds=(0.0, top), boundary=boundary, n_bins=512)
    alone.fit(x[:, np.newaxis], sample_weight=weight)
    nobody = np.array([0.5, 0.7])
    found = estimate_subgroups(
        np.r_[x, nobody],
        codes=np.r_[np.ones(len(x), dtype=int), [-1, -1]],
        n_subgroups=2,
        bounds=(0.0, top),
        boundary=boundary,
        n_bins=512,
        sample_weight=None if weight is None else np.r_[weight, 1.0, 1.0],
    )
    t = np.r_[0.0, np.linspace(0.05, 1.15, 12), 1.2]
    assert_allclose(found.cdf(t)[1], alone.cdf(t), rtol=0.0, atol=1e-12)
    assert_allclose(found.pdf(t)[1], alone.pdf(t), rtol=1e-9, atol=1e-12)
    assert_allclose(found.bandwidth[1], alone.bandwidth_, rtol=1e-9)
    assert found.lattice == alone.lattice_
    assert np.isnan(found.cdf(t)[0]).all()
