"""Which call is made in which case? Everything follows from a seed and a number."""

import contextlib
import hashlib
import inspect
import io
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from draw import Draw
from judge import judge
from sklearn.linear_model import Ridge
from targets import (
    ESTIMATORS,
    FUNCTIONS,
    QUICK,
    SMALL,
    OneOf,
    can_be_shown,
    is_finite,
    is_known,
    names_of,
    table_is_sound,
)

import sklearn_equity as se
from sklearn_equity.__main__ import main
from sklearn_equity.fidelity import METRIC_NAMES

_BINARY = {
    *("accuracy", "average_precision", "balanced_accuracy", "brier", "log_loss"),
    *("calibration_in_the_large", "calibration_slope", "roc_auc", "sensitivity"),
    "specificity",
}
_SCORES = _BINARY - {"accuracy", "balanced_accuracy", "sensitivity", "specificity"}


@dataclass(frozen=True)
class Case:
    """One call, and how its end is judged."""

    target: str
    call: Any
    names: set[str]
    given: dict[str, Any]
    promise: Any = None

    def run(self):
        """Return the fault, or None, and whether the call answered."""
        return judge(self.call, names=self.names, promise=self.promise)

    def describe(self):
        """Write the arguments on a few lines."""
        lines = []
        for name, value in self.given.items():
            text = type(value).__name__
            with contextlib.suppress(Exception):  # nor can pandas print everything
                text += ": " + " ".join(repr(value).split())[:120]
            lines.append(f"    {name} = {text}")
        return "\n".join(lines)


def make_case(seed, number, *, only=None):
    """Draw case `number` of a run."""
    rng = np.random.default_rng([seed, number])
    names, weights = zip(*WEIGHTS.items(), strict=True)
    chosen = rng.choice(names, p=np.array(weights) / sum(weights))
    target = only or str(chosen)
    draw = Draw(rng)
    if target in FUNCTIONS:
        return _function_case(target, draw)
    if target in ESTIMATORS:
        return _estimator_case(target, draw)
    return OTHERS[target][0](target, draw)


# ---- functions and estimators by their lists -------------------------------------
def _data(draw, kinds, metric=None):
    drawn = {}
    for name, kind in kinds.items():
        if kind == "labels":
            drawn[name] = draw.labels(name)
        elif kind == "named":
            drawn[name] = {"ward": draw.labels(name)}
        elif kind in ("table", "column"):
            width = 1 if kind == "column" else None
            drawn[name] = draw.table(name, n_columns=width)
        elif kind == "truths":
            drawn[name] = draw.truths(name)
        elif kind == "masks":
            drawn[name] = draw.table(name, n_columns=3, whole=True)
        elif kind[0] != "optional vector" or draw.rng.random() < 0.3:
            drawn[name] = _numbers(draw, name, kind, metric)
    return drawn


def _numbers(draw, name, kind, metric):
    what, low, high = kind
    if what == "vector" and metric in _BINARY:
        whole = name.startswith("y_true") or metric not in _SCORES
        return draw.vector(name, high=2.0 if whole else 1.0, whole=whole)
    return draw.vector(name, low=low, high=high, whole=what == "whole")


def _options(draw, spec):
    sound = {
        name: draw.choose(value.values) if isinstance(value, OneOf) else value
        for name, value in spec.sound.items()
    }
    if sound.get("metric") == ("metric",):
        sound["metric"] = draw.choose(sorted(METRIC_NAMES))
    return draw.options(sound, leave=spec.leave)


def _function_case(target, draw):
    spec, function = FUNCTIONS[target], getattr(se, target)
    draw.size(may_be_many="labels" in spec.data.values())
    options = _options(draw, spec)
    named = options.get("metric")
    data = _data(draw, spec.data, named if isinstance(named, str) else None)
    by_position = [
        data.pop(name) for name in list(data) if name not in _keywords(function)
    ]
    for name in {"segmenter", "estimator"} & set(options) - _keywords(function):
        by_position.insert(0, options.pop(name))
    return Case(
        target,
        lambda: function(*by_position, **data, **options),
        names_of(function),
        draw.given,
        spec.promise,
    )


def _keywords(function):
    parameters = inspect.signature(function).parameters.values()
    return {one.name for one in parameters if one.kind is one.KEYWORD_ONLY}


