"""The figures that open the pages of the guide: one function a page, by its name.

``make figures`` draws all, ``python docs/figures/draw.py remediation`` one of them.
A slow test holds that the pictures beside this file are those that it draws.
"""

import functools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy.stats import gaussian_kde
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sklearn_equity import (
    ADCurveDisplay,
    AutoencoderEmbedder,
    BoundedKDE,
    CalibrationByFeatureDisplay,
    LatentGMMSegmenter,
    LatentSpaceDisplay,
    LorenzDisplay,
    ParetoDisplay,
    ParetoPick,
    RemediationPathDisplay,
    SubgroupFidelityDisplay,
    SubgroupOversampler,
    audit,
    departure_from_attainable,
    equity_scoring,
    find_underserved,
    load_nhanes,
    make_health_cohort,
    remediation_path,
    segmentation_stability,
    subgroup_fidelity,
)

HERE = Path(__file__).parent
BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#595959"
NUMBERS = make_column_selector(dtype_include="number")
WORDS = make_column_selector(dtype_include="category")


# ---- what several figures start from ---------------------------------------------
@functools.cache
def halves_of_nhanes() -> Any:
    """Return half of the people to learn from, and half to judge by."""
    X, y = load_nhanes(return_X_y=True)
    return train_test_split(X, y, test_size=0.5, random_state=0)


@functools.cache
def model_of_hba1c() -> Any:
    """Fit the model of the README."""
    X_train, _, y_train, _ = halves_of_nhanes()
    model = HistGradientBoostingRegressor(max_iter=40, random_state=0)
    return model.fit(X_train, y_train)


@functools.cache
def segments_of_nhanes() -> Any:
    """Fit a plane of the people, and eight segments in it."""
    columns = make_column_transformer(
        (SimpleImputer(strategy="median"), NUMBERS),
        (OneHotEncoder(sparse_output=False), WORDS),
    )
    return make_pipeline(
        columns,
        AutoencoderEmbedder(max_epochs=60, random_state=0),
        LatentGMMSegmenter(n_components=8, random_state=0),
    ).fit(halves_of_nhanes()[0])


def new_axes(**size: Any) -> Any:
    """Return a figure and its axes, with no frame above and on the right."""
    figure, ax = plt.subplots(**{"figsize": (8.0, 3.6), "layout": "constrained"} | size)
    ax.spines[["top", "right"]].set_visible(False)
    return figure, ax


# ---- a figure a page -------------------------------------------------------------
def auditing_a_model() -> Figure:
    """Fidelity by deprivation and sex."""
    _, X_test, _, y_test = halves_of_nhanes()
    result = audit(
        model_of_hba1c(),
        X_test,
        y_test,
        subgroups={"sex": "sex", "deprivation": ("poverty_income_ratio", 3)},
        missing="group",
        random_state=0,
    )
    return SubgroupFidelityDisplay(result.fidelity).plot().figure_


def how_to_read_the_numbers() -> Figure:
    """The four things that can be said of a subgroup."""
    rng = np.random.default_rng(3)
    n = {"north": 900, "east": 500, "south": 60, "west": 8}
    ward = np.repeat(list(n), list(n.values()))
    spread = np.select([ward == "east", ward == "south"], [6.0, 4.6], 4.0)
    y_true = rng.uniform(30, 60, size=len(ward))
    y_pred = y_true + rng.normal(size=len(ward)) * spread
    display = SubgroupFidelityDisplay.from_predictions(
        y_true, y_pred, subgroups={"ward": ward}, metric="rmse", random_state=0
    )
    return display.figure_


def people_to_try_on() -> Figure:
    """HbA1c of the people in the package, and where diabetes begins."""
    figure, ax = new_axes()
    hba1c = load_nhanes(return_X_y=True)[1]
    ax.hist(hba1c, bins=np.arange(16, 156, 2), color="#D0D0D0", edgecolor=GREY, lw=0.5)
    ax.axvline(48, color=ORANGE, ls="--")
    share = f"{(hba1c >= 48).mean():.0%} of {len(hba1c):,}"
    ax.text(50, 400, f"diabetes from 48:\n{share}", color=ORANGE)
    ax.set(xlabel="HbA1c, mmol/mol", ylabel="people of NHANES 2017-2018")
    return figure


