"""How badly do rules serve people who did not choose them?

A rule chosen because it looks bad looks worse than it is. All figures of a rule are
those of other people: whether their losses tend to be larger than everybody else's, and
by how much.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import mannwhitneyu, t

from sklearn_equity.discovery._items import Item, Mask, Vector
from sklearn_equity.significance import benjamini_hochberg

__all__ = ["ScannedRule", "measure_rules"]

# Fewer people than this in a rule, or outside of it, are no test.
_LEAST_TESTED = 5


@dataclass(frozen=True)
class ScannedRule:
    """A subgroup in words, and how a model serves it.

    What `RuleScanner.rules_` holds. All figures are those of people who did not choose
    the rule, unless ``holdout=0``.

    Parameters
    ----------
    text : str
        The conditions, all of which its people meet.
    items : tuple of Item
        The conditions one by one.
    n : int
        People measured who meet them.
    share : float
        Their share of all people measured, from 0 to 1.
    mean_loss : float
        The mean loss of the rule's people, in the unit of the loss.
    error_ratio : float
        Their mean loss divided by that of all people measured: 1 where the rule makes
        no difference, above 1 where people are served worse. NaN if the mean of all is
        not positive or nobody was measured.
    ci_low, ci_high : float
        A 95% interval of `error_ratio`, by the delta method on the log scale with the
        quantiles of Student's t; NaN with fewer than 5 people.
    p_value : float
        Of larger losses inside than outside, one-sided: the larger one of a
        Mann-Whitney test and a t test of means, so that both must tell. NaN with fewer
        than 5 people on either side, or with ``holdout=0``.
    q_value : float
        The p-value after Benjamini and Hochberg over all rules tested.
    expected_excess : float
        How much larger than everybody's the mean loss of new people of the rule is
        expected to be: the gap of means, shrunken by its sampling error.

    See Also
    --------
    RuleScanner : Finds rules.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_equity import RuleScanner
    >>> rng = np.random.default_rng(0)
    >>> age = rng.uniform(40, 70, size=2000)
    >>> errors = rng.exponential(np.where(age >= 60, 3.0, 1.0))
    >>> scanner = RuleScanner(max_rules=1, random_state=0).fit(age[:, None], errors)
    >>> (rule,) = scanner.rules_
    >>> rule.error_ratio > 1.5, rule.q_value < 0.001
    (True, True)
    """

    text: str
    items: tuple[Item, ...]
    n: int
    share: float
    mean_loss: float
    error_ratio: float
    ci_low: float
    ci_high: float
    p_value: float
    q_value: float
    expected_excess: float

    def __str__(self) -> str:
        found = (
            f"{self.text}: n={self.n}, error {self.error_ratio:.2f} times the mean "
            f"({self.ci_low:.2f} to {self.ci_high:.2f})"
        )
        return found if np.isnan(self.q_value) else f"{found}, q={self.q_value:.2g}"


def measure_rules(
    rules: Sequence[tuple[Item, ...]],
    texts: Sequence[str],
    members: Sequence[Mask],
    losses: Vector,
    *,
    is_tested: bool,
) -> list[ScannedRule]:
    """Measure every rule on the people given; test it if they did not choose it."""
    measured = [
        _measure(rule, text, inside, losses, is_tested=is_tested)
        for rule, text, inside in zip(rules, texts, members, strict=True)
    ]
    if not (is_tested and measured):
        return measured
    q_values = benjamini_hochberg([rule.p_value for rule in measured])
    return [
        replace(rule, q_value=float(q))
        for rule, q in zip(measured, q_values, strict=True)
    ]


def _measure(
    rule: tuple[Item, ...], text: str, inside: Mask, losses: Vector, *, is_tested: bool
) -> ScannedRule:
    n = int(inside.sum())
    mean = float(losses[inside].mean()) if n else np.nan
    low, ratio, high = _ratio_with_interval(inside, losses)
    return ScannedRule(
        text=text,
        items=rule,
        n=n,
        share=n / len(losses),
        mean_loss=mean,
        error_ratio=ratio,
        ci_low=low,
        ci_high=high,
        p_value=_p_value(inside, losses) if is_tested else np.nan,
        q_value=np.nan,
        expected_excess=_expected_excess(inside, losses),
    )


def _p_value(inside: Mask, losses: Vector) -> float:
    n = int(inside.sum())
    if min(n, len(losses) - n) < _LEAST_TESTED:
        return np.nan
    if losses.min() == losses.max() or not losses[inside].mean() > losses.mean():
        return 1.0
    # The normal approximation with its correction for ties: exact p-values are slow.
    test = mannwhitneyu(
        losses[inside],
        losses[~inside],
        alternative="greater",
        method="asymptotic",
    )
    return max(float(test.pvalue), _p_of_means(inside, losses))


def _p_of_means(inside: Mask, losses: Vector) -> float:
    """Test by Student's t whether the mean inside is above that of all."""
    n = int(inside.sum())
    gap, variance = _gap_of_means(inside, losses)
    if variance == 0.0:
        return 0.0 if gap > 0 else 1.0
    return float(t.sf(gap / np.sqrt(variance * n / (n - 1)), n - 1))


def _influence(inside: Mask, losses: Vector) -> tuple[Vector, float, float]:
    """Return what each row adds to the mean inside, that mean, and the mean of all."""
    share = inside.mean()
    mean_inside, mean = float(losses[inside].mean()), float(losses.mean())
    return np.where(inside, losses - mean_inside, 0.0) / share, mean_inside, mean


def _ratio_with_interval(inside: Mask, losses: Vector) -> tuple[float, float, float]:
    """Return the lower end, the ratio of the mean inside to that of all, the upper."""
    n = int(inside.sum())
    if n == 0 or not losses.mean() > 0:
        return np.nan, np.nan, np.nan
    of_inside, mean_inside, mean = _influence(inside, losses)
    ratio = mean_inside / mean
    if n < _LEAST_TESTED or ratio <= 0:
        return np.nan, ratio, np.nan
    # Derivative of log(mean inside) - log(mean of all), of which the former is a part.
    of_log_ratio = of_inside / mean_inside - (losses - mean) / mean
    error = np.sqrt((of_log_ratio**2).mean() / len(losses) * n / (n - 1))
    reach = float(np.exp(t.ppf(0.975, n - 1) * error))
    return ratio / reach, ratio, ratio * reach


def _expected_excess(inside: Mask, losses: Vector) -> float:
    """Shrink the gap between the mean inside and that of all, as James and Stein."""
    n = int(inside.sum())
    if n < _LEAST_TESTED:
        return 0.0
    gap, variance = _gap_of_means(inside, losses)
    if gap <= 0 or variance >= gap**2:
        return 0.0
    return float(gap - variance / gap)


def _gap_of_means(inside: Mask, losses: Vector) -> tuple[float, float]:
    """Return how far the mean inside is above that of all, and the variance of that."""
    of_inside, mean_inside, mean = _influence(inside, losses)
    variance = ((of_inside - (losses - mean)) ** 2).mean() / len(losses)
    return mean_inside - mean, float(variance)
