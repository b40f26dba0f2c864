"""Which candidate allocates so that equal scores mean equal illness?"""

import inspect
import reprlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import narwhals.stable.v2 as nw
import numpy as np

from sklearn_equity._checks import MissingPolicy
from sklearn_equity.allocation import da_index_ratio, severity_score
from sklearn_equity.scorers._base import SourcedScorer
from sklearn_equity.scorers._callers import never_as_a_nan
from sklearn_equity.scorers._sources import Source, make_source

__all__ = ["DAIndexScorer", "da_index_scorer"]

_TARGET = "y"
_ALLOCATION = ("predict_proba", "decision_function", "predict")


@dataclass(frozen=True)
class TargetSource:
    """The target of the model itself."""

    argument: str = "measurement"

    def __repr__(self) -> str:
        return repr(_TARGET)

    def take(self, X: Any, y: Any, metadata: Any) -> Any:
        """Return the target."""
        if metadata is not None:
            msg = (
                f'`{self.argument}` came twice: it is "{_TARGET}", and it was passed '
                "beside X and y. Leave one out."
            )
            raise ValueError(msg)
        table = nw.from_native(X, eager_only=True, pass_through=True)
        if isinstance(table, nw.DataFrame) and _TARGET in table.columns:
            msg = (
                f'`{self.argument}`="{_TARGET}" means the target, but X has a column '
                "of that name. Rename the column; or, if that is meant, "
                f'{self.argument}=lambda X: X["{_TARGET}"].'
            )
            raise ValueError(msg)
        return y


@dataclass(frozen=True)
class DAIndexMeasure:
    """The distance of the DA-index ratio from equality."""

    measurement: Source
    subgroups: Source
    compare: tuple[Any, Any]
    options: Mapping[str, Any] = field(default_factory=dict)

    __name__ = "log_da_index_ratio"

    def __call__(self, y_true: Any, y_pred: Any, **metadata: Any) -> float:
        """Refuse a tool that keeps this function and nothing else of the scorer.

        It would hand over labels, which say who gets the resource and rank nobody.
        """
        del y_true, y_pred, metadata
        msg = (
            "da_index_scorer compares people of equal score, and a threshold, such as "
            "TunedThresholdClassifierCV varies, leaves labels instead of scores. What "
            "works here: equity_scorer; or a search over the classifier itself."
        )
        with never_as_a_nan():
            raise TypeError(msg)

    def measure(
        self,
        y_true: Any,
        y_pred: Any,
        *,
        subgroups: Any,
        measurement: Any,
        sample_weight: Any = None,
    ) -> float:
        """Return the absolute logarithm of the ratio."""
        del y_true  # unless it is the measurement, it does not count
        ratio = da_index_ratio(
            y_pred,
            measurement,
            subgroups=subgroups,
            compare=self.compare,
            sample_weight=sample_weight,
            **self.options,
        )
        if not 0.0 < ratio < np.inf:
            msg = (
                f"The DA-index ratio of {self.compare!r} is {ratio:g}, which has no "
                "logarithm: in the decision region the two share no scores, or one of "
                "them is not deteriorated at all among the rows scored. Use fewer "
                "folds, a larger half_width or a lower decision_threshold."
            )
            raise ValueError(msg)
        return float(abs(np.log(ratio)))


class DAIndexScorer(SourcedScorer):
    """What `da_index_scorer` makes."""

    _score_func: DAIndexMeasure

    def __init__(self, measure: DAIndexMeasure) -> None:
        sources = {"subgroups": measure.subgroups, "measurement": measure.measurement}
        super().__init__(measure, -1, _ALLOCATION, sources)

    def __repr__(self) -> str:
        measure = self._score_func
        return (
            f"da_index_scorer(measurement={measure.measurement!r}, "
            f"subgroups={measure.subgroups!r}, compare={measure.compare!r})"
        )


