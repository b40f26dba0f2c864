"""Which candidate of a search serves its subgroups best without being a worse model?"""

from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from sklearn_equity._numbers import to_array

__all__ = ["ParetoPick", "pareto_front"]

Vector = NDArray[np.float64]


class ParetoPick(str):
    r"""A refit rule: the most equitable candidate among those of best fidelity.

    For the `refit` of a search over several metrics, such as `GridSearchCV`. Of the
    candidates whose mean of `within` lies within `n_se` standard errors of the best
    one, it takes that with the highest mean of the objective: no other candidate is
    better in both among those eligible. Trusted from about 5 folds, since a standard
    error of fewer is itself a guess.

    Parameters
    ----------
    objective : str
        The key of `scoring` to be highest. A search's `score` uses this metric.
    within : str
        The key of `scoring` that measures fidelity.
    n_se : float, default=1.0
        How many standard errors of the best candidate's mean a candidate may lie below
        it. 0 takes the best, and the objective decides only ties.

    Raises
    ------
    ValueError
        If `n_se` is negative or not finite, `objective` and `within` are the same; and,
        when the search picks, if one of them is no key of its results, no candidate has
        finite scores, or there is only one fold.

    See Also
    --------
    pareto_front : All candidates that no other beats in both.
    equity_scoring : The dictionary for `scoring`.

    Notes
    -----
    The standard error is that of the best candidate, :math:`s / \sqrt{k}`, with s the
    standard deviation of its k folds (divided by k - 1): the one-standard-error rule of
    [1]_, with equity in the place of simplicity. Folds share training rows, so it is an
    approximation. Ties in the objective go to the better fidelity, then to the earlier
    candidate. Candidates with a score that is not finite are not eligible.

    It is a `str` that can be called: a search calls its `refit` to choose and looks the
    same object up as a name in `scorer_` to score, which a plain function survives
    only until `search.score` is called.

    References
    ----------
    .. [1] Breiman, Friedman, Olshen and Stone (1984), "Classification and Regression
       Trees", section 3.4.3.

    Examples
    --------
    >>> from sklearn_equity.scorers import ParetoPick
    >>> results = {
    ...     "split0_test_r2": [0.50, 0.48, 0.30], "split1_test_r2": [0.54, 0.52, 0.34],
    ...     "mean_test_r2": [0.52, 0.50, 0.32],
    ...     "mean_test_neg_worst_nrmse": [-0.30, -0.25, -0.20],
    ... }
    >>> pick = ParetoPick("neg_worst_nrmse", within="r2")
    >>> pick(results)
    1
    """

    within: str
    n_se: float

    def __new__(cls, objective: str, *, within: str, n_se: float = 1.0) -> Self:
        """Check and keep the rule; the text is the objective."""
        if not isinstance(n_se, Real) or not 0.0 <= n_se < np.inf:
            raise ValueError(f"`n_se` must be a finite number from 0 on; got {n_se!r}.")
        if objective == within:
            msg = f"`objective` and `within` must differ; both are {within!r}."
            raise ValueError(msg)
        rule = super().__new__(cls, objective)
        rule.within = within
        rule.n_se = n_se
        return rule

    def __getnewargs_ex__(self) -> tuple[tuple[str], dict[str, Any]]:
        return (str(self),), {"within": self.within, "n_se": self.n_se}

    def __repr__(self) -> str:
        return f"ParetoPick({str(self)!r}, within={self.within!r}, n_se={self.n_se!r})"

    def __call__(self, cv_results: Mapping[str, Any]) -> int:
        """Choose a candidate.

        Parameters
        ----------
        cv_results : mapping
            The `cv_results_` of a search over several metrics.

        Returns
        -------
        int
            The position of the candidate, which becomes `best_index_`.
        """
        objective = _mean_scores(cv_results, str(self))
        fidelity = _mean_scores(cv_results, self.within)
        if len(objective) != len(fidelity):
            msg = (
                "`cv_results` must have as many candidates for every metric; got "
                f"{len(objective)} and {len(fidelity)}."
            )
            raise ValueError(msg)
        finite = np.isfinite(objective) & np.isfinite(fidelity)
        if not finite.any():
            msg = (
                f"No candidate has finite scores of both {str(self)!r} and "
                f"{self.within!r} in `cv_results`: see the warnings of the search, or "
                'set error_score="raise".'
            )
            raise ValueError(msg)
        best = int(np.argmax(np.where(finite, fidelity, -np.inf)))
        folds = _fold_scores(cv_results, self.within, len(fidelity))[:, best]
        if not np.isfinite(folds).all():
            msg = (
                f"`cv_results` must have finite scores of {self.within!r} in all folds "
                f"of the best candidate; got {folds.tolist()}."
            )
            raise ValueError(msg)
        with np.errstate(over="ignore"):  # then every candidate is within it
            margin = self.n_se * np.std(folds, ddof=1) / np.sqrt(len(folds))
        eligible = finite & (fidelity >= fidelity[best] - margin)
        candidates = np.flatnonzero(eligible)
        # The last key counts first: highest objective, then fidelity, then earliest.
        order = np.lexsort((-fidelity[candidates], -objective[candidates]))
        return int(candidates[order[0]])


