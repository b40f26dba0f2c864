"""Curves, fronts and changes are drawn where their results say."""

from dataclasses import replace

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


def test_every_candidate_has_its_bars_those_of_the_beaten_lighter():
    results = {
        "split0_test_a": [1.0, 2.0, 0.0],
        "split1_test_a": [3.0, 2.0, 0.0],
        "mean_test_a": [2.0, 2.0, 0.0],
        "std_test_a": [1.0, 0.0, 0.5],
        "mean_test_b": [1.0, 0.5, 0.2],
        "std_test_b": [0.1, 0.2, 0.3],
    }
    display = ParetoDisplay.from_cv_results(results)
    assert display.front.tolist() == [0]
    ends = {}
    for bars in (display.errorbar_, display.beaten_errorbar_):
        across, _ = bars.lines[2]
        ends[bars] = [segment[:, 0].tolist() for segment in across.get_segments()]
    assert ends[display.errorbar_] == [[1.0, 3.0]]  # std / sqrt(2 folds - 1)
    assert ends[display.beaten_errorbar_] == [[2.0, 2.0], [-0.5, 0.5]]
    shades = [bars.lines[2][0].get_color()[0] for bars in ends]
    assert shades[0][0] < shades[1][0]  # darker, lighter
    without = {name: value for name, value in results.items() if "std" not in name}
    unknown = ParetoDisplay.from_cv_results(without)
    assert "errors unknown" in unknown.ax_.get_xlabel()


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
    for name, n, text in zip(["north", "south"], curve.n, _legend(display)[:2],
                             strict=True):  # fmt: skip
        near = n[n >= 20]
        covered = f"{len(near) / 100:.0%} covered"
        assert text == (
            f"{name}: n = 400, {near.min()} to {near.max()} people a point, {covered}"
        )


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


# ---- many densities ----------------------------------------------------------------
def _many_wards(n_wards, **options):
    rng = np.random.default_rng(31)
    ward = np.repeat([f"ward {i:02d}" for i in range(n_wards)], 40)
    days = rng.exponential(10.0, size=len(ward)) + np.where(ward == "ward 03", 15, 0)
    return days, ward, DensityDisplay.from_values(days, subgroups=ward, **options)


def test_many_densities_stand_in_rows_of_one_scale_in_their_order():
    days, ward, display = _many_wards(9, edges=[20, np.inf])
    ticks = [text.get_text() for text in display.ax_.get_yticklabels()]
    assert ticks == [f"ward {i:02d}, n = 40" for i in range(9)]
    tops = []
    for row, line in enumerate(display.lines_):
        x, y = line.get_data()
        assert -row <= y.min() < y.max() < 1 - row  # each in a row of its own
        tops.append((y.max() + row) / display.densities[row].pdf(x).max())
    assert tops == pytest.approx([tops[0]] * 9)  # one scale
    assert len({(line.get_color(), line.get_linestyle()) for line in display.lines_})
    shares = [np.mean(days[ward == f"ward {i:02d}"] >= 20) for i in range(9)]
    assert display.probabilities_[:, 0] == pytest.approx(shares, abs=0.08)
    assert np.argmax(display.probabilities_[:, 0]) == 3
    right = [text.get_text() for text in display.ax_.child_axes[0].get_yticklabels()]
    low, high = 100 * display.intervals_[3, 0]
    share = 100 * display.probabilities_[3, 0]
    assert right[3] == f"{share:.1f}% ({low:.1f} to {high:.1f})"


def test_the_others_in_grey_are_all_but_the_subgroup_itself():
    values = np.concatenate([np.linspace(0, 1, 40), np.linspace(10, 11, 60)])
    labels = np.repeat(["low", "high"], [40, 60])
    display = DensityDisplay.from_values(values, subgroups=labels, layout="rows")
    of_high, of_low = (shape.get_paths()[0].vertices for shape in display.others_)
    at_others = of_high[of_high[:, 1] > of_high[:, 1].min() + 0.2, 0]
    assert at_others.max() < 5  # behind "high" is "low", and nothing of its own
    at_others = of_low[of_low[:, 1] > of_low[:, 1].min() + 0.2, 0]
    assert at_others.min() > 5


def test_a_few_densities_stand_together_and_more_than_seven_cannot():
    assert not _many_wards(4)[2].others_
    assert len(_many_wards(5)[2].others_) == 5
    with pytest.raises(ValueError, match=r"'rows' for more than 7.*'together' for 8"):
        _many_wards(8, layout="together")
    with pytest.raises(ValueError, match=r"`layout` must be one of .*got 'grid'"):
        _many_wards(2, layout="grid")


