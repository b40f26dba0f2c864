"""On whom can a method be tried whose right answer is known?

People shaped as those of the published cohort, among whom subgroups are planted that a
model serves badly: some because their HbA1c follows another relation, which a model can
learn, others because it is noisier, which none can mend. Everything that a method has
to find out is returned beside the data.
"""

from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from sklearn_equity._optional import import_optional
from sklearn_equity._sklearn_shims import Interval, StrOptions, validate_params
from sklearn_equity.datasets._cohort_people import (
    FEATURE_NAMES,
    Matrix,
    Target,
    Vector,
    draw_people,
    draw_target,
)
from sklearn_equity.datasets._cohort_planted import (
    Kind,
    Planted,
    Shape,
    draw_planted,
)

__all__ = ["HealthCohort", "PlantedSubgroup", "make_health_cohort"]

_STRENGTHS = {"none": 0.0, "moderate": 1.0, "strong": 1.8}
# At moderate strength, in mmol/mol: the root mean square of another relation, and the
# SD of planted noise. Noise weighs more, as it does in the published cohort.
_RELATION_SIZE = 6.0
_NOISE_SIZE = 9.0


@dataclass(frozen=True)
class PlantedSubgroup:
    """A subgroup that was planted in a cohort, and what it is like.

    Parameters
    ----------
    rule : str
        Who belongs to it, in words.
    kind : {"remediable", "noise"}
        "remediable": the target follows another relation, which a model can learn.
        "noise": the target is noisier, which no model can mend.
    n : int
        People of the cohort who belong to it.

    See Also
    --------
    make_health_cohort : Plants them.

    Examples
    --------
    >>> from sklearn_equity import make_health_cohort
    >>> cohort = make_health_cohort(5000, random_state=0)
    >>> cohort.subgroups[0].kind, cohort.subgroups[-1].kind
    ('remediable', 'noise')
    """

    rule: str
    kind: Kind
    n: int


@dataclass(frozen=True, eq=False)
class HealthCohort:
    """A generated cohort and the truth about it.

    What `make_health_cohort` returns.

    Parameters
    ----------
    X : DataFrame or ndarray of shape (n_samples, 20)
        The inputs.
    y : ndarray of shape (n_samples,)
        HbA1c, mmol/mol.
    feature_names : tuple of str
        The columns of `X`.
    subgroups : tuple of PlantedSubgroup
        The planted subgroups, the remediable ones first.
    membership : ndarray of bool of shape (n_samples, n_planted)
        Who belongs to which planted subgroup; they overlap a little.
    conditional_mean : ndarray of shape (n_samples,)
        The mean of `y` given the inputs: what the best model would predict.
    attainable_error : ndarray of shape (n_samples,)
        The standard deviation of `y` given the inputs: the root mean squared error of
        the best model for people alike in all inputs.
    diabetes : ndarray of bool of shape (n_samples,)
        The diagnosis, from which much of the noise stems; keep it out of a model.

    See Also
    --------
    make_health_cohort : Makes it.

    Examples
    --------
    >>> from sklearn_equity import make_health_cohort
    >>> cohort = make_health_cohort(5000, random_state=0)
    >>> cohort.X.shape, cohort.membership.shape
    ((5000, 20), (5000, 8))
    """

    X: Any
    y: Vector
    feature_names: tuple[str, ...]
    subgroups: tuple[PlantedSubgroup, ...]
    membership: NDArray[np.bool_]
    conditional_mean: Vector
    attainable_error: Vector
    diabetes: NDArray[np.bool_]