def _estimator_case(target, draw):
    spec, kind = ESTIMATORS[target], getattr(se, target)
    draw.size(may_be_many="labels" in spec.fit.values())
    parameters = _options(draw, spec)
    data = _data(draw, spec.fit)
    method = draw.choose(("", *spec.methods))
    later = draw.table("later", n_columns=1 if spec.fit["X"] == "column" else None)
    if draw.rng.random() < 0.7:
        later = data["X"]

    def call():
        model = kind(**parameters).fit(**data)
        repr(model)
        return getattr(model, method)(later) if method else None

    draw.given["method"] = method
    # A deferral's NaN says that it withholds the prediction.
    promise = can_be_shown if target.startswith("Deferral") else is_known
    return Case(target, call, names_of(kind), draw.given, promise)


# ---- hand-made -------------------------------------------------------------------
def _fitted(n_columns=2):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, n_columns))
    return Ridge().fit(X, 40.0 + X[:, 0])


def _metric_case(target, draw):
    """A metric of one's own, of a name, or of neither."""
    metric = draw.choose(("mae", "nrmse", "x", None, 1.0, ["mae"], max, _median_miss))
    options = draw.options({"normalization": "mean", "greater_is_better": False})
    draw.given["metric"] = metric
    function = getattr(se, target)
    return Case(
        target,
        lambda: function(metric, **options),
        names_of(function),
        draw.given,
        _is_shown,
    )


def _median_miss(y_true, y_pred):
    return np.median(np.abs(y_true - y_pred))


def _table_case(target, draw):
    """`inequality_index` and `required_sample_size` of a table that stands."""
    rng, n_labels = draw.rng, draw.choose((2, 3, 7))
    truth = rng.uniform(30, 60, 300)
    table = se.subgroup_fidelity(
        truth,
        truth + rng.normal(size=300) * rng.choice([1e-3, 1.0, 1e3]),
        subgroups=rng.integers(0, n_labels, 300),
        metric=draw.choose(("nrmse", "mae", "bias", "r2")),
        **QUICK,
    )
    function = getattr(se, target)
    if target == "inequality_index":
        options = draw.options(
            {"index": draw.choose(("gini", "theil", "atkinson", "x")), "grouping": None,
             "voice": "subgroup", "confidence_level": 0.9, "random_state": 0}
        )  # fmt: skip
    else:
        options = draw.options(
            {draw.choose(("half_width", "gap")): 0.5, "confidence_level": 0.9,
             "power": 0.8, "n_comparisons": 1}
        )  # fmt: skip
    first = draw.choose((table, table, table, None, 1.0, [1.0, 2.0], "table"))
    draw.given["table"] = first
    return Case(
        target,
        lambda: function(first, **options),
        names_of(function) | {"std_error"},
        draw.given,
        can_be_shown,
    )


def _audit_case(target, draw):
    draw.size(may_be_many=True)
    X, y = draw.table("X", n_columns=2), draw.vector("y", low=20.0, high=60.0)
    options = draw.options(
        {"metric": draw.choose(("nrmse", "mae", "r2")), "normalization": "mean",
         "confidence_level": 0.9, "tolerance": 0.1, "missing": "raise",
         "max_depth": None, **SMALL}
    )  # fmt: skip
    labels = draw.choose((draw.labels("subgroups"), "a", ("a", 2), ["a", "b"]))
    return Case(
        target,
        lambda: se.audit(_fitted(), X, y, subgroups=labels, **options),
        names_of(se.audit) | {"y_pred"},
        draw.given,
        _page_is_escaped,
    )


def _page_is_escaped(result):
    """The page of an audit holds no label as HTML."""
    page = result._repr_html_()
    return "a label became HTML" if "<script>alert" in page else can_be_shown(result)