def da_index_scorer(
    *,
    measurement: Any,
    threshold: Any,
    subgroups: Any,
    compare: tuple[Any, Any],
    decision_threshold: float = 0.0,
    bounds: tuple[float | None, float | None] = (None, None),
    direction: Literal["above", "below"] = "above",
    scale: Literal["rank", "minmax"] | None = None,
    missing: MissingPolicy = "raise",
    **options: Any,
) -> DAIndexScorer:
    r"""A scorer of how equally ill two subgroups are at equal score.

    Greater is better: minus the absolute logarithm of the DA-index ratio. From minus
    infinity to 0; 0 at equality, -0.69 where one subgroup is twice or half as
    deteriorated as the other. No unit. Trusted from about 500 rows in each fold: with
    no inequality at all and 2,000 rows the ratio still varies by some .07.

    Parameters
    ----------
    measurement : source of numbers
        Where the clinical measurement of each row is found: the name of a column of X,
        a pandas Series looked up by index, a function of X, "y" for the target itself,
        or None for metadata named `measurement`.
    threshold : float or mapping
        Where abnormal begins: for all, or by subgroup.
    subgroups : source of labels
        Where the label of each row is found, as for `equity_scorer`; None for metadata.
    compare : tuple of two labels
        The two subgroups compared; None as the second stands for all the rest.
    decision_threshold : float, default=0.0
        Where the decision region begins, on the scale of the (mapped) scores.
    bounds : tuple of (float or None, float or None), default=(None, None)
        The possible range of the measurement. Give it: else every fold reads its own
        off its rows, with a `BoundsFromSampleWarning`.
    direction : {"above", "below"}, default="above"
        Whether high or low values of the measurement are the bad ones.
    scale : {"rank", "minmax", None}, default=None
        How scores are mapped to the interval from 0 to 1: needed for decision values
        and for the predictions of most regressors.
    missing : {"raise", "group", "drop"}, default="raise"
        What happens to missing labels.
    **options
        Further options of `da_index_ratio`, such as `half_width` and `min_rows`.

    Returns
    -------
    scorer
        Called as ``scorer(estimator, X, y)``; a direct call also takes ``subgroups=``,
        ``measurement=`` and ``sample_weight=``. The allocation is what the model's
        predict_proba gives for the greater class, else its decision_function, else
        its predict.

    Raises
    ------
    ValueError, TypeError
        If an argument breaks its rule; or, from a direct call, if a source has no value
        for the rows or the ratio has no logarithm.
    ScorerError
        The same from inside a search or cross-validation, whatever its ``error_score``.

    See Also
    --------
    equity_scorer : How well each subgroup is predicted, instead of how it is treated.

    Notes
    -----
    :math:`-|\log r|` treats a ratio r and its inverse alike: it does not matter which
    of the two subgroups is named first [1]_.

    References
    ----------
    .. [1] Wu, Wang, Sylolypavan and Wild (2022), "Quantifying Health Inequalities
       Induced by Data and AI Models", IJCAI, 5192-5198.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn_equity.scorers import da_index_scorer
    >>> X = pd.DataFrame({"cost": np.repeat(np.linspace(0, 1, 500), 2)})
    >>> X["ward"] = np.tile([0, 1], 500)
    >>> n_conditions = pd.Series(np.where(X["ward"] == 0, 4.0, X.index // 2 % 2 * 4.0))
    >>> model = LogisticRegression().fit(X[["cost"]], X["cost"] > 0.5)
    >>> scorer = da_index_scorer(
    ...     measurement=n_conditions, threshold=3, subgroups=X["ward"], compare=(0, 1),
    ...     bounds=(0, 17),
    ... )
    >>> round(scorer(model, X[["cost"]]), 2)  # minus the logarithm of 2
    -0.69
    """
    if not isinstance(compare, tuple) or len(compare) != 2:
        msg = f"`compare` must be a tuple of two labels; got {reprlib.repr(compare)}."
        raise ValueError(msg)
    _check_options(options)
    return DAIndexScorer(
        DAIndexMeasure(
            measurement=_measurement_source(measurement),
            subgroups=make_source(
                subgroups, argument="subgroups", metadata_name="subgroups"
            ),
            compare=compare,
            options={
                "threshold": threshold,
                "decision_threshold": decision_threshold,
                "bounds": bounds,
                "direction": direction,
                "scale": scale,
                "missing": missing,
                **options,
            },
        )
    )


def _check_options(options: Mapping[str, Any]) -> None:
    """Refuse now what the ratio, or the severity under it, would refuse in a fold."""
    taken = {
        name
        for function in (da_index_ratio, severity_score)
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY
    } - {*inspect.signature(da_index_scorer).parameters, "sample_weight", "normalize"}
    unknown = sorted(set(options) - taken)
    if unknown:
        listed = ", ".join(sorted(taken))
        msg = (
            f"da_index_scorer has no option {unknown[0]!r}; further ones are {listed}."
        )
        raise TypeError(msg)


def _measurement_source(measurement: Any) -> Source:
    if isinstance(measurement, str) and measurement == _TARGET:
        return TargetSource()
    if isinstance(measurement, list | tuple):
        msg = (
            "`measurement` must be one column, a pandas Series, a function of X, "
            f'"{_TARGET}" for the target or None for metadata; got '
            f"{reprlib.repr(measurement)}."
        )
        raise TypeError(msg)
    return make_source(measurement, argument="measurement", metadata_name="measurement")
