"""Where is a prediction withheld, from whom, and what does that do to subgroups?"""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from sklearn_equity._checks import SubgroupCodes
from sklearn_equity._factorize import DROPPED
from sklearn_equity._label_text import format_label
from sklearn_equity.fidelity import subgroup_fidelity
from sklearn_equity.remediation._excluded import ExcludedWho
from sklearn_equity.remediation._metric_of_target import MetricOfTarget

__all__ = ["Deferral"]

Vector = NDArray[np.float64]
_N_RESAMPLES = 200  # enough for a standard error within 5%
_ONE_SIDED_95 = float(norm.ppf(0.95))


@dataclass(frozen=True, eq=False, repr=False)
class Deferral:
    """For whom a model gives no prediction, and who they are.

    What `DeferralRegressor.defer` returns. Arrays are made of it as of its `deferred`;
    it prints the people who are excluded.

    Parameters
    ----------
    deferred : ndarray of bool of shape (n_rows,)
        Who gets no prediction.
    doubt : ndarray of shape (n_rows,)
        How little each prediction can be trusted: an expected error, or a novelty.
    excluded : ExcludedWho
        Who is over-represented among them.

    See Also
    --------
    DeferralRegressor : Makes it.
    excluded_who : The same table for any other rule.

    Examples
    --------
    >>> import warnings
    >>> import numpy as np
    >>> from sklearn.linear_model import LinearRegression
    >>> from sklearn_equity import DeferralRegressor
    >>> from sklearn_equity.exceptions import ExclusionWarning
    >>> rng = np.random.default_rng(0)
    >>> age = rng.uniform(20, 80, size=600)
    >>> y = age + rng.normal(size=600) * np.where(age > 70, 9, 1)
    >>> model = DeferralRegressor(LinearRegression(), coverage=0.85, random_state=0)
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore", ExclusionWarning)
    ...     model = model.fit(age[:, None], y)
    >>> np.asarray(model.defer([[30.0], [75.0]]))
    array([False,  True])
    """

    deferred: NDArray[np.bool_]
    doubt: Vector
    excluded: ExcludedWho

    @property
    def coverage(self) -> float:
        """The share of people with a prediction."""
        return float(1.0 - self.deferred.mean())

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:  # noqa: FBT001
        if copy is False and dtype not in (None, bool, np.dtype(bool)):
            raise ValueError("Truth values of another type must be copied.")
        array = self.deferred if dtype is None else self.deferred.astype(dtype)
        return array.copy() if copy else array

    def __len__(self) -> int:
        return len(self.deferred)

    def __repr__(self) -> str:
        return repr(self.excluded)


@dataclass(frozen=True)
class SubgroupCoverage:
    """What withholding did to one subgroup, on rows that chose no threshold.

    Attributes
    ----------
    subgroup : hashable
        Its label.
    n : int
        Its people.
    threshold : float
        The doubt above which they get no prediction.
    coverage : float
        The share who get one.
    fidelity_of_all : float
        The fidelity of all predictions.
    fidelity : float
        That of the predictions which are given; NaN if none is.
    std_error : float
        Of that; NaN where nobody is left to compare with.
    excess : float
        By how much its loss exceeds that of the best-served subgroup.
    verdict : str
        "within" or "beyond" the bound by a one-sided test at 5%; "not shown" if neither
        is; "no bound" without one, "too small" below `min_subgroup_size`.
    """

    subgroup: Hashable
    n: int
    threshold: float
    coverage: float
    fidelity_of_all: float
    fidelity: float
    std_error: float
    excess: float
    verdict: str

    def __repr__(self) -> str:
        return (
            f"{format_label(self.subgroup)}: {self.coverage:.0%} of {self.n:,} with a "
            f"prediction, {self.fidelity_of_all:.4g} -> {self.fidelity:.4g} "
            f"(SE {self.std_error:.2g}), {self.verdict}"
        )


def judge_coverage(
    withheld: NDArray[np.bool_],
    prediction: NDArray[Any],
    metric: MetricOfTarget,
    codes: SubgroupCodes,
    sample_weight: Vector | None,
    *,
    limits: Vector,
    max_gap: float | None,
    min_subgroup_size: int,
    seed: int,
) -> tuple[SubgroupCoverage, ...]:
    """Measure fidelity before and after, by subgroup, and test the bound."""
    counts = codes.counts()
    kept = SubgroupCodes(
        np.where(withheld, DROPPED, codes.codes), codes.labels, codes.name
    )
    before = metric.values(prediction, codes, sample_weight)
    after = np.array(metric.values(prediction, kept, sample_weight))
    errors = _standard_errors(withheld, prediction, metric, codes, sample_weight, seed)
    loss = metric.metric.as_loss(after)
    judged = (counts >= min_subgroup_size) & np.isfinite(loss)
    best = int(np.argmin(np.where(judged, loss, np.inf)))
    excess = loss - loss[best] if judged.any() else np.full(len(loss), np.nan)
    with np.errstate(invalid="ignore"):
        spread = np.hypot(errors, errors[best])
    return tuple(
        SubgroupCoverage(
            subgroup=label,
            n=int(counts[code]),
            threshold=float(limits[code]),
            coverage=float(1.0 - withheld[codes.codes == code].mean()),
            fidelity_of_all=float(before[code]),
            fidelity=float(after[code]),
            std_error=float(errors[code]),
            excess=float(excess[code]),
            verdict=_verdict(
                float(excess[code]),
                0.0 if code == best else float(spread[code]),
                max_gap,
                judged=bool(judged[code]),
            ),
        )
        for code, label in enumerate(codes.labels)
    )


def _standard_errors(
    withheld: NDArray[np.bool_],
    prediction: NDArray[Any],
    metric: MetricOfTarget,
    codes: SubgroupCodes,
    sample_weight: Vector | None,
    seed: int,
) -> Vector:
    errors = np.full(codes.n_subgroups, np.nan)
    given = np.flatnonzero(~withheld)
    if len(np.unique(codes.codes[given])) < 2:
        return errors  # nobody to compare with
    table = subgroup_fidelity(
        metric.y_true[given],
        metric.read(prediction)[given],
        subgroups=codes.codes[given],
        metric=metric.metric,
        sample_weight=None if sample_weight is None else sample_weight[given],
        n_resamples=_N_RESAMPLES,
        random_state=seed,
    )
    errors[np.array(table.subgroup, dtype=np.intp)] = table.std_error
    return errors


def _verdict(
    excess: float, std_error: float, max_gap: float | None, *, judged: bool
) -> str:
    if max_gap is None:
        return "no bound"
    if not judged:
        return "too small"
    reach = _ONE_SIDED_95 * std_error
    if excess + reach <= max_gap:
        return "within"
    return "beyond" if excess - reach > max_gap else "not shown"
