"""Do the types say what a caller may rely on? `make lint` asks mypy --strict.

An audit, as somebody would write it with types on: what comes back is assigned to what
it is promised to be.
"""

from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

import sklearn_equity as se
from sklearn_equity.exceptions import EquityWarning, SmallSubgroupWarning

Vector = NDArray[np.float64]


def measure(truth: Vector, guess: Vector, ward: NDArray[np.str_]) -> se.SubgroupTable:
    """Measure fidelity by ward, and how unequal it is."""
    overall: float = se.nrmse(truth, guess)
    table = se.subgroup_fidelity(
        truth,
        guess,
        subgroups={"ward": ward},
        metric="mae",
        n_resamples=100,
        random_state=0,
    )
    errors: Vector = table.estimate
    verdicts: tuple[str, ...] = table.verdict
    index: se.InequalityIndex = se.inequality_index(table, random_state=0)
    spread: float = index.raw + se.gini(errors) + se.max_ratio(errors)
    print(f"{overall:.3f} {spread:.3f}", *verdicts)
    return table


def allocate(score: Vector, illness: Vector, ward: NDArray[np.str_]) -> float:
    """Ask whether people with the same score are equally ill."""
    severity: Vector = se.severity_score(illness, threshold=3.0, bounds=(0.0, 20.0))
    result: se.InequalityResult = se.model_inequality(
        score,
        illness,
        subgroups=ward,
        compare=("east", "west"),
        threshold=3.0,
        bounds=(0.0, 20.0),
    )
    curve: se.ADCurve = se.allocation_deterioration_curve(
        score, illness, subgroups=ward, threshold=3.0, bounds=(0.0, 20.0)
    )
    steepest: Vector = np.nanmax(curve.deterioration, axis=1)
    return result.estimate + float(severity.mean()) + float(steepest.max())


def discover(X: Vector, truth: Vector, guess: Vector) -> tuple[se.ScannedRule, ...]:
    """Look for the under-served, and cut people into segments."""
    space: Pipeline = make_pipeline(
        StandardScaler(), se.LatentGMMSegmenter(3, random_state=0)
    )
    segments: NDArray[np.intp] = space.fit(X).predict(X)
    scanner = se.RuleScanner(max_depth=1, min_subgroup_size=20, random_state=0)
    scanner.fit(X, truth, guess)
    risks: Vector = scanner.score_samples(X)
    found: se.DiscoveryResult = se.find_underserved(
        guess, X, truth, methods="rules", random_state=0
    )
    print(len(set(segments)), risks.shape, found)
    return tuple(scanner.rules_)


def remedy(X: Vector, truth: Vector, ward: NDArray[np.str_]) -> Vector:
    """Fit a remedy and ask whom it harms."""
    model = se.SubgroupOversampler(LinearRegression(), random_state=0)
    model.fit(X, truth, subgroups=ward)
    after: Vector = model.predict(X)
    before = LinearRegression().fit(X, truth).predict(X)
    tested: se.NoHarmResult = se.no_harm_test(
        truth, before, after, subgroups=ward, metric="mae", random_state=0
    )
    print(tested)
    return after


def report(people: pl.LazyFrame, folder: Path) -> se.AuditResult:
    """Audit a table that stays where it is, write it and read it back."""
    result: se.AuditResult = se.audit_frame(
        people, y_true="truth", y_pred="guess", subgroups="ward", random_state=0
    )
    text: str = result.to_json()
    result.to_html(folder / "audit.html")
    return se.AuditResult.from_json(text)


def main(folder: Path) -> None:
    """Run all of it on people whose truth is known."""
    rng = np.random.default_rng(0)
    ward = np.array(["east", "west"])[np.arange(400) % 2]
    X = rng.normal(size=(400, 2))
    truth = 40.0 + X[:, 0] + rng.normal(size=400)
    guess = 40.0 + X[:, 0]
    kind: type[EquityWarning] = SmallSubgroupWarning
    print(kind.__name__, measure(truth, guess, ward).to_columns()["subgroup"])
    print(allocate(rng.uniform(size=400), rng.gamma(2.0, size=400), ward))
    print(discover(X, truth, guess), remedy(X, truth, ward).shape)
    people = pl.LazyFrame({"truth": truth, "guess": guess, "ward": ward})
    print(report(people, folder).fidelity.verdict)