def _audit_frame_case(target, draw):
    n_rows = draw.size(may_be_many=True)
    frame = pd.DataFrame({"truth": draw.rng.uniform(20, 60, n_rows)})
    for name, values in (
        ("guess", draw.vector("guess", low=20.0, high=60.0)),
        ("ward", draw.labels("ward")),
        ("<b>weight", draw.vector("weight", low=0.1)),
    ):
        with contextlib.suppress(Exception):
            frame[name] = values
    if draw.rng.random() < 0.05:
        frame = pd.concat([frame, frame], axis=1)
    options = draw.options(
        {"metric": "mae", "missing": "group", "confidence_level": 0.9,
         "sample_weight": draw.choose((None, "<b>weight")), "tolerance": 0.1, **SMALL}
    )  # fmt: skip
    columns = draw.options({"y_true": "truth", "y_pred": "guess", "subgroups": "ward"})
    table = draw.choose((frame, frame, frame, np.ones((3, 2)), None, "frame"))
    draw.given["table"] = table
    return Case(
        target,
        lambda: se.audit_frame(table, **columns, **options),
        names_of(se.audit_frame),
        draw.given,
        _page_is_escaped,
    )


def _table_in_its_engine_case(target, draw):
    """`fidelity_of_table` and `audit_frame` of polars, lazy or eager."""
    n_rows, many = draw.size(may_be_many=True), draw.n_rows >= 20_000
    binary = draw.rng.random() < 0.3
    truth = draw.rng.uniform(20.0, 60.0, n_rows)
    guess = truth + draw.rng.normal(size=n_rows)
    if binary:
        truth, guess = (truth > 40.0) * 1.0, draw.rng.uniform(0.01, 0.99, n_rows)
    table = draw.polars_table(
        {
            "truth": truth,
            "guess": guess,
            "ward": np.arange(n_rows) % (10_000 if many else 3),
            "<b>weight": draw.rng.uniform(0.1, 1.0, n_rows),
        }
    )
    options = draw.options(
        {"metric": draw.choose(("brier", "log_loss") if binary else
                               ("mae", "nrmse", "r2", "bias", "rmse", "roc_auc")),
         "missing": draw.choose(("raise", "group", "drop")), "confidence_level": 0.9,
         "sample_weight": draw.choose((None, "<b>weight")), "tolerance": 0.1,
         "normalization": draw.choose(("mean", "std", None, 10.0)), **SMALL}
    )  # fmt: skip
    columns = draw.options(
        {"y_true": "truth", "y_pred": "guess",
         "subgroups": draw.choose(("ward", ["ward"], ("ward",), {"<i>": "ward"}))}
    )  # fmt: skip
    function = getattr(se, target.split()[0])
    return Case(
        target,
        lambda: function(table, **columns, **options),
        names_of(function),
        draw.given,
        _page_is_escaped if "audit" in target else table_is_sound,
    )


# ---- tables and sums of parts ----------------------------------------------------
def _sums_case(target, draw):
    """What adds up people, of arrays, in parts that are merged."""
    draw.size(may_be_many=True)
    values, labels = (
        draw.vector("values", low=20.0, high=60.0),
        draw.labels("subgroups"),
    )
    weights = draw.vector("sample_weight", low=0.1, high=3.0)
    kind = getattr(se, target)
    if target == "SubgroupMoments":
        return Case(
            target,
            lambda: _merged(
                kind.from_arrays(
                    {"error": values}, subgroups=labels, sample_weight=weights
                )
            ),
            names_of(kind.from_arrays) | {"error", "A label"},
            draw.given,
            _moments_are_known,
        )
    if target == "DensityCounts":
        options = draw.options({"bounds": (0.0, 200.0), "boundary": "reflect"})
        return Case(
            target,
            lambda: (
                _merged(kind.from_arrays(values, sample_weight=weights, **options))
                .finish()
                .interval_probability([20.0, 40.0, 60.0])
            ),
            names_of(kind.from_arrays) | names_of(se.BoundedKDE),
            draw.given,
            is_finite,
        )
    if target == "DeteriorationSums":
        allocation = draw.vector("allocation")
        options = draw.options(
            {"threshold": 40.0, "bounds": (0.0, 100.0), "n_steps": 5,
             "weights": "linear", "step": "exact", "direction": "above",
             "bandwidth": 0.0, "decision_threshold": 0.2, "half_width": 0.2,
             "n_points": 10, "missing": "raise"}
        )  # fmt: skip
        return Case(
            target,
            lambda: _merged(
                kind.from_arrays(
                    values, allocation=allocation, subgroups=labels,
                    sample_weight=weights, **options,
                )
            ).curve(min_rows=5),
            names_of(kind.from_arrays) | {"A label"},
            draw.given,
            can_be_shown,
        )  # fmt: skip
    truth = draw.vector("y_true", low=20.0, high=60.0)
    made = draw.options(
        {"metric": draw.choose(("mae", "nrmse", "r2", "bias")),
         "normalization": draw.choose(("mean", "std", None))}
    )  # fmt: skip
    asked = draw.options(
        {"min_subgroup_size": 5, "confidence_level": 0.9, "tolerance": 0.1,
         "n_resamples": 50, "suppress_below": 0, "random_state": 0}
    )  # fmt: skip
    missing = draw.choose(("raise", "group", "drop"))

    def call():
        sums = kind(**made).update(
            truth, values, labels, sample_weight=weights, missing=missing
        )
        return _merged(sums).result(**asked)

    names = names_of(kind) | names_of(kind.update) | names_of(kind.result)
    return Case(
        target,
        call,
        names | {"y_pred", "update", "A label"},
        draw.given,
        table_is_sound,
    )