def representing_people() -> Figure:
    """The latent plane by age."""
    X_test = halves_of_nhanes()[1]
    display = LatentSpaceDisplay.from_estimator(
        segments_of_nhanes()[:-1],
        X_test,
        values=X_test["age"],
        quantity="age, years",
        ax=new_axes(figsize=(7.0, 5.0))[1],
    )
    return display.figure_


def segmenting_people() -> Figure:
    """The people of the latent plane by their segment, four of them."""
    X_train, X_test, _, _ = halves_of_nhanes()
    embed = segments_of_nhanes()[:-1]
    segmenter = LatentGMMSegmenter(n_components=4, random_state=0)
    segmenter.fit(np.asarray(embed.transform(X_train)))
    plane = np.asarray(embed.transform(X_test))
    segment = segmenter.predict(plane)
    figure, ax = new_axes(figsize=(7.0, 5.0))
    looks = zip("osD^", (BLUE, ORANGE, "#009E73", "#CC79A7"), strict=True)
    for k, (marker, colour) in enumerate(looks):
        here = plane[segment == k]
        label = f"{k}: n = {len(here):,}"
        ax.scatter(*here.T, s=9, marker=marker, color=colour, lw=0, label=label)
    ax.set(xlabel="latent 1", ylabel="latent 2")
    ax.legend(frameon=False, title="segment", markerscale=2)
    return figure


def stable_segments() -> Figure:
    """How much of each of twenty segments two halves of the people have in common."""
    X, _ = load_nhanes(return_X_y=True)
    numbers = make_column_transformer(
        (make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), NUMBERS)
    )
    stability = segmentation_stability(
        make_pipeline(numbers, PCA(2), LatentGMMSegmenter(20)),
        X,
        n_repeats=3,
        random_state=0,
    )
    jaccard = np.sort(stability.halves.segment_jaccard)
    figure, ax = new_axes()
    ax.bar(np.arange(len(jaccard)), jaccard, color="#D0D0D0", edgecolor=GREY)
    ax.axhline(0.75, color=BLUE, ls="--", label="found again: 0.75 and more")
    ax.axhline(0.5, color=ORANGE, ls=":", label="dissolved: 0.5 and less")
    ax.set(
        xlabel="segments, the least stable first",
        ylabel="Jaccard index\nbetween halves",
        xticks=[],
        ylim=(0, 1),
    )
    ax.legend(frameon=False, loc="upper left")
    return figure


def fidelity_by_subgroup() -> Figure:
    """The error of a model along age."""
    _, X_test, _, y_test = halves_of_nhanes()
    display = CalibrationByFeatureDisplay.from_estimator(
        model_of_hba1c(), X_test, y_test, feature="age", metric="mae", random_state=0
    )
    return display.figure_


def attainable_fidelity() -> Figure:
    """Two subgroups whose error is large, and what of it could be mended."""
    train = make_health_cohort(4_000, strength="strong", random_state=0)
    people = make_health_cohort(6_000, strength="strong", random_state=1)
    y_pred = LinearRegression().fit(train.X, train.y).predict(people.X)
    who = np.select(
        [people.membership[:, 0], people.membership[:, 4]],
        ["learnable", "noisy"],
        "others",
    )
    error = subgroup_fidelity(
        people.y, y_pred, subgroups=who, metric="rmse", random_state=0
    )
    found = departure_from_attainable(
        people.X, people.y, y_pred, subgroups=who, random_state=0
    )
    figure, axes = plt.subplots(1, 2, figsize=(8, 2.6), sharey=True)
    figure.set_layout_engine("constrained")
    squared = np.square([error.estimate, error.ci_low, error.ci_high])
    bounds = (found.estimate, found.ci_low, found.ci_high)
    for ax, (middle, low, high), colour in zip(
        axes, (squared, bounds), (GREY, BLUE), strict=True
    ):
        rows = np.arange(len(middle))
        ax.hlines(rows, low, high, color=colour)
        ax.plot(middle, rows, "o", color=colour)
        ax.axvline(0, color="0.7", lw=0.8)
        ax.spines[["top", "right"]].set_visible(False)
    names = [f"{s}\nn = {n:,}" for s, n in zip(error.subgroup, error.n, strict=True)]
    axes[0].set_yticks(rows, names)
    axes[0].set_ylim(2.5, -0.5)
    axes[0].set_xlabel("squared error, with 95% intervals")
    axes[1].set_xlabel("of it, shown to be remediable (lower bound)")
    return figure


