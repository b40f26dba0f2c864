"""How much remedy does how much good, to whom, and whom does it harm?

The same remedy at several strengths, each against the plain model, on rows that none of
the models was fitted to.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone, is_classifier
from sklearn.model_selection import cross_val_predict, train_test_split
from sklearn.utils import check_random_state, indexable

from sklearn_equity._checks import SubgroupCodes, check_same_order
from sklearn_equity._numbers import check_whole_number
from sklearn_equity._parallel import check_n_jobs, run
from sklearn_equity._sklearn_shims import num_samples, safe_indexing
from sklearn_equity.fidelity import (
    Metric,
    resolve_metric,
    subgroup_estimates,
    subgroup_fidelity,
)
from sklearn_equity.remediation._inputs import check_target
from sklearn_equity.remediation._metric_of_target import MetricOfTarget
from sklearn_equity.remediation._no_harm import NoHarmResult, no_harm_test
from sklearn_equity.remediation._path_models import (
    Answers,
    PathRows,
    as_strengths,
    find_subgroups,
    refuse_bad_options,
    refuse_no_remedy,
)
from sklearn_equity.remediation._path_result import RemediationPath
from sklearn_equity.remediation._spread import spread_of
from sklearn_equity.remediation._subgroup_remedy import metric_asked
from sklearn_equity.remediation._under_served import (
    UnderServedRule,
    choose_under_served,
    refuse_bad_rule,
)

__all__ = ["remediation_path"]

Vector = NDArray[np.float64]
_N_FOLDS = 5  # by which the plain model's fidelity is measured on the training rows
_BASE, _UNDER_SERVED = 0, 1


def remediation_path(
    estimator: Any,
    X: Any,
    y: ArrayLike,
    *,
    strengths: Sequence[Any] = (1.5, 2.0, 5.0, 10.0),
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
        A remedy around a model: any of this library, or another meta-estimator; cloned,
        never changed. The plain model is its `estimator`.
    X : array-like of shape (n_rows, n_features)
        Rows, in whatever form the model takes.
    y : array-like of shape (n_rows,)
        The target.
    strengths : sequence, default=(1.5, 2.0, 5.0, 10.0)
        The values of `parameter` to try: numbers, or others such as "weight".
    parameter : str, default="multiplier"
        The parameter of the remedy that sets its strength: "n_rounds" of a
        `LocalExpertStack` or a `SubgroupRecalibrator`, "coverage" of a deferral.
    subgroups : array-like of shape (n_rows,) or (n_rows, n_columns), default=None
        One label a row, or several whose combinations are the subgroups. Needed unless
        the remedy has a `segmenter`, which is fitted once, to the training rows. A
        remedy whose `fit` or `predict` takes subgroups is handed those of its rows.
    metric : str or Metric, default=None
        A metric of what `predict` returns that follows from sums over rows. None takes
        that of the remedy, or, if it has none, "rmse", and "accuracy" of a classifier.
    under_served : rule, default="worse_than_median"
        As in `SubgroupOversampler`; who is counted as under-served here, by the plain
        model's cross-validated fidelity on the training rows.
    test_size : float, default=0.3
        The share of rows that are held out, between 0 and 1.
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
    TypeError
        If `estimator` is no remedy, but a plain model or a pipeline.
    ValueError
        If subgroups are missing or fewer than two, the remedy has no such `parameter`,
        there are no strengths, or the metric is a function of rows.

    See Also
    --------
    no_harm_test : The test of each strength.
    SubgroupOversampler : The published remedy.

    Notes
    -----
    Who is under-served is decided on the training rows, so that the held-out figures of
    both sides are honest. The same held-out rows serve all strengths: the strength that
    looks best among many looks better than it is, and each test holds by itself.

    A deferral is measured on those who get a prediction, and tested against what the
    plain model predicts for the same people; `coverage` says how many they are. Better
    figures of fewer people are no gain, so its verdict is "keeps silent".
    `excluded_who` tells who is left out.

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
    refuse_no_remedy(estimator, parameter, strengths)
    (X,) = indexable(X)
    n_rows = num_samples(X)
    classifies = is_classifier(estimator.estimator)
    y, y_array = check_target(y, n_rows, is_classifier=classifies)
    resolved = resolve_metric(metric_asked(estimator) if metric is None else metric)
    refuse_bad_options(resolved, test_size)
    target = MetricOfTarget.of(resolved, y_array, is_classifier=classifies)
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
    if isinstance(subgroups, Iterator):
        subgroups = list(subgroups)  # read once, and asked for again by every fit
    rows = PathRows(X, y, np.sort(train), np.sort(test), target, subgroups)
    estimator = clone(estimator)
    codes = find_subgroups(estimator, rows)
    worse = _find_under_served(
        estimator, rows, codes, under_served, min_subgroup_size, n_jobs
    )
    remedies = [
        clone(estimator).set_params(**{parameter: strength}) for strength in strengths
    ]
    plain, *remedied = run(
        rows.ask,
        [(model,) for model in (estimator.estimator, *remedies)],
        n_jobs=n_jobs,
    )
    here = codes.codes[rows.test]
    tests = []
    for answers in remedied:
        both = plain.given & answers.given
        tests.append(
            no_harm_test(
                rows.truth[both],
                plain.values[both],
                answers.values[both],
                subgroups={"subgroup": [codes.labels[c] for c in here[both]]},
                metric=resolved,
                tolerance=tolerance,
                min_subgroup_size=min_subgroup_size,
                confidence_level=confidence_level,
                random_state=random_state,
                n_jobs=n_jobs,
            )
        )
    seed = int(
        check_random_state(random_state).randint(2**31)
    )  # one for all, so that they compare
    judge = _Judge(rows, codes, worse, min_subgroup_size, confidence_level, seed)
    every_answer = (plain, *remedied)
    overall, base, under = np.array([judge.figures(one) for one in every_answer]).T
    ends = np.array([judge.intervals(one) for one in every_answer])
    spreads = np.array([judge.spread(one) for one in every_answer])
    gini, gini_corrected, gini_low, gini_high = spreads.T
    n_under = int(np.isin(here, worse).sum())
    verdicts = [
        _verdict(result, silent=not answers.given.all())
        for result, answers in zip(tests, remedied, strict=True)
    ]
    return RemediationPath(
        parameter=parameter,
        strength=as_strengths(strengths),
        overall=overall,
        base=base,
        under_served=under,
        ci_low=ends[:, 0].T,
        ci_high=ends[:, 1].T,
        gini=gini,
        gini_corrected=gini_corrected,
        gini_low=gini_low,
        gini_high=gini_high,
        coverage=np.array([judge.coverage(one) for one in every_answer]).T,
        n=(len(rows.test), len(rows.test) - n_under, n_under),
        labels=tuple(codes.labels[code] for code in worse),
        verdict=("plain", *verdicts),
        no_harm=tuple(tests),
        metric=resolved.label,
        greater_is_better=resolved.greater_is_better,
        confidence_level=confidence_level,
    )


def _find_under_served(
    estimator: Any,
    rows: PathRows,
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


@dataclass(frozen=True)
class _Judge:
    """How answers about held-out people are measured, the same way for all models."""

    rows: PathRows
    codes: SubgroupCodes
    worse: NDArray[np.intp]
    min_subgroup_size: int
    confidence_level: float
    seed: int

    @property
    def under_served(self) -> NDArray[np.bool_]:
        return np.isin(self.codes.codes[self.rows.test], self.worse)

    def coverage(self, answers: Answers) -> tuple[float, float, float]:
        """Return the share with an answer of everybody, base and under-served."""
        sides = (self.under_served >= 0, ~self.under_served, self.under_served)
        overall, base, under = (
            float(answers.given[side].mean()) if side.any() else float("nan")
            for side in sides
        )
        return overall, base, under

    def figures(self, answers: Answers) -> tuple[float, float, float]:
        """Return the metric for everybody, base and under-served."""
        metric, given = self.rows.target.metric, answers.given
        sides = np.where(self.under_served, _UNDER_SERVED, _BASE)[given]
        views = [
            SubgroupCodes(np.zeros_like(sides), ("all",), "all"),
            SubgroupCodes(sides, ("base", "under-served"), "side"),
        ]
        overall, by_side = (
            subgroup_estimates(
                self.rows.truth[given], answers.values[given], view, metric
            )
            for view in views
        )
        return float(overall[0]), float(by_side[0]), float(by_side[1])

    def intervals(self, answers: Answers) -> Vector:
        """Return the ends of everybody's, the base's and the under-served's figures."""
        given = answers.given
        under_served = self.under_served[given]
        one_side = under_served.all() or not under_served.any()
        sides = np.arange(len(under_served)) % 2 == 0 if one_side else under_served
        table = subgroup_fidelity(
            self.rows.truth[given],
            answers.values[given],
            subgroups=sides.tolist(),
            metric=self.rows.target.metric,
            confidence_level=self.confidence_level,
            random_state=self.seed,
        )
        ends = np.full((2, 3), np.nan)
        ends[:, 0] = table.overall.ci_low, table.overall.ci_high
        if one_side:  # the figure of the other is that of nobody
            ends[:, 2 if under_served.any() else 1] = ends[:, 0]
            return ends
        for i, label in enumerate(table.subgroup):
            ends[:, 2 if label else 1] = table.ci_low[i], table.ci_high[i]
        return ends

    def spread(self, answers: Answers) -> tuple[float, float, float, float]:
        """Return the Gini index, without noise, and the ends of its interval."""
        given, codes = answers.given, self.codes
        here = codes.codes[self.rows.test][given]
        return spread_of(
            self.rows.truth[given],
            answers.values[given],
            SubgroupCodes(here, codes.labels, codes.name),
            self.rows.target.metric,
            min_subgroup_size=self.min_subgroup_size,
            confidence_level=self.confidence_level,
            random_state=self.seed,
        )


def _verdict(result: NoHarmResult, *, silent: bool) -> str:
    if result.levelling_down:
        return "levelling down"
    if result.harmed:
        return "harms some"
    if silent:
        return "keeps silent"
    if not result.no_harm:
        return "no harm shown"
    return "gain without harm" if result.improved else "no harm"
