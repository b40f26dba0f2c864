"""Curves, fronts and changes are drawn where their results say."""

import numpy as np
import pytest
from matplotlib import pyplot as plt
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from sklearn_equity import (
    ADCurveDisplay,
    CalibrationByFeatureDisplay,
    DensityDisplay,
    LatentSpaceDisplay,
    LorenzDisplay,
    ParetoDisplay,
    RemediationEffectDisplay,
    RemediationPathDisplay,
    SubgroupOversampler,
    allocation_deterioration_curve,
    fidelity_change,
    fidelity_curve,
    inequality_index,
    remediation_path,
    subgroup_fidelity,
)
from sklearn_equity.report.displays._canvas import write_counted


@pytest.fixture(autouse=True)
def _drawn_in_memory():
    plt.switch_backend("agg")
    yield
    plt.close("all")


def _legend(display):
    return [text.get_text() for text in display.legend_.get_texts()]


# ---- fidelity along a characteristic ----------------------------------------------
@pytest.fixture(scope="module")
def old_and_young():
    rng = np.random.default_rng(41)
    age = rng.uniform(20, 80, size=600)
    return 40 + rng.normal(size=600) * age / 20, np.full(600, 40.0), age


def test_curve_and_band_are_those_of_the_result(old_and_young):
    curve = fidelity_curve(
        *old_and_young,
        metric="mae",
        span=1,
        n_points=20,
        n_resamples=50,
        random_state=0,
    )
    assert np.isfinite(curve.estimate).all()
    display = CalibrationByFeatureDisplay(curve).plot()
    assert display.line_.get_xdata().tolist() == curve.points.tolist()
    assert display.line_.get_ydata().tolist() == curve.estimate.tolist()
    corners = display.band_.get_paths()[0].vertices
    assert corners[:, 1].min() == curve.ci_low.min()
    assert corners[:, 1].max() == curve.ci_high.max()
    y_true, y_pred, _ = old_and_young
    overall = np.mean(np.abs(y_true - y_pred))
    assert display.overall_line_.get_ydata()[0] == pytest.approx(overall)
    assert _legend(display)[2] == (
        f"everybody: {overall:.3g} (95% interval {curve.overall_low:.3g} to "
        f"{curve.overall_high:.3g}), n = {len(y_true):,}"
    )


def test_curve_is_open_where_too_few_people_are_near(old_and_young):
    curve = fidelity_curve(
        *old_and_young, metric="mae", span=0.3, min_rows=90, random_state=0
    )
    assert 0 < np.isnan(curve.estimate).sum() < len(curve.points)
    display = CalibrationByFeatureDisplay(curve).plot()
    drawn = np.isnan(np.asarray(display.line_.get_ydata()))
    assert drawn.tolist() == np.isnan(curve.estimate).tolist()
    assert "gaps: not enough evidence near" in _legend(display)[1]


def test_no_line_and_no_band_lead_where_nobody_lives():
    rng = np.random.default_rng(3)
    y_true = rng.normal(50, 10, 2500)
    y_pred = y_true + rng.normal(0, 4, 2500)
    age = rng.gamma(6, 8, 2500)
    age = np.where(age < 40, age, age + 200)
    display = CalibrationByFeatureDisplay.from_predictions(
        y_true, y_pred, age, n_resamples=50, random_state=0
    )
    low, high = age[age < 100].max(), age[age > 100].min()
    drawn = display.line_.get_xydata()
    joined = np.isfinite(drawn).all(axis=1)
    pairs = joined[:-1] & joined[1:] & (drawn[:-1, 0] <= low) & (drawn[1:, 0] >= high)
    assert not pairs.any()
    for path in display.band_.get_paths():
        x = path.vertices[:, 0]
        assert x.max() <= low or x.min() >= high
    assert "gaps: not enough evidence near" in _legend(display)[1]


def test_curve_of_a_model_runs_along_a_column_by_name(old_and_young):
    pandas = pytest.importorskip("pandas")
    y_true, _, age = old_and_young
    X = pandas.DataFrame({"age in years": age})
    model = LinearRegression().fit(X, y_true)
    display = CalibrationByFeatureDisplay.from_estimator(
        model, X, y_true, feature="age in years", metric="mae", span=1, n_resamples=50
    )
    assert display.ax_.get_xlabel().startswith("age in years\n")
    expected = np.mean(np.abs(y_true - model.predict(X)))
    assert display.curve.overall == pytest.approx(expected)


