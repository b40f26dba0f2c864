"""The displays look as they did: each beside a picture of an earlier day (pytest-mpl).

Another matplotlib sets text and hairs otherwise, and a tolerance that lets that pass
lets a lost interval pass too: so the pictures are those of one release, which `make`
installs. After a change that is meant, draw them anew, look at them, and keep them:
``pytest tests/report/test_display_images.py --mpl-generate-path
tests/report/display_images``.
"""

from importlib.util import find_spec
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.testing.compare import compare_images

from sklearn_equity import (
    ADCurveDisplay,
    BoundedKDE,
    CalibrationByFeatureDisplay,
    DensityDisplay,
    LatentSpaceDisplay,
    LorenzDisplay,
    ParetoDisplay,
    RemediationEffectDisplay,
    RemediationPathDisplay,
    SubgroupFidelityDisplay,
    allocation_deterioration_curve,
    fidelity_change,
    fidelity_curve,
    inequality_index,
    lorenz_curve,
    subgroup_fidelity,
)
from sklearn_equity.remediation import RemediationPath

RELEASE = "3.11.2"  # of the pictures, and of constraints.txt
KEPT = Path(__file__).parent / "display_images"
STYLE = {"figure.dpi": 72, "font.family": "DejaVu Sans"}
TOLERANCE = 1.0  # root mean square of 255 levels

pytestmark = [
    pytest.mark.skipif(
        find_spec("pytest_mpl") is None, reason="needs pytest-mpl, of the test group"
    ),
    pytest.mark.skipif(
        mpl.__version__ != RELEASE, reason=f"the pictures are of matplotlib {RELEASE}"
    ),
]


def _people():
    rng = np.random.default_rng(1815)
    ward = np.repeat(["east", "north", "south", "west"], [400, 300, 200, 20])
    y_true = rng.uniform(30, 60, size=len(ward))
    spread = np.select([ward == "south", ward == "north"], [8.0, 3.0], 4.0)
    return y_true, y_true + spread * rng.normal(size=len(ward)), ward


def _table(scale=1.0):
    y_true, y_pred, ward = _people()
    predicted = y_true + scale * (y_pred - y_true)
    groupings = {"ward": ward, "sex": np.resize(["f", "m"], len(ward))}
    return subgroup_fidelity(
        y_true, predicted, subgroups=groupings, metric="rmse", random_state=0
    )


def _subgroup_fidelity():
    return SubgroupFidelityDisplay(_table(), before=_table(1.3))


def _lorenz():
    table = _table().select("ward")
    shares = lorenz_curve(table.estimate)
    index = inequality_index(_table(), grouping="ward", random_state=0)
    return LorenzDisplay(
        *shares, index.raw, inequality=index, quantity="RMSE", n_people=920
    )


def _calibration_by_feature():
    y_true, y_pred, _ = _people()
    curve = fidelity_curve(
        y_true, y_pred, y_true, span=0.5, n_points=25, n_resamples=50, random_state=0
    )
    return CalibrationByFeatureDisplay(curve)


def _pareto():
    scores = np.array([[1.0, 3.0], [2.0, 2.4], [3.0, 1.0], [1.0, 1.2]])
    return ParetoDisplay(
        scores, scores / 10, np.arange(3), ("mean", "worst"), 5, picked=1
    )


def _ad_curve():
    score = np.linspace(0, 1, 800)
    group = np.resize(["first", "second"], 800)
    ill = 100 * np.where(group == "first", score, score**2)
    curve = allocation_deterioration_curve(
        score, ill, subgroups=group, threshold=50, bounds=(0, 100)
    )
    return ADCurveDisplay(curve, decision_threshold=0.7)


def _density():
    quantiles = np.linspace(0.005, 0.995, 200)
    rows = [np.maximum(60 * quantiles**2 - 5, 0.0), 40 * quantiles]
    densities = [BoundedKDE(bounds=(0, None)).fit(row[:, np.newaxis]) for row in rows]
    return DensityDisplay(
        densities, ["east", "west"], np.linspace(0, 55, 201), edges=[10, 30, np.inf]
    )


def _density_in_rows():
    quantiles = np.linspace(0.005, 0.995, 120)
    rows = [np.maximum(5 * i - 10 + 50 * quantiles**2, 0.0) for i in range(8)]
    densities = [BoundedKDE(bounds=(0, None)).fit(row[:, np.newaxis]) for row in rows]
    densities[5] = BoundedKDE(bounds=(0, None)).fit(rows[5][:8, np.newaxis])
    return DensityDisplay(
        densities, [f"ward {i}" for i in range(8)], np.linspace(0, 75, 201),
        edges=[10, 30, np.inf], quantity="days in hospital",
    )  # fmt: skip