def inequality_and_noise() -> Figure:
    """The Lorenz curve of fifty wards that are served exactly alike."""
    rng = np.random.default_rng(0)
    y_true = rng.uniform(30, 60, size=1000)
    y_pred = y_true + rng.normal(scale=6, size=1000)
    table = subgroup_fidelity(
        y_true,
        y_pred,
        subgroups={"ward": rng.integers(50, size=1000)},
        metric="rmse",
        random_state=0,
    )
    return LorenzDisplay.from_table(table, random_state=0).figure_


def chance_and_many_comparisons() -> Figure:
    """How the worst of equal subgroups looks, by their number."""
    rng = np.random.default_rng(0)
    errors = rng.normal(size=(2000, 50, 40))  # runs, subgroups, people
    rmse = np.sqrt(np.mean(errors**2, axis=2))
    figure, ax = new_axes()
    for n, colour, style in ((1, GREY, ":"), (10, ORANGE, "--"), (50, BLUE, "-")):
        worst = rmse[:, :n].max(axis=1)
        grid = np.linspace(0.6, 1.9, 300)
        label = f"the worst of {n}: {worst.mean():.2f} on average"
        label = label if n > 1 else f"any one: {worst.mean():.2f} on average"
        ax.plot(grid, gaussian_kde(worst)(grid), color=colour, ls=style, label=label)
    ax.axvline(1.0, color="0.7", lw=0.8)
    ax.text(0.99, 7, "truth", color=GREY, ha="right")
    ax.set(xlabel="RMSE in a subgroup of 40 people, all served alike", ylabel="density")
    ax.set_ylim(0)
    ax.legend(frameon=False)
    return figure


def density_of_a_measurement() -> Figure:
    """Waiting times, which end at 0 and heap there."""
    rng = np.random.default_rng(0)
    days = np.concatenate([np.zeros(900), rng.gamma(1.8, 12, size=2100)])
    kde = BoundedKDE(bounds=(0, None)).fit(days.reshape(-1, 1))
    (share,) = kde.point_probabilities_
    grid = np.linspace(-20, 80, 500)
    inside = grid[grid > 0]
    figure, ax = new_axes()
    waiting = days[days > 0]
    weights = np.full(len(waiting), 1 / (4 * len(days)))
    bins = np.arange(0, 84, 4)
    ax.hist(waiting, bins=bins, weights=weights, color="0.88", label="those who waited")
    ax.plot(grid, gaussian_kde(days)(grid), "--", color=ORANGE, label="gaussian_kde")
    ax.plot(inside, kde.pdf(inside), color=BLUE, label="BoundedKDE")
    top = 0.038
    ax.plot([0, 0], [0, top], "-o", color=BLUE, markevery=[1])
    ax.text(1.5, top, f"{share:.0%} waited 0 days", color=BLUE, va="center")
    ax.set(xlabel="days waited", ylabel="density of people", ylim=(0, 0.042))
    ax.legend(frameon=False)
    return figure


def allocation_and_deterioration() -> Figure:
    """A score that underrates men, against how ill people are."""
    rng = np.random.default_rng(0)
    sex = np.repeat(["women", "men"], 1500)
    creatinine = np.exp(rng.normal(0.1 * (sex == "men"), 0.5)).clip(0, 25)
    score = creatinine / (creatinine + 1.2) - 0.1 * (sex == "men")
    score = (score + rng.normal(0, 0.05, size=3000)).clip(0, 1)
    display = ADCurveDisplay.from_predictions(
        score,
        creatinine,
        subgroups=sex,
        threshold=1.35,
        bounds=(0, 25),
        decision_threshold=0.5,
    )
    return display.figure_