# ---- Lorenz curve ------------------------------------------------------------------
def test_lorenz_curve_by_hand():
    display = LorenzDisplay.from_values([3.0, 1.0], quantity="error")
    assert display.line_.get_xdata().tolist() == [0.0, 0.5, 1.0]
    assert display.line_.get_ydata().tolist() == [0.0, 1 / 4, 1.0]
    assert _legend(display)[1] == "error of 2 subgroups: Gini 0.25"


def test_lorenz_curve_of_people_has_their_shares():
    display = LorenzDisplay.from_values([1.0, 3.0], sample_weight=[90, 10])
    assert display.line_.get_xdata() == pytest.approx([0.0, 0.9, 1.0])
    assert display.line_.get_ydata() == pytest.approx([0.0, 90 / 120, 1.0])
    assert "share of people" in display.ax_.get_xlabel()


@pytest.mark.parametrize("voice", ["subgroup", "person"])
def test_lorenz_curve_of_a_table_shows_both_indices_with_the_interval(voice):
    rng = np.random.default_rng(2)
    ward = np.repeat(np.arange(6), [20, 40, 60, 80, 100, 1])
    y_true = rng.uniform(30, 60, size=len(ward))
    y_pred = y_true + rng.normal(size=len(ward)) * (1 + ward)
    table = subgroup_fidelity(
        y_true, y_pred, subgroups=ward, n_resamples=50, random_state=0
    )
    display = LorenzDisplay.from_table(table, voice=voice)
    found = inequality_index(table, voice=voice)
    (text,) = _legend(display)[1:]
    assert text == (
        f"5 subgroups, 300 people: Gini {found.raw:.3g} with the noise,\n"
        f"{found.corrected:.3g} without (95% interval {found.ci_low:.3g} to "
        f"{found.ci_high:.3g})"
    )
    x, y = display.line_.get_data()
    under_the_curve = np.sum(np.diff(x) * (y[1:] + y[:-1]) / 2)
    assert 1 - 2 * under_the_curve == pytest.approx(found.raw)  # the Gini index


def test_lorenz_curve_of_a_model_is_that_of_its_table():
    pandas = pytest.importorskip("pandas")
    rng = np.random.default_rng(6)
    X = pandas.DataFrame({"x": rng.normal(size=300), "ward": np.resize([*"abc"], 300)})
    y = X["x"] + rng.normal(size=300) * (1 + (X["ward"] == "a"))
    model = make_pipeline(make_column_transformer(("passthrough", ["x"])), Ridge())
    model.fit(X, y)
    options = {"metric": "rmse", "n_resamples": 50, "random_state": 0}
    shown = LorenzDisplay.from_estimator(model, X, y, subgroups="ward", **options)
    table = subgroup_fidelity(y, model.predict(X), subgroups=X["ward"], **options)
    assert shown.gini == inequality_index(table, random_state=0).raw
    assert shown.quantity == "RMSE"


def test_lorenz_curve_of_equal_subgroups_shows_no_inequality_without_the_noise():
    ward = np.repeat(np.arange(5), 60)
    y_true = np.tile(np.linspace(30, 60, 60), 5)
    y_pred = y_true + np.tile(np.random.default_rng(9).normal(size=60), 5)
    table = subgroup_fidelity(
        y_true, y_pred, subgroups=ward, n_resamples=50, random_state=0
    )
    display = LorenzDisplay.from_table(table)
    assert "\nno inequality shown without (95% interval 0 to" in _legend(display)[1]


# ---- candidates of a search --------------------------------------------------------
def test_pareto_front_of_a_real_search():
    rng = np.random.default_rng(3)
    X = rng.normal(size=(80, 3))
    y = X[:, 0] + rng.normal(size=80)
    search = GridSearchCV(
        Ridge(),
        {"alpha": [0.1, 10.0, 1000.0]},
        scoring=("r2", "neg_mean_absolute_error"),
        refit="r2",
        cv=4,
    ).fit(X, y)
    results, best = search.cv_results_, search.best_index_
    display = ParetoDisplay.from_cv_results(results, picked=best)
    assert display.picked_.get_xdata()[0] == results["mean_test_r2"].max()
    folds = [results[f"split{i}_test_r2"][best] for i in range(4)]
    expected = np.std(folds, ddof=1) / np.sqrt(4)
    assert display.std_errors[best, 0] == pytest.approx(expected)
    shown = len(display.points_.get_xdata()) + len(display.front_.get_xdata())
    assert shown == 3


