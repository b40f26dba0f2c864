"""What a comparison of two groups found, with the evidence for it."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from scipy.special import stdtr, stdtrit

from sklearn_equity._label_text import WITHHELD, format_count
from sklearn_equity._optional import build_frame

Verdict = Literal["unequal", "within tolerance", "insufficient evidence"]

RULE = (
    '"unequal": the interval excludes 0; "within tolerance": the interval of the '
    "ratio lies within {tolerance:g} of 1, either way; "
    '"insufficient evidence": neither, or fewer than {min_subgroup_size} rows on a side'
)


@dataclass(frozen=True)
class InequalityResult:
    """Inequality of one subgroup compared with another, and how sure it is.

    0 is equality; 0.25 means that the subgroup is a quarter more deteriorated than the
    reference, -0.2 that it is a fifth less so. Read it with its interval: without any
    inequality, the figure of a model's decision region for 2,000 people still varies
    by some 0.07.

    Parameters
    ----------
    kind : {"dataset", "model"}
        Whether all people were compared (Definition 2.4) or people with equal scores
        (Definition 2.5).
    subgroup, reference : str
        Who is compared with whom.
    n_subgroup, n_reference : int
        The rows on which the figure rests.
    deterioration_subgroup, deterioration_reference : float
        The deterioration index of each side, for a model averaged over the scores that
        are covered.
    estimate : float
        The inequality: ratio of the two, less 1.
    std_error : float
        Its standard error.
    ci_low, ci_high : float
        Its confidence interval.
    p_value : float
        How often chance alone gives a difference as large, where there is none.
    confidence_level : float
        Nominal coverage of the interval.
    covered : float
        Share of the range of scores on which both sides have enough rows; 1 for a
        dataset.
    verdict : {"unequal", "within tolerance", "insufficient evidence"}
        What the interval shows; see `rule`.
    rule : str
        How the verdict was reached.
    decision_threshold : float or None
        Where the decision region begins; None for a dataset.
    bandwidth : float
        How far the measurement was smoothed, in its unit.

    See Also
    --------
    dataset_inequality : Makes one of all people.
    model_inequality : Makes one of people with equal scores.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_equity.allocation import dataset_inequality
    >>> n_conditions = np.concatenate([np.arange(300) % 6, np.arange(300) % 5])
    >>> result = dataset_inequality(
    ...     n_conditions, subgroups=np.repeat(["east", "west"], 300),
    ...     compare=("east", "west"), threshold=3, n_steps=1,
    ... )
    >>> print(result)
    east (n=300) against west (n=300): +0.250 [95% interval +0.044 to +0.496, p=0.015],
    unequal; 100% of the range covered
    """

    kind: Literal["dataset", "model"]
    subgroup: str
    reference: str
    n_subgroup: int
    n_reference: int
    deterioration_subgroup: float
    deterioration_reference: float
    estimate: float
    std_error: float
    ci_low: float
    ci_high: float
    p_value: float
    confidence_level: float
    covered: float
    verdict: Verdict
    rule: str
    decision_threshold: float | None
    bandwidth: float

    @property
    def ratio(self) -> float:
        """Deterioration of the subgroup over that of the reference: 1 is equality."""
        return 1.0 + self.estimate

    def to_frame(self) -> Any:
        """Return the result as a data frame of one row."""
        return build_frame(
            {name: [value] for name, value in asdict(self).items()},
            feature="InequalityResult.to_frame()",
        )

    def __str__(self) -> str:
        level = f"{100 * self.confidence_level:g}%"
        who = (
            f"{self.subgroup} (n={format_count(self.n_subgroup)}) against "
            f"{self.reference} (n={format_count(self.n_reference)}): "
        )
        if np.isnan(self.estimate):
            return f"{who}{self._why_unknown()}, {self.verdict}"
        return (
            f"{who}{self.estimate:+.3f} [{level} interval {self.ci_low:+.3f} to "
            f"{self.ci_high:+.3f}, p={self.p_value:.2g}], {self.verdict}; "
            f"{100 * self.covered:.0f}% of the range covered"
        )

    def _why_unknown(self) -> str:
        if WITHHELD in (self.n_subgroup, self.n_reference):
            return "figures withheld"
        if self.kind == "model" and self.covered == 0.0:
            return "near no score are there enough people of both (`min_rows`)"
        return "not known"


@dataclass(frozen=True)
class Spread:
    """A log ratio as estimated, with what is known of its error.

    Attributes
    ----------
    log_ratio, std_error, ci_low, ci_high, p_value : float
        On the scale of logarithms, where 0 is equality.
    freedom : float
        Degrees of freedom of the standard error.
    """

    log_ratio: float
    std_error: float
    ci_low: float
    ci_high: float
    p_value: float
    freedom: float = np.inf

    def p_beyond(self, tolerance: float) -> float:
        """Two-sided p-value of a ratio that differs from 1 by `tolerance` or more."""
        if not np.isfinite(self.std_error):
            return np.nan
        room = (float(np.log1p(tolerance)) - abs(self.log_ratio)) / self.std_error
        return min(2.0 * float(stdtr(self.freedom, -room)), 1.0)


def closed_form_spread(
    log_ratio: float, variance: float, freedom: float, confidence_level: float
) -> Spread:
    """Interval and p-value of a log ratio by Student's law.

    A spread of 0 among the rows at hand tells nothing about the people behind them:
    there is no interval then.
    """
    error = float(np.sqrt(variance))
    if not (np.isfinite(log_ratio) and np.isfinite(error) and error > 0.0):
        return Spread(log_ratio, np.nan, np.nan, np.nan, np.nan)
    reach = float(stdtrit(freedom, 0.5 + confidence_level / 2)) * error
    p_value = 2.0 * float(stdtr(freedom, -abs(log_ratio) / error))
    return Spread(
        log_ratio, error, log_ratio - reach, log_ratio + reach, p_value, freedom
    )


def judge(spread: Spread, n_least: int, tolerance: float, min_rows: int) -> Verdict:
    """Say what an interval shows, by the rule."""
    if n_least < min_rows or not np.isfinite(spread.std_error):
        return "insufficient evidence"
    if spread.ci_low > 0.0 or spread.ci_high < 0.0:
        return "unequal"
    allowed = float(np.log1p(tolerance))
    if -allowed <= spread.ci_low and spread.ci_high <= allowed:
        return "within tolerance"
    return "insufficient evidence"
