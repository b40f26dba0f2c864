"""Are the subgroups unequal, or only their estimates?

Estimates of exactly equal subgroups differ by chance, so that every index of them is
above its value at equality. Here the variance between the estimates is compared with
the variance that sampling error alone gives them, and the index is that of estimates
drawn together until their variance is what remains.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Real
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from sklearn_equity._numbers import check_confidence_level
from sklearn_equity.exceptions import (
    DegenerateInequalityWarning,
    SmallSubgroupWarning,
)
from sklearn_equity.inequality._extremes import max_gap, max_ratio
from sklearn_equity.inequality._indices import (
    atkinson,
    coefficient_of_variation,
    generalized_entropy,
    gini,
    theil,
)
from sklearn_equity.inequality._noise import Draws, NoiseModel

__all__ = ["InequalityIndex", "inequality_index"]

Vector = NDArray[np.float64]
Index = Callable[..., float]
Voice = Literal["subgroup", "person"]

_INDICES: dict[str, Index] = {
    "atkinson": atkinson,
    "coefficient_of_variation": coefficient_of_variation,
    "generalized_entropy": generalized_entropy,
    "gini": gini,
    "max_gap": max_gap,
    "max_ratio": max_ratio,
    "theil": theil,
}
_N_NORMAL_DRAWS = 1000


@dataclass(frozen=True, repr=False)
class InequalityIndex:
    """An inequality index of estimates, with what noise has to do with it.

    What `inequality_index` returns.

    Parameters
    ----------
    index : str
        Which index.
    raw : float
        The index of the estimates as they are, noise and all.
    corrected : float
        The index without what sampling error adds; below the value at equality if the
        estimates differ by less than chance alone makes equal subgroups differ.
    ci_low, ci_high : float
        The ends of the interval of the corrected index, never below the value at
        equality.
    p_value : float
        The chance that equal subgroups of these sizes would differ as much or more.
    if_equal : float
        The mean raw index of equal subgroups of these sizes.
    mean : float
        The mean of the estimates, in the same weights: of an index relative to it, the
        absolute size is the product of both.
    n_subgroups : int
        The subgroups compared.
    n_left_out : int
        Those left out: fewer than two people, or no estimate or standard error.
    voice : str
        Whether each subgroup or each person has one voice.
    confidence_level : float
        The level of the interval.
    n_small : int, default=0
        Those compared though they have too few people to be judged by themselves.

    See Also
    --------
    inequality_index : Makes it.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_equity import inequality_index, subgroup_fidelity
    >>> rng = np.random.default_rng(0)
    >>> y_true = rng.uniform(30, 60, size=400)
    >>> ward = np.repeat(["east", "north", "south", "west"], 100)
    >>> y_pred = y_true + rng.normal(size=400) * np.where(ward == "west", 9, 3)
    >>> table = subgroup_fidelity(y_true, y_pred, subgroups=ward, random_state=0)
    >>> inequality_index(table)
    gini of 4 subgroups with one voice each, mean 0.1
    raw             0.280...
    equal would be  0.05...
    without noise   0.27...  (0.95 interval 0.2... to 0.33...)
    p               0.000999
    """

    index: str
    raw: float
    corrected: float
    ci_low: float
    ci_high: float
    p_value: float
    if_equal: float
    mean: float
    n_subgroups: int
    n_left_out: int
    voice: Voice
    confidence_level: float
    n_small: int = 0

    @property
    def caution(self) -> str:
        """What the p-value can't tell where subgroups are small; else empty."""
        if not self.n_small:
            return ""
        return (
            f"{self.n_small:,} of {self.n_subgroups:,} subgroups have too few people "
            "to be judged; if their errors have another shape than others', the "
            "p-value can't tell that from inequality. Go by the interval."
        )

    def __repr__(self) -> str:
        voice = "each" if self.voice == "subgroup" else "a person"
        left_out = f" ({self.n_left_out:,} left out)" if self.n_left_out else ""
        return "\n".join(
            [
                f"{self.index} of {self.n_subgroups:,} subgroups{left_out} with one "
                f"voice {voice}, mean {self.mean:.4g}",
                f"raw             {self.raw:.4g}",
                f"equal would be  {self.if_equal:.4g}",
                f"without noise   {self.corrected:.4g}  ({self.confidence_level:.4g} "
                f"interval {self.ci_low:.4g} to {self.ci_high:.4g})",
                f"p               {self.p_value:.3g}",
                *([self.caution] if self.caution else []),
            ]
        )