def test_beaten_candidates_lie_apart_and_those_without_scores_are_counted():
    display = ParetoDisplay.from_cv_results(
        {
            "split0_test_a": [3.0, 1.0, 2.0, np.nan],
            "mean_test_a": [3.0, 1.0, 2.0, np.nan],
            "mean_test_b": [1.0, 3.0, 0.5, 9.0],
        }
    )
    assert sorted(display.front_.get_xdata()) == [1.0, 3.0]
    assert display.points_.get_data() == ([2.0], [0.5])
    assert display.picked_ is None
    assert "1 without finite scores not shown" in display.ax_.get_xlabel()


def test_pareto_refuses_one_metric_and_a_pick_that_is_no_candidate():
    results = {"mean_test_a": [1.0], "mean_test_b": [2.0], "std_test_a": [0.1]}
    with pytest.raises(ValueError, match="`metrics` must name two of the search's"):
        ParetoDisplay.from_cv_results(results, metrics=["a"])
    with pytest.raises(ValueError, match="`picked` must be from 0 to 0; got 1"):
        ParetoDisplay.from_cv_results(results, picked=1)


# ---- allocation and deterioration --------------------------------------------------
def test_ad_curves_have_gaps_bands_and_the_decision_region():
    rng = np.random.default_rng(4)
    score = rng.beta(2, 4, size=800)
    ill = np.clip(100 * score + rng.normal(0, 20, size=800), 0, 120)
    ward = np.resize(["north", "south"], 800)
    curve = allocation_deterioration_curve(
        score, ill, subgroups=ward, threshold=50, bounds=(0, 120)
    )
    assert np.isnan(curve.deterioration).any()
    display = ADCurveDisplay(curve, decision_threshold=0.6).plot()
    for line, row in zip(display.lines_, curve.deterioration, strict=True):
        assert np.array_equal(line.get_ydata(), row, equal_nan=True)
    for band, high in zip(display.bands_, curve.ci_high, strict=True):
        top = max(path.vertices[:, 1].max() for path in band.get_paths())
        assert top == np.nanmax(high)
    box = display.region_.get_extents().transformed(display.ax_.transData.inverted())
    assert (box.x0, box.x1) == pytest.approx((0.6, 1.0))
    styles = {(line.get_linestyle(), line.get_marker()) for line in display.lines_}
    assert len(styles) == 2
    assert _legend(display)[0].startswith("north: 2")


def test_ad_curve_asks_a_model_for_its_score():
    rng = np.random.default_rng(10)
    X = rng.normal(size=(600, 2))
    ill = 50 + 10 * X[:, 0] + rng.normal(size=600)
    ward = np.resize(["north", "south"], 600)
    options = {"threshold": 50, "bounds": (0, 100)}
    classifier = LogisticRegression().fit(X, ill > 55)
    display = ADCurveDisplay.from_estimator(
        classifier, X, ill, subgroups=ward, **options
    )
    score = classifier.predict_proba(X)[:, 1]
    expected = allocation_deterioration_curve(score, ill, subgroups=ward, **options)
    assert display.curve.labels == ("north", "south")
    np.testing.assert_array_equal(display.curve.deterioration, expected.deterioration)
    regressor = LinearRegression().fit(X, ill)
    ranked = ADCurveDisplay.from_estimator(regressor, X, ill, scale="rank", **options)
    expected = allocation_deterioration_curve(
        regressor.predict(X), ill, scale="rank", **options
    )
    np.testing.assert_array_equal(ranked.curve.deterioration, expected.deterioration)


# ---- densities ----------------------------------------------------------------------
@pytest.fixture(scope="module")
def stays():
    rng = np.random.default_rng(6)
    days = np.concatenate([np.zeros(400), rng.exponential(10.0, size=1600)])
    return DensityDisplay.from_values(
        days,
        subgroups=np.resize(["north", "south"], 2000),
        edges=[5, 20, np.inf],
        bounds=(0, None),
        quantity="days in hospital",
    )