def discovering_the_underserved() -> Figure:
    """Errors by age and smoking, and the rule that was found in them."""
    rng = np.random.default_rng(0)
    people = pd.DataFrame(
        {
            "age": rng.integers(40, 70, size=3000),
            "smoker": rng.choice(["no", "yes"], p=[0.7, 0.3], size=3000),
        }
    )
    failed = (people["age"] >= 60) & (people["smoker"] == "yes")
    y_true = rng.normal(scale=np.where(failed, 3.0, 1.0))
    result = find_underserved(
        np.zeros(3000), people, y_true, methods="rules", random_state=0
    )
    error = np.abs(y_true)
    figure, ax = new_axes()
    for smoker, colour, style in (("no", BLUE, "-"), ("yes", ORANGE, "--")):
        here = people["smoker"] == smoker
        by_age = pd.Series(error[here]).groupby(people["age"][here].to_numpy()).mean()
        label = "smokers" if smoker == "yes" else "others"
        ax.plot(by_age.index, by_age, color=colour, ls=style, label=label)
    (finding,) = result.findings
    ax.axvspan(60, 69, color="0.93", zorder=0)
    ax.text(59.8, 2.4, f"found: {finding.text}", ha="right", color=GREY)
    ax.set(xlabel="age, years", ylabel="mean absolute error")
    ax.legend(frameon=False, loc="center left")
    return figure


def choosing_a_model() -> Figure:
    """Candidates of a search, by fidelity and by the worst-served."""
    cohort = make_health_cohort(6_000, strength="strong", random_state=0)
    search = GridSearchCV(
        HistGradientBoostingRegressor(random_state=0),
        {"max_leaf_nodes": [2, 4, 16], "max_iter": [40, 120]},
        scoring=equity_scoring("r2", subgroups=["asthma", "hayfever_rhinitis_eczema"]),
        refit=ParetoPick("neg_worst_nrmse", within="r2"),
        cv=5,
    ).fit(cohort.X, cohort.y)
    return ParetoDisplay.from_cv_results(
        search.cv_results_, picked=search.best_index_
    ).figure_


def remediation() -> Figure:
    """The published remedy at three strengths, on one line for two wards."""
    rng = np.random.default_rng(0)
    ward = np.repeat(["A", "B"], [900, 300])
    X = rng.uniform(0, 100, size=(1200, 1))
    y = 30 + np.where(ward == "A", 2, 1) * X[:, 0] + rng.normal(0, 5, size=1200)
    path = remediation_path(
        SubgroupOversampler(LinearRegression(), random_state=0),
        X,
        y,
        subgroups=ward,
        strengths=[1, 1.5, 2, 3],
        random_state=0,
    )
    return RemediationPathDisplay(path).plot().figure_


def pictures() -> Figure:
    """Two displays on one figure."""
    _, X_test, _, y_test = halves_of_nhanes()
    table = subgroup_fidelity(
        y_test,
        model_of_hba1c().predict(X_test),
        subgroups={"ethnicity": X_test["ethnicity"]},
        random_state=0,
    )
    figure, (left, right) = plt.subplots(1, 2, figsize=(12, 5), layout="constrained")
    SubgroupFidelityDisplay(table).plot(ax=left)
    LorenzDisplay.from_table(table, ax=right, random_state=0)
    return figure


FIGURES: dict[str, Callable[[], Figure]] = {
    figure.__name__: figure
    for figure in (
        auditing_a_model,
        how_to_read_the_numbers,
        people_to_try_on,
        representing_people,
        segmenting_people,
        stable_segments,
        fidelity_by_subgroup,
        attainable_fidelity,
        inequality_and_noise,
        chance_and_many_comparisons,
        density_of_a_measurement,
        allocation_and_deterioration,
        discovering_the_underserved,
        choosing_a_model,
        remediation,
        pictures,
    )
}


def draw(name: str, folder: Path = HERE) -> Path:
    """Draw one figure and write it into a folder."""
    path = folder / f"{name}.png"
    with mpl.rc_context(mpl.rcParamsDefault | {"backend": "agg"}):
        FIGURES[name]().savefig(path, dpi=90, metadata={"Software": None})
    plt.close("all")
    return path


if __name__ == "__main__":
    for name in sys.argv[1:] or FIGURES:
        print(draw(name))
