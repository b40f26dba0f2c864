"""What the fuzzer found: input that ended in words of other libraries, or in none."""

import sys
import warnings
from fractions import Fraction

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge

import sklearn_equity as se

RNG = np.random.default_rng(0)
TRUTH = RNG.uniform(30.0, 60.0, 60)
GUESS = TRUTH + RNG.normal(size=60)
WARD = np.repeat(["east", "west"], 30)


@pytest.mark.parametrize(
    "values",
    [
        [1.0, [2.0, 3.0]],
        [1.0, 10**400],
        np.rec.fromarrays([[1.0, 2.0], [1.0, 2.0]]),
        pl.DataFrame({"a": [1.0, 2.0]}).lazy(),
        np.longdouble("1e4000") * np.ones(2, dtype=np.longdouble),
    ],
    ids=["ragged", "too large an integer", "records", "lazy", "too long a double"],
)
def test_what_is_no_column_of_numbers_is_refused_by_name(values):
    with pytest.raises(ValueError, match="`values`"):
        se.gini(values)


@pytest.mark.parametrize(
    "labels", [3, object(), len], ids=["int", "object", "function"]
)
def test_labels_that_cannot_be_read_row_by_row_are_refused_by_name(labels):
    with pytest.raises(TypeError, match="`subgroups` must be an array of labels"):
        se.permutation_test(TRUTH, subgroups=labels)


def test_columns_of_one_name_are_refused_by_name():
    labels = pd.DataFrame(np.column_stack([WARD, WARD]), columns=["ward", "ward"])
    with pytest.raises(ValueError, match=r"`subgroups` .*each column; got - 'ward' 2"):
        se.subgroup_fidelity(TRUTH, GUESS, subgroups=labels)


def test_columns_named_by_numbers_are_columns():
    table = pd.DataFrame(np.column_stack([TRUTH, GUESS]))  # its columns are 0 and 1
    found = se.describe_subgroups(
        table, subgroups=WARD, n_permutations=20, random_state=0
    )
    assert set(found.variable) == {"0", "1"}
    codes = pd.DataFrame({0: np.arange(60) % 2, 1: np.arange(60) % 3})
    measured = se.subgroup_fidelity(
        TRUTH, GUESS, subgroups=codes, n_resamples=50, random_state=0
    )
    assert measured.subgroup == tuple((i, j) for i in range(2) for j in range(3))
    scanner = se.RuleScanner(min_subgroup_size=10, random_state=0).fit(
        table, np.abs(TRUTH - GUESS)
    )
    assert scanner.score_samples(table).shape == (60,)
    ready = se.attainable_fidelity(
        table, TRUTH, subgroups=WARD, n_resamples=50, random_state=0, cv=2
    )
    assert len(ready.estimate) == 2
    masks = pd.DataFrame({0: WARD == "east"})
    result = se.triage(table, TRUTH, GUESS, findings=masks, cv=2, random_state=0)
    assert result.to_columns()["finding"] == ["0"]


HUGE = np.where(np.arange(60) == 0, 1e160, TRUTH)


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: se.nrmse(HUGE, GUESS), "y_true"),
        (lambda: se.nrmse(TRUTH, HUGE), "y_pred"),
        (
            lambda: se.fidelity_change(TRUTH, HUGE, GUESS, subgroups={"ward": WARD}),
            "before",
        ),
        (lambda: se.no_harm_test(TRUTH, GUESS, HUGE, subgroups=WARD), "after"),
        (lambda: se.permutation_test(HUGE, subgroups=WARD), "values"),
        (lambda: se.RuleScanner().fit(HUGE[:, None], TRUTH, HUGE), "y_pred"),
    ],
    ids=["truth", "prediction", "before", "after", "values", "losses"],
)
def test_numbers_whose_squares_are_no_numbers_are_refused(call, name):
    with pytest.raises(ValueError, match=f"`{name}` must hold numbers below"):
        call()