def test_regions_hold_the_shares_that_theory_gives(stays):
    beyond = 0.8 * np.exp(-np.array([0.5, 2.0]))  # 4 of 5 stay exponentially long
    expected = [beyond[0] - beyond[1], beyond[1]]
    for row in stays.probabilities_:  # three standard errors of a share of 1,000
        assert row == pytest.approx(expected, abs=0.045)
    assert len(stays.regions_) == 4
    lines = [line.get_xdata()[0] for line in stays.threshold_lines_]
    assert lines == [5.0, 20.0]


def test_the_area_under_a_region_is_its_share(stays):
    x, y = stays.lines_[0].get_data()
    inside = (x >= 5) & (x <= 20)
    area = np.sum(np.diff(x[inside]) * (y[inside][1:] + y[inside][:-1]) / 2)
    assert area == pytest.approx(stays.probabilities_[0, 0], abs=0.01)


def test_people_at_a_single_value_stand_apart_from_the_density(stays):
    assert 0.0 not in stays.lines_[0].get_xdata()
    masses = stays.points_ax_.get_lines()
    assert [line.get_xdata().tolist() for line in masses] == [[0.0], [0.0]]
    assert [line.get_ydata()[0] for line in masses] == pytest.approx([0.2, 0.2])


def test_density_says_how_many_people_it_rests_on(stays):
    assert _legend(stays)[0].startswith("north: n = 1,000\nin the regions: ")


def test_a_density_has_the_band_of_its_people(stays):
    low, high = stays.densities[0].pdf_interval([10.0], random_state=0)
    corners = stays.bands_[0].get_paths()[0].vertices
    x = stays.lines_[0].get_xdata()
    nearest = x[np.argmin(np.abs(x - 10.0))]
    ends = np.unique(corners[corners[:, 0] == nearest, 1])
    assert ends == pytest.approx([low[0], high[0]], rel=0.05)
    assert stays.legend_.get_title().get_text().startswith("bands: 95% intervals")


def test_a_density_of_fewer_people_has_a_wider_band():
    values = np.random.default_rng(4).normal(size=1050)
    display = DensityDisplay.from_values(
        values, subgroups=np.repeat(["few", "many"], [50, 1000])
    )
    areas = [
        np.ptp(band.get_paths()[0].vertices[:, 1]) - line.get_ydata().max()
        for band, line in zip(display.bands_, display.lines_, strict=True)
    ]
    assert areas[0] > 2.0 * areas[1] > 0.0


def test_rounded_values_are_drawn_as_the_density_they_come_from():
    """HbA1c is reported in tenths of a per cent; between them nobody is."""
    rng = np.random.default_rng(12)
    exact = rng.normal(38.0, 6.0, size=800)
    rounded = 10.93 * np.round((exact - 23.5) / 10.93, 1) + 23.5
    display = DensityDisplay.from_values(rounded, edges=[36, 48], bounds=(0, None))
    x, y = display.lines_[0].get_data()
    assert display.densities[0].lattice_[1] == pytest.approx(1.093)
    near = np.abs(x - 38.0) < 8.0
    truth = np.exp(-(((x - 38.0) / 6.0) ** 2) / 2.0) / (6.0 * np.sqrt(2.0 * np.pi))
    assert near.sum() > 10
    assert y[near] == pytest.approx(truth[near], rel=0.2)


def test_shares_in_regions_have_wilsons_intervals():
    values = np.repeat([1.0, 5.0], [30, 10])
    display = DensityDisplay.from_values(values, edges=[4, 6], discrete=True)
    z, n, share = 1.959964, 40, 10 / 40
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    reach = np.sqrt(share * (1 - share) / n + (z / (2 * n)) ** 2) * z / (1 + z**2 / n)
    assert display.probabilities_[0, 0] == pytest.approx(share)
    expected = [middle - reach, middle + reach]
    assert display.intervals_[0, 0] == pytest.approx(expected)
    assert "in the regions: 25.0% (14.2 to 40.2)" in _legend(display)[0]


def test_density_without_point_masses_or_thresholds_has_one_axes():
    rng = np.random.default_rng(7)
    display = DensityDisplay.from_values(rng.normal(size=200))
    assert display.points_ax_ is None
    assert display.regions_ == []
    assert _legend(display) == ["everybody: n = 200"]