def pareto_front(
    cv_results: Mapping[str, Any], *, metrics: tuple[str, ...] | None = None
) -> NDArray[np.intp]:
    """Find the candidates of a search that no other beats in every metric.

    Parameters
    ----------
    cv_results : mapping
        The `cv_results_` of a search over several metrics, or of one.
    metrics : tuple of str, default=None
        The keys of `scoring` that count; greater is better. None takes all.

    Returns
    -------
    ndarray of shape (n_front,)
        Positions of candidates, best in the first metric first. A candidate is on the
        front if no other is at least as good in all metrics and better in one; equal
        candidates are on it together.

    Raises
    ------
    ValueError, TypeError
        If a metric is no key of the results, or `metrics` is one name.

    See Also
    --------
    ParetoPick : Takes one of them.

    Notes
    -----
    Means over folds are compared as they are: candidates that differ by noise stay on
    the front. Candidates with a score that is not finite are left out.

    Examples
    --------
    >>> from sklearn_equity.scorers import pareto_front
    >>> pareto_front({
    ...     "mean_test_r2": [0.52, 0.50, 0.49],
    ...     "mean_test_neg_worst_nrmse": [-0.30, -0.25, -0.26],
    ... })
    array([0, 1])
    """
    if isinstance(metrics, str):
        msg = f"`metrics` must be a tuple of names, such as ({metrics!r},); got a str."
        raise TypeError(msg)
    if metrics is not None and not isinstance(metrics, Sequence):
        msg = f"`metrics` must be a tuple of names; got {metrics!r}."
        raise TypeError(msg)
    names = _metrics_of(cv_results) if metrics is None else [*metrics]
    if not names:
        msg = (
            "`metrics` must name at least one key of `scoring`; "
            f"the results have {_metrics_of(cv_results)}."
        )
        raise ValueError(msg)
    columns = [_mean_scores(cv_results, name) for name in names]
    if len({len(one) for one in columns}) > 1:
        raise ValueError("`cv_results` must have as many candidates for every metric.")
    scores = np.column_stack(columns)
    usable = np.flatnonzero(np.isfinite(scores).all(axis=1))
    points = scores[usable]
    at_least = (points[:, None, :] >= points[None, :, :]).all(axis=2)
    better = (points[:, None, :] > points[None, :, :]).any(axis=2)
    front = usable[~(at_least & better).any(axis=0)]
    return front[np.lexsort(-scores[front].T[::-1])]


def _metrics_of(cv_results: Mapping[str, Any]) -> list[str]:
    start = "mean_test_"
    return [key.removeprefix(start) for key in cv_results if key.startswith(start)]


def _mean_scores(cv_results: Mapping[str, Any], name: str) -> Vector:
    key = f"mean_test_{name}"
    if key not in cv_results:
        msg = (
            f"The search has no metric {name!r}: its `scoring` has "
            f"{_metrics_of(cv_results)}, as `cv_results` tells. Use equity_scoring to "
            "build that dictionary."
        )
        raise ValueError(msg)
    return _scores(cv_results[key], key)


def _scores(values: Any, key: str) -> Vector:
    """Return one number a candidate."""
    scores = to_array(values, name=f"cv_results[{key!r}]", dtype=np.float64)
    if scores.ndim != 1:
        msg = (
            f"`cv_results[{key!r}]` must have one score a candidate; got shape "
            f"{scores.shape}."
        )
        raise ValueError(msg)
    return scores


def _fold_scores(
    cv_results: Mapping[str, Any], name: str, n_candidates: int
) -> NDArray[np.float64]:
    """Return the scores of a metric, one row a fold."""
    folds = [
        _scores(cv_results[key], key)
        for key in cv_results
        if key.startswith("split") and key.partition("_test_")[2] == name
    ]
    if len(folds) < 2:
        msg = (
            f"A standard error of {name!r} needs at least 2 folds; got {len(folds)}. "
            "Use more folds, or another refit rule."
        )
        raise ValueError(msg)
    if {len(one) for one in folds} != {n_candidates}:
        msg = (
            f"`cv_results` must have scores of {name!r} for all {n_candidates} "
            "candidates in every fold."
        )
        raise ValueError(msg)
    return np.array(folds)