@pytest.mark.parametrize("size", [1e-150, 1e150])
def test_weights_whose_sums_are_no_numbers_are_refused(size):
    weights = np.full(60, size)
    with pytest.raises(ValueError, match="`sample_weight` must have its largest"):
        se.subgroup_fidelity(TRUTH, GUESS, subgroups=WARD, sample_weight=weights)


def test_a_tolerance_of_any_number_is_a_number():
    half, a_half = (
        se.dataset_inequality(
            TRUTH,
            subgroups=WARD,
            compare=("east", "west"),
            threshold=40.0,
            bounds=(0.0, 100.0),
            tolerance=tolerance,
        )
        for tolerance in (0.5, Fraction(1, 2))
    )
    assert repr(a_half) == repr(half)
    assert a_half.rule == half.rule


def test_labels_too_large_to_compare_with_others_are_labels():
    found = se.permutation_test(
        TRUTH,
        subgroups=[np.float64(1.5), 10**400] * 30,
        n_permutations=20,
        random_state=0,
    )
    assert set(found.subgroup) == {1.5, 10**400}


def test_a_gap_that_is_no_number_is_refused():
    with pytest.raises(
        ValueError, match=r"`values` must have a finite gap; got -1e\+308 to 1e\+308"
    ):
        se.max_gap([-1e308, 1e308])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: se.generalized_entropy([1, 2], alpha="x"), "`alpha`"),
        (lambda: se.atkinson([1, 2], epsilon=(1,)), "`epsilon`"),
        (lambda: se.pareto_front({"mean_test_a": [1]}, metrics=len), "`metrics`"),
        (
            lambda: se.pareto_front({"mean_test_a": [1], "mean_test_b": [1, 2]}),
            "`cv_results` must have as many candidates",
        ),
        (lambda: se.pareto_front({"mean_test_a": "x"}), "`cv_results"),
        (
            lambda: se.fidelity_change(
                TRUTH, GUESS, GUESS, subgroups={"w": WARD}, metric="interval_coverage"
            ),
            "`metric` must take one prediction a row",
        ),
        (
            lambda: se.triage(TRUTH[:, None], TRUTH, GUESS, findings=1.0),
            "`findings`",
        ),
        (
            lambda: se.attainable_fidelity(
                TRUTH[:, None], TRUTH, subgroups=WARD, cv=iter([])
            ),
            "`cv` must hold out every row once; got no folds",
        ),
        (lambda: se.ErrorMap().fit([], []), "`X`|Expected 2D array"),
        (
            lambda: se.acquisition_plan(
                Ridge(), TRUTH[:, None], [*TRUTH[1:], [1.0, 2.0]], subgroups=WARD
            ),
            "`y` must be readable as an array",
        ),
        (
            lambda: se.no_harm_test(
                TRUTH, GUESS, np.rec.fromarrays([GUESS, GUESS]), subgroups=WARD
            ),
            "`after` must hold numbers; got records",
        ),
        (
            lambda: se.fidelity_change(
                b"numbers", GUESS, GUESS, subgroups={"w": WARD}, metric="bias"
            ),
            "`y_true`",
        ),
        (
            lambda: se.fidelity_of_table(
                pl.DataFrame({"t": TRUTH, "p": GUESS * 1e160, "w": WARD}).lazy(),
                y_true="t",
                y_pred="p",
                subgroups="w",
            ),
            "`y_true` and `y_pred` must hold numbers below 1e150",
        ),
        (
            lambda: se.excluded_who(
                TRUTH > 40.0, pd.DataFrame(np.ones((60, 2)), columns=["a", "a"])
            ),
            "`characteristics` must have a name of its own for each column",
        ),
        (
            lambda: se.remediation_path(
                se.SubgroupOversampler(Ridge()),
                TRUTH[:, None],
                TRUTH,
                subgroups=WARD,
                strengths=np.array(2.0),
            ),
            "`strengths` must list values",
        ),
        (
            lambda: se.attainable_fidelity(
                np.where(np.arange(60) == 0, 1e150, TRUTH)[:, None],
                TRUTH,
                subgroups=WARD,
                estimator=Ridge(),
                cv=2,
                random_state=0,
            ),
            r"`estimator.predict\(X\)` must hold numbers below",
        ),
        (
            lambda: se.describe_subgroups(np.ones((1001, 1)), subgroups=range(1001)),
            "`subgroups` must hold at most 1,000 different labels where all",
        ),
        (
            lambda: se.compare_deterioration(
                None,
                np.arange(64),
                subgroups=range(64),
                threshold=40.0,
                bounds=(0.0, 100.0),
                against="each other",
            ),
            "`subgroups` must make at most 2,000 comparisons; 64 labels .* make 2,016",
        ),
        (
            lambda: se.triage(
                np.ones((1001, 1)), np.ones(1001), np.zeros(1001), findings=range(1001)
            ),
            "`findings` must hold at most 1,000 different labels",
        ),
        (
            lambda: se.batches_of_table(pl.DataFrame({"a": [1]}), columns=0.5),
            "`columns` must list the names",
        ),
        (
            lambda: se.sample_table(pl.DataFrame({"a": [1]}), columns=[]),
            "`columns` must list the names",
        ),
        (
            lambda: se.sample_table(
                pl.DataFrame({"a": [1]}), columns=["a"], random_state="x"
            ),
            "`random_state` must be a whole number",
        ),
        (
            lambda: se.label_segments(
                pl.DataFrame({"a": [1]}), Ridge(), columns=["a"], name=1
            ),
            "`name` must be the name of a column",
        ),
        (
            lambda: se.DensityDisplay.from_values(range(201), subgroups=range(201)),
            "`subgroups` must be at most 200 to be drawn",
        ),
        (
            lambda: se.LocalExpertStack(Ridge()).fit([], []),
            "`X`|Expected 2D array",
        ),
        (
            lambda: se.remediation_path(
                se.SubgroupOversampler(Ridge()),
                TRUTH[:, None],
                TRUTH,
                subgroups=WARD,
                strengths=[2.0],
                under_served=0.5,
            ),
            "`under_served` must hold labels of subgroups",
        ),
        *(
            (
                lambda option=option: se.DeteriorationSums.from_arrays(
                    TRUTH, **{"threshold": 40.0, "bounds": (0.0, 100.0), **option}
                ),
                f"`{next(iter(option))}` must",
            )
            for option in (
                {"bounds": 0.5},
                {"bounds": np.array(["a"])},
                {"bounds": "no"},
                {"n_steps": (1,)},
                {"threshold": ()},
                {"threshold": None},
                {"threshold": {"east": "x"}},
                {"bandwidth": (1,)},
                {"direction": "up"},
                {"decision_threshold": "x"},
            )
        ),
        (
            lambda: se.ErrorMap(Ridge(), cv="x").fit(np.ones((60, 1)), TRUTH, GUESS),
            "`cv` must be a whole number",
        ),
        (
            lambda: se.label_segments(pl.DataFrame({"a": [1]}), None, columns=["a"]),
            "`segmenter` must have predict",
        ),
        (
            lambda: se.describe_subgroups(HUGE[:, None], subgroups=WARD),
            "`X` must hold numbers below",
        ),
        (
            lambda: se.equity_scorer(
                metric=int, greater_is_better=True, subgroups=lambda _: WARD
            )(Ridge().fit(TRUTH[:, None], TRUTH), TRUTH[:, None], TRUTH),
            "`metric` must tell what it takes",
        ),
        (
            lambda: se.ParetoDisplay.from_cv_results(
                {"mean_test_a": [1e308, 0.0], "mean_test_b": [0.0, 1.0]}
            ),
            "`cv_results` must hold numbers below",
        ),
        (
            lambda: se.audit_frame(
                pd.DataFrame(np.ones((60, 2)), columns=["a", "a"]),
                y_true="a",
                y_pred="a",
                subgroups="a",
            ),
            "`table` must have a name of its own for each column; got - 'a' 2 times",
        ),
        (
            lambda: se.acquisition_plan(
                Ridge(),
                TRUTH[:, None],
                TRUTH,
                subgroups=WARD,
                min_subgroup_size=b"x",
            ),
            "`min_subgroup_size` must be a whole number",
        ),
        (
            lambda: se.excluded_who([True, ("t", 1)] * 30, TRUTH),
            "`excluded` must be readable as an array",
        ),
        (
            lambda: se.excluded_who(TRUTH > 40.0, "table"),
            "`characteristics` must be a table or a mapping of names to columns",
        ),
        (
            lambda: se.RuleScanner(loss=int).fit(TRUTH[:, None], TRUTH, GUESS),
            "`loss` must return one number a row",
        ),
        (
            lambda: se.ErrorMap().fit(TRUTH[:, None], TRUTH * np.nan, GUESS),
            "`y` must not hold missing",
        ),
    ],
)
def test_refusals_name_the_argument(call, message):
    with pytest.raises((ValueError, TypeError), match=message):
        call()