# ---- latent plane ------------------------------------------------------------------
def test_cells_count_people_and_few_are_hatched():
    plane = np.repeat([[0.0, 0.0], [1.0, 1.0], [2.0, 0.0]], [40, 7, 4], axis=0)
    display = LatentSpaceDisplay(plane).plot()
    assert sorted(display.cells_.get_array()) == [7, 40]  # four are too few
    assert sorted(display.n_) == [7, 40]
    assert display.half_widths_ is None
    (few,) = display.few_cells_.get_offsets()
    assert few == pytest.approx([2.0, 0.0], abs=0.1)
    assert display.few_cells_.get_hatch()
    assert display.few_cells_.get_array() is None  # no colour tells their number
    assert display.outlines_ == []
    expected = "n = 51\nhatched: fewer than 5 people, insufficient"
    assert expected in display.ax_.get_xlabel()


def test_cells_show_the_mean_of_a_value_of_how_many_people_and_how_sure():
    plane = np.repeat([[0.0, 0.0], [1.0, 1.0]], [6, 7], axis=0)
    error = [1, 2, 3, 4, 5, 6, 0, 0, 0, 0, 0, 0, 7]
    display = LatentSpaceDisplay(plane, values=error, quantity="error in mg").plot()
    assert sorted(display.cells_.get_array()) == pytest.approx([1.0, 3.5])
    # Student's tables: 2.571 with 5 degrees of freedom, 2.447 with 6.
    halves = [2.571 * np.sqrt(3.5 / 6), 2.447 * np.sqrt(7.0 / 7)]
    assert sorted(display.half_widths_) == pytest.approx(sorted(halves), rel=1e-3)
    assert display.colorbar_.ax.get_ylabel() == (
        "mean of error in mg\n6 to 7 people a cell; 95% intervals:\n"
        "±2.2 in half of them, ±2.4 at most"
    )
    assert "hatched" not in display.ax_.get_xlabel()


def test_a_plane_on_which_no_cell_has_enough_people_says_so():
    display = LatentSpaceDisplay(np.eye(2), values=[1.0, 2.0]).plot()
    assert len(display.few_cells_.get_offsets()) == 2
    assert display.colorbar_.ax.get_ylabel() == "no cell has enough people"
    display.figure_.canvas.draw()


def test_the_worst_segment_is_outlined_by_its_people():
    rng = np.random.default_rng(8)
    segments = np.repeat([0, 1], [100, 104])
    plane = rng.uniform(size=(204, 2))
    plane[100:] += 5.0
    plane[-4:] = [[4, 4], [4, 7], [7, 7], [7, 4]]  # around the others of segment 1
    y_true = rng.uniform(30, 60, size=204)
    y_pred = y_true + rng.normal(size=204) * np.where(segments == 1, 9, 3)
    table = subgroup_fidelity(
        y_true, y_pred, subgroups={"segment": segments}, n_resamples=50, random_state=0
    )
    display = LatentSpaceDisplay(
        plane, segments=segments, table=table, n_worst=1
    ).plot()
    (line,) = display.outlines_
    corners = {tuple(map(float, corner)) for corner in line.get_xydata()}
    assert corners == {(4.0, 4.0), (4.0, 7.0), (7.0, 7.0), (7.0, 4.0)}
    worst = table.worst()
    assert _legend(display) == [
        f"segment = 1: {worst.estimate[0]:.3g} ({worst.ci_low[0]:.3g} to "
        f"{worst.ci_high[0]:.3g}), n = 104, under-served"
    ]


def test_a_segment_of_two_or_in_one_line_has_an_outline():
    for n_worst_people in (2, 12):
        segments = np.repeat([0, 1], [100, n_worst_people])
        plane = np.arange(2.0 * len(segments)).reshape(-1, 2)
        y_true = np.linspace(30, 60, len(segments))
        y_pred = y_true + np.resize([-1, 1], len(segments)) * (1 + 8 * segments)
        table = subgroup_fidelity(
            y_true, y_pred, subgroups=segments, n_resamples=50, random_state=0
        )
        display = LatentSpaceDisplay(plane, segments=segments, table=table).plot()
        assert len(display.outlines_) == 2