def inequality_index(
    table: Any,
    *,
    index: str | Index = "gini",
    grouping: str | None = None,
    voice: Voice = "subgroup",
    confidence_level: float = 0.95,
    random_state: int | np.random.RandomState | None = None,
) -> InequalityIndex:
    r"""Inequality of the fidelity of subgroups, without what is sampling error.

    Lower is more equal; range, unit and value at equality are those of the index (a
    Gini index: 0). The corrected value is on average that of equality where subgroups
    are equal, and so is below it about as often as above: read such a value as "no
    inequality shown". Trusted from about 20 people a subgroup on average; below that
    the raw value is nearly all noise.

    Parameters
    ----------
    table : SubgroupTable
        What `subgroup_fidelity` returns, whole: of the worst rows alone, chosen by
        their estimates, nothing here holds.
    index : str or callable, default="gini"
        "gini", "theil", "atkinson", "generalized_entropy", "coefficient_of_variation",
        "max_gap", "max_ratio", or ``function(values, sample_weight=...)`` such as
        ``functools.partial(atkinson, epsilon=1.0)``.
    grouping : str, default=None
        Which grouping of the table; needed if there are several.
    voice : {"subgroup", "person"}, default="subgroup"
        Whether each subgroup has one voice, whatever its size, or each person: a
        subgroup then has the sum of its people's weights, their number if they have
        none.
    confidence_level : float, default=0.95
        The level of the interval.
    random_state : int, RandomState or None, default=None
        Seeds the draws for a metric that has no shuffles in the table; otherwise
        unused.

    Returns
    -------
    InequalityIndex
        The raw index, the corrected one with its interval, and a p-value.

    Raises
    ------
    ValueError
        If an argument is unknown, the grouping is not said, an estimate is negative,
        fewer than two subgroups can be compared, or the table's figures are not all of
        its subgroups' own: `SubgroupTable.worst` picks and shrinks them,
        `departure_from_attainable` gives lower bounds.

    Warns
    -----
    SmallSubgroupWarning
        If the p-value is at most one less `confidence_level`, but the interval holds
        equality, and some of the subgroups have too few people to be judged.

    See Also
    --------
    gini : The index of values that have no sampling error.
    subgroup_fidelity : Makes the table.

    Notes
    -----
    Of the estimates :math:`\hat\theta_g`, with the voices as weights :math:`w_g`, the
    excess variance is

    .. math:: T = \frac{\sum_g w_g (\hat\theta_g - m_w)^2 -
        \kappa \sum_g w_g (1 - w_g) s_g^2}{1 - \sum_g w_g^2},

    a method of moments for :math:`\tau^2`, the variance of the true figures [1]_. The
    standard errors :math:`s_g` of small subgroups with heavy tails are too low:
    :math:`\kappa` is what makes T average 0 over shuffles of all people among subgroups
    of the same sizes. Before, what the size of a sample takes off an estimate on
    average is put back, as the shuffles tell it: the root of a mean of few squares is
    low. The corrected index is that of the estimates when moved to the standard
    deviation :math:`\sqrt{(1 - \sum_g v_g^2) (T - T_0)}` about their mean, with the
    shares :math:`v_g` of the voices and the point :math:`T_0` near 0 about which signed
    roots of T average 0 over the shuffles. Where :math:`T < T_0`, it is as far below
    the value at equality as it would be above for the same distance. (Setting it to
    equality there, as is usual, would read inequality into equal subgroups: a mean Gini
    index of .016 to .027 with 20 rows each.) An index depends on the shape of a
    distribution beside its deviation; the shape is that of the estimates, sharpened by
    what noise blurs [2]_, from all subgroups alike, whatever their voice. Errors are
    measured in each estimate's own standard error there, which a row that is far out
    raises too. For the p-value the shuffles are made as wide as each standard error
    says, and T is looked up among theirs. That is cautious, since a high error goes
    with a high estimate; so the same is done with 200 shuffles in place of the data,
    and the p-value is the share of them that are found as rare as the data; where none
    of the former 200 shows as much as the data, the cautious one if that is lower. Of
    equal subgroups it is as exact as any permutation test, and it does not take errors
    of another shape for inequality as soon as one of T alone would (a studentised test,
    see [3]_). In the test T takes weights in proportion to the voice over :math:`\tau^2
    + c / n_g`, which makes it powerful. The interval holds every deviation of the true
    figures under which T would be as large, and as small, with a chance of half the
    rest of the level each, with noise as it was shuffled or as each standard error
    says, whichever is more cautious; and equality wherever the p-value is above that
    half. It does not know the error in the shape, which matters where a few subgroups
    stand out of others that agree: where 4 of 50 have 5/3 of the RMSE of all others and
    61 rows each, so that noise is half of the deviation, a Gini index of .047 read .054
    to .056 (raw: .088), and 95% intervals covered it in 75 to 85% of 40 to 60 samples.
    Where 10 of 30 stood out as much, with 20 and 100 rows each, one of .121 read .131
    and .125 (raw: .169 and .141), covered in 90 and 93% of 40.

    Where subgroups are equal in the metric but not in the shape of their errors, the
    test is not exact, and the small ones decide. A p-value of .05 or less had, of
    samples with 25 subgroups of 20 people with Laplace and 25 of 180 with normal errors
    6.5% (600 samples; mean corrected Gini index .007); with 3 of 500 with normal errors
    and 20 of 50 with errors of kurtosis 30 and the same RMSE 11% (150; .020); with half
    normal and half ten times as large in 2% of people (kurtosis 68), 10 of 200, 13%
    (80; .000); but with 40 of 20 of that kind beside 10 large normal ones 61 to 78%
    (80 samples each; .14 to .17), for most of these small subgroups have not seen what
    makes them equal: so few people can't be tested for that. The interval, which takes
    their own standard errors, held equality in 95 to 99% of these samples and is the
    one to go by: do not publish a p-value where the interval holds equality. `caution`
    says so where subgroups have too few people to be judged, and a warning where the
    two disagree: in 95% of the samples that were rejected here.

    Where the smaller subgroups are served worse, the index reads somewhat low, as so
    few people hardly show how badly: with 50 subgroups of 5 to about 500 people in
    order of fidelity and Laplace errors, one of .135 read .122, covered by 90% of 95%
    intervals, and by person one of .131 read .125, covered by 94% (150 samples each;
    with weights by precision, as in the test, they would read .108 and .104, covered by
    81 and 63%). Where thirty subgroups of 10 people err twice as much as two of 2,000,
    an index by person of .0778 read .0781, covered by 97% of 40 intervals
    (``benchmarks/comparisons/inequality_limits.py``).

    Shuffles deal out people on the scale that subgroups have in common. A metric that
    divides by the size of a subgroup's own outcomes, such as the NRMSE or R2, stays
    what it is in any unit of theirs, and any metric in any unit of a subgroup's weights
    :math:`w`; so outcomes, predictions and weights are divided by their subgroup's own
    mean size, as far as means differ by more than chance (the logarithms of the means
    shrunken by their noise): equal subgroups are equal in what is left, whatever their
    size. Dealt out as they are, people of large and of small outcomes make a subgroup
    noisier than any is. With fifty equal ones of 20 people whose means run from 1 to
    100, the corrected index averaged .002 over 400 samples, and 4.8% were rejected
    (-.065 and none of 40 with people as they are).

    A metric without shuffles (a function of rows, such as the area under a curve) is
    compared with normal draws as wide as its standard errors: for the area under the
    curve in 20 equal subgroups of 50 people this was cautious and rejected in 1 to 3%
    of samples.
    Above a true inequality the corrected value is low in small samples with heavy
    tails.

    Measured for the Gini index of the RMSE, 50 subgroups of equal or unequal sizes and
    errors that are normal, Laplace, t with 3 degrees of freedom or exponential: with
    1,000 rows the mean corrected index of equal subgroups was within .01 of 0 (raw: .09
    to .21). Of a true index of .14, 100 rows a subgroup on average gave .134 to .136
    with normal errors, .130 to .134 with Laplace and exponential ones, and .126 to .133
    with t errors, of which so few rows hardly show the variance (raw: .14 to .20); 95%
    intervals covered it in 92 to 99% of samples.

    References
    ----------
    .. [1] DerSimonian and Kacker (2007), "Random-effects model for meta-analysis of
       clinical trials: an update", Contemporary Clinical Trials 28, 105-114.
    .. [2] Shen and Louis (1999), "Empirical Bayes estimation via the smoothing by
       roughening approach", Journal of Computational and Graphical Statistics 8,
       800-823.
    .. [3] Chung and Romano (2013), "Exact and asymptotically robust permutation tests",
       Annals of Statistics 41, 484-507.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_equity import inequality_index, subgroup_fidelity
    >>> rng = np.random.default_rng(0)
    >>> y_true = rng.uniform(30, 60, size=1000)
    >>> y_pred = y_true + rng.normal(scale=6, size=1000)  # alike for everybody
    >>> ward = rng.integers(50, size=1000)
    >>> table = subgroup_fidelity(y_true, y_pred, subgroups=ward, random_state=0)
    >>> inequality = inequality_index(table)
    >>> round(inequality.raw, 2), round(inequality.if_equal, 2)
    (0.1, 0.09)
    >>> inequality.p_value > 0.05
    True
    """
    name, function = _check_index(index)
    at_equality = _value_at_equality(function, name)
    if voice not in ("subgroup", "person"):
        raise ValueError(f'`voice` must be "subgroup" or "person"; got {voice!r}.')
    tail = (1.0 - check_confidence_level(confidence_level)) / 2.0
    part = _one_grouping(table, grouping)
    model, n_left_out, n_small = _noise_model(part, voice, random_state)
    sized = model.by_voice()
    if part.shuffles is not None:
        sized = sized.without_bias_of_size()
    if name != "max_gap" and (model.estimate < 0.0).any():
        msg = (
            f"`table` must not hold negative estimates for `index`={name!r}; got the "
            f"metric {part.metric} with the least {model.estimate.min():g}. For a "
            'signed metric such as a bias use index="max_gap".'
        )
        raise ValueError(msg)

    def index_of(deviation: float) -> float:
        """Return the index of such figures; below equality for a deviation below 0."""
        if deviation == 0.0:
            return at_equality
        figures = sized.spread_out(abs(deviation))
        if name != "max_gap":
            figures = np.maximum(figures, 0.0)
        beyond = function(figures, sample_weight=model.voice) - at_equality
        return float(at_equality + np.copysign(beyond, deviation))

    p_value = model.p_value()
    low, high = sized.interval(tail)
    if p_value > tail:  # not shown to be unequal
        low = 0.0
    found = InequalityIndex(
        index=name,
        raw=function(model.estimate, sample_weight=model.voice),
        corrected=index_of(sized.deviation),
        ci_low=index_of(low),
        ci_high=index_of(high),
        p_value=p_value,
        if_equal=_mean_index(model, function, signed=name == "max_gap"),
        mean=float(model.voice @ model.estimate),
        n_subgroups=len(model.n),
        n_left_out=n_left_out,
        voice=voice,
        confidence_level=float(confidence_level),
        n_small=n_small,
    )
    if found.caution and low == 0.0 and p_value <= 1.0 - confidence_level:
        msg = f"The p-value of {p_value:.2g} is not to be relied on: {found.caution}"
        warnings.warn(msg, SmallSubgroupWarning, stacklevel=2)
    return found