def test_a_curve_without_a_point_is_drawn_empty():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", se.exceptions.SmallSubgroupWarning)
        display = se.ADCurveDisplay.from_predictions(
            np.linspace(0, 1, 60), TRUTH, threshold=50.0, bounds=(0.0, 100.0),
            subgroups=WARD, min_rows=1000,
        )  # fmt: skip
        display.figure_.canvas.draw()
    plt.close("all")
    assert not np.isfinite(display.lines_[0].get_ydata()).any()


def test_bands_of_numbers_whose_span_is_none_are_named():
    bands = se.QuantileBands(2).fit([-1e308, 0.5, 1e308])
    assert len(set(bands.labels_)) == 2


def test_an_estimator_that_is_not_fitted_says_so():
    with pytest.raises(NotFittedError):
        se.BoundedKDE().cdf([0.0])


@pytest.mark.parametrize(
    "column",
    [
        pl.Series([[1]] * 60),
        pl.Series([{"a": 1}] * 60),
        pl.Series([object() for _ in range(60)], dtype=pl.Object),
    ],
    ids=["lists", "records", "objects"],
)
def test_a_column_of_a_table_that_holds_no_labels_is_refused_by_name(column):
    table = pl.DataFrame({"truth": TRUTH, "guess": GUESS, "ward": column}).lazy()
    with pytest.raises(ValueError, match=r"`subgroups` \('ward'\) must hold one label"):
        se.fidelity_of_table(table, y_true="truth", y_pred="guess", subgroups="ward")


def test_a_column_is_named_by_text():
    table = pl.DataFrame({"truth": TRUTH, "guess": GUESS, "ward": WARD}).lazy()
    with pytest.raises(ValueError, match=r"`y_pred` names no column of the table"):
        se.fidelity_of_table(table, y_true="truth", y_pred={1}, subgroups="ward")


@pytest.mark.parametrize(
    "metric",
    ["brier", "nrmse", "r2", "roc_auc", "average_precision", "calibration_slope"],
)
def test_a_small_subgroup_takes_few_steps(metric):
    """So that 10,000 take seconds; steps are counted, as seconds are the machine's."""
    rng = np.random.default_rng(1)
    truth, guess = rng.integers(0, 2, 200), rng.uniform(0.01, 0.99, 200)
    ward = np.arange(200) % 100
    n_calls = 0

    def count(frame, event, argument):
        nonlocal n_calls
        n_calls += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        table = se.subgroup_fidelity(
            truth * 1.0, guess, subgroups=ward, metric=metric, n_resamples=50,
            min_subgroup_size=10, random_state=0,
        )  # fmt: skip
    finally:
        sys.setprofile(None)
    assert len(table.estimate) == 100
    assert n_calls < 350 * 100
