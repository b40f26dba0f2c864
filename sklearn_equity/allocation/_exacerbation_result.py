"""What a model makes of the inequality of its data, with the evidence for it."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from sklearn_equity._optional import build_frame
from sklearn_equity.allocation._result import InequalityResult, Spread, judge

ExacerbationVerdict = Literal[
    "exacerbated", "relieved", "within tolerance", "insufficient evidence"
]

_RULE = (
    '"exacerbated" or "relieved": the interval of the change lies above or below 0; '
    '"within tolerance": that of the ratio of ratios lies within {tolerance:g} of 1, '
    'either way; "insufficient evidence": neither, or fewer than {min_subgroup_size} '
    "rows on a side, of the model's inequality or of the data's"
)


@dataclass(frozen=True)
class ExacerbationResult:
    """A model's inequality against that of the data, and how sure the change is.

    0 means that the model leaves the subgroup as far from the reference as the data
    have it; 0.2 that at equal score the ratio of their deterioration is a fifth higher.
    Put the subgroup that is thought to be worse off first.

    Parameters
    ----------
    model, data : InequalityResult
        The two inequalities.
    estimate : float
        Ratio of the model's ratio to that of the data, less 1.
    std_error, ci_low, ci_high, p_value : float
        Its standard error, interval, and p-value of "no change". The people whom both
        inequalities share are counted as the same people.
    confidence_level : float
        Nominal coverage of the interval.
    verdict : {"exacerbated", "relieved", "within tolerance", "insufficient evidence"}
        Whether the interval shows more deterioration of the subgroup by the model than
        in the data, less, or no more than a tolerable change.
    rule : str
        How the verdict was reached.

    See Also
    --------
    exacerbation : Makes one.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_equity.allocation import exacerbation
    >>> score, ill = np.tile(np.linspace(0, 1, 600), 2), np.arange(1200) % 2
    >>> ward = np.repeat(["east", "west"], 600)
    >>> result = exacerbation(
    ...     score, ill, subgroups=ward, compare=("east", "west"), threshold=1,
    ...     n_steps=1, tolerance=0.5,
    ... )
    >>> print(result)
    east against west: change +0.000 [95% interval -0.008 to +0.008, p=1], within
    tolerance; model +0.000 (n=600 and 600, 100% of the range covered), data +0.000
    (n=600 and 600)
    """

    model: InequalityResult
    data: InequalityResult
    estimate: float
    std_error: float
    ci_low: float
    ci_high: float
    p_value: float
    confidence_level: float
    verdict: ExacerbationVerdict
    rule: str

    @property
    def times(self) -> float:
        """How many times the data's inequality the model's is, as published.

        NaN where the data show none; erratic where they show hardly any.
        """
        in_data = self.data.estimate
        return self.model.estimate / in_data if in_data else np.nan

    def to_frame(self) -> Any:
        """Return a data frame of one row."""
        model, data = self.model, self.data
        columns: dict[str, list[Any]] = {
            "subgroup": [model.subgroup],
            "reference": [model.reference],
            "n_subgroup_model": [model.n_subgroup],
            "n_reference_model": [model.n_reference],
            "n_subgroup_data": [data.n_subgroup],
            "n_reference_data": [data.n_reference],
            "covered": [model.covered],
            "model_inequality": [model.estimate],
            "data_inequality": [data.estimate],
            "estimate": [self.estimate],
            "std_error": [self.std_error],
            "ci_low": [self.ci_low],
            "ci_high": [self.ci_high],
            "p_value": [self.p_value],
            "confidence_level": [self.confidence_level],
            "verdict": [self.verdict],
            "rule": [self.rule],
        }
        return build_frame(columns, feature="ExacerbationResult.to_frame()")

    def __str__(self) -> str:
        model, data = self.model, self.data
        return (
            f"{model.subgroup} against {model.reference}: change {self.estimate:+.3f} "
            f"[{100 * self.confidence_level:g}% interval {self.ci_low:+.3f} to "
            f"{self.ci_high:+.3f}, p={self.p_value:.2g}], {self.verdict}; "
            f"model {model.estimate:+.3f} (n={model.n_subgroup:,} and "
            f"{model.n_reference:,}, {100 * model.covered:.0f}% of the range covered), "
            f"data {data.estimate:+.3f} (n={data.n_subgroup:,} and "
            f"{data.n_reference:,})"
        )


def weigh_change(
    change: Spread,
    model: InequalityResult,
    data: InequalityResult,
    *,
    tolerance: float,
    min_subgroup_size: int,
) -> ExacerbationResult:
    """Put a change into words that the rows behind it support."""
    n_least = min(
        *(model.n_subgroup, model.n_reference), *(data.n_subgroup, data.n_reference)
    )
    found = judge(change, n_least, tolerance, min_subgroup_size)
    worse: ExacerbationVerdict = "exacerbated" if change.ci_low > 0.0 else "relieved"
    ratio = float(np.exp(change.log_ratio))
    return ExacerbationResult(
        model=model,
        data=data,
        estimate=ratio - 1.0,
        std_error=ratio * change.std_error,
        ci_low=float(np.exp(change.ci_low) - 1.0),
        ci_high=float(np.exp(change.ci_high) - 1.0),
        p_value=change.p_value,
        confidence_level=model.confidence_level,
        verdict=worse if found == "unequal" else found,
        rule=_RULE.format(tolerance=tolerance, min_subgroup_size=min_subgroup_size),
    )