def _check_index(index: str | Index) -> tuple[str, Index]:
    if isinstance(index, str) and index in _INDICES:
        return index, _INDICES[index]
    if callable(index):
        return getattr(index, "__name__", repr(index)), index
    names = ", ".join(f'"{name}"' for name in _INDICES)
    raise ValueError(f"`index` must be one of {names}, or a function; got {index!r}.")


def _one_grouping(table: Any, grouping: str | None) -> Any:
    if not hasattr(table, "std_error"):
        fix = (
            "Of an audit, pass its table: result.fidelity."
            if hasattr(table, "fidelity")
            else "Of values without standard errors take gini(...)."
        )
        msg = (
            "`table` must be what subgroup_fidelity returns; got "
            f"{type(table).__name__}. {fix}"
        )
        raise TypeError(msg)
    _check_origin(table)
    if grouping is not None:
        return table.select(grouping)
    names = list(dict.fromkeys(table.grouping))
    if len(names) > 1:
        listed = ", ".join(repr(name) for name in names)
        msg = f"`grouping` must say which of the table's groupings: {listed}."
        raise ValueError(msg)
    return table


def _check_origin(table: Any) -> None:
    """Refuse figures that are not the estimates of every subgroup."""
    fixes = {
        "picked": "picked as worst; pass the whole table, before worst(k)",
        "lower bound": "lower bounds; pass what subgroup_fidelity returns",
    }
    fix = fixes.get(getattr(table, "origin", "measured"))
    if fix is not None:
        msg = f"`table` must hold all subgroups' own figures; got those {fix}."
        raise ValueError(msg)


