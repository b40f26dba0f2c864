"""The picture of fidelity by subgroup says what its table says."""

from dataclasses import replace

import numpy as np
import pytest
from matplotlib import pyplot as plt
from sklearn.linear_model import LinearRegression, LogisticRegression

from sklearn_equity import SubgroupFidelityDisplay, subgroup_fidelity

FEW = "insufficient evidence: too few people"


@pytest.fixture(autouse=True)
def _drawn_in_memory():
    plt.switch_backend("agg")
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def people():
    rng = np.random.default_rng(8125)
    ward = np.repeat(["east", "north", "south", "west"], [300, 12, 200, 200])
    y_true = rng.uniform(30, 60, size=len(ward))
    error = rng.normal(size=len(ward)) * np.where(ward == "west", 9, 3)
    return y_true, y_true + error, ward


@pytest.fixture(scope="module")
def table(people):
    y_true, y_pred, ward = people
    return subgroup_fidelity(
        y_true, y_pred, subgroups={"ward": ward}, metric="rmse", random_state=0
    )


def _segments(container):
    """Return the ends of horizontal intervals by the row at which they are drawn."""
    (bars,) = container.lines[2]
    return {float(s[0, 1]): tuple(s[:, 0].tolist()) for s in bars.get_segments()}


def test_points_and_intervals_are_those_of_the_table(people, table):
    y_true, y_pred, ward = people
    display = SubgroupFidelityDisplay(table).plot()
    drawn = {}
    for line in display.points_.values():
        drawn |= dict(zip(line.get_ydata(), line.get_xdata(), strict=True))
    names = ["east", "north", "south", "west"]
    for row, name in enumerate(names):
        error = (y_pred - y_true)[ward == name]
        assert drawn[row] == pytest.approx(np.sqrt(np.mean(error**2)))
    intervals = {}
    for container in display.errorbar_.values():
        intervals |= _segments(container)
    for row in range(4):
        ends = (table.ci_low[row], table.ci_high[row])
        assert intervals[row] == pytest.approx(ends)


def test_verdicts_are_told_apart_by_markers_and_filling(table):
    points = SubgroupFidelityDisplay(table).plot().points_
    assert points["under-served"].get_ydata().tolist() == [3]
    assert points[FEW].get_ydata().tolist() == [1]
    assert points[FEW].get_markerfacecolor() == "white"
    markers = [line.get_marker() for line in points.values()]
    assert len(set(markers)) == len(markers)


def test_counts_stand_in_bars_and_in_names(table):
    display = SubgroupFidelityDisplay(table).plot()
    assert [bar.get_width() for bar in display.bars_] == [300, 12, 200, 200]
    names = [label.get_text() for label in display.ax_.get_yticklabels()]
    assert names[1] == "north, n = 12"


def test_on_a_given_axes_the_counts_stand_in_the_names_alone(table):
    _, ax = plt.subplots()
    display = SubgroupFidelityDisplay(table).plot(ax=ax)
    assert display.bars_ is None
    assert display.counts_ax_ is None
    assert ax.get_yticklabels()[0].get_text() == "east, n = 300"


def test_first_subgroup_stands_on_top_beside_its_bar(table):
    display = SubgroupFidelityDisplay(table).plot()
    bottom, top = display.ax_.get_ylim()
    assert bottom > top
    assert display.counts_ax_.get_ylim() == (bottom, top)


def test_reference_is_the_average_person_of_each_grouping(people):
    y_true, y_pred, ward = people
    sex = np.resize(["f", "m"], len(ward))
    table = subgroup_fidelity(
        y_true, y_pred, subgroups={"ward": ward, "sex": sex}, n_resamples=50
    )
    lines = SubgroupFidelityDisplay(table).plot().reference_lines_
    at = [line.get_xdata()[0] for line in lines]
    assert at == [table.reference[0], table.reference[4]]
    assert lines[0].get_ydata()[1] < lines[1].get_ydata()[0]


def test_what_is_unknown_is_said_beside_the_name(table):
    estimate, ci_low = table.estimate.copy(), table.ci_low.copy()
    estimate[0], ci_low[1] = np.nan, np.nan
    changed = replace(table, estimate=estimate, ci_low=ci_low)
    display = SubgroupFidelityDisplay(changed).plot()
    names = [label.get_text() for label in display.ax_.get_yticklabels()]
    assert names[0] == "east, n = 300; no estimate"
    assert names[1] == "north\nn = 12; interval unknown"