def _merged(sums):
    """Send it as bytes, and add it to itself."""
    back = type(sums).from_bytes(sums.to_bytes())
    repr(back)
    return sums.merge(back) if hasattr(sums, "merge") else back


def _moments_are_known(moments):
    known = np.isfinite(moments.mean).all() and np.isfinite(moments.scatter).all()
    return None if known else f"not finite: {moments.mean} {moments.scatter}"


def _rows_of_table_case(target, draw):
    """`batches_of_table`, `sample_table` and `label_segments` of frames."""
    n_rows = draw.size()
    numbers = {name: draw.rng.normal(size=n_rows) for name in ("a", "b")}
    table = draw.polars_table(numbers)
    if draw.rng.random() < 0.4:
        table = draw.table("table", n_columns=2)
    sound = {"columns": ("a", "b")}
    if target == "batches_of_table":
        sound["batch_size"] = draw.choose((1, 7, 65_536))
    if target == "sample_table":
        sound |= {"n_rows": draw.choose((1, 20, 1000)), "random_state": 0}
    if target == "label_segments":
        sound["name"] = "segment"
    options, function = draw.options(sound), getattr(se, target)
    rng = np.random.default_rng(0)
    segmenter = draw.choose(
        (se.LatentGMMSegmenter(2, random_state=0).fit(rng.normal(size=(60, 2))), None)
        if draw.rng.random() < 0.1
        else (se.LatentGMMSegmenter(2, random_state=0).fit(rng.normal(size=(60, 2))),)
    )

    def call():
        if target == "label_segments":
            labelled = function(table, segmenter, **options)
            return labelled.collect() if hasattr(labelled, "collect") else labelled
        found = function(table, **options)
        return list(found) if target == "batches_of_table" else found

    return Case(target, call, names_of(function), draw.given, _is_shown)


def _file_case(target, draw):
    """Bytes that are changed, cut or sealed again on their way."""
    kinds = ("SubgroupMoments", "AuditAccumulator", "DensityCounts")
    kind = getattr(se, draw.choose(kinds))
    values, ward = draw.rng.uniform(20.0, 60.0, 60), np.arange(60) % 3
    if kind is se.SubgroupMoments:
        sent = kind.from_arrays({"error": values}, subgroups=ward).to_bytes()
    elif kind is se.DensityCounts:
        sent = kind.from_arrays(values).to_bytes()
    else:
        sent = kind(metric="mae").update(values, values + 1.0, ward).to_bytes()
    data = bytearray(sent)
    for at in draw.rng.integers(0, len(data), draw.rng.integers(0, 4)):
        data[at] = draw.rng.integers(256)
    if draw.rng.random() < 0.7:
        data[-32:] = hashlib.sha256(data[:-32]).digest()
    if draw.rng.random() < 0.2:
        del data[draw.rng.integers(len(data)) :]
    draw.given["data"] = bytes(data)
    return Case(
        target, lambda: kind.from_bytes(bytes(data)), {"data"}, draw.given, _is_shown
    )


def _is_shown(result):
    repr(result)


def _discovery_case(target, draw):
    draw.n_rows = draw.choose((2, 60, 200, 300))
    X, y = draw.table("X", n_columns=2), draw.vector("y", low=20.0, high=60.0)
    options = draw.options(
        {"methods": draw.choose(("rules", "auto")), "loss": "absolute", "holdout": 0.5,
         "n_splits": 1, "fdr": 0.05, "min_subgroup_size": 20, "max_overlap": 0.5,
         "random_state": 0}
    )  # fmt: skip
    model = draw.choose((_fitted(), draw.vector("model", low=20.0, high=60.0)))
    return Case(
        target,
        lambda: se.find_underserved(model, X, y, **options),
        names_of(se.find_underserved) | {"y_pred"},
        draw.given,
        can_be_shown,
    )