def _value_at_equality(function: Index, name: str) -> float:
    """Call an index on equal values; refuse one that can't be called like ours."""
    rule = (
        "`index` must be a function of values and `sample_weight` that returns one "
        f"number, such as gini; got {name}, which "
    )
    try:
        value: Any = function(np.ones(2), sample_weight=None)
    except TypeError as error:
        raise TypeError(f"{rule}fails: {error}.") from error
    if not isinstance(value, Real):
        raise TypeError(f"{rule}returns {type(value).__name__}.")
    return float(value)


def _noise_model(
    part: Any, voice: Voice, random_state: int | np.random.RandomState | None
) -> tuple[NoiseModel, int, int]:
    """Gather the subgroups that can be compared; how many can't, or are small."""
    known = (part.n >= 2) & np.isfinite(part.estimate) & np.isfinite(part.std_error)
    shuffles = part.shuffles
    if shuffles is not None:
        known &= np.isfinite(shuffles.estimate[0]) & np.isfinite(shuffles.std_error[0])
    if known.sum() < 2:
        msg = (
            "`table` must have at least 2 subgroups with two people, an estimate and a "
            f"standard error; got {int(known.sum())} of {len(known)}."
        )
        raise ValueError(msg)
    n = part.n[known].astype(np.float64)
    estimate, std_error = part.estimate[known], part.std_error[known]
    if shuffles is None:
        draws = _normal_draws(estimate, std_error, n, random_state)
    else:
        std_error = shuffles.std_error[0, known]  # as the errors of the shuffles
        draws = _complete(shuffles.estimate[1:, known], shuffles.std_error[1:, known])
    weights = part.weight[known] if voice == "person" else np.ones_like(n)
    model = NoiseModel(estimate, std_error, n, weights / weights.sum(), draws)
    return model, int((~known).sum()), int((known & ~part.judged).sum())