def test_an_interval_that_does_not_hold_the_estimate_is_drawn_where_it_is(table):
    moved = replace(table, estimate=table.ci_high + 1.0)
    display = SubgroupFidelityDisplay(moved).plot()
    (ends,) = _segments(display.errorbar_["under-served"]).values()
    assert ends == pytest.approx((table.ci_low[3], table.ci_high[3]))


def test_before_and_after_stand_side_by_side(people):
    y_true, y_pred, ward = people
    display = SubgroupFidelityDisplay.from_predictions(
        y_true,
        (y_true + y_pred) / 2,
        y_pred_before=y_pred,
        subgroups=ward,
        metric="rmse",
        n_resamples=50,
    )
    before = display.points_["before the remedy"]
    after = np.concatenate(
        [
            line.get_xdata()
            for kind, line in display.points_.items()
            if kind != "before the remedy"
        ]
    )
    assert np.sort(before.get_xdata()) / 2 == pytest.approx(np.sort(after))
    assert before.get_ydata() == pytest.approx(np.arange(4) - 0.17)


def test_other_people_before_are_refused(people, table):
    y_true, y_pred, ward = people
    other = subgroup_fidelity(
        y_true, y_pred, subgroups={"ward": ward}, metric="mae", n_resamples=50
    )
    with pytest.raises(ValueError, match="`before` must have the subgroups and the m"):
        SubgroupFidelityDisplay(table, before=other)


def test_from_estimator_takes_columns_by_name(people):
    pandas = pytest.importorskip("pandas")
    y_true, y_pred, ward = people
    X = pandas.DataFrame({"lab": y_pred, "ward": ward})
    model = _FirstColumn().fit(X[["lab"]].to_numpy(), y_true)
    display = SubgroupFidelityDisplay.from_estimator(
        model, X, y_true, subgroups="ward", metric="rmse", random_state=0
    )
    expected = np.sqrt(np.mean((model.predict(X) - y_true)[ward == "east"] ** 2))
    assert display.table.estimate[0] == pytest.approx(expected)
    assert display.ax_.get_ylabel() == "ward"


class _FirstColumn(LinearRegression):
    def predict(self, X):
        return super().predict(np.asarray(X["lab"])[:, np.newaxis])


def test_from_estimator_asks_a_classifier_for_what_the_metric_wants(people):
    y_true, y_pred, ward = people
    ill = np.where(y_true > 45, "yes", "no")
    X = y_pred[:, np.newaxis]
    model = LogisticRegression().fit(X, ill)
    display = SubgroupFidelityDisplay.from_estimator(
        model, X, ill, subgroups=ward, metric="brier", n_resamples=50
    )
    miss = (model.predict_proba(X)[:, 1] - (ill == "yes"))[ward == "west"]
    assert display.table.estimate[3] == pytest.approx(np.mean(miss**2))


def test_from_estimator_takes_a_function_with_its_orientation(people):
    y_true, y_pred, ward = people
    X = y_pred[:, np.newaxis]
    model = LinearRegression().fit(X, y_true)
    display = SubgroupFidelityDisplay.from_estimator(
        model,
        X,
        y_true,
        subgroups=ward,
        metric=_furthest_miss,
        greater_is_better=False,
        n_resamples=50,
    )
    misses = np.abs(y_true - model.predict(X))
    assert display.table.estimate[0] == pytest.approx(misses[ward == "east"].max())
    assert "lower is better" in display.ax_.get_xlabel()


def _furthest_miss(y_true, y_pred):
    return float(np.max(np.abs(y_true - y_pred)))


@pytest.mark.parametrize(
    ("metric", "orientation"),
    [("rmse", "lower is better"), ("r2", "higher is better"), ("bias", "best at 0")],
)
def test_the_axis_says_metric_orientation_and_level(people, metric, orientation):
    y_true, y_pred, ward = people
    display = SubgroupFidelityDisplay.from_predictions(
        y_true,
        y_pred,
        subgroups=ward,
        metric=metric,
        n_resamples=50,
        confidence_level=0.9,
    )
    label = display.ax_.get_xlabel()
    assert orientation in label
    assert "90% intervals" in label