def test_latent_plane_refuses_what_it_cannot_draw():
    with pytest.raises(ValueError, match=r"must have two columns.*shape \(4, 3\)"):
        LatentSpaceDisplay(np.zeros((4, 3)))
    with pytest.raises(ValueError, match="`segments` and `table` belong together"):
        LatentSpaceDisplay(np.zeros((4, 2)), segments=[0, 0, 1, 1])


# ---- a remedy ----------------------------------------------------------------------
def test_changes_and_their_intervals_are_drawn_by_verdict():
    rng = np.random.default_rng(5)
    ward = np.repeat(["east", "north", "south"], [200, 200, 10])
    y_true = rng.uniform(30, 60, size=410)
    before = y_true + rng.normal(0, 3, size=410)
    after = np.where(ward == "east", (y_true + before) / 2, 2 * before - y_true)
    options = {"subgroups": {"ward": ward}, "metric": "rmse"}
    change = fidelity_change(y_true, before, after, **options)
    display = RemediationEffectDisplay.from_predictions(
        y_true, before, after, **options
    )
    rmse = {
        name: np.sqrt(np.mean((before - y_true)[ward == name] ** 2))
        for name in ("east", "north")
    }
    better = dict(zip(*display.points_["better"].get_data()[::-1], strict=True))
    worse = dict(zip(*display.points_["worse"].get_data()[::-1], strict=True))
    assert better[1] == pytest.approx(-rmse["east"] / 2)
    assert worse[2] == pytest.approx(rmse["north"])
    assert display.points_["insufficient evidence"].get_ydata().tolist() == [3]
    (bars,) = display.errorbar_["better"].lines[2]
    ends = bars.get_segments()[0][:, 0]
    assert ends == pytest.approx([change.ci_low[1], change.ci_high[1]])
    names = [label.get_text() for label in display.ax_.get_yticklabels()]
    assert names[0] == "everybody, n = 410"
    assert names[3] == "ward = south, n = 10"


def test_repeated_trials_stand_beside_the_first_one():
    pandas = pytest.importorskip("pandas")
    rng = np.random.default_rng(17)
    ward = np.repeat(["A", "B"], [600, 200])
    X = pandas.DataFrame({"x": rng.uniform(0, 200, size=800), "ward": ward})
    y = 10 + np.where(ward == "A", 2, 1) * X["x"] + rng.normal(size=800)
    model = make_pipeline(make_column_transformer(("passthrough", ["x"])), Ridge())
    remedied = SubgroupOversampler(
        model, segmenter="ward", under_served=["B"], multiplier=20, random_state=0
    )
    display = RemediationEffectDisplay.from_estimator(
        model,
        remedied,
        X,
        y,
        subgroups="ward",
        metric="rmse",
        n_trials=4,
        random_state=0,
    )
    assert len(display.trials) == 3
    changes, rows = display.trials_.get_data()
    by_row = dict.fromkeys(np.round(rows), 0)
    for row, change in zip(np.round(rows), changes, strict=True):
        by_row[row] += change / 3
    assert by_row[2.0] < 0 < by_row[1.0]  # B gains, A pays, in every trial
    assert "3 other trials" in _legend(display)
    once = RemediationEffectDisplay(display.change).plot()
    assert once.trials_ is None


def test_trials_of_another_metric_are_refused():
    y, before = np.arange(80.0), np.arange(80.0) + np.resize([1, -1], 80)
    options = {"subgroups": {"all": ["a"] * 80}}
    one = fidelity_change(y, before, y, metric="rmse", **options)
    other = fidelity_change(y, before, y, metric="mae", **options)
    with pytest.raises(ValueError, match="`trials` must measure what `change` does"):
        RemediationEffectDisplay(one, trials=[other])


# ---- a remedy by its strength -----------------------------------------------------
@pytest.fixture(scope="module")
def path_of_one_line():
    ward = np.repeat(["A", "B"], [600, 200])
    X = np.tile(np.arange(200.0), 4)[:, None]
    y = 10 + np.where(ward == "A", 2, 1) * X[:, 0]
    return remediation_path(
        SubgroupOversampler(LinearRegression(), random_state=0),
        X,
        y,
        subgroups=ward,
        strengths=[2, 4],
        random_state=0,
    )