def test_a_subgroup_of_too_few_has_a_row_and_no_density():
    values = np.random.default_rng(5).normal(size=179)
    labels = np.repeat([*"abcdef"], [40, 40, 40, 40, 15, 4])
    display = DensityDisplay.from_values(values, subgroups=labels, min_people=10)
    drawn = [len(line.get_xdata()) for line in display.lines_]
    assert [n > 0 for n in drawn] == [True] * 5 + [False]
    assert [text.get_text() for text in display.ax_.texts] == ["too few people"]
    assert display.ax_.get_yticklabels()[5].get_text() == "f, n = 4"


def test_no_curve_is_cut_in_rows_and_bands_that_are_are_said():
    rng = np.random.default_rng(8)
    values = np.concatenate([rng.normal(0, 10, 250), rng.normal(0, 0.2, 50)])
    labels = np.concatenate([np.resize([*"abcde"], 250), np.repeat("peaked", 50)])
    display = DensityDisplay.from_values(values, subgroups=labels)
    assert "bands are cut off where" in display.legend_.get_title().get_text()
    assert display.bands_[5].get_paths()[0].vertices[:, 1].max() == pytest.approx(-4.03)
    heights = [line.get_ydata() + row for row, line in enumerate(display.lines_)]
    peaks = [kde.pdf(display.grid).max() for kde in display.densities]
    # one scale for all: heights are to each other as the densities are
    assert [h.max() / heights[5].max() for h in heights] == pytest.approx(
        [peak / peaks[5] for peak in peaks]
    )


# ---- empty pictures say why --------------------------------------------------------
def _note(display):
    assert display.empty_note_ in display.ax_.texts
    return display.empty_note_.get_text().replace("\n", " ")


def test_values_that_have_no_density_say_so_where_it_would_be():
    display = DensityDisplay.from_values(np.ones(40))
    assert _note(display) == (
        "Nothing to draw: all people are at single values (1), where there is no "
        "density: count them."
    )
    assert display.points_ax_.get_lines()[0].get_ydata().tolist() == [1.0]
    for layout in ("together", "rows"):
        few = DensityDisplay.from_values(np.arange(12.0), layout=layout)
        assert "every subgroup has fewer than 20 people" in _note(few)
        assert few.lines_[0].get_xdata().size == 0


def test_a_curve_nowhere_of_enough_people_says_so():
    score = np.linspace(0, 1, 12)
    display = ADCurveDisplay.from_predictions(
        score, 100 * score, threshold=50, bounds=(0, 100)
    )
    assert _note(display) == (
        "Nothing to draw: no score has 20 people of one subgroup near."
    )
    assert _legend(display) == ["all: n = 12; too few people near any score"]


def test_fidelity_that_nobody_can_tell_says_so(old_and_young):
    display = CalibrationByFeatureDisplay.from_predictions(
        *(column[:30] for column in old_and_young), min_rows=40, n_resamples=50
    )
    assert "nowhere are enough people near to tell; n = 30" in _note(display)


def test_candidates_without_scores_say_so():
    nothing = [np.nan, np.nan]
    display = ParetoDisplay.from_cv_results({"mean_test_a": nothing,
                                             "mean_test_b": nothing})  # fmt: skip
    assert _note(display) == "Nothing to draw: no candidate has finite scores."


def test_changes_and_estimates_that_are_unknown_say_so():
    y = np.array([1.0, 2.0])
    change = fidelity_change(y, y + 1, y, subgroups={"ward": ["a", "b"]}, metric="r2")
    unknown = replace(change, change=np.full(3, np.nan))
    display = RemediationEffectDisplay(unknown).plot()
    assert _note(display).startswith("Nothing to draw: no subgroup's change")
    names = [label.get_text() for label in display.ax_.get_yticklabels()]
    assert names[1] == "ward = a, n = 1; no estimate"
    drawn = RemediationEffectDisplay.from_predictions(
        np.arange(60.0), np.ones(60), np.arange(60.0), subgroups={"all": ["a"] * 60}
    )
    assert drawn.empty_note_ is None


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
        table = replace(table, verdict=("under-served", "under-served"))
        display = LatentSpaceDisplay(plane, segments=segments, table=table).plot()
        assert len(display.outlines_) == 2


def _table_of_three(*verdicts):
    segments = np.repeat([0, 1, 2], 100)
    plane = np.random.default_rng(8).normal(size=(300, 2)) + 6 * segments[:, None]
    y_true = np.linspace(30, 60, 300)
    y_pred = y_true + np.resize([-1, 1], 300) * (1 + segments)
    table = subgroup_fidelity(
        y_true, y_pred, subgroups={"segment": segments}, metric="mae", random_state=0
    )
    return plane, segments, replace(table, verdict=verdicts)


