"""Who was found, how sure that is, how badly they are served, and what was missed?"""

import textwrap
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_equity._optional import build_frame
from sklearn_equity.discovery._candidates import Candidate
from sklearn_equity.discovery._triage_result import TriageResult

__all__ = ["FEWEST_APART", "DiscoveryResult", "Finding"]

_TEXT_WIDTH = 88
FEWEST_APART = 5  # people of whom a ratio is told
_N_ALSO = 3  # texts printed; all are in `Finding.also`


@dataclass(frozen=True)
class Finding:
    """A subgroup that a finder proposed, measured on people who did not propose it.

    What `DiscoveryResult` holds.

    Parameters
    ----------
    text : str
        Who it is.
    method : str
        The finder: "rules", "map", or the class of a segmenter.
    n : int
        People of it among those held out.
    share : float
        Their share of those, from 0 to 1.
    mean_loss : float
        Their mean loss, in the unit of the loss.
    error_ratio : float
        Their mean loss divided by that of everybody held out: above 1 where people are
        served worse.
    ci_low, ci_high : float
        An interval of `error_ratio`: 95% of one that was tried, at least as wide of one
        that is told because it was confirmed; NaN with fewer than 5 people.
    p_value : float
        Of larger losses inside than outside, in ranks and in the mean, one-sided; of
        several splits, one that some of them agree on (see `find_underserved`).
    q_value : float
        The same after Benjamini and Hochberg over every candidate that was tried.
    also : tuple of str, default=()
        Other candidates whose people are mostly the same.
    ratio_apart : float, default=nan
        The `error_ratio` of those of its people who are in no finding above: near 1 or
        below, it may be found for the people that it shares with them. NaN of the
        first, and with fewer than 5 people.
    n_apart : float, default=nan
        How many of the people held out those are; NaN of a candidate that is no
        finding.

    See Also
    --------
    find_underserved : Finds them.

    Examples
    --------
    >>> from sklearn_equity import Finding
    >>> finding = Finding(
    ...     "age >= 60", "rules", 120, 0.12, 7.5, 1.5, 1.3, 1.7, 1e-6, 1e-5
    ... )
    >>> print(finding)
    age >= 60: n=120 (12%), error 7.5, 1.50 times the mean (1.30 to 1.70), q=1e-05
    """

    text: str
    method: str
    n: int
    share: float
    mean_loss: float
    error_ratio: float
    ci_low: float
    ci_high: float
    p_value: float
    q_value: float
    also: tuple[str, ...] = ()
    ratio_apart: float = np.nan
    n_apart: float = np.nan

    def __str__(self) -> str:
        line = (
            f"{self.text}: n={self.n:,} ({self.share:.0%}), error "
            f"{self.mean_loss:.3g}, {self.error_ratio:.2f} times the mean "
            f"({self.ci_low:.2f} to {self.ci_high:.2f}), q={self.q_value:.2g}"
        )
        if np.isfinite(self.ratio_apart):
            return f"{line}, {self.ratio_apart:.2f} without those above"
        if self.n_apart < min(FEWEST_APART, self.n):
            return f"{line}, nearly all of them among those above"
        return line