def _latent_space_by_segment():
    angle = np.linspace(0, 20, 1500)
    plane = np.column_stack([angle * np.cos(angle), angle * np.sin(angle)])
    return LatentSpaceDisplay(plane, segments=(angle // 2).astype(int))


def _nothing_to_draw():
    score = np.linspace(0, 1, 12)
    curve = allocation_deterioration_curve(
        score, 100 * score, threshold=50, bounds=(0, 100)
    )
    return ADCurveDisplay(curve)


def _latent_space():
    y_true, y_pred, ward = _people()
    angle = np.linspace(0, 20, len(ward))
    plane = np.column_stack([angle * np.cos(angle), angle * np.sin(angle)])
    return LatentSpaceDisplay(
        plane, values=np.abs(y_pred - y_true), quantity="error", segments=ward,
        table=_table().select("ward"),
    )  # fmt: skip


def _remediation_effect():
    y_true, y_pred, ward = _people()
    after = np.where(ward == "south", (y_true + y_pred) / 2, y_pred)
    after = np.where(ward == "north", 1.2 * y_pred - 0.2 * y_true, after)
    return RemediationEffectDisplay(
        fidelity_change(y_true, y_pred, after, subgroups={"ward": ward}, metric="rmse")
    )


def _remediation_path():
    figures = {
        "overall": [4.0, 3.9, 4.1],
        "base": [3.0, 3.2, 3.6],
        "under_served": [6.0, 5.2, 5.0],
        "gini": [0.2, 0.15, 0.1],
        "gini_corrected": [0.18, 0.12, -0.01],
        "gini_low": [0.1, 0.02, 0.0],
        "gini_high": [0.25, 0.21, 0.09],
    }
    return RemediationPathDisplay(
        RemediationPath(
            strength=np.array([1.0, 2.0, 4.0]),
            **{name: np.array(values) for name, values in figures.items()},
            ci_low=np.array([[3.8, 3.7, 3.9], [2.8, 3.0, 3.3], [5.1, 4.3, 4.0]]),
            ci_high=np.array([[4.2, 4.1, 4.3], [3.2, 3.5, 3.9], [7.2, 6.4, 6.2]]),
            coverage=np.ones((3, 3)),
            verdict=("plain", "gain without harm", "levelling down"),
            n=(900, 700, 200),
            metric="RMSE",
            greater_is_better=False,
            parameter="multiplier",
            labels=("south",),
            no_harm=(),
            confidence_level=0.95,
        )
    )


DISPLAYS = {
    "ad_curve": _ad_curve,
    "calibration_by_feature": _calibration_by_feature,
    "density": _density,
    "density_in_rows": _density_in_rows,
    "latent_space": _latent_space,
    "latent_space_by_segment": _latent_space_by_segment,
    "lorenz": _lorenz,
    "nothing_to_draw": _nothing_to_draw,
    "pareto": _pareto,
    "remediation_effect": _remediation_effect,
    "remediation_path": _remediation_path,
    "subgroup_fidelity": _subgroup_fidelity,
}


def _compared(name):
    test = pytest.mark.mpl_image_compare(
        baseline_dir=str(KEPT),
        filename=f"{name}.png",
        tolerance=TOLERANCE,
        style=STYLE,
        backend="agg",
        savefig_kwargs={"dpi": STYLE["figure.dpi"]},
    )
    return pytest.param(name, id=name, marks=test)


@pytest.mark.parametrize("name", [_compared(name) for name in DISPLAYS])
def test_it_looks_as_it_did(name):
    return DISPLAYS[name]().plot().figure_


def test_a_lost_interval_is_seen(tmp_path):
    """What is compared is not too coarse to fail."""
    files = [str(tmp_path / name) for name in ("whole.png", "lost.png")]
    with mpl.rc_context(STYLE):
        plt.switch_backend("agg")
        for file in files:
            display = _remediation_effect().plot()
            if file == files[1]:
                (bars,) = display.errorbar_["better"].lines[2]
                bars.set_segments(bars.get_segments()[:-1])
            display.figure_.savefig(file)
        plt.close("all")
    assert compare_images(*files, tol=TOLERANCE) is not None


def test_every_display_has_its_small_picture():
    assert {path.stem for path in KEPT.iterdir()} == set(DISPLAYS)
    assert sum(path.stat().st_size for path in KEPT.iterdir()) < 500_000
