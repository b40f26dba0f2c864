"""Which candidate serves its worst-served subgroup best, or all most equally?"""

from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

from sklearn.base import is_classifier
from sklearn.metrics import get_scorer

from sklearn_equity._checks import MissingPolicy
from sklearn_equity.scorers._base import SourcedScorer
from sklearn_equity.scorers._response import Normalization, Response, function_name
from sklearn_equity.scorers._sources import MetadataSource, make_source
from sklearn_equity.scorers._subgroup_metric import Aggregate, SubgroupMetric
from sklearn_equity.scorers._values import SmallPolicy

__all__ = ["EquityScorer", "equity_scorer", "equity_scoring"]


class EquityScorer(SourcedScorer):
    """What `equity_scorer` makes."""

    _score_func: SubgroupMetric

    def __init__(self, measure: SubgroupMetric) -> None:
        super().__init__(
            measure,
            measure.sign,
            measure.resolve().response,
            {"subgroups": measure.source},
        )

    def _check_model(self, estimator: Any) -> None:
        self._score_func.resolve().check_task(estimator)

    def _measure(
        self, estimator: Any, y_true: Any, response: Any, found: dict[str, Any]
    ) -> float:
        classes = estimator.classes_ if is_classifier(estimator) else None
        if isinstance(classes, list):  # several outputs
            classes = None
        return self._score_func.measure(y_true, response, classes=classes, **found)

    def _pos_label(self) -> Any:
        return self._score_func.resolve().pos_label

    def _accept_sample_weight(self) -> bool:
        return self._score_func.resolve().takes_sample_weight

    def __repr__(self) -> str:
        measure = self._score_func
        metric, aggregate = (
            repr(value) if isinstance(value, str) else function_name(value)
            for value in (measure.metric, measure.aggregate)
        )
        return (
            f"equity_scorer({metric}, subgroups={measure.source!r}, "
            f"aggregate={aggregate})"
        )