def test_path_is_drawn_where_it_says(path_of_one_line):
    display = RemediationPathDisplay(path_of_one_line).plot()
    for name in ("overall", "base", "under_served"):
        drawn = display.lines_[name].get_ydata()
        assert drawn.tolist() == getattr(path_of_one_line, name).tolist()
        level = display.plain_lines_[name].get_ydata()[0]
        assert level == getattr(path_of_one_line, name)[0]
    n = path_of_one_line.n
    assert _legend(display) == [
        f"everybody, n = {n[0]}",
        f"base: the others, n = {n[1]}",
        f"under-served, told on the training rows, n = {n[2]}",
    ]


def test_path_has_intervals_and_the_region_without_harm(path_of_one_line):
    figures = vars(path_of_one_line) | {"verdict": ("plain", "no harm", "harms some")}
    display = RemediationPathDisplay(type(path_of_one_line)(**figures)).plot()
    (bars,) = display.errorbar_["under_served"].lines[2]
    ends = [segment[:, 1].tolist() for segment in bars.get_segments()]
    low, high = path_of_one_line.ci_low[2], path_of_one_line.ci_high[2]
    assert np.ravel(ends) == pytest.approx(np.column_stack([low, high]).ravel())
    assert (low < path_of_one_line.under_served).all()
    (region,) = display.no_harm_regions_
    assert (region.get_x(), region.get_width()) == (0.5, 1.0)
    assert _legend(display)[-1] == "harm excluded for every subgroup"


def test_path_of_words_and_of_silence_says_which_and_how_many(path_of_one_line):
    coverage = path_of_one_line.coverage.copy()
    coverage[:, 2] = 0.75
    figures = vars(path_of_one_line) | {
        "strength": np.array([np.nan, "weight", "synthetic"], dtype=object),
        "coverage": coverage,
    }
    display = RemediationPathDisplay(type(path_of_one_line)(**figures)).plot()
    said = [label.get_text() for label in display.ax_.get_xticklabels()]
    assert [text.split("\n")[0] for text in said] == ["plain", "weight", "synthetic"]
    assert ["75% get a\nprediction" in text for text in said] == [False, False, True]


@pytest.mark.parametrize("n_models", [2, 4])
def test_legend_of_a_path_is_inside_the_figure(n_models, path_of_one_line):
    figures = {
        name: value[..., [0, *[1] * (n_models - 1)]]
        for name, value in vars(path_of_one_line).items()
        if isinstance(value, np.ndarray)
    }
    path = type(path_of_one_line)(
        **vars(path_of_one_line)
        | figures
        | {"verdict": ("plain", *["no harm"] * (n_models - 1)), "n": (10**9,) * 3}
    )
    display = RemediationPathDisplay(path).plot()
    display.figure_.canvas.draw()
    box = display.legend_.get_window_extent()
    assert box.x0 >= 0
    assert box.x1 <= display.figure_.bbox.width


def test_path_names_levelling_down_under_its_strength(path_of_one_line):
    _, ax = plt.subplots()
    display = RemediationPathDisplay(path_of_one_line).plot(ax=ax)
    assert display.ax_ is ax
    ticks = [text.get_text() for text in ax.get_xticklabels()]
    assert ticks[0].startswith("plain\nGini ")
    assert ticks[1].startswith("2\nGini ")
    assert ticks[1].endswith("levelling\ndown")


def test_values_that_have_no_density_are_refused_with_a_true_message():
    with pytest.raises(ValueError, match=r"`values`.*'everybody', no others than 1\."):
        DensityDisplay.from_values(np.ones(40))


def test_no_number_shares_a_line_with_a_label_read_from_right_to_left():
    score = np.linspace(0, 1, 400)
    for labels in (["\u05d0\u05d1", "\u05d2"], ["\u0623\u0628", "east"]):
        ward = np.resize(labels, 400)
        display = ADCurveDisplay.from_predictions(
            score, 100 * score, subgroups=ward, threshold=50, bounds=(0, 100)
        )
        density = DensityDisplay.from_values(score, subgroups=ward)
        for text in [*_legend(display), *_legend(density)]:
            for line in text.split("\n"):
                leftwards = any("\u0590" <= letter <= "\u06ff" for letter in line)
                assert not (leftwards and any(map(str.isdigit, line)))
    assert write_counted("\u05d0", 7) == "\u05d0\nn = 7"
    assert write_counted("a", 7) == "a, n = 7"
