"""By which figure does a rule call a subgroup under-served?

The plain estimate is what was published, and noise moves it; the shrunken one is drawn
to the mean by as much as it is noise; the departure from what is attainable leaves out
the error that no model removes, so that effort goes where it can help.
"""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import is_classifier

from sklearn_equity._checks import SubgroupCodes
from sklearn_equity.fidelity import (
    Metric,
    departure_from_attainable,
    subgroup_fidelity,
)
from sklearn_equity.remediation._under_served import AsLoss

JudgedBy = Literal["estimate", "shrunken", "departure"]
_N_RESAMPLES = 200  # enough for a standard error within 5%


@dataclass(frozen=True)
class Judge:
    """Turns what was measured into the figures that a rule reads.

    Attributes
    ----------
    judged_by : {"estimate", "shrunken", "departure"}
        Which figures.
    metric : Metric
        What fidelity is.
    subgroups : SubgroupCodes
        The subgroup of each row.
    X : array-like
        The rows; used for "departure" alone.
    outcome : ndarray of shape (n_rows,) or None
        The target as numbers, classes as 0 and 1; used for "departure" alone.
    seed : int
        Seeds resamples, or the models that look for what is attainable.
    """

    judged_by: JudgedBy
    metric: Metric
    subgroups: SubgroupCodes
    X: Any
    outcome: NDArray[np.float64] | None
    seed: int

    @classmethod
    def of(
        cls,
        judged_by: JudgedBy,
        metric: Metric,
        subgroups: SubgroupCodes,
        X: Any,
        y: NDArray[Any],
        *,
        is_classifier: bool,
        random_state: np.random.RandomState,
    ) -> "Judge":
        """Prepare what the figures need; draw a seed only if they are random."""
        seed, outcome = 0, None
        if judged_by != "estimate":
            seed = int(random_state.randint(2**31 - 1))
        if judged_by == "departure":
            outcome = (y == np.unique(y)[-1]) if is_classifier else y
            outcome = outcome.astype(np.float64)
        return cls(judged_by, metric, subgroups, X, outcome, seed)

    @property
    def as_loss(self) -> AsLoss:
        """What turns the figures so that higher is worse."""
        return np.asarray if self.judged_by == "departure" else self.metric.as_loss

    def figures(
        self,
        fidelity: dict[Hashable, float],
        y_true: NDArray[Any],
        y_pred: NDArray[Any],
        sample_weight: NDArray[np.float64] | None,
        expected: NDArray[np.float64] | None,
    ) -> dict[Hashable, float]:
        """Return the figure of each subgroup by its label.

        `expected` holds predictions of the outcome's mean; for "departure" alone.
        """
        if self.judged_by == "estimate":
            return fidelity
        codes = self.subgroups.codes  # labels may be of any type; numbers sort alike
        if self.judged_by == "shrunken":
            table = subgroup_fidelity(
                y_true,
                y_pred,
                subgroups=codes,
                metric=self.metric,
                sample_weight=sample_weight,
                n_resamples=_N_RESAMPLES,
                random_state=self.seed,
            )
        else:
            table = departure_from_attainable(
                self.X,
                cast("ArrayLike", self.outcome),  # both are there: refuse_unattainable
                cast("ArrayLike", expected),
                subgroups=codes,
                n_resamples=_N_RESAMPLES,
                random_state=self.seed,
            )
        return {
            self.subgroups.labels[cast("int", code)]: float(figure)
            for code, figure in zip(table.subgroup, table.shrunken, strict=True)
        }


def refuse_unattainable(
    estimator: Any, y: NDArray[Any], sample_weight: Any, measured_on: str
) -> None:
    """Refuse to look for what is attainable where that has no meaning."""
    needs = None
    if measured_on == "train":
        needs = 'predictions of unseen rows: use measured_on="cv"'
    elif sample_weight is not None:
        needs = "rows without sample_weight"
    elif is_classifier(estimator):
        n_classes = len(np.unique(y))
        if n_classes > 2:
            needs = f"numbers or two classes; got {n_classes} classes"
        elif not hasattr(estimator, "predict_proba"):
            needs = "probabilities: an `estimator` with predict_proba"
    if needs is not None:
        raise ValueError(f'`judged_by`="departure" needs {needs}.')
