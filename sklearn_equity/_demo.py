"""The method, start to end, on real people: one story that the command line tells."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import train_test_split

from sklearn_equity._baseline import (
    baseline_regressor,
    baseline_segmenter,
    say_how_stable,
)
from sklearn_equity._label_text import format_labels
from sklearn_equity.allocation import InequalityResult, model_inequality
from sklearn_equity.datasets import load_nhanes
from sklearn_equity.fidelity import QuantileBands
from sklearn_equity.remediation import SubgroupOversampler, fidelity_change
from sklearn_equity.report import LEARNT, AuditResult, audit

MIN_ROWS = 400  # fewer people leave too few in most subgroups to say anything
N_STAGES = 6
DIABETES_FROM = 48.0  # HbA1c in mmol/mol: the threshold of diagnosis
HBA1C_RANGE = (15.0, 200.0)  # mmol/mol: what a laboratory can report
DEPRIVATION = "deprivation"
MOST_DEPRIVED, MIDDLE, LEAST_DEPRIVED = (
    *("most deprived third", "middle third", "least deprived third"),
)


@dataclass(frozen=True)
class _Cohort:
    """The people of the demo, in rows to learn from and rows to judge by."""

    X_train: Any
    X_test: Any
    y_train: Any
    y_test: Any


def run_demo(
    *, n_rows: int | None, seed: int, begin: Callable[[str], None]
) -> AuditResult:
    """Train, embed, segment, audit, compare, remedy and audit again.

    Parameters
    ----------
    n_rows : int or None
        How many people to use, drawn at random; None takes all.
    seed : int
        Equal seeds give equal reports.
    begin : callable
        Told the name of each stage as it begins.

    Returns
    -------
    AuditResult
        Everything measured on rows that nothing was fitted on.
    """
    begin("reading the people of NHANES 2017-2018")
    cohort = _draw_cohort(n_rows, seed)

    begin("training a regressor of HbA1c")
    model = baseline_regressor(seed=seed).fit(cohort.X_train, cohort.y_train)

    begin("embedding and segmenting the training rows")
    n_segments = max(2, min(10, len(cohort.X_train) // 150))
    segmenter = baseline_segmenter(n_segments=n_segments, seed=seed)
    segmenter.fit(cohort.X_train)

    begin("auditing the model on the held-out rows")
    groupings = _groupings(cohort, segmenter)
    result = audit(
        model,
        cohort.X_test,
        cohort.y_test,
        subgroups=groupings,
        missing="group",
        random_state=seed,
    )

    begin("comparing allocation and deterioration")
    inequality = _compare_allocation(model, cohort, groupings[DEPRIVATION])

    begin("remedying by oversampling, and measuring again")
    remedied = SubgroupOversampler(
        clone(model), segmenter=FrozenEstimator(segmenter), random_state=seed
    ).fit(cohort.X_train, cohort.y_train)
    change = fidelity_change(
        cohort.y_test,
        model.predict(cohort.X_test),
        remedied.predict(cohort.X_test),
        subgroups=groupings,
        missing="group",
    )
    return result.with_findings(
        change=change,
        allocation=[inequality],
        remedy=_say_remedy(remedied, segmenter[-1].n_segments_),
        notes=_notes(
            cohort, segmenter[-1].n_segments_, say_how_stable(segmenter, n_segments)
        ),
    )


def _say_remedy(remedied: SubgroupOversampler, n_segments: int) -> str:
    """Name the segments that were oversampled, as the tables name them."""
    names = format_labels(remedied.under_served_)
    segments = "the segment" if len(names) == 1 else "the segments"
    return (
        f"Of the {n_segments} learnt segments the worse half was oversampled as "
        f"published (SubgroupOversampler, multiplier {remedied.multiplier:g}) and the "
        f"model was trained again: {segments} named {', '.join(names)}, chosen by the "
        "errors on the training rows, where the order may be another than on the "
        "rows of this report."
    )


def _groupings(cohort: _Cohort, segmenter: Any) -> dict[str, Any]:
    """Label the held-out people by what they declared and by what was learnt."""
    return {
        "sex": cohort.X_test["sex"],
        "ethnicity": cohort.X_test["ethnicity"],
        "smoking": cohort.X_test["smoking"],
        DEPRIVATION: _deprivation(cohort),
        LEARNT: segmenter.predict(cohort.X_test),
    }


def _deprivation(cohort: _Cohort) -> list[str | None]:
    """Name the thirds of income over the poverty line, learnt on the training rows."""
    bands = QuantileBands(3).fit(cohort.X_train["poverty_income_ratio"])
    labels = bands.label(cohort.X_test["poverty_income_ratio"])
    names = [MOST_DEPRIVED, MIDDLE, LEAST_DEPRIVED]
    name_of = dict(zip(bands.labels_, names, strict=True))
    return [None if band is None else name_of[band] for band in labels]


def _draw_cohort(n_rows: int | None, seed: int) -> _Cohort:
    """Split the people into three fifths to learn from and two fifths to judge by."""
    people = load_nhanes()
    X, y = people.data, people.target
    if n_rows is not None:
        if not MIN_ROWS <= n_rows <= len(X):
            msg = f"`rows` must lie between {MIN_ROWS} and {len(X)}; got {n_rows}."
            raise ValueError(msg)
        X, _, y, _ = train_test_split(X, y, train_size=n_rows, random_state=seed)
    X_train, X_test, y_train, y_test = train_test_split(
        X, y, test_size=0.4, random_state=seed
    )
    return _Cohort(X_train, X_test, y_train, y_test)


def _compare_allocation(
    model: Any, cohort: _Cohort, deprivation: Any
) -> InequalityResult:
    """Ask whether the most and the least deprived are equally ill at equal risk.

    The predicted HbA1c allocates: its rank is the score. People beyond the diagnostic
    threshold deteriorate.
    """
    return model_inequality(
        model.predict(cohort.X_test),
        cohort.y_test,
        subgroups=deprivation,
        compare=(MOST_DEPRIVED, LEAST_DEPRIVED),
        threshold=DIABETES_FROM,
        bounds=HBA1C_RANGE,
        decision_threshold=0.5,
        scale="rank",
        missing="drop",
    )


def _notes(cohort: _Cohort, n_segments: int, stability: str) -> list[str]:
    return [
        f"The model was trained on {len(cohort.X_train):,} people and judged on "
        f"{len(cohort.X_test):,} others of NHANES 2017-2018, unweighted: these are "
        "figures of that sample, not of the nation.",
        "The model does not see the diagnosis of diabetes. Much of its error is the "
        "spread of HbA1c among people with the disease, which no model of these "
        "columns removes.",
        f"The {n_segments} learnt segments come from the features of the training rows."
        f" {stability} Half of them is worse than the median also where nobody is "
        "under-served.",
        "Deprivation is family income over the poverty line, in thirds of the training "
        "rows; people whose income is unknown are a subgroup of their own.",
        "Allocation and deterioration: the score is the rank of the predicted HbA1c, "
        "the decision region its upper half, and deterioration how far the measured "
        f"HbA1c lies beyond {DIABETES_FROM:g} mmol/mol.",
    ]
