"""What was found of each finding: structure, only more variance, or too little?"""

import textwrap
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from sklearn_equity._optional import build_frame

__all__ = ["TriageResult", "Verdict"]

Vector = NDArray[np.float64]
Verdict = Literal["remediable", "noise", "too few to say"]
_TEXT_WIDTH = 88


@dataclass(frozen=True, eq=False, repr=False)
class TriageResult:
    """Whether the errors of each finding could be learnt from, with the evidence.

    What `triage` returns; it prints as lines to read.

    Parameters
    ----------
    finding : tuple of str
        The name of each finding.
    n : ndarray of shape (n_findings,)
        The people in it.
    mean_squared_error : ndarray of shape (n_findings,)
        Of the model, in the square of the outcome's unit.
    error_ratio : ndarray of shape (n_findings,)
        The same divided by that of all people who are not in the finding.
    remediable : ndarray of shape (n_findings,)
        A lower bound of the mean squared error that a better model would not make.
    ci_low, ci_high : ndarray of shape (n_findings,)
        Its interval. At least `ci_low` is remediable; more than `ci_high` may be.
    remediable_share : ndarray of shape (n_findings,)
        `remediable` as a share of the mean squared error. It ranks findings by how
        likely they are to be remediable.
    excess_share : ndarray of shape (n_findings,)
        The share of the excess over other people's mean squared error that is excess
        of the remediable part; NaN without an excess.
    p_value : ndarray of shape (n_findings,)
        Of the test that no more than a negligible share is remediable, after Holm's
        correction; NaN for a finding that was not tested.
    noise_ratio : ndarray of shape (n_findings,)
        Mean squared error beyond the structure found, divided by other people's.
    detectable_share : ndarray of shape (n_findings,)
        The remediable share of a finding of this size that would have been found in 80%
        of studies, if it followed a linear relation; 1 if none would.
    verdict : tuple of {"remediable", "noise", "too few to say"}
        What the data say of each finding.
    confidence_level : float
        The level of intervals and verdicts.
    rule : str
        How verdicts were given, in words.

    See Also
    --------
    triage : Makes it.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_equity import triage
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(2000, 3))
    >>> ward = np.repeat(["east", "west"], [300, 1700])
    >>> y_pred = X[:, 0]
    >>> y_true = y_pred + rng.normal(size=2000) + np.where(ward == "east", X[:, 1], 0)
    >>> result = triage(
    ...     X, y_true, y_pred, findings={"east": ward == "east"}, random_state=0
    ... )
    >>> result.verdict
    ('remediable',)
    """

    finding: tuple[str, ...]
    n: NDArray[np.intp]
    mean_squared_error: Vector
    error_ratio: Vector
    remediable: Vector
    ci_low: Vector
    ci_high: Vector
    remediable_share: Vector
    excess_share: Vector
    p_value: Vector
    noise_ratio: Vector
    detectable_share: Vector
    verdict: tuple[Verdict, ...]
    confidence_level: float
    rule: str

    def __len__(self) -> int:
        return len(self.finding)

    def to_columns(self) -> dict[str, list[Any]]:
        """Return the result as columns by name, one row a finding."""
        names = (
            *("finding", "n", "mean_squared_error", "error_ratio", "remediable"),
            *("ci_low", "ci_high", "remediable_share", "excess_share", "p_value"),
            *("noise_ratio", "detectable_share", "verdict"),
        )
        return {name: list(getattr(self, name)) for name in names}

    def to_frame(self) -> Any:
        """Return the findings as a data frame.

        Returns
        -------
        pandas.DataFrame or polars.DataFrame
            The columns ``finding, n, mean_squared_error, error_ratio, remediable,
            ci_low, ci_high, remediable_share, excess_share, p_value, noise_ratio,
            detectable_share, verdict``; polars if
            ``sklearn.set_config(transform_output="polars")`` says so.
        """
        return build_frame(self.to_columns(), feature="TriageResult.to_frame")

    def sentences(self) -> tuple[str, ...]:
        """Say of each finding what it is and why, in a sentence or two."""
        return tuple(self._describe(i) for i in range(len(self)))

    def _describe(self, i: int) -> str:
        head = f"{self.finding[i]} (n = {self.n[i]:,}): {self.verdict[i]}. "
        if not np.isfinite(self.remediable_share[i]):
            return head + "Nothing could be estimated."
        errors = f"Squared error {self.error_ratio[i]:.2g} times that of others; "
        share = f"{max(self.remediable_share[i], 0.0):.0%} of it"
        if self.verdict[i] == "remediable":
            least = max(self.ci_low[i], 0.0) / self.mean_squared_error[i]
            return head + (
                f"{errors}{share} (at least {least:.0%}) is structure that a better "
                f"model could learn (p = {self.p_value[i]:.2g})."
            )
        seen = (
            f"a linear relation worth {self.detectable_share[i]:.0%} of it would have "
            "been found in 80% of studies."
            if self.detectable_share[i] < 1.0
            else "so few people show no structure, whatever there is."
        )
        found = f"{errors}structure explains {share}; {seen}"
        if self.verdict[i] == "noise":
            return head + "Only more variance was found. " + found
        return head + found

    def __repr__(self) -> str:
        return "\n".join(
            line
            for text in (*self.sentences(), self.rule)
            for line in textwrap.wrap(text, _TEXT_WIDTH)
        )
