"""By whose size an error is divided: own, everybody's, given."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sklearn_equity.fidelity import nrmse, subgroup_fidelity


def cohort(seed=0, n_rows=300):
    rng = np.random.default_rng(seed)
    ward = rng.choice(["east", "north", "west"], n_rows)
    y_true = rng.gamma(9.0, np.where(ward == "west", 6.0, 4.0))
    return y_true, y_true + rng.normal(0.0, 3.0, n_rows), ward


def audit(y_true, y_pred, ward, **options):
    options = {"n_resamples": 60, "random_state": 0, **options}
    return subgroup_fidelity(y_true, y_pred, subgroups=ward, **options)


@pytest.mark.parametrize(
    "normalization", ["mean", "std", "iqr", "range", "max", np.median]
)
def test_everybodys_divisor_is_that_of_nrmse_over_everybody(normalization):
    y_true, y_pred, ward = cohort()
    table = audit(
        y_true, y_pred, ward, normalization=normalization, reference="overall"
    )
    divisor = nrmse(y_true, y_pred, normalization=None) / nrmse(
        y_true, y_pred, normalization=normalization
    )
    plain = audit(y_true, y_pred, ward, metric="rmse")
    assert_allclose(table.estimate, plain.estimate / divisor, rtol=1e-12)
    assert_allclose(table.overall.estimate, plain.overall.estimate / divisor)
    assert "everybody's target" in table.metric


def test_weights_count_in_everybodys_mean():
    y_true, y_pred, ward = cohort()
    weights = np.where(ward == "west", 3.0, 1.0)
    options = {"sample_weight": weights, "n_resamples": 60}
    table = audit(y_true, y_pred, ward, reference="overall", **options)
    plain = audit(y_true, y_pred, ward, metric="rmse", **options)
    mean = np.average(y_true, weights=weights)
    assert_allclose(table.estimate, plain.estimate / mean)


def test_divisors_by_label_and_by_row_are_the_same():
    y_true, y_pred, ward = cohort()
    attainable = {"east": 2.0, "north": 2.5, "west": 4.0, "elsewhere": 1.0}
    by_label = audit(y_true, y_pred, ward, normalization=attainable)
    by_row = audit(y_true, y_pred, ward, normalization=[attainable[w] for w in ward])
    plain = audit(y_true, y_pred, ward, metric="rmse")
    for table in (by_label, by_row):
        assert_allclose(table.estimate, plain.estimate / [2.0, 2.5, 4.0], rtol=1e-12)
        assert_allclose(table.std_error, plain.std_error / [2.0, 2.5, 4.0])
    assert by_label.metric == "NRMSE (RMSE / divisors given)"
    # The pool of errors is that of the scaled ones: equal up to what shrinking does.
    assert_allclose(by_label.ci_high, plain.ci_high / [2.0, 2.5, 4.0], rtol=0.05)


def test_own_divisor_is_the_default():
    y_true, y_pred, ward = cohort()
    table = audit(y_true, y_pred, ward)
    west = ward == "west"
    assert_allclose(table.estimate[2], nrmse(y_true[west], y_pred[west]), rtol=1e-12)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"reference": "all"}, '`reference` must be "subgroup" or "overall"; got .all'),
        ({"reference": "overall", "metric": "mae"}, "need metric=\"nrmse\".*'mae'"),
        (
            {"normalization": {"east": 1.0}},
            "for every subgroup; it has none for 2",
        ),
        ({"normalization": [1.0, 2.0]}, r"`normalization` must have one value per row"),
        (
            {"normalization": {"east": 1.0, "north": 0.0, "west": 1.0}},
            "`normalization` must hold positive divisors; got .* others, the least 0",
        ),
        (
            {"normalization": np.ones(300), "reference": "overall"},
            'need metric="nrmse", and one of the two',
        ),
    ],
)
def test_refused_scales(options, message):
    with pytest.raises(ValueError, match=message):
        audit(*cohort(), **options)


def test_divisors_by_label_want_one_grouping_and_all_labels():
    y_true, y_pred, ward = cohort()
    scales = {"east": 1.0, "north": 1.0, "west": 1.0}
    with pytest.raises(ValueError, match="needs a single grouping; got 2"):
        audit(y_true, y_pred, {"a": ward, "b": ward}, normalization=scales)
    holes = np.where(np.arange(300) < 3, None, ward.astype(object))
    with pytest.raises(ValueError, match="needs a label for every row"):
        audit(y_true, y_pred, holes, normalization=scales, missing="drop")


def test_a_target_of_no_size_is_refused():
    ward = np.repeat(["east", "west"], 20)
    with pytest.raises(ValueError, match="its std is not positive"):
        audit(
            np.full(40, 5.0),
            np.arange(40.0),
            ward,
            normalization="std",
            reference="overall",
        )
