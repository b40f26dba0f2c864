"""How much remedy does how much good, to whom, and whom does it harm?

The same remedy at several strengths, each against the plain model, on rows that none of
the models was fitted to.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone, is_classifier
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import cross_val_predict, train_test_split
from sklearn.utils import check_random_state, indexable

from sklearn_equity._checks import (
    SubgroupCodes,
    check_same_order,
    check_whole_number,
    take_columns,
)
from sklearn_equity._optional import build_frame
from sklearn_equity._parallel import check_n_jobs, run
from sklearn_equity._sklearn_shims import num_samples, safe_indexing
from sklearn_equity.fidelity import (
    Metric,
    resolve_metric,
    subgroup_estimates,
    subgroup_fidelity,
)
from sklearn_equity.remediation._inputs import check_target, number_labels
from sklearn_equity.remediation._metric_of_target import MetricOfTarget
from sklearn_equity.remediation._no_harm import NoHarmResult, no_harm_test
from sklearn_equity.remediation._spread import spread_of
from sklearn_equity.remediation._subgroup_remedy import metric_asked
from sklearn_equity.remediation._under_served import (
    UnderServedRule,
    choose_under_served,
    refuse_bad_rule,
)

__all__ = ["RemediationPath", "remediation_path"]

Vector = NDArray[np.float64]
_N_FOLDS = 5  # by which the plain model's fidelity is measured on the training rows
_BASE, _UNDER_SERVED = 0, 1


@dataclass(frozen=True, eq=False, repr=False)
class RemediationPath:
    """Fidelity on held-out rows along the strength of a remedy.

    What `remediation_path` returns; it prints as a table. The first row is the plain
    model, whose strength is NaN.

    Parameters
    ----------
    parameter : str
        The parameter that sets the strength.
    strength : ndarray of shape (n_models,)
        Its values.
    overall, base, under_served : ndarray of shape (n_models,)
        The metric for everybody, for people of subgroups that the plain model serves
        well, and for those of under-served ones.
    ci_low, ci_high : ndarray of shape (3, n_models)
        The interval of each of these figures by itself, overall, base and under-served
        from the top; NaN where it is not known. All models are asked about the same
        people, so that intervals may overlap where a change is shown.
    gini : ndarray of shape (n_models,)
        The Gini index of the subgroups' metric; NaN where it has no meaning. It holds
        what is sampling error, about the same along the path.
    gini_corrected, gini_low, gini_high : ndarray of shape (n_models,)
        The index without that, and the ends of its interval, as `inequality_index`
        tells them; NaN where they are not known.
    n : tuple of int
        How many people: everybody, base, under-served.
    labels : tuple
        The subgroups that are under-served by the plain model.
    verdict : tuple of str
        Of each model: "levelling down", "harms some", "gain without harm", "no harm",
        or "no harm shown" where evidence is missing; "plain" for the first.
    no_harm : tuple of NoHarmResult
        The test of each strength against the plain model.
    metric : str
        What was measured.
    greater_is_better : bool
        Its orientation.
    confidence_level : float
        The coverage of each interval, and the level of each no-harm test.

    See Also
    --------
    remediation_path : Makes such a result.
    RemediationPathDisplay : Draws it.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LinearRegression
    >>> from sklearn_equity import SubgroupOversampler, remediation_path
    >>> ward = np.repeat(["A", "B"], [600, 200])
    >>> X = np.tile(np.arange(200.0), 4)[:, None]
    >>> y = 10 + np.where(ward == "A", 2, 1) * X[:, 0]
    >>> path = remediation_path(
    ...     SubgroupOversampler(LinearRegression()), X, y, subgroups=ward,
    ...     strengths=[2, 4], random_state=0,
    ... )
    >>> path.verdict
    ('plain', 'levelling down', 'levelling down')
    """

    parameter: str
    strength: Vector
    overall: Vector
    base: Vector
    under_served: Vector
    ci_low: Vector
    ci_high: Vector
    gini: Vector
    gini_corrected: Vector
    gini_low: Vector
    gini_high: Vector
    n: tuple[int, int, int]
    labels: tuple[Hashable, ...]
    verdict: tuple[str, ...]
    no_harm: tuple[NoHarmResult, ...]
    metric: str
    greater_is_better: bool
    confidence_level: float

    def to_columns(self) -> dict[str, list[Any]]:
        """Return the table as columns by name, one row a model."""
        names = ("strength", "overall", "base", "under_served", "gini")
        harmed = [(), *(result.harmed for result in self.no_harm)]
        improved = [(), *(result.improved for result in self.no_harm)]
        return {
            **{name: getattr(self, name).tolist() for name in names},
            **{
                f"{name}_{end}": values[i].tolist()
                for i, name in enumerate(names[1:4])
                for end, values in (("low", self.ci_low), ("high", self.ci_high))
            },
            **{
                name: getattr(self, name).tolist()
                for name in ("gini_corrected", "gini_low", "gini_high")
            },
            "n_harmed": [len(names) for names in harmed],
            "n_improved": [len(names) for names in improved],
            "verdict": list(self.verdict),
        }

    def to_frame(self) -> Any:
        """Return the rows as a data frame.

        Returns
        -------
        pandas.DataFrame or polars.DataFrame
            The columns of `to_columns`; polars if
            ``sklearn.set_config(transform_output="polars")`` says so.
        """
        return build_frame(self.to_columns(), feature="RemediationPath.to_frame")

    def __repr__(self) -> str:
        names = ("overall", "base", "under_served", "gini")
        everybody, base, under_served = self.n
        lines = [
            f"{self.metric}, on {everybody:,} held-out people: {base:,} base, "
            f"{under_served:,} under-served ({len(self.labels)} subgroups)",
            f"{self.parameter:>14} " + " ".join(f"{name:>12}" for name in names),
        ]
        for i, strength in enumerate(self.strength):
            figures = " ".join(f"{getattr(self, name)[i]:>12.4g}" for name in names)
            model = "plain" if i == 0 else f"{strength:g}"
            lines.append(f"{model:>14} {figures}  {self.verdict[i]}")
        return "\n".join(lines)


def remediation_path(
    estimator: Any,
    X: Any,
    y: ArrayLike,
    *,
    strengths: Sequence[float] = (1.5, 2.0, 5.0, 10.0),
    parameter: str = "multiplier",
    subgroups: ArrayLike | None = None,
    metric: str | Metric | None = None,
    under_served: UnderServedRule = "worse_than_median",
    test_size: float = 0.3,
    tolerance: float = 0.005,
    min_subgroup_size: int = 30,
    confidence_level: float = 0.95,
    random_state: int | np.random.RandomState | None = None,
    n_jobs: int | None = None,
) -> RemediationPath:
    """Fit a remedy at several strengths and compare each with the plain model.

    Parameters
    ----------
    estimator : estimator
        A remedy around a model, such as `SubgroupOversampler`; cloned, never changed.
        The plain model is its `estimator`.
    X : array-like of shape (n_rows, n_features)
        Rows, in whatever form the model takes.
    y : array-like of shape (n_rows,)
        The target.
    strengths : sequence of float, default=(1.5, 2.0, 5.0, 10.0)
        The values of `parameter` to try.
    parameter : str, default="multiplier"
        The parameter of the remedy that sets its strength.
    subgroups : array-like of shape (n_rows,) or (n_rows, n_columns), default=None
        One label a row, or several whose combinations are the subgroups. Needed unless
        the remedy has a `segmenter`, which is fitted once, to the training rows.
    metric : str or Metric, default=None
        A metric that follows from sums over rows; None takes that of the remedy.
    under_served : rule, default="worse_than_median"
        As in `SubgroupOversampler`; who is counted as under-served here, by the plain
        model's cross-validated fidelity on the training rows.
    test_size : float, default=0.3
        The share of rows that are held out.
    tolerance : float, default=0.005
        As in `no_harm_test`.
    min_subgroup_size : int, default=30
        Smaller subgroups are neither judged nor part of the Gini.
    confidence_level : float, default=0.95
        That of each no-harm test, and of each interval.
    random_state : int, RandomState instance or None, default=None
        Splits the rows and flips signs. Give the remedy its own.
    n_jobs : int or None, default=None
        How many strengths are fitted at once, as in joblib; the results are the same
        for any number.

    Returns
    -------
    RemediationPath
        A row for the plain model, then one a strength.

    Raises
    ------
    ValueError
        If subgroups are missing or fewer than two, or the metric is a function of rows.

    See Also
    --------
    no_harm_test : The test of each strength.
    SubgroupOversampler : The published remedy.

    Notes
    -----
    Who is under-served is decided on the training rows, so that the held-out figures of
    both sides are honest. The same held-out rows serve all strengths: the strength that
    looks best among many looks better than it is, and each test holds by itself.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LinearRegression
    >>> from sklearn_equity import SubgroupOversampler, remediation_path
    >>> ward = np.repeat(["A", "B"], [600, 200])
    >>> X = np.tile(np.arange(200.0), 4)[:, None]
    >>> y = 10 + np.where(ward == "A", 2, 1) * X[:, 0]
    >>> path = remediation_path(
    ...     SubgroupOversampler(LinearRegression()), X, y, subgroups=ward,
    ...     strengths=[2, 4], random_state=0,
    ... )
    >>> path.no_harm[1].harmed
    ('subgroup = A',)
    """
    check_same_order(X=X, y=y, subgroups=subgroups)
    check_whole_number(min_subgroup_size, name="min_subgroup_size", least=1)
    n_jobs = check_n_jobs(n_jobs)
    if not np.iterable(strengths) or isinstance(strengths, str | bytes):
        msg = f"`strengths` must list values of `parameter`; got {strengths!r}."
        raise TypeError(msg)
    if not isinstance(parameter, str):
        msg = f"`parameter` must be the name of one of `estimator`; got {parameter!r}."
        raise TypeError(msg)
    (X,) = indexable(X)
    n_rows = num_samples(X)
    y, y_array = check_target(
        y, n_rows, is_classifier=is_classifier(estimator.estimator)
    )
    resolved = resolve_metric(metric_asked(estimator) if metric is None else metric)
    target = MetricOfTarget.of(
        resolved, y_array, is_classifier=is_classifier(estimator.estimator)
    )
    random_state = check_random_state(random_state)
    train, test = train_test_split(
        np.arange(n_rows), test_size=test_size, random_state=random_state
    )
    if len(train) < _N_FOLDS:
        msg = (
            f"`X` must leave at least {_N_FOLDS} rows to train on; got {n_rows} rows, "
            f"of which `test_size`={test_size!r} leaves {len(train)}."
        )
        raise ValueError(msg)
    rows = _Rows(X, y, np.sort(train), np.sort(test), target)
    estimator = clone(estimator)
    codes, given = _find_subgroups(estimator, rows, subgroups)
    worse = _find_under_served(
        estimator, rows, codes, under_served, min_subgroup_size, n_jobs
    )
    remedies = [
        clone(estimator).set_params(**{parameter: strength}) for strength in strengths
    ]
    plain, *remedied = run(
        rows.predict,
        [(estimator.estimator, {}), *((remedy, given) for remedy in remedies)],
        n_jobs=n_jobs,
    )
    tests = tuple(
        no_harm_test(
            rows.truth,
            plain,
            prediction,
            subgroups={"subgroup": [codes.labels[c] for c in codes.codes[rows.test]]},
            metric=resolved,
            tolerance=tolerance,
            min_subgroup_size=min_subgroup_size,
            confidence_level=confidence_level,
            random_state=random_state,
            n_jobs=n_jobs,
        )
        for prediction in remedied
    )
    predictions = (plain, *remedied)
    figures = [_figures(rows, prediction, codes, worse) for prediction in predictions]
    overall, base, under = np.array(figures).T
    seed = int(
        check_random_state(random_state).randint(2**31)
    )  # one for all, so that they compare
    ends = np.array(
        [
            _intervals(rows, prediction, codes, worse, confidence_level, seed)
            for prediction in predictions
        ]
    )
    held_out = SubgroupCodes(codes.codes[rows.test], codes.labels, codes.name)
    spreads = [
        spread_of(
            *(rows.truth, prediction, held_out, rows.target.metric),
            min_subgroup_size=min_subgroup_size,
            confidence_level=confidence_level,
            random_state=seed,
        )
        for prediction in predictions
    ]
    gini, gini_corrected, gini_low, gini_high = np.array(spreads).T
    n_under = int(np.isin(codes.codes[rows.test], worse).sum())
    return RemediationPath(
        parameter=parameter,
        strength=np.array([np.nan, *strengths], dtype=np.float64),
        overall=overall,
        base=base,
        under_served=under,
        ci_low=ends[:, 0].T,
        ci_high=ends[:, 1].T,
        gini=gini,
        gini_corrected=gini_corrected,
        gini_low=gini_low,
        gini_high=gini_high,
        n=(len(rows.test), len(rows.test) - n_under, n_under),
        labels=tuple(codes.labels[code] for code in worse),
        verdict=("plain", *map(_verdict, tests)),
        no_harm=tests,
        metric=resolved.label,
        greater_is_better=resolved.greater_is_better,
        confidence_level=confidence_level,
    )


@dataclass(frozen=True)
class _Rows:
    """All rows, which of them models are fitted to, and how a metric reads them."""

    X: Any
    y: Any
    train: NDArray[np.intp]
    test: NDArray[np.intp]
    target: MetricOfTarget

    @property
    def truth(self) -> NDArray[Any]:
        return self.target.y_true[self.test]

    def predict(self, model: Any, given: dict[str, Any]) -> NDArray[Any]:
        """Fit a clone to the training rows and predict the others."""
        fitted = clone(model).fit(
            safe_indexing(self.X, self.train),
            safe_indexing(self.y, self.train),
            **given,
        )
        return self.target.read(fitted.predict(safe_indexing(self.X, self.test)))


def _find_subgroups(
    estimator: Any, rows: _Rows, subgroups: Any
) -> tuple[SubgroupCodes, dict[str, Any]]:
    """Number the subgroups, and return what ``fit`` is to be given of them.

    A segmenter is fitted here, and stays as it is for all strengths.
    """
    n_rows = len(rows.train) + len(rows.test)
    segmenter: Any = getattr(estimator, "segmenter", None)
    if (subgroups is None) == (segmenter is None):
        came = "neither" if subgroups is None else "both"
        msg = (
            "`subgroups`, or the `segmenter` of `estimator`, must say who belongs "
            f"together, and not both; got {came}."
        )
        raise ValueError(msg)
    if subgroups is not None:
        codes = number_labels(subgroups, n_rows, name="subgroups", at_least=2)
        # The labels themselves: the remedy may name those of its own under-served.
        return codes, {"subgroups": safe_indexing(subgroups, rows.train)}
    if hasattr(segmenter, "fit"):
        fitted = clone(segmenter).fit(safe_indexing(rows.X, rows.train))
        if not isinstance(fitted, FrozenEstimator):
            estimator.set_params(segmenter=FrozenEstimator(fitted))
        labels = fitted.predict(rows.X)
    else:
        names = [segmenter] if isinstance(segmenter, str) else list(segmenter)
        labels = take_columns(rows.X, names, name="segmenter").to_native()
    return number_labels(labels, n_rows, name="segmenter", at_least=2), {}


def _find_under_served(
    estimator: Any,
    rows: _Rows,
    codes: SubgroupCodes,
    rule: UnderServedRule,
    min_subgroup_size: int,
    n_jobs: int | None,
) -> NDArray[np.intp]:
    """Return the codes of the subgroups that the plain model serves badly."""
    refuse_bad_rule(rule, codes.labels)
    metric = rows.target.metric
    held_out = cross_val_predict(
        clone(estimator.estimator),
        safe_indexing(rows.X, rows.train),
        safe_indexing(rows.y, rows.train),
        cv=_N_FOLDS,
        n_jobs=n_jobs,
    )
    there = SubgroupCodes(codes.codes[rows.train], codes.labels, codes.name)
    fidelity = subgroup_estimates(
        rows.target.y_true[rows.train], rows.target.read(held_out), there, metric
    )
    judged = {
        label: float(value)
        for label, value, n in zip(codes.labels, fidelity, there.counts(), strict=True)
        if n >= min_subgroup_size and not np.isnan(value)
    }
    chosen = choose_under_served(rule, judged, metric.as_loss)
    return np.flatnonzero([label in chosen for label in codes.labels])


def _figures(
    rows: _Rows,
    prediction: NDArray[Any],
    codes: SubgroupCodes,
    worse: NDArray[np.intp],
) -> tuple[float, float, float]:
    """Return the metric for everybody, base and under-served."""
    metric, here = rows.target.metric, codes.codes[rows.test]
    sides = np.where(np.isin(here, worse), _UNDER_SERVED, _BASE)
    views = [
        SubgroupCodes(np.zeros_like(here), ("all",), "all"),
        SubgroupCodes(sides, ("base", "under-served"), "side"),
    ]
    overall, by_side = (
        subgroup_estimates(rows.truth, prediction, view, metric) for view in views
    )
    return float(overall[0]), float(by_side[0]), float(by_side[1])


def _intervals(
    rows: _Rows,
    prediction: NDArray[Any],
    codes: SubgroupCodes,
    worse: NDArray[np.intp],
    confidence_level: float,
    seed: int,
) -> Vector:
    """Return the ends of everybody's, the base's and the under-served's figures."""
    under_served = np.isin(codes.codes[rows.test], worse)
    one_side = under_served.all() or not under_served.any()
    sides = np.arange(len(under_served)) % 2 == 0 if one_side else under_served
    table = subgroup_fidelity(
        rows.truth,
        prediction,
        subgroups=sides.tolist(),
        metric=rows.target.metric,
        confidence_level=confidence_level,
        random_state=seed,
    )
    ends = np.full((2, 3), np.nan)
    ends[:, 0] = table.overall.ci_low, table.overall.ci_high
    if one_side:  # the figure of the other is that of nobody
        ends[:, 2 if under_served.any() else 1] = ends[:, 0]
        return ends
    for i, label in enumerate(table.subgroup):
        ends[:, 2 if label else 1] = table.ci_low[i], table.ci_high[i]
    return ends


def _verdict(result: NoHarmResult) -> str:
    if result.levelling_down:
        return "levelling down"
    if result.harmed:
        return "harms some"
    if not result.no_harm:
        return "no harm shown"
    return "gain without harm" if result.improved else "no harm"