def _path_case(target, draw):
    draw.n_rows = draw.choose((2, 60, 200, 300))
    X, y = draw.table("X", n_columns=2), draw.vector("y", low=20.0, high=60.0)
    labels = draw.labels("subgroups")
    options = draw.options(
        {"strengths": (2.0,), "parameter": "multiplier", "metric": "mae",
         "under_served": "worse_than_median", "test_size": 0.4, "tolerance": 0.01,
         "min_subgroup_size": 10, "confidence_level": 0.9, "random_state": 0}
    )  # fmt: skip
    remedy = se.SubgroupOversampler(Ridge(), measured_on="train", min_subgroup_size=10)
    if target == "RemediationPathDisplay":
        return Case(
            target,
            lambda: _drawn(
                lambda: se.RemediationPathDisplay.from_estimator(
                    remedy, X, y, subgroups=labels, **options
                )
            ),
            names_of(se.remediation_path),
            draw.given,
        )
    return Case(
        target,
        lambda: se.remediation_path(remedy, X, y, subgroups=labels, **options),
        names_of(se.remediation_path),
        draw.given,
        can_be_shown,
    )


def _scorer_case(target, draw):
    draw.size(may_be_many=True)
    X, y = draw.table("X", n_columns=2), draw.vector("y", low=20.0, high=60.0)
    labels = draw.labels("subgroups")
    options = draw.options(
        {"metric": draw.choose(("nrmse", "mae", "r2")), "aggregate": "worst",
         "normalization": "mean", "greater_is_better": None, "min_subgroup_size": 10,
         "small": draw.choose(("pool", "drop", "raise")), "shrink": True,
         "missing": draw.choose(("raise", "drop"))}
    )  # fmt: skip

    def call():
        scorer = se.equity_scorer(subgroups=lambda _: labels, **options)
        repr(scorer)
        return scorer(_fitted(), X, y)

    return Case(
        target,
        call,
        names_of(se.equity_scorer) | {"y_true", "y_pred", "The model's predict"},
        draw.given,
        _is_a_score,
    )


def _is_a_score(result):
    return None if np.isfinite(result) else f"a score that is {result!r}"


def _folds_case(target, draw):
    draw.size(may_be_many=True)
    y, labels = draw.vector("y", high=3.0, whole=True), draw.labels("subgroups")
    options = draw.options(
        {"n_splits": 2, "n_bins": 2, "shuffle": True, "random_state": 0,
         "missing": "raise"}
    )  # fmt: skip
    folds = np.zeros((draw.n_rows, 1))

    def call():
        splitter = se.SubgroupStratifiedKFold(subgroups=lambda _: labels, **options)
        return list(splitter.split(folds, y))

    return Case(target, call, names_of(se.SubgroupStratifiedKFold), draw.given)


def _bands_case(target, draw):
    draw.size()
    values, later = draw.vector("values"), draw.vector("later")
    options = draw.options({"n_bands": 3})
    return Case(
        target,
        lambda: se.QuantileBands(**options).fit(values).label(later),
        names_of(se.QuantileBands) | {"values"},
        draw.given,
    )


def _scores_case(target, draw):
    """`da_index_scorer`, and `equity_scoring` of several scorers."""
    draw.size()
    X, y = draw.table("X", n_columns=2), draw.vector("y", low=20.0, high=60.0)
    labels = draw.labels("subgroups")
    if target == "equity_scoring":
        options = draw.options(
            {"metrics": ("nrmse", "mae"), "aggregates": ("worst", "gini")}
        )

        def call():
            made = se.equity_scoring(subgroups=lambda _: labels, **options)
            return [
                scorer(_fitted(), X, y) for scorer in made.values() if callable(scorer)
            ]

        names = names_of(se.equity_scoring) | names_of(se.equity_scorer)
    else:
        measured = draw.vector("measurement", high=10.0)
        draw.given["compare"] = (0, 1)
        options = draw.options(
            {"threshold": 3.0, "compare": (0, 1), "decision_threshold": 0.0,
             "bounds": (0.0, 10.0), "direction": "above", "missing": "drop",
             "scale": draw.choose(("rank", "minmax", None)), "min_rows": 2,
             "half_width": 0.3, "n_points": 10}
        )  # fmt: skip

        def call():
            return se.da_index_scorer(
                measurement=lambda _: measured, subgroups=lambda _: labels, **options
            )(_fitted(), X, y)

        names = names_of(se.da_index_scorer) | names_of(se.model_inequality)
    names |= {"y_true", "y_pred", "The model's predict", "allocation"}
    return Case(target, call, names, draw.given, is_known)


