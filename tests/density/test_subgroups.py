"""Many densities in one pass: are they those of each subgroup alone?"""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sklearn_equity.density import BoundedKDE, estimate_subgroups

RNG = np.random.default_rng(20261130)
CODES = np.arange(6000) % 3
SMOOTH = RNG.normal(120.0 + 10.0 * CODES, 15.0)
AT = np.array([100.0, 120.0, 140.0])


@pytest.mark.parametrize("step", [0.0, 1.0], ids=["smooth", "whole numbers"])
@pytest.mark.parametrize("weighted", [False, True])
def test_against_one_estimate_for_each_subgroup(step, weighted):
    """On whole numbers the smoothing is spread over a step in either."""
    values = np.round(SMOOTH / step) * step if step else SMOOTH
    weights = RNG.uniform(0.5, 2.0, 6000) if weighted else np.ones(6000)
    found = estimate_subgroups(
        values, codes=CODES, n_subgroups=3, bandwidth=3.0, sample_weight=weights
    )
    for code in range(3):
        mine = code == CODES
        alone = BoundedKDE(bandwidth=3.0).fit(
            values[mine][:, np.newaxis], sample_weight=weights[mine]
        )
        assert_allclose(found.cdf(AT)[code], alone.cdf(AT), atol=5e-3)


def test_rows_of_a_negative_code_are_nobodys():
    dropped = np.where(CODES == 1, -1, CODES)
    found = estimate_subgroups(SMOOTH, codes=dropped, n_subgroups=3, bandwidth=3.0)
    whole = estimate_subgroups(SMOOTH, codes=CODES, n_subgroups=3, bandwidth=3.0)
    assert np.isnan(found.cdf(AT)[1]).all()
    assert_allclose(found.cdf(AT)[[0, 2]], whole.cdf(AT)[[0, 2]], atol=1e-3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"codes": CODES[:5]}, "`codes` must have one integer per row of `values`"),
        ({"codes": CODES * 1.0}, "`codes` must have one integer per row of `values`"),
        (
            {"n_subgroups": 2},
            r"`codes` must lie below `n_subgroups` \(2\); got up to 2",
        ),
        ({"boundary": "adjusted"}, '`boundary` must be "local", "reflect" or "none"'),
        (
            {"bounds": (100.0, None)},
            "`values` must lie within `bounds`, from 100 to inf",
        ),
    ],
)
def test_refusals(options, message):
    with pytest.raises(ValueError, match=message):
        estimate_subgroups(SMOOTH, **{"codes": CODES, "n_subgroups": 3, **options})


def test_values_said_to_be_discrete_are_points_though_none_repeats():
    found = estimate_subgroups(
        SMOOTH[:30], codes=CODES[:30], n_subgroups=3, discrete=True
    )
    smooth = estimate_subgroups(SMOOTH[:30], codes=CODES[:30], n_subgroups=3)
    for code in range(3):
        mine = np.sort(SMOOTH[:30][CODES[:30] == code])
        at_or_below = (np.arange(10) + 1) / 10
        assert_allclose(found.cdf(mine)[code], at_or_below, atol=1e-12)
        assert_allclose(found.cdf(mine - 1e-3)[code], at_or_below - 0.1, atol=1e-12)
        assert (np.abs(smooth.cdf(mine)[code] - at_or_below) > 1e-3).any()