@validate_params(
    {
        "n_samples": [Interval(Integral, 1, None, closed="left")],
        "strength": [
            StrOptions({*_STRENGTHS}),
            Interval(Real, 0, None, closed="left"),
        ],
        "shape": [StrOptions({"conjunction", "oblique"})],
        "n_remediable": [Interval(Integral, 0, None, closed="left")],
        "n_noise": [Interval(Integral, 0, None, closed="left")],
        "planted_share": [Interval(Real, 0, 0.5, closed="right")],
        "population": [Interval(Integral, 0, 2**32 - 1, closed="both")],
        "as_frame": ["boolean"],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def make_health_cohort(
    n_samples: int = 20_000,
    *,
    strength: str | float = "moderate",
    shape: Shape = "conjunction",
    n_remediable: int = 4,
    n_noise: int = 4,
    planted_share: float = 0.1,
    population: int = 0,
    as_frame: bool = True,
    random_state: Any = None,
) -> HealthCohort:
    r"""Generate a cohort with planted subgroups whose truth is known (regression).

    ========   ==============================================================
    Samples    any number; 1 million take about a second
    Features   20 numbers: 6 continuous, smoking in 3 steps, 13 of 0 and 1
    Target     HbA1c in mmol/mol, mean 36, SD 6.8, long right tail
    ========   ==============================================================

    Parameters
    ----------
    n_samples : int, default=20000
        The number of people.
    strength : {"none", "moderate", "strong"} or float, default="moderate"
        How badly the planted subgroups are served: a multiplier of what is planted,
        0 for "none", 1 for "moderate", 1.8 for "strong". The mean squared error of a
        model that knows nothing of a subgroup is raised there by about 36 (remediable)
        or by 81 (noise) times the square of the multiplier.
    shape : {"conjunction", "oblique"}, default="conjunction"
        "conjunction": two or three thresholds on different variables, all met.
        "oblique": balls and half-spaces in three continuous variables, which no short
        rule of thresholds describes.
    n_remediable : int, default=4
        Planted subgroups in which HbA1c follows another relation to the inputs.
    n_noise : int, default=4
        Planted subgroups in which HbA1c is noisier, its mean as everywhere else.
    planted_share : float, default=0.1
        The share of people in planted subgroups, more than 0 and at most .5. Each has
        between half and one and a half times its equal part.
    population : int, default=0
        Which subgroups are planted: calls that differ in `random_state` alone draw
        other people of the same population, such as those of a test set.
    as_frame : bool, default=True
        Return `X` as a pandas DataFrame; False gives an array and needs no pandas.
    random_state : int, RandomState instance or None, default=None
        Determines who is drawn. Equal seeds give equal people whatever the strength.

    Returns
    -------
    HealthCohort
        The data, and per row the truth: membership, conditional mean and attainable
        error.

    Raises
    ------
    ValueError
        If a parameter is out of range, or the subgroups do not fit beside each other.
    MissingDependencyError
        If `as_frame` is True and pandas is not installed.

    See Also
    --------
    sklearn_equity.datasets.load_nhanes : Real people, whose truth nobody knows.

    Notes
    -----
    With :math:`\mu(x)` the mean of people without diabetes, :math:`p(x)` the chance of
    diabetes, which is in no input, :math:`M` the remediable and :math:`N` the noisy
    subgroups :math:`S_k`, and :math:`s` the strength,

    .. math::

        E[y \mid x] &= \mu(x) + 17\,p(x) + 6 s \sum_{k \in M} 1[x \in S_k]\, r_k(x) \\
        Var[y \mid x] &= 3.6^2 + 14^2 p(x) + 17^2 p(x)(1 - p(x))
            + 81 s^2 \sum_{k \in N} 1[x \in S_k]

    where :math:`r_k` is linear in two variables down to a floor, with mean square 1 in
    its subgroup, and the third term of the variance is what not knowing the diagnosis
    costs. The least mean squared error of any model is the mean of
    ``attainable_error ** 2``; a model's remediable part is the mean of
    ``(y_pred - conditional_mean) ** 2``.

    The variables are those of the cohort of UK Biobank in [1]_, with marginals rounded
    from the baseline tables of that cohort and the published directions of relations;
    `weight` is body mass index times the square of a height that is not among the
    inputs. Strengths of relations were chosen for the target to have the published mean
    of 36 (6.099 / .169) and a best model with the published root mean squared error of
    6.1. Its SD is 6.4 with nothing planted, 6.8 at moderate and 7.7 at strong strength.
    No record of any person went into it, and it says nothing about real people.

    Most of the squared error of any subgroup is noise, as it is in life. The expected
    squared error of a linear model finds the people of planted subgroups with an area
    under the ROC curve of .90 at moderate and .95 at strong strength (oblique: .89 and
    .94): no method that looks at errors alone can do better. At strong strength one
    target value in 100,000 is negative.

    References
    ----------
    .. [1] Carruthers, R. et al. (2022), "Representational ethical model calibration",
       npj Digital Medicine 5, 170.

    Examples
    --------
    >>> from sklearn_equity import make_health_cohort
    >>> cohort = make_health_cohort(20_000, random_state=0)
    >>> for subgroup in cohort.subgroups[3:5]:
    ...     print(f"{subgroup.kind}: {subgroup.rule}")
    remediable: asthma = 1 and hayfever_rhinitis_eczema = 1 and weight >= 77.2
    noise: weight < 74.9 and blood_clot_lung = 1

    The least root mean squared error that any model can have:

    >>> import numpy as np
    >>> float(np.sqrt(np.mean(cohort.attainable_error**2)).round(1))
    6.4

    Others of the same population, as a test set:

    >>> held_out = make_health_cohort(5_000, random_state=1)
    >>> [s.rule for s in held_out.subgroups] == [s.rule for s in cohort.subgroups]
    True
    """
    pandas = (
        import_optional("pandas", feature="make_health_cohort(as_frame=True)")
        if as_frame
        else None
    )
    multiplier = _STRENGTHS[strength] if isinstance(strength, str) else float(strength)
    planted = draw_planted(
        population,
        n_remediable=n_remediable,
        n_noise=n_noise,
        planted_share=planted_share,
        shape=shape,
    )
    rng = check_random_state(random_state)
    X = draw_people(n_samples, rng)
    membership = np.zeros((n_samples, len(planted)), dtype=bool, order="F")
    for k, subgroup in enumerate(planted):
        membership[:, k] = subgroup.region(X)
    target = _plant(draw_target(X, rng), X, planted, membership, multiplier, rng)
    return HealthCohort(
        X=X if pandas is None else pandas.DataFrame(X, columns=list(FEATURE_NAMES)),
        y=target.y,
        feature_names=FEATURE_NAMES,
        subgroups=tuple(
            PlantedSubgroup(str(subgroup.region), subgroup.kind, int(inside.sum()))
            for subgroup, inside in zip(planted, membership.T, strict=True)
        ),
        membership=membership,
        conditional_mean=target.mean,
        attainable_error=np.sqrt(target.variance),
        diabetes=target.diabetes,
    )


def _plant(
    target: Target,
    X: Matrix,
    planted: tuple[Planted, ...],
    membership: NDArray[np.bool_],
    strength: float,
    rng: np.random.RandomState,
) -> Target:
    """Add the other relations and the noise of the planted subgroups."""
    gain, variance = np.zeros(len(X)), np.zeros(len(X))
    for subgroup, inside in zip(planted, membership.T, strict=True):
        if subgroup.relation is None:
            variance[inside] += (strength * _NOISE_SIZE) ** 2
        else:
            gain[inside] += strength * _RELATION_SIZE * subgroup.relation(X[inside])
    # Drawn for everybody, so that the people who follow do not depend on who is inside.
    # Exponential about its mean: skewed as HbA1c is, and bounded below, so that hardly
    # any HbA1c is negative.
    noise = rng.standard_exponential(size=len(X)) - 1
    return Target(
        target.y + gain + np.sqrt(variance) * noise,
        target.mean + gain,
        target.variance + variance,
        target.diabetes,
    )