def _pareto_case(target, draw):
    draw.n_rows = 4
    results = {
        "mean_test_r2": draw.vector("mean_test_r2"),
        "mean_test_worst": draw.vector("mean_test_worst"),
        **{f"split{i}_test_r2": draw.vector(f"split{i}") for i in range(2)},
        **{f"split{i}_test_worst": draw.vector(f"split{i}") for i in range(2)},
        "params": [{}] * 4,
    }
    options = draw.options({"metrics": ("r2", "worst")})
    if target == "ParetoDisplay":
        return Case(
            target,
            lambda: _drawn(
                lambda: se.ParetoDisplay.from_cv_results(results, **options)
            ),
            {"cv_results", "metrics", *results},
            draw.given,
        )
    within = draw.options({"within": "r2", "n_se": 1.0})
    if target == "pareto_front":
        return Case(
            target,
            lambda: se.pareto_front(results, **options),
            {"cv_results", "metrics", *results},
            draw.given,
        )
    return Case(
        target,
        lambda: se.ParetoPick("worst", **within)(results),
        {"objective", "within", "n_se", "cv_results", *results},
        draw.given,
    )


def _display_case(target, draw):
    draw.size(may_be_many=True)
    y_true = draw.vector("y_true", low=20.0, high=60.0)
    y_pred = draw.vector("y_pred", low=20.0, high=60.0)
    labels, values = draw.labels("subgroups"), draw.vector("values")
    calls = {
        "SubgroupFidelityDisplay": lambda: se.SubgroupFidelityDisplay.from_predictions(
            y_true, y_pred, subgroups=labels, metric="mae", **SMALL
        ),
        "LorenzDisplay": lambda: se.LorenzDisplay.from_values(values),
        "DensityDisplay": lambda: se.DensityDisplay.from_values(
            values, subgroups=labels
        ),
        "ADCurveDisplay": lambda: se.ADCurveDisplay.from_predictions(
            values, y_true, threshold=40.0, subgroups=labels, min_rows=5, n_points=10
        ),
        "CalibrationByFeatureDisplay": (
            lambda: se.CalibrationByFeatureDisplay.from_predictions(
                y_true, y_pred, values, metric="mae", n_resamples=50, n_points=5
            )
        ),
        "LatentSpaceDisplay": lambda: se.LatentSpaceDisplay(
            np.column_stack([np.arange(draw.n_rows), np.arange(draw.n_rows)]),
            values=values,
        ).plot(),
        "RemediationEffectDisplay": (
            lambda: se.RemediationEffectDisplay.from_predictions(
                y_true, y_pred, values, subgroups={"ward": labels}, metric="mae"
            )
        ),
    }

    names = {
        *("y_true", "y_pred", "subgroups", "values", "allocation", "measurement"),
        *("characteristic", "segments", "coordinates", "before", "after", "X"),
    }
    return Case(target, lambda: _drawn(calls[target]), names, draw.given)


def _drawn(make):
    """Draw a display to the last line, and leave no figure open."""
    try:
        make().figure_.canvas.draw()
    finally:
        plt.close("all")