def equity_scorer(
    metric: str | Callable[..., Any] = "nrmse",
    *,
    subgroups: Any = None,
    aggregate: Aggregate = "worst",
    aggregate_greater_is_better: bool | None = None,
    normalization: Normalization = "mean",
    greater_is_better: bool | None = None,
    response_method: Response | None = None,
    min_subgroup_size: int = 30,
    small: SmallPolicy = "pool",
    shrink: bool = True,
    missing: MissingPolicy = "raise",
    metadata_name: str = "subgroups",
) -> EquityScorer:
    r"""A scorer of how a model serves its subgroups, for any tool that takes `scoring`.

    Greater is always better: an aggregate of which less is better is returned negated,
    and its name in dictionaries starts with ``neg_``. For "worst", "best" and "mean"
    the range, the unit and the value of a perfect model are those of the metric; for
    "gap" the unit is the metric's, and 0 is equality; "gini", "theil" and "atkinson"
    have no unit, and 0 is equality; for "ratio" (least by greatest value) 1 is. Trusted
    from about 30 rows in each subgroup of each fold.

    Parameters
    ----------
    metric : str, callable or scorer, default="nrmse"
        A name of this library, such as "nrmse", "mae", "r2", "bias", "accuracy" or
        "brier"; a scorer name of scikit-learn, such as "f1" or "neg_log_loss"; a
        function such as those of `sklearn.metrics`; or what
        `sklearn.metrics.make_scorer` returns, for a function with options.
    subgroups : source of labels, default=None
        Where the label of each row is found. The name of a column of X, or a list of
        several, whose combinations are the subgroups; a pair such as ``("age", 4)``
        cuts a number into bands with equally many rows. A fitted segmenter, or pipeline
        that ends in one: what it predicts. A pandas Series: looked up by the index of
        X, or of y where X has none. A function of X. None: metadata.
    aggregate : str or callable, default="worst"
        What is made of the subgroups' values: "worst", "best", "mean", "gap" (greatest
        minus least), "ratio", "gini", "theil", "atkinson", or a function of the array
        of values.
    aggregate_greater_is_better : bool, default=None
        For a function as `aggregate`, and needed there: whether more is better.
    normalization : str, float, callable or None, default="mean"
        What divides the "nrmse"; see `nrmse`.
    greater_is_better : bool, default=None
        The orientation of a function as `metric`. None reads it off scikit-learn's
        scorer of that function, or off its name.
    response_method : str or sequence of str, default=None
        What the model is asked for: "predict", "predict_proba", "decision_function", or
        several in order of preference. None lets the metric decide.
    min_subgroup_size : int, default=30
        A subgroup with fewer rows among those scored, or in which the metric is
        undefined, is small.
    small : {"pool", "drop", "raise"}, default="pool"
        What happens to small subgroups. "pool" judges them together, and the next
        smallest with them as long as they are too few, so that everyone counts; "drop"
        leaves them out; "raise" refuses.
    shrink : bool, default=True
        Whether the values of four or more subgroups are pulled towards their mean by
        their sampling noise before they are aggregated; not for "mean".
    missing : {"raise", "group", "drop"}, default="raise"
        What happens to rows whose label is missing: refused, a subgroup of their own,
        or left out.
    metadata_name : str, default="subgroups"
        The name under which labels are passed as metadata, if `subgroups` is None.

    Returns
    -------
    scorer
        Called as ``scorer(estimator, X, y)``; a direct call also takes ``subgroups=``
        and ``sample_weight=``.

    Raises
    ------
    ValueError, TypeError
        If an argument is none of those listed; or, from a direct call, if the source
        has no label for the rows.
    ScorerError
        The same from inside a search or cross-validation, whatever its ``error_score``,
        and from joblib's workers: a scorer that can't tell who is who never ends as a
        NaN.

    See Also
    --------
    equity_scoring : A dictionary of several, for searches that weigh one against other.
    subgroup_fidelity : The values themselves, with counts and intervals.

    Notes
    -----
    `shrink` is on by default since a search takes the best of many figures: among 50
    identical subgroups of 40 people each, the worst error reads some 1.5 times the
    truth from noise alone, and the candidate whose noise is kindest would win. With
    value :math:`v_s` of :math:`n_s` rows, mean m, noise c per row, and variance
    :math:`t^2` between subgroups beyond it, what is aggregated is
    :math:`m + (v_s - m) t^2 / (t^2 + c / n_s)` [1]_. The noise is what one row would
    bring if people were dealt to subgroups by chance, the variance of all rows about
    the mean of all; so one row of a huge error raises it as it raises its subgroup. An
    RMSE is shrunk as its square. Where the data show no difference beyond noise, all
    values are m. Two or three subgroups are never shrunk: their mean is too uncertain
    to gain by it [2]_. ``shrink=False`` gives the plain values.

    Means over 200 samples of 50 identical subgroups of 40 people, RMSE, truth 1 and 0,
    as read with (and without) shrinkage:

    ===================  ============  ==============
    errors               worst         Gini index
    ===================  ============  ==============
    normal               1.00 (1.25)   0.001 (0.062)
    Laplace              1.01 (1.41)   0.001 (0.095)
    Student t, 5 d. f.   1.02 (1.61)   0.001 (0.098)
    Student t, 3 d. f.   1.02 (2.35)   0.002 (0.153)
    lognormal            1.01 (2.45)   0.002 (0.211)
    ===================  ============  ==============

    The price is that a real difference reads too small where so few people can hardly
    show it. The worst where one of the 50 truly errs 1.5, 2 or 3 times as much:

    ===================  ============  ============  ============
    errors               1.5           2             3
    ===================  ============  ============  ============
    normal               1.16 (1.50)   1.70 (1.99)   2.79 (2.98)
    Student t, 5 d. f.   1.08 (1.65)   1.41 (1.99)   2.50 (2.93)
    Student t, 3 d. f.                 1.19 (2.44)   1.95 (3.06)
    ===================  ============  ============  ============

    In one sample of ten, the twofold normal error reads below 1.3. Larger subgroups
    are shrunk less, as c / n says. A gap of exactly 0 means "not distinguishable with
    so many people", not "equal": of five subgroups of 300 people, 15% of them in class
    1, four with an area under the ROC curve of .80 and one of .70, it was 0 in a third
    of the samples, and the worst read .75 (without shrinkage .70, and a gap of .14 for
    the true .10). For few large subgroups take ``shrink=False``.

    Bands of ``("age", 4)`` are learnt from all rows that the nearest surrounding search
    or cross-validation was given, so that they are the same in every fold and for any
    number of workers. In a nested search every inner one therefore learns from its own
    training rows. A direct call learns from the rows scored; ``search.score`` after the
    search is refused, since of new rows the bands would be others. A fitted
    `QuantileBands` in place of the number fixes them everywhere.

    Of a metric that is best inside its range, a bias, the distance from the best value
    is aggregated. A model that lacks the response asked for, whose prediction raises or
    is not finite, or for whose labels the metric is undefined for everyone, is left to
    ``error_score``.

    References
    ----------
    .. [1] Morris (1983), "Parametric empirical Bayes inference", Journal of the
       American Statistical Association 78, 47-55.
    .. [2] Efron and Morris (1973), "Stein's estimation rule and its competitors",
       Journal of the American Statistical Association 68, 117-130.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn.dummy import DummyRegressor
    >>> from sklearn.model_selection import cross_val_score
    >>> from sklearn_equity.scorers import equity_scorer
    >>> X = pd.DataFrame({"sex": ["female", "male"] * 100})
    >>> y = pd.Series([60.0, 50.0, 60.0, 70.0] * 50)  # women vary less
    >>> model = DummyRegressor().fit(X, y)  # predicts 60 for everyone
    >>> scorer = equity_scorer("mae", subgroups="sex")
    >>> scorer
    equity_scorer('mae', subgroups='sex', aggregate='worst')
    >>> scorer(model, X, y)
    -10.0
    >>> cross_val_score(model, X, y, scoring=scorer, cv=2)
    array([-10., -10.])
    """
    source = make_source(subgroups, argument="subgroups", metadata_name=metadata_name)
    if metadata_name != "subgroups" and not isinstance(source, MetadataSource):
        msg = (
            f"`metadata_name`={metadata_name!r} has no effect with `subgroups`="
            f"{source!r}: labels come from there. Leave one of them out."
        )
        raise ValueError(msg)
    return EquityScorer(
        SubgroupMetric(
            metric=metric,
            source=source,
            aggregate=aggregate,
            aggregate_greater_is_better=aggregate_greater_is_better,
            normalization=normalization,
            greater_is_better=greater_is_better,
            response_method=response_method,
            min_subgroup_size=min_subgroup_size,
            small=small,
            shrink=shrink,
            missing=missing,
        )
    )


