"""Whom does this model fail? One call from a fitted model, or a column, to a result."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from sklearn_equity._checks import MissingPolicy, check_same_order, take_columns
from sklearn_equity._numbers import check_numbers
from sklearn_equity._outcome_inputs import exchange_column, warn_of_outcome_inputs
from sklearn_equity._sklearn_shims import num_samples
from sklearn_equity._tables import is_lazy
from sklearn_equity.fidelity import (
    measure_table,
    resolve_metric,
    subgroup_fidelity,
)
from sklearn_equity.report._answers import prepare_response
from sklearn_equity.report._counts import relations_of_kinds, relations_of_people
from sklearn_equity.report._groupings import LEARNT, resolve_groupings
from sklearn_equity.report._result import AuditResult
from sklearn_equity.report._spread import grouping_spreads

_SPREAD_OF_OUTCOME = (
    "An error is larger where the outcome itself is more spread, whatever the model: "
    'compare with normalization="std", which divides by the spread of each subgroup.'
)
_TWO_VALUES = (
    "The target has two values, and the metric is one of numbers: for classes take "
    '"roc_auc", "brier", "balanced_accuracy" or another metric of theirs.'
)
_NOTES_ON = {"NRMSE": (_SPREAD_OF_OUTCOME,), "RMSE": (_SPREAD_OF_OUTCOME,)}


def audit(
    estimator: Any,
    X: Any,
    y: ArrayLike,
    *,
    subgroups: Any = None,
    segmenter: Any = None,
    max_depth: int | None = None,
    metric: Any = "nrmse",
    normalization: Any = "mean",
    sample_weight: ArrayLike | None = None,
    min_subgroup_size: int = 30,
    confidence_level: float = 0.95,
    tolerance: float = 0.1,
    n_resamples: int = 1000,
    missing: MissingPolicy = "raise",
    random_state: int | None = None,
) -> AuditResult:
    """Audit a fitted estimator: its fidelity in every subgroup, and how sure that is.

    Use rows that the estimator was not fitted on: on training rows a model looks
    better than it is, and not equally so for everybody.

    Parameters
    ----------
    estimator : fitted estimator
        What it answers is compared with `y`: `predict`, or, for a metric of
        probabilities or scores such as "brier" and "roc_auc", `predict_proba` or
        `decision_function` of a classifier of two classes.
    X : data frame or array-like of shape (n_rows, n_features)
        The held-out rows, as `estimator` takes them.
    y : array-like of shape (n_rows,)
        The true target: numbers, or the classes of a classifier.
    subgroups : str, tuple, list, mapping or array-like, default=None
        Whom to compare. A name takes a column of `X`; a name with a number,
        ``("age", 4)``, that many quantile bands; a tuple of these, the intersection of
        several, such as ``("sex", ("age", 4))``; a list of all these examines each by
        itself; a mapping gives labels, or one of these, by the name to show. Anything
        else is labels, one a row.
    segmenter : fitted estimator, default=None
        Its `predict` gives a learnt segment to each row of `X`. Fit it on other rows,
        such as the training rows. Columns that nearly determine `y`, and that segments
        depend on, are named in an `OutcomeInputWarning`.
    max_depth : int, default=None
        Adds every combination of up to as many groupings, learnt segments among them:
        ``["sex", "ethnicity", ("age", 4)]`` with 2 examines each and every pair.
    metric : str or callable, default="nrmse"
        "accuracy", "average_precision", "balanced_accuracy", "bias", "brier",
        "calibration_in_the_large", "calibration_slope", "log_loss", "mae", "nrmse",
        "pinball" (of the median), "r2", "rmse", "roc_auc", "sensitivity",
        "specificity", or a function such as those of `sklearn.metrics`. The default is
        for numbers: name one for a classifier. Not "interval_coverage": pass its two
        columns to `subgroup_fidelity`.
    normalization : str, float, callable or None, default="mean"
        What divides the error, for ``metric="nrmse"``.
    sample_weight : array-like of shape (n_rows,), default=None
        Case weights.
    min_subgroup_size : int, default=30
        Smaller subgroups are shown with the verdict "insufficient evidence".
    confidence_level : float, default=0.95
        The coverage of each interval.
    tolerance : float, default=0.1
        A subgroup is "served" when it is shown to be worse than the average person of
        its grouping by less than this share.
    n_resamples : int, default=1000
        Bootstrap replicates in each subgroup.
    missing : {"raise", "group", "drop"}, default="raise"
        What happens to rows without a label: an error, a subgroup of their own, or left
        out of that grouping.
    random_state : int or None, default=None
        Seed of the bootstrap: equal seeds give equal figures.

    Returns
    -------
    AuditResult
        Prints as text, shows in a notebook, writes HTML, Markdown, JSON and CSV.

    Raises
    ------
    ValueError
        If a column is absent, labels are missing, a grouping has one label or more than
        200, `y` is neither numeric and complete nor the classes that the model knows,
        or the metric is one of numbers for a classifier, or of classes for a regressor.
    TypeError
        If columns are named but `X` has no column names.

    See Also
    --------
    audit_frame : The same for predictions that are a column of a table.
    subgroup_fidelity : The table alone.

    Notes
    -----
    All groupings together count as one family of comparisons for the verdicts.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LinearRegression
    >>> from sklearn_equity import audit
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(600, 2))
    >>> ward = np.repeat(["north", "south"], 300)
    >>> y = 50 + X[:, 0] + rng.normal(size=600) * np.repeat([1.0, 3.0], 300)
    >>> model = LinearRegression().fit(X[::2], y[::2])
    >>> result = audit(model, X[1::2], y[1::2], subgroups=ward[1::2], random_state=0)
    >>> result.fidelity.verdict
    ('served', 'under-served')
    """
    check_is_fitted(estimator)
    chosen = resolve_metric(metric, normalization=normalization)
    n_rows = num_samples(X)
    if num_samples(y) != n_rows:
        came = f"({n_rows}); got {num_samples(y)}"
        raise ValueError(f"`y` must have one value per row of `X` {came}.")
    check_same_order(X=X, y=y, subgroups=subgroups, sample_weight=sample_weight)
    y_true, respond = prepare_response(estimator, y, chosen)
    groupings = resolve_groupings(subgroups, X, n_rows=n_rows, missing=missing)
    if segmenter is not None:
        groupings[LEARNT] = _segment(segmenter, X, y)
    _require_groupings(groupings, "subgroups", "segmenter")
    y_pred = respond(X)
    return _audit_predictions(
        y_true,
        y_pred,
        groupings,
        model=_describe(estimator),
        target=str(getattr(y, "name", None) or "y"),
        metric=chosen,
        max_depth=max_depth,
        sample_weight=sample_weight,
        min_subgroup_size=min_subgroup_size,
        confidence_level=confidence_level,
        tolerance=tolerance,
        n_resamples=n_resamples,
        missing=missing,
        random_state=random_state,
    )


def audit_frame(
    table: Any,
    *,
    y_true: str,
    y_pred: str,
    subgroups: Any,
    max_depth: int | None = None,
    metric: str = "nrmse",
    normalization: Any = "mean",
    sample_weight: str | None = None,
    min_subgroup_size: int = 30,
    confidence_level: float = 0.95,
    tolerance: float = 0.1,
    n_resamples: int = 1000,
    missing: MissingPolicy = "raise",
    random_state: int | None = None,
) -> AuditResult:
    """Audit predictions that are a column of a table, made by any model anywhere.

    Parameters
    ----------
    table : data frame
        An eager data frame of any library that narwhals speaks to: pandas, polars,
        pyarrow and others. Or a lazy one, of polars, DuckDB, Dask, PySpark or Ibis,
        which stays where it is: see `fidelity_of_table`. Of Parquet files, make one of
        DuckDB by ``duckdb.read_parquet("folder/*.parquet", union_by_name=True)``: else
        DuckDB casts all files to the types of the first, without a word.
    y_true : str
        The column of the true target.
    y_pred : str
        The column of the predictions, made on rows that the model was not fitted on.
    subgroups : str, tuple, list, mapping or array-like
        Whom to compare, as in `audit`.
    max_depth : int, default=None
        Adds every combination of up to as many groupings: 2 for every pair.
    metric : str, default="nrmse"
        A metric's name, as in `audit`.
    normalization : str, float, callable or None, default="mean"
        What divides the error, for ``metric="nrmse"``.
    sample_weight : str, default=None
        The column of case weights.
    min_subgroup_size : int, default=30
        Smaller subgroups are shown with the verdict "insufficient evidence".
    confidence_level : float, default=0.95
        The coverage of each interval.
    tolerance : float, default=0.1
        A subgroup is "served" when it is shown to be worse than the average person of
        its grouping by less than this share.
    n_resamples : int, default=1000
        Bootstrap replicates in each subgroup.
    missing : {"raise", "group", "drop"}, default="raise"
        What happens to rows without a label: an error, a subgroup of their own, or left
        out of that grouping.
    random_state : int or None, default=None
        Seed of the bootstrap: equal seeds give equal figures.

    Returns
    -------
    AuditResult
        Prints as text, shows in a notebook, writes HTML, Markdown, JSON and CSV.

    Raises
    ------
    ValueError
        If a column is absent (those that exist are listed), or holds text or missing
        values where numbers are needed.
    TypeError
        If `table` is no data frame.

    See Also
    --------
    audit : The same for a fitted estimator.
    fidelity_of_table : What is measured of a lazy table, and how.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_equity import audit_frame
    >>> table = pd.DataFrame(
    ...     {
    ...         "hba1c": [36.0, 41.0, 39.0, 52.0] * 25,
    ...         "predicted": [37.0, 40.0, 39.0, 41.0] * 25,
    ...         "smoker": ["no", "no", "yes", "yes"] * 25,
    ...     }
    ... )
    >>> result = audit_frame(
    ...     table,
    ...     y_true="hba1c",
    ...     y_pred="predicted",
    ...     subgroups="smoker",
    ...     random_state=0,
    ... )
    >>> result.fidelity.worst().subgroup
    ('yes',)
    """
    if is_lazy(table):
        return _audit_sums(
            table,
            y_true=y_true,
            y_pred=y_pred,
            subgroups=subgroups,
            max_depth=max_depth,
            metric=metric,
            normalization=normalization,
            sample_weight=sample_weight,
            min_subgroup_size=min_subgroup_size,
            confidence_level=confidence_level,
            tolerance=tolerance,
            n_resamples=n_resamples,
            missing=missing,
            random_state=random_state,
        )
    truth = _numbers_of(table, y_true, "y_true")
    prediction = _numbers_of(table, y_pred, "y_pred")
    weights = (
        None
        if sample_weight is None
        else _numbers_of(table, sample_weight, "sample_weight")
    )
    groupings = resolve_groupings(subgroups, table, n_rows=len(truth), missing=missing)
    _require_groupings(groupings, "subgroups")
    return _audit_predictions(
        truth,
        prediction,
        groupings,
        model=f"Predictions in the column {y_pred!r}",
        target=y_true,
        metric=metric,
        normalization=normalization,
        max_depth=max_depth,
        sample_weight=weights,
        min_subgroup_size=min_subgroup_size,
        confidence_level=confidence_level,
        tolerance=tolerance,
        n_resamples=n_resamples,
        missing=missing,
        random_state=random_state,
    )


def _audit_predictions(
    y_true: NDArray[np.float64],
    y_pred: NDArray[np.float64],
    groupings: dict[str, Any],
    *,
    model: str,
    target: str,
    metric: Any,
    random_state: int | None,
    **options: Any,
) -> AuditResult:
    table = subgroup_fidelity(
        y_true,
        y_pred,
        subgroups=groupings,
        metric=metric,
        random_state=random_state,
        **options,
    )
    settings = resolve_metric(metric)
    notes = _NOTES_ON.get(table.metric.partition(" (")[0], ())
    if settings.task == "regression" and len(np.unique(y_true)) == 2:
        notes = (*notes, _TWO_VALUES)
    return AuditResult(
        model=model,
        target=target,
        fidelity=table,
        spreads=grouping_spreads(table, random_state=random_state),
        notes=notes,
        min_subgroup_size=max(options["min_subgroup_size"], settings.min_rows),
        relations=relations_of_people(
            groupings,
            n_rows=len(y_true),
            missing=options["missing"],
            max_depth=options["max_depth"],
            weights=options["sample_weight"],
        ),
    )


def _segment(segmenter: Any, X: Any, y: Any) -> NDArray[Any]:
    """Return the segment of every row; warn of those that depend on the outcome.

    `X` is the model's table. Whether a segmenter looks at a column is seen when people
    exchange their values of it.
    """
    segments = np.asarray(segmenter.predict(X))

    def is_used(column: Any) -> bool:
        others = np.asarray(segmenter.predict(exchange_column(X, column)))
        return not np.array_equal(others, segments)

    warn_of_outcome_inputs(X, y, stacklevel=3, is_used=is_used)
    return segments


def _audit_sums(
    table: Any,
    *,
    y_true: str,
    y_pred: str,
    random_state: int | None,
    **options: Any,
) -> AuditResult:
    """Audit a table that stays in its engine, from its sums."""
    found, people = measure_table(
        table, y_true=y_true, y_pred=y_pred, random_state=random_state, **options
    )
    settings = resolve_metric(options["metric"], normalization=options["normalization"])
    return AuditResult(
        model=f"Predictions in the column {y_pred!r}",
        target=y_true,
        fidelity=found,
        spreads=grouping_spreads(found, random_state=random_state),
        notes=_NOTES_ON.get(found.metric.partition(" (")[0], ()),
        min_subgroup_size=max(options["min_subgroup_size"], settings.min_rows),
        relations=relations_of_kinds(people.labels, people.n),
    )


def _require_groupings(groupings: dict[str, Any], *arguments: str) -> None:
    if not groupings:
        names = " or ".join(f"`{argument}`" for argument in arguments)
        raise ValueError(f"An audit compares subgroups: give {names}; got none.")


def _numbers_of(table: Any, column: str, argument: str) -> NDArray[np.float64]:
    values = take_columns(table, [column], name=argument)[column]
    return check_numbers(values.to_native(), name=f"{argument} ({column!r})")


def _describe(estimator: Any) -> str:
    """Name a model by its class, a pipeline by its steps."""
    if isinstance(estimator, Pipeline):
        return ", then ".join(type(step).__name__ for _, step in estimator.steps)
    return type(estimator).__name__
