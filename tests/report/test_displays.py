"""What every display keeps to, whatever it shows and whatever the names are."""

import functools
import sys
from inspect import Parameter, signature

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.text import Text

from sklearn_equity import (
    ADCurveDisplay,
    BoundedKDE,
    CalibrationByFeatureDisplay,
    DensityDisplay,
    LatentSpaceDisplay,
    LorenzDisplay,
    ParetoDisplay,
    RemediationEffectDisplay,
    SubgroupFidelityDisplay,
    allocation_deterioration_curve,
    fidelity_change,
    fidelity_curve,
    inequality_index,
    lorenz_curve,
    subgroup_fidelity,
)
from sklearn_equity.exceptions import MissingDependencyError

HARD_NAMES = [
    "$x_1$ and $",
    r"\frac{<script>alert(1)</script>",
    "_hidden",
    "Ωμέγα, Ёж & Ærø\n%s",
    "a name that goes on " * 10 + "to the end",
]


@pytest.fixture(autouse=True)
def _drawn_in_memory():
    plt.switch_backend("agg")
    yield
    plt.close("all")


def _people(n_each=60):
    rng = np.random.default_rng(20260704)
    ward = np.repeat(HARD_NAMES, n_each)
    y_true = rng.uniform(30, 60, size=len(ward))
    spread = np.where(ward == HARD_NAMES[0], 9, 3)
    return y_true, y_true + spread * rng.normal(size=len(ward)), ward


@functools.cache
def _table():
    y_true, y_pred, ward = _people()
    return subgroup_fidelity(
        y_true, y_pred, subgroups={"$ward": ward}, n_resamples=50, random_state=0
    )


def _subgroup_fidelity():
    return SubgroupFidelityDisplay(_table())


def _subgroup_fidelity_before_and_after():
    y_true, y_pred, ward = _people()
    options = {"n_resamples": 50, "random_state": 0}
    options["subgroups"] = {"$ward": ward, "sex": np.resize(["f", "m"], len(ward))}
    before = subgroup_fidelity(y_true, 2 * y_pred - y_true, **options)
    after = subgroup_fidelity(y_true, y_pred, **options)
    return SubgroupFidelityDisplay(after, before=before)


def _calibration_by_feature():
    y_true, y_pred, _ = _people()
    pandas = pytest.importorskip("pandas")
    age = pandas.Series(y_true, name=HARD_NAMES[-1])
    curve = fidelity_curve(y_true, y_pred, age, span=1, n_points=9, n_resamples=50)
    return CalibrationByFeatureDisplay(curve)


def _lorenz():
    shares = lorenz_curve(_table().estimate)
    index = inequality_index(_table(), random_state=0)
    return LorenzDisplay(*shares, index.raw, inequality=index, quantity="$x$")


def _pareto():
    scores = np.array([[1.0, 3.0], [2.0, 2.0], [3.0, 1.0], [1.0, 1.0]])
    return ParetoDisplay(
        scores, scores / 10, np.arange(3), (HARD_NAMES[0], HARD_NAMES[4]), 5, picked=1
    )


def _ad_curve():
    rng = np.random.default_rng(3)
    score = rng.uniform(size=1000)
    curve = allocation_deterioration_curve(
        *(score, 100 * score),
        subgroups=np.resize(HARD_NAMES, 1000),
        threshold=50,
        bounds=(0, 100),
    )
    return ADCurveDisplay(curve, decision_threshold=0.7)


def _density():
    rng = np.random.default_rng(3)
    days = np.maximum(rng.normal(5, 10, size=(5, 200)), 0.0)
    densities = [BoundedKDE(bounds=(0, None)).fit(row[:, np.newaxis]) for row in days]
    return DensityDisplay(
        *(densities, HARD_NAMES, np.linspace(0, 40, 101)),
        edges=[10, 20, np.inf],
        quantity=HARD_NAMES[0],
    )


def _latent_space():
    _, _, ward = _people()
    plane = np.random.default_rng(3).normal(size=(len(ward), 2))
    return LatentSpaceDisplay(
        plane,
        values=plane[:, 0],
        quantity=HARD_NAMES[0],
        segments=ward,
        table=_table(),
        axis_names=("$a$", "$b$"),
    )


def _density_in_rows():
    display = _density()
    days = display.densities * 2
    names = [*HARD_NAMES, *(f"{name} again" for name in HARD_NAMES)]
    return DensityDisplay(
        *(days, names, display.grid), edges=[10, 20, np.inf], quantity=HARD_NAMES[0]
    )


def _density_together():
    display = _density()
    display.layout = "together"
    return display


def _latent_space_by_segment():
    _, _, ward = _people()
    plane = np.random.default_rng(3).normal(size=(len(ward), 2))
    return LatentSpaceDisplay(plane, segments=ward, axis_names=("$a$", "$b$"))


