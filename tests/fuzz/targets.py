"""What is called, with arguments of which kind, and what is promised of the result?

Functions and estimators are listed by name; every other option of their signatures is
broken at random too. `cases.py` holds what needs a hand-made set-up.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import sklearn_equity as se

Promise = Callable[[Any], str | None]


@dataclass(frozen=True)
class Function:
    """A function of arrays, one kind of data for each of its data arguments."""

    data: dict[str, Any]
    sound: dict[str, Any] = field(default_factory=dict)
    leave: tuple[str, ...] = ()
    promise: Promise | None = None
    weight: float = 1.0


@dataclass(frozen=True)
class OneOf:
    """Several sound values of an option, one of which is drawn."""

    values: tuple[Any, ...]


@dataclass(frozen=True)
class Estimator:
    """An estimator: its sound parameters, what `fit` takes, what is called then."""

    sound: dict[str, Any]
    fit: dict[str, Any]
    methods: tuple[str, ...] = ()
    leave: tuple[str, ...] = ()
    weight: float = 0.3


# ---- promises --------------------------------------------------------------------
def is_finite(result):
    """A measure returns finite numbers."""
    return None if np.isfinite(result).all() else f"not finite: {result!r}"


def is_number(result):
    """A measure that may be infinite is at least a number."""
    return None if not np.isnan(result).any() else f"no number: {result!r}"


def are_p_values(result):
    """Adjusted p-values lie between 0 and 1, or are NaN where no test was made."""
    p = np.asarray(result)
    return None if (np.isnan(p) | ((p >= 0) & (p <= 1))).all() else f"outside: {p!r}"


def is_known(result):
    """What an estimator tells of rows is no NaN, though it may be infinite."""
    table = result if isinstance(result, np.ndarray | float) else None
    if hasattr(result, "to_numpy"):
        table = result.to_numpy()
    if table is None or np.asarray(table).dtype.kind not in "fc":
        return can_be_shown(result)
    return None if not np.isnan(table).any() else f"NaN among the answers: {table!r}"


def lorenz_is_sound(result):
    """A Lorenz curve rises from 0 to 1."""
    ends = [(one[0], one[-1]) for one in result]
    rising = all((np.diff(one) >= -1e-12).all() for one in result)
    sound = rising and np.allclose(ends, (0.0, 1.0))
    return None if sound else f"no curve from 0 to 1: {ends}"


def table_is_sound(result):
    """Whoever is judged has an interval; all can be shown.

    Verdicts do not follow from intervals by quantiles, which may be unknown.
    """
    for text in (repr(result), result.to_frame()):
        len(text)
    judged = np.array([word != "insufficient evidence" for word in result.verdict])
    numbers = np.column_stack([result.estimate, result.ci_low, result.ci_high])[judged]
    by_quantiles = "verdicts do not follow" in result.rule
    if not by_quantiles and not np.isfinite(numbers).all():
        return f"judged without an interval: {numbers}"
    ordered = (result.ci_low <= result.ci_high) | np.isnan(result.ci_low)
    return None if ordered.all() else "an interval's ends are exchanged"


def can_be_shown(result):
    """A result prints, and makes frames, sentences and HTML."""
    repr(result)
    for name in ("to_frame", "to_columns", "sentences", "_repr_html_"):
        method = getattr(result, name, None)
        if callable(method):
            shown = method()
            if isinstance(shown, str) and "<script>alert" in shown:
                return f"{name} holds a label that was not escaped"
    return None


def interval_is_sound(result):
    """An inequality that is judged has a finite estimate inside its interval."""
    wrong = can_be_shown(result)
    if wrong or not hasattr(result, "verdict"):
        return wrong
    if result.verdict == "insufficient evidence":
        return None
    sound = result.ci_low <= result.estimate <= result.ci_high
    return None if sound else f"{result.ci_low} {result.estimate} {result.ci_high}"


# ---- functions -------------------------------------------------------------------
WEIGHT = ("optional vector", 0.1, 3.0)
SCORE, MEASURE = ("vector", 0.0, 1.0), ("vector", 0.0, 10.0)
OUTCOME = ("vector", 20.0, 60.0)
P = ("vector", 0.0, 1.0)
INDEX = {"values": MEASURE, "sample_weight": WEIGHT}
FIDELITY = {"y_true": OUTCOME, "y_pred": OUTCOME}
QUICK = {"n_resamples": 50, "random_state": 0}
SMALL = {"min_subgroup_size": 10, **QUICK}
SEVERITY = {
    "threshold": 3.0, "bounds": (0.0, 10.0), "n_steps": 20, "weights": "linear",
    "step": "exact", "direction": "above", "bandwidth": "cdf", "boundary": "reflect",
    "discrete": "auto",
}  # fmt: skip
WINDOWS = {**SEVERITY, "half_width": 0.2, "min_rows": 5, "n_points": 20, "scale": None}
COMPARED = {**WINDOWS, "compare": (0, 1), "missing": "drop"}
JUDGED = {
    **COMPARED, "confidence_level": 0.95, "tolerance": 0.1, "min_subgroup_size": 5,
    "interval": "closed_form", **QUICK,
}  # fmt: skip
A_AND_D = {
    "allocation": SCORE,
    "measurement": MEASURE,
    "subgroups": "labels",
    "sample_weight": WEIGHT,
}
MEASURED = {key: A_AND_D[key] for key in ("measurement", "sample_weight")}
WITHOUT_SCORE = {
    key: value
    for key, value in JUDGED.items()
    if key not in {"half_width", "min_rows", "n_points", "scale"}
}
FUNCTIONS = {
    "gini": Function(INDEX, {"corrected": False}, promise=is_finite),
    "theil": Function(INDEX, promise=is_finite),
    "generalized_entropy": Function(INDEX, {"alpha": 2.0}, promise=is_number),
    "atkinson": Function(INDEX, {"epsilon": 0.5}, promise=is_finite),
    "coefficient_of_variation": Function(INDEX, {"corrected": 0}, promise=is_finite),
    "max_gap": Function(INDEX, promise=is_finite),
    "max_ratio": Function(INDEX),
    "lorenz_curve": Function(INDEX, promise=lorenz_is_sound),
    "benjamini_hochberg": Function({"p_values": P}, promise=are_p_values),
    "benjamini_yekutieli": Function({"p_values": P}, promise=are_p_values),
    "holm": Function({"p_values": P}, promise=are_p_values),
    "permutation_test": Function(
        {"values": MEASURE, "subgroups": "labels"},
        {"n_permutations": 20, "alternative": "two-sided", "random_state": 0},
        promise=can_be_shown,
        weight=2.0,
    ),
    "describe_subgroups": Function(
        {"X": "table", "subgroups": "labels"},
        {"n_permutations": 20, "fdr": 0.05, "rule_depth": 2, "honest": True,
         "missing": "raise", "random_state": 0},
        promise=can_be_shown,
        weight=0.4,
    ),
    "nrmse": Function(
        {**FIDELITY, "sample_weight": WEIGHT}, {"normalization": "mean"},
        promise=is_finite,
    ),
    "dice_score": Function(
        {"y_true": "masks", "y_pred": "masks"}, promise=is_finite
    ),
    "subgroup_fidelity": Function(
        {**FIDELITY, "subgroups": "labels", "sample_weight": WEIGHT},
        {"metric": ("metric",), "normalization": "mean", "reference": "subgroup",
         "max_depth": None, "greater_is_better": None, "per_row": False,
         "confidence_level": 0.9, "interval": OneOf(("single", "simultaneous")),
         "interval_method": OneOf(("recommended", "bca", "percentile")),
         "tolerance": 0.1, "missing": "raise", **SMALL},
        promise=table_is_sound,
        weight=2.5,
    ),
    "cross_tabulate": Function(
        {**FIDELITY, "declared": "labels", "learnt": "labels"},
        {"metric": "mae", "normalization": "mean", "greater_is_better": None,
         "confidence_level": 0.9, "tolerance": 0.1, "missing": "raise", **SMALL},
        promise=can_be_shown,
        weight=0.8,
    ),
    "fidelity_curve": Function(
        {**FIDELITY, "characteristic": MEASURE, "sample_weight": WEIGHT},
        {"metric": ("metric",), "normalization": "mean", "span": None, "n_points": 10,
         "min_rows": 10, "confidence_level": 0.9, "band": "simultaneous", **QUICK},
        promise=can_be_shown,
        weight=0.8,
    ),
    "attainable_fidelity": Function(
        {"X": "table", "y": OUTCOME, "subgroups": "labels"},
        {"metric": "rmse", "estimator": Ridge(), "cv": 3, "confidence_level": 0.9,
         "max_depth": None, "missing": "raise", **SMALL},
        promise=can_be_shown,
        weight=0.4,
    ),
    "departure_from_attainable": Function(
        {"X": "table", "y": OUTCOME, "y_pred": OUTCOME, "subgroups": "labels"},
        {"estimator": Ridge(), "cv": 3, "confidence_level": 0.9, "max_depth": None,
         "missing": "raise", **SMALL},
        promise=can_be_shown,
        weight=0.4,
    ),
    "severity_score": Function(MEASURED, {**SEVERITY, "normalize": False},
                               promise=is_finite),
    "deterioration_index": Function(MEASURED, {**SEVERITY, "normalize": False},
                                    promise=is_finite),
    "allocation_deterioration_curve": Function(
        A_AND_D,
        {**WINDOWS, "confidence_level": 0.95, "missing": "drop"},
        promise=can_be_shown,
    ),
    "da_index_ratio": Function(
        A_AND_D, {**COMPARED, "decision_threshold": 0.2}
    ),
    "dataset_inequality": Function(
        {key: A_AND_D[key] for key in ("measurement", "subgroups", "sample_weight")},
        WITHOUT_SCORE,
        promise=interval_is_sound,
    ),
    "model_inequality": Function(
        A_AND_D, {**JUDGED, "decision_threshold": 0.2}, promise=interval_is_sound
    ),
    "compare_deterioration": Function(
        A_AND_D,
        {**{key: value for key, value in JUDGED.items() if key != "compare"},
         "against": "rest", "reference": None, "decision_threshold": 0.2},
        promise=can_be_shown,
    ),
    "exacerbation": Function(
        A_AND_D, {**JUDGED, "decision_threshold": 0.2, "allocated": None},
        promise=interval_is_sound,
    ),
    "no_harm_test": Function(
        {"y_true": OUTCOME, "before": OUTCOME, "after": OUTCOME, "subgroups": "labels"},
        {"metric": ("metric",), "tolerance": 0.01, "confidence_level": 0.9,
         "missing": "raise", "min_subgroup_size": 10, "n_resamples": 100,
         "random_state": 0},
        promise=can_be_shown,
    ),
    "fidelity_change": Function(
        {"y_true": OUTCOME, "before": OUTCOME, "after": OUTCOME, "subgroups": "named"},
        {"metric": ("metric",), "confidence_level": 0.9, "missing": "raise",
         "min_subgroup_size": 10},
        promise=can_be_shown,
    ),
    "excluded_who": Function(
        {"excluded": "truths", "characteristics": "table"},
        {"n_bands": 3, "confidence_level": 0.9},
        promise=can_be_shown,
    ),
    "triage": Function(
        {"X": "table", "y_true": OUTCOME, "y_pred": OUTCOME, "findings": "labels"},
        {"confidence_level": 0.95, "estimator": Ridge(), "cv": 3,
         "min_subgroup_size": 10, "random_state": 0},
        promise=can_be_shown,
        weight=0.5,
    ),
    "acquisition_plan": Function(
        {"X": "table", "y": OUTCOME, "subgroups": "labels"},
        {"estimator": Ridge(), "target": 0.02, "budget": None, "cv": 2, "n_designs": 6,
         "min_subgroup_size": 10, "confidence_level": 0.9, "n_resamples": 100,
         "random_state": 0},
        promise=can_be_shown,
        weight=0.2,
    ),
    "segmentation_stability": Function(
        {"X": "table"},
        {"segmenter": se.LatentGMMSegmenter(2, random_state=0), "n_repeats": 2,
         "vary": ("seeds",), "n_jobs": None, "random_state": 0},
        promise=can_be_shown,
        weight=0.15,
    ),
    "make_health_cohort": Function(
        {},
        {"n_samples": 300, "strength": "moderate", "shape": "conjunction",
         "n_remediable": 1, "n_noise": 1, "planted_share": 0.1, "population": 0,
         "as_frame": False, "random_state": 0},
        weight=0.3,
    ),
    "load_nhanes": Function({}, {"return_X_y": False, "as_frame": False}, weight=0.03),
}  # fmt: skip

# ---- estimators ------------------------------------------------------------------
TABLE = {"X": "table"}
ANSWERS = {"X": "table", "y": OUTCOME, "y_pred": OUTCOME}
REMEDY = {"X": "table", "y": OUTCOME, "subgroups": "labels", "sample_weight": WEIGHT}
ESTIMATORS = {
    "BoundedKDE": Estimator(
        {"bounds": (None, None), "bandwidth": "silverman", "boundary": "local",
         "discrete": "auto", "n_bins": 256, "clip": False},
        {"X": "column", "sample_weight": WEIGHT},
        ("score_samples", "pdf", "pdf_interval", "cdf", "interval_probability",
         "partial_fit"),
        weight=1.2,
    ),
    "LatentGMMSegmenter": Estimator(
        {"n_components": 2, "component_choice": None, "candidates": (2, 3),
         "covariance_type": "full", "min_segment_size": 1, "max_fit_rows": 1000,
         "init_params": "auto", "n_init": 1, "tol": 0.001, "max_iter": 20,
         "reg_covar": 1e-6, "exact": False, "novelty_rate": 0.001, "random_state": 0},
        TABLE,
        ("predict", "predict_proba", "transform", "score_samples", "score"),
        weight=1.2,
    ),
    "AutoencoderEmbedder": Estimator(
        {"n_components": 1, "hidden_layer_sizes": (3,), "activation": "relu",
         "loss": "mixed", "variational": False, "kl_weight": 0.1,
         "learning_rate": 0.01, "batch_size": 64, "max_epochs": 2, "patience": 2,
         "validation_fraction": 0.1, "weight_decay": 0.0, "n_init": 1,
         "match_columns": "order", "device": "cpu", "random_state": 0, "verbose": 0},
        TABLE,
        ("transform", "score", "reconstruction_errors"),
        leave=("device", "verbose"),
        weight=0.25,
    ),
    "RuleScanner": Estimator(
        {"max_depth": 2, "min_subgroup_size": 10, "max_rules": 3, "n_cuts": 2,
         "max_overlap": 0.5, "loss": "absolute", "holdout": 0.3, "fdr": 0.05,
         "random_state": 0},
        ANSWERS,
        ("predict", "transform", "score_samples"),
        weight=0.4,
    ),
    "ErrorMap": Estimator(
        {"estimator": Ridge(), "loss": "absolute", "cv": 2, "n_bands": 2,
         "n_repeats": 1, "random_state": 0},
        ANSWERS,
        ("predict", "transform", "score_samples"),
        weight=0.4,
    ),
    "ConsensusSegmenter": Estimator(
        {"pipeline": make_pipeline(
            StandardScaler(), se.LatentGMMSegmenter(2, max_iter=10)
        ), "n_representations": 2,
         "n_segments": 2, "min_segment_size": 1, "min_agreement": None,
         "loss": "absolute", "n_jobs": None, "random_state": 0},
        ANSWERS,
        ("predict", "transform", "score_samples"),
        weight=0.2,
    ),
    "SubgroupOversampler": Estimator(
        {"estimator": Ridge(), "segmenter": None, "metric": ("metric",),
         "multiplier": 2.0, "under_served": "worse_than_median",
         "judged_by": "estimate", "measured_on": "train", "strategy": "duplicate",
         "min_subgroup_size": 10, "n_rounds": 1, "stop_when": None, "random_state": 0},
        REMEDY,
        ("predict",),
        weight=0.6,
    ),
    "WorstSubgroupReweighter": Estimator(
        {"estimator": Ridge(), "segmenter": None, "metric": ("metric",),
         "step_size": 0.5, "n_rounds": 2, "measured_on": "train",
         "min_subgroup_size": 10, "random_state": 0},
        REMEDY,
        ("predict",),
        weight=0.4,
    ),
    "SubgroupRecalibrator": Estimator(
        {"estimator": Ridge(), "segmenter": None, "learn_subgroups": True,
         "n_levels": 2, "learning_rate": 0.3, "gate": 2.0, "n_rounds": 2,
         "max_depth": 2, "min_subgroup_size": 10, "random_state": 0},
        REMEDY,
        ("predict",),
        weight=0.2,
    ),
    "DeferralRegressor": Estimator(
        {"estimator": Ridge(), "segmenter": None, "metric": "rmse",
         "withhold_by": Ridge(), "coverage": 0.9, "max_gap": None,
         "min_coverage": 0.5, "min_subgroup_size": 10, "random_state": 0},
        REMEDY,
        ("predict", "defer"),
        weight=0.2,
    ),
    "DeferralClassifier": Estimator(
        {"estimator": LogisticRegression(), "segmenter": None, "metric": "accuracy",
         "withhold_by": Ridge(), "coverage": 0.9, "max_gap": None,
         "min_coverage": 0.5, "min_subgroup_size": 10, "random_state": 0},
        {**REMEDY, "y": ("whole", 0.0, 2.0)},
        ("predict", "predict_proba", "defer"),
        weight=0.2,
    ),
    "LocalExpertStack": Estimator(
        {"estimator": Ridge(), "others": (), "cv": 2, "max_depth": 2, "n_cuts": 2,
         "max_rules": 3, "min_subgroup_size": 10, "least_gain": 1.5, "n_rounds": 1,
         "n_jobs": None, "random_state": 0},
        {"X": "table", "y": OUTCOME},
        ("predict",),
        weight=0.2,
    ),
}  # fmt: skip


def names_of(target):
    """Return every parameter that a message may name, of a function or an estimator."""
    names = set(inspect.signature(target).parameters)
    if inspect.isclass(target):
        methods = ("fit", "predict", "partial_fit", "interval_probability", "pdf")
        for name in (*methods, "pdf_interval"):
            if hasattr(target, name):
                names |= set(inspect.signature(getattr(target, name)).parameters)
        names |= {target.__name__, "edges"}
    if "severity" in names:  # `severity_score` says what those are
        names |= {"weights", "step", "bandwidth", "boundary", "discrete"}
    return names - {"self"} | {"y", "X"}