@dataclass(frozen=True, eq=False, repr=False)
class DiscoveryResult:
    """The under-served people that were found, or what could have been missed.

    What `find_underserved` returns; it prints as lines to read.

    Parameters
    ----------
    findings : tuple of Finding
        What the people held out confirm, the strongest among those who chose first;
        empty if nothing was found.
    tried : tuple of Finding
        Every candidate that was tested, confirmed or not, in the same order.
    triage : TriageResult or None
        Whether a better model could mend each finding; None without findings.
    detectable : tuple of (int, float)
        For subgroups of several sizes among those held out, the `error_ratio` that a
        test of one would have found in about 80% of studies, had a finder proposed it;
        infinite where none would.
    testing : tuple of ndarray of int
        Of every split, the positions of the people held out.
    n_choosing, n_testing : int
        People who chose candidates, and who tested them, in each split.
    n_splits : int
        How often people were parted.
    fdr : float
        The false discovery rate that was asked for.
    is_exhaustive : bool
        Whether every scan for rules looked at all conjunctions that it could propose;
        False where a table has so many columns that some were given up.
    candidates : tuple of Candidate
        How the people of each finding are told, in the order of `findings`.

    See Also
    --------
    find_underserved : Makes it.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_equity import find_underserved
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(1000, 2))
    >>> y = rng.normal(size=1000)
    >>> result = find_underserved(
    ...     np.zeros(1000), X, y, methods="rules", n_splits=1, random_state=0
    ... )
    >>> len(result.findings)
    0
    """

    findings: tuple[Finding, ...]
    tried: tuple[Finding, ...]
    triage: TriageResult | None
    detectable: tuple[tuple[int, float], ...]
    testing: tuple[NDArray[np.intp], ...]
    n_choosing: int
    n_testing: int
    n_splits: int
    fdr: float
    is_exhaustive: bool
    candidates: tuple[Candidate, ...]

    def members(self, X: Any) -> NDArray[np.bool_]:
        """Say who of other people belongs to which finding.

        Parameters
        ----------
        X : data frame or array-like of shape (n_rows, n_features)
            The columns of the discovery.

        Returns
        -------
        ndarray of bool of shape (n_rows, n_findings)
        """
        masks = [candidate.contains(X) for candidate in self.candidates]
        if not masks:
            return np.zeros((len(X), 0), dtype=bool)
        return np.column_stack(masks)

    def to_frame(self, *, tried: bool = False) -> Any:
        """Return the findings as a data frame.

        Parameters
        ----------
        tried : bool, default=False
            Whether to return all candidates that were tested, confirmed or not.

        Returns
        -------
        pandas.DataFrame or polars.DataFrame
            The fields of `Finding` without `also`, one row each; of findings also
            ``triage``. polars if ``sklearn.set_config(transform_output="polars")`` says
            so.
        """
        names = [one.name for one in fields(Finding) if one.name != "also"]
        rows = self.tried if tried else self.findings
        columns: dict[str, list[Any]] = {
            name: [getattr(one, name) for one in rows] for name in names
        }
        if not tried:
            columns["triage"] = [] if self.triage is None else list(self.triage.verdict)
        return build_frame(columns, feature="DiscoveryResult.to_frame")

    def __repr__(self) -> str:
        return "\n".join(
            line
            for text in self._sentences()
            for line in textwrap.wrap(text, _TEXT_WIDTH, subsequent_indent="  ")
        )

    def _sentences(self) -> list[str]:
        held = f"{self.n_testing:,} people who did not choose"
        if self.n_splits > 1:
            held += f", over {self.n_splits} splits"
        if not self.findings:
            answer = (
                f"of {len(self.tried)} candidates none was confirmed (false discovery "
                f"rate {self.fdr:g}) on {held}"
                if self.tried
                else "no finder proposed anybody"
            )
            return [f"Nothing found: {answer}.", self._missed()]
        verdicts = () if self.triage is None else self.triage.verdict
        lines = [
            f"{number}. {finding}; {verdict}" + _tell_others(finding.also)
            for number, (finding, verdict) in enumerate(
                zip(self.findings, verdicts, strict=True), start=1
            )
        ]
        return [
            f"Found {len(self.findings)}, of {len(self.tried)} candidates (false "
            f"discovery rate {self.fdr:g}); figures are those of {held}.",
            *lines,
            self._caution(),
        ]

    def _caution(self) -> str:
        text = "Errors are larger also where outcomes are harder to predict (`triage`)."
        if self.n_splits > 1:
            return text
        return (
            f"{text} This is one split of the people: with another seed some findings "
            "may go and others come; n_splits=10 tells which stay."
        )

    def _missed(self) -> str:
        text = "Missed may be any subgroup that no finder proposed as it is"
        if not self.is_exhaustive:
            text += " (of so many columns not all rules were looked at)"
        known = [(n, ratio) for n, ratio in self.detectable if np.isfinite(ratio)]
        if not known:
            return text + "; with these people none could have been confirmed."
        sizes = "; ".join(
            f"{ratio:.2f} times everybody's ({n:,} people)" for n, ratio in known
        )
        return (
            f"{text}, such as those of less than {self.detectable[0][0]:,} people of "
            "those held out; that a finder proposes just these people is the harder "
            "part. If one did, about 80% of studies would have confirmed an error of "
            f"{sizes}."
        )


def _tell_others(also: tuple[str, ...]) -> str:
    if not also:
        return ""
    more = len(also) - _N_ALSO
    told = "; ".join(also[:_N_ALSO])
    return f". Also: {told}" + (f"; and {more} more" if more > 0 else "")