def equity_scoring(
    *base: str,
    subgroups: Any = None,
    metrics: Sequence[str | Callable[..., Any]] = ("nrmse",),
    aggregates: Sequence[Aggregate] = ("worst",),
    **options: Any,
) -> dict[str, Any]:
    r"""The `scoring` of a search that weighs fidelity against equity.

    Greater is better for every entry, under names that say so: "r2",
    "neg_worst_nrmse", "ratio_mae". Range, unit, value at equality and the smallest
    trustworthy subgroup are those of each scorer; see `equity_scorer`.

    Parameters
    ----------
    *base : str
        Names of scikit-learn's scorers for everyone together, such as "r2".
    subgroups : source of labels, default=None
        Where the label of each row is found; see `equity_scorer`.
    metrics : sequence of str, callable or scorer, default=("nrmse",)
        What is measured in every subgroup.
    aggregates : sequence of str or callable, default=("worst",)
        What is made of the subgroups' values, for each metric.
    **options
        Further arguments of `equity_scorer`, the same for all.

    Returns
    -------
    dict
        Scorers by name: those of `base`, then one for each metric and aggregate.

    Raises
    ------
    ValueError, TypeError
        If `base` holds something else than names, two entries have the same name, or an
        argument is none that `equity_scorer` takes.

    See Also
    --------
    ParetoPick : The `refit` that goes with it.

    Examples
    --------
    >>> from sklearn_equity.scorers import equity_scoring
    >>> list(equity_scoring("r2", subgroups="sex", aggregates=("worst", "gini")))
    ['r2', 'neg_worst_nrmse', 'neg_gini_nrmse']
    """
    for name in base:
        if not isinstance(name, str):
            msg = (
                "`base` must be names of scikit-learn's scorers, which are the keys; "
                f"got {name!r}. Add a scorer of your own to the dictionary."
            )
            raise TypeError(msg)
    named: list[tuple[str, Any]] = [(name, get_scorer(name)) for name in base]
    for metric, aggregate in product(_several(metrics), _several(aggregates)):
        scorer = equity_scorer(
            metric, subgroups=subgroups, aggregate=aggregate, **options
        )
        named.append((scorer.__name__, scorer))
    names = [name for name, _ in named]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        msg = f"`equity_scoring` needs different names for all scorers; twice: {twice}."
        raise ValueError(msg)
    return dict(named)


def _several(values: Any) -> list[Any]:
    """Allow one name or function where several are expected."""
    if isinstance(values, list | tuple):
        return list(values)
    return [values]