# ---- the command line ------------------------------------------------------------
def _command_case(target, draw):
    n_rows = draw.size(may_be_many=True)
    columns = {"truth": draw.vector("truth", low=20.0, high=60.0)}
    columns["guess"] = draw.vector("guess", low=20.0, high=60.0)
    columns["ward"] = draw.labels("ward")
    frame = pd.DataFrame(index=range(n_rows))
    for name, values in columns.items():
        with contextlib.suppress(Exception):
            frame[name] = values
    if draw.rng.random() < 0.1:
        frame.columns = draw.choose((["x"] * frame.shape[1], [""] * frame.shape[1]))
    words = [
        *("--target", draw.choose(("truth", "truth", "truth", "absent", "", "<b>"))),
        *("--prediction", draw.choose(("guess", "guess", "guess", "ward", "truth"))),
        *(
            "--subgroups",
            draw.choose(("ward", "ward", "ward:2", "ward+ward", ",", "é")),
        ),
        *("--metric", draw.choose(("mae", "nrmse", "mae", "r2", "auc", "roc_auc"))),
        *("--seed", draw.choose(("0", "0", "0", "-1", "1e3", "99999999999"))),
    ]
    garbage = draw.rng.bytes(200) if draw.rng.random() < 0.1 else None
    suffix = draw.choose((".csv", ".csv", ".csv.gz", ".parquet", ".txt"))
    draw.given |= {"words": words, "suffix": suffix, "garbage": garbage}
    draw.given["columns"] = list(frame.columns)
    return Case(target, lambda: _run_command(frame, words, suffix, garbage), {"--"},
                draw.given, _command_promise)  # fmt: skip


def _run_command(frame, words, suffix, garbage):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"table{suffix}")
        if garbage is not None:
            path.write_bytes(garbage)
        else:
            with contextlib.suppress(Exception):  # what no file can hold is no case
                writer = frame.to_parquet if "parquet" in suffix else frame.to_csv
                writer(path, index=False)
        said, shown = io.StringIO(), io.StringIO()
        words = ["audit", str(path), *words, "--output", str(Path(folder, "out"))]
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(shown):
            try:
                status = main(words)
            except SystemExit as left:  # argparse itself refuses
                status = left.code
        report = Path(folder, "out", "equity_report.html")
        page = report.read_text(encoding="utf-8") if report.exists() else ""
        return status, said.getvalue(), page


def _command_promise(result):
    status, said, page = result
    if status == 0:
        return None if page and "<script>alert" not in page else "no safe report"
    told = status == 2 and "error: " in said and "Traceback" not in said
    return None if told else f"status {status}: {said[-200:]}"


OTHERS = {
    "inequality_index": (_table_case, 0.5),
    "required_sample_size": (_table_case, 0.5),
    "resolve_metric": (_metric_case, 0.3),
    "audit": (_audit_case, 0.7),
    "audit_frame": (_audit_frame_case, 0.7),
    "audit_frame of polars": (_table_in_its_engine_case, 0.5),
    "fidelity_of_table": (_table_in_its_engine_case, 0.8),
    "bytes": (_file_case, 0.4),
    "find_underserved": (_discovery_case, 0.25),
    "remediation_path": (_path_case, 0.2),
    "equity_scorer": (_scorer_case, 1.0),
    "SubgroupStratifiedKFold": (_folds_case, 0.6),
    "QuantileBands": (_bands_case, 0.6),
    "pareto_front": (_pareto_case, 0.3),
    "ParetoPick": (_pareto_case, 0.3),
    "SubgroupFidelityDisplay": (_display_case, 0.1),
    "LorenzDisplay": (_display_case, 0.1),
    "DensityDisplay": (_display_case, 0.1),
    "ADCurveDisplay": (_display_case, 0.1),
    "CalibrationByFeatureDisplay": (_display_case, 0.1),
    "LatentSpaceDisplay": (_display_case, 0.1),
    "RemediationEffectDisplay": (_display_case, 0.1),
    "ParetoDisplay": (_pareto_case, 0.1),
    "RemediationPathDisplay": (_path_case, 0.05),
    "AuditAccumulator": (_sums_case, 0.6),
    "SubgroupMoments": (_sums_case, 0.5),
    "DeteriorationSums": (_sums_case, 0.5),
    "DensityCounts": (_sums_case, 0.5),
    "batches_of_table": (_rows_of_table_case, 0.3),
    "sample_table": (_rows_of_table_case, 0.3),
    "label_segments": (_rows_of_table_case, 0.4),
    "da_index_scorer": (_scores_case, 0.4),
    "equity_scoring": (_scores_case, 0.4),
    "command line": (_command_case, 0.4),
}
WEIGHTS = (
    {name: spec.weight for name, spec in FUNCTIONS.items()}
    | {name: spec.weight for name, spec in ESTIMATORS.items()}
    | {name: weight for name, (_, weight) in OTHERS.items()}
)