def _remediation_effect():
    y_true, y_pred, ward = _people()
    return RemediationEffectDisplay(
        fidelity_change(
            y_true, y_pred, (y_true + y_pred) / 2, subgroups={"$ward": ward}
        )
    )


DISPLAYS = {
    "AD curve": _ad_curve,
    "calibration by feature": _calibration_by_feature,
    "density": _density,
    "density in rows": _density_in_rows,
    "density together": _density_together,
    "latent space": _latent_space,
    "latent space by segment": _latent_space_by_segment,
    "Lorenz": _lorenz,
    "Pareto": _pareto,
    "remediation effect": _remediation_effect,
    "subgroup fidelity": _subgroup_fidelity,
    "subgroup fidelity before and after": _subgroup_fidelity_before_and_after,
}
every_display = pytest.mark.parametrize("make", DISPLAYS.values(), ids=DISPLAYS)


def _texts(figure):
    """List the texts that are drawn: ticks beyond the limits are not."""
    figure.draw_without_rendering()
    beyond = set()
    for ax in figure.findobj(Axes):
        for axis in (ax.xaxis, ax.yaxis):
            least, most = sorted(axis.get_view_interval())
            for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()):
                if not least <= tick.get_loc() <= most:
                    beyond |= {tick.label1, tick.label2}
    return [
        text
        for text in figure.findobj(Text)
        if text.get_text().strip() and text.get_visible() and text not in beyond
    ]


@every_display
def test_plot_returns_the_display_and_keeps_axes_and_figure(make):
    display = make()
    assert not hasattr(display, "ax_")
    assert display.plot() is display
    assert display.ax_.figure is display.figure_


@every_display
def test_a_given_axes_is_drawn_on_and_no_figure_is_made(make):
    figure, ax = plt.subplots()
    display = make().plot(ax=ax)
    assert (display.ax_, display.figure_) == (ax, figure)
    assert plt.get_fignums() == [figure.number]


@every_display
def test_without_matplotlib_the_error_names_the_display_and_the_extra(
    make, monkeypatch
):
    display = make()
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    expected = rf"{type(display).__name__}\.plot needs .*sklearn-equity\[plot\]"
    with pytest.raises(MissingDependencyError, match=expected):
        display.plot()


@every_display
def test_no_global_style_is_changed(make):
    before = dict(mpl.rcParams)
    make().plot()
    assert dict(mpl.rcParams) == before


@every_display
def test_every_axes_is_labelled(make):
    display = make().plot()
    assert display.ax_.get_xlabel()
    assert display.ax_.get_ylabel() or _labels_name_the_rows(display.ax_)


def _labels_name_the_rows(ax):
    return all("n = " in label.get_text() for label in ax.get_yticklabels())


@every_display
def test_no_text_opens_a_formula(make):
    for text in _texts(make().plot().figure_):
        _, is_formula = text._preprocess_math(text.get_text())
        assert is_formula is False, text.get_text()


@every_display
def test_no_text_is_cut_at_the_edge_of_the_figure(make):
    figure = make().plot().figure_
    texts = _texts(figure)
    width, height = figure.bbox.size
    for text in texts:
        box = text.get_window_extent()
        assert min(box.x0, box.y0, width - box.x1, height - box.y1) >= -1, text


@every_display
def test_no_two_texts_overlap(make):
    texts = _texts(make().plot().figure_)
    boxes = [text.get_window_extent() for text in texts]
    for i, box in enumerate(boxes):
        for j in range(i):
            assert not box.overlaps(boxes[j]), (texts[i], texts[j])


@every_display
def test_a_picture_that_shows_something_has_no_note_that_it_is_empty(make):
    assert getattr(make().plot(), "empty_note_", None) is None


def test_every_argument_of_a_display_of_scores_and_changes_has_its_name():
    """Signatures hide nothing, and pass on what the measure itself takes."""
    measures = {
        ADCurveDisplay.from_predictions: allocation_deterioration_curve,
        RemediationEffectDisplay.from_predictions: fidelity_change,
    }
    for method, measure in measures.items():
        shown = signature(method).parameters
        kinds = {parameter.kind for parameter in shown.values()}
        assert Parameter.VAR_KEYWORD not in kinds
        wanted = signature(measure).parameters
        for name, parameter in wanted.items():
            if parameter.kind is Parameter.VAR_KEYWORD:
                continue
            assert shown[name].default == parameter.default, name
    for method in (ADCurveDisplay.from_estimator,
                   RemediationEffectDisplay.from_estimator):  # fmt: skip
        kinds = {one.kind for one in signature(method).parameters.values()}
        assert Parameter.VAR_KEYWORD not in kinds