def _normal_draws(
    estimate: Vector,
    std_error: Vector,
    n: Vector,
    random_state: int | np.random.RandomState | None,
) -> Draws:
    seed = None  # leaves NumPy's global state alone
    if random_state is not None:
        seed = int(check_random_state(random_state).randint(2**31 - 1))
    noise = np.random.default_rng(seed).standard_normal((_N_NORMAL_DRAWS, len(n)))
    center = n @ estimate / n.sum()
    return Draws(center + std_error * noise, np.tile(std_error, (_N_NORMAL_DRAWS, 1)))


def _complete(estimate: Vector, std_error: Vector) -> Draws:
    """Fill what a shuffle left undefined by the mean of the others."""
    return Draws(*(_fill(figures) for figures in (estimate, std_error)))


def _fill(figures: Vector) -> Vector:
    known = np.isfinite(figures)
    mean = np.where(known, figures, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    return np.where(known, figures, mean)


def _mean_index(model: NoiseModel, function: Index, *, signed: bool) -> float:
    draws = model.draws.estimate
    draws = draws if signed else np.maximum(draws, 0.0)
    with warnings.catch_warnings():
        # Of a draw, whose errors may all be 0; the caller's are not.
        warnings.simplefilter("ignore", DegenerateInequalityWarning)
        drawn = [function(one, sample_weight=model.voice) for one in draws]
    return float(np.mean(drawn))