@pytest.mark.parametrize(
    ("verdicts", "outlined", "said"),
    [
        (("served", "under-served", "insufficient evidence"), ["1"],
         "outlined: shown to be under-served"),
        (("served", "served", "insufficient evidence"), [],
         "no segment is shown to be under-served"),
        (("insufficient evidence",) * 3, ["2", "1"],
         "insufficient evidence on all; the 2 worst estimates"),
        (("under-served",) * 3, ["2", "1"],
         "outlined: shown to be under-served, the worst 2 of 3"),
    ],
)  # fmt: skip
def test_only_the_under_served_are_outlined_or_the_legend_says_whom(
    verdicts, outlined, said
):
    plane, segments, table = _table_of_three(*verdicts)
    display = LatentSpaceDisplay(
        plane, segments=segments, table=table, n_worst=2
    ).plot()
    assert len(display.outlines_) == len(outlined)
    names = [text.partition(":")[0] for text in _legend(display)]
    assert names == [f"segment = {label}" for label in outlined]
    assert display.legend_.get_title().get_text().partition("\n")[0] == said


def test_cells_show_the_segment_of_most_people_where_there_are_no_errors():
    plane = np.repeat([[0.0, 0.0], [4.0, 4.0], [8.0, 0.0]], [9, 8, 7], axis=0)
    segments = np.array(["a"] * 6 + ["b"] * 3 + ["b"] * 8 + ["c"] * 7)
    display = LatentSpaceDisplay(plane, segments=segments).plot()
    places = np.asarray(display.cells_.get_offsets())
    of_cell = dict(zip(np.round(places[:, 0]), display.cells_.get_array(),
                       strict=True))  # fmt: skip
    assert len(set(of_cell.values())) == 3
    where = {text.get_text(): text.get_position()[0] for text in display.names_}
    assert sorted(where) == ["a", "b", "c"]
    assert where["a"] < where["b"] < where["c"]
    assert _legend(display) == ["a, n = 6", "b, n = 11", "c, n = 7"]
    assert display.colorbar_ is None


def test_fifty_segments_have_neighbours_of_other_shades():
    across = np.arange(50.0)
    plane = np.repeat(np.column_stack([across % 10, across // 10]), 40, axis=0)
    plane = plane + np.random.default_rng(2).uniform(-0.5, 0.5, size=plane.shape)
    display = LatentSpaceDisplay(plane, segments=np.repeat(np.arange(50), 40)).plot()
    assert _legend(display)[0].startswith("50 segments, of 40 to 40 people")
    assert len(display.names_) > 25
    shade = dict(zip(map(tuple, display.cells_.get_offsets()),
                     display.cells_.get_array(), strict=True))  # fmt: skip
    by_segment = {}
    for (x, y), colour in shade.items():
        by_segment.setdefault((round(x), round(y)), set()).add(int(colour))
    apart = [
        by_segment[x, y].isdisjoint(by_segment[x + 1, y])
        for x in range(9)
        for y in range(5)
        if (x, y) in by_segment and (x + 1, y) in by_segment
    ]
    assert np.mean(apart) > 0.6  # cells on a border are of either


def test_values_with_segments_have_the_names_of_those_on_the_plane():
    plane, segments, _ = _table_of_three(*["served"] * 3)
    display = LatentSpaceDisplay(plane, values=plane[:, 0], segments=segments).plot()
    assert sorted(text.get_text() for text in display.names_) == ["0", "1", "2"]
    assert display.colorbar_ is not None
    assert display.outlines_ == []


def test_plane_of_predictions_shows_their_errors_and_judges_the_segments():
    plane, segments, _ = _table_of_three(*["served"] * 3)
    y_true = np.linspace(30, 60, 300)
    y_pred = y_true + np.resize([-1, 1], 300) * (1 + 4 * (segments == 2))
    display = LatentSpaceDisplay.from_predictions(
        plane, y_true, y_pred, segments=segments, random_state=0
    )
    assert display.values == pytest.approx(np.abs(y_true - y_pred))
    assert display.table.metric == "MAE"
    (name,) = _legend(display)
    assert name.startswith("segment = 2: 5 (")
    assert name.endswith("n = 100, under-served")


def test_latent_plane_refuses_what_it_cannot_draw():
    with pytest.raises(ValueError, match=r"must have two columns.*shape \(4, 3\)"):
        LatentSpaceDisplay(np.zeros((4, 3)))
    y_true = np.linspace(30, 60, 40)
    table = subgroup_fidelity(y_true, y_true + 1, subgroups=np.resize([0, 1], 40))
    with pytest.raises(ValueError, match="`table` needs `segments`"):
        LatentSpaceDisplay(np.zeros((40, 2)), table=table)


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
    said = [text.get_text() for text in display.legend_.get_texts()]
    assert "insufficient evidence: too few people" in said
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
        f"everybody: n = {n[0]}",
        f"the others (base): n = {n[1]}",
        f"the under-served (told on the training rows): n = {n[2]}",
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
    outline = region.get_path().transformed(region.get_patch_transform())
    assert outline.get_extents().intervalx.tolist() == [0.5, 1.5]
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
