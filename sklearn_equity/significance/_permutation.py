"""Does a subgroup differ from everybody else by more than a random choice of people?"""

from collections.abc import Hashable
from dataclasses import dataclass
from numbers import Integral
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csc_array
from scipy.stats import hypergeom
from sklearn.utils import check_array, check_random_state

from sklearn_equity._checks import SubgroupCodes, check_same_order, check_subgroups
from sklearn_equity._numbers import refuse_overflow, to_array
from sklearn_equity._parallel import blocks_of, check_n_jobs, generators_for, run

__all__ = [
    "PermutationResult",
    "check_n_permutations",
    "compare_means",
    "permutation_test",
]

Alternative = Literal["two-sided", "greater", "less"]
Vector = NDArray[np.float64]

_TIE = 1e-5  # sums of the same few values in another order differ by rounding
_LEAST = np.finfo(np.float64).tiny  # exact p-values can be too small for a float
_SHUFFLE_ROW, _SUM_VALUE = 10.0, 2.5  # nanoseconds, roughly


@dataclass(frozen=True, eq=False)
class PermutationResult:
    """Every subgroup compared with everybody else in every variable.

    What `permutation_test` returns.

    Parameters
    ----------
    subgroup : tuple
        The label of each row.
    n : ndarray of shape (n_subgroups,)
        The people of each subgroup.
    mean_in, mean_out : ndarray of shape (n_subgroups, n_variables)
        The mean of each variable inside the subgroup and outside.
    p_value : ndarray of shape (n_subgroups, n_variables)
        How often as many people chosen by chance differ as much.
    exact : ndarray of shape (n_variables,)
        Whether the p-values are exact, which those of variables with two values are,
        or come from random permutations.

    See Also
    --------
    permutation_test : Makes it.

    Examples
    --------
    >>> from sklearn_equity import permutation_test
    >>> found = permutation_test([1, 1, 0, 0], subgroups=["a", "a", "b", "b"])
    >>> found.exact
    array([ True])
    """

    subgroup: tuple[Hashable, ...]
    n: NDArray[np.intp]
    mean_in: Vector
    mean_out: Vector
    p_value: Vector
    exact: NDArray[np.bool_]


def permutation_test(
    values: ArrayLike,
    *,
    subgroups: Any,
    n_permutations: int = 1000,
    alternative: Alternative = "two-sided",
    random_state: int | np.random.RandomState | None = None,
    n_jobs: int | None = None,
) -> PermutationResult:
    r"""Test whether subgroups differ in mean from everybody else.

    P-values lie above 0, those from shuffles at 1 / (`n_permutations` + 1) or more, and
    go up to 1; a low one says that so many people chosen by chance seldom differ as
    much. Valid from one person up, whatever the distribution of the values.

    Parameters
    ----------
    values : array-like of shape (n_rows,) or (n_rows, n_variables)
        Finite numbers.
    subgroups : array-like of shape (n_rows,) or (n_rows, n_attributes)
        One label a row, two or more different ones; rows of several attributes are
        their combinations.
    n_permutations : int, default=1000
        How often the labels are shuffled. One shuffle serves all variables and
        subgroups.
    alternative : {"two-sided", "greater", "less"}, default="two-sided"
        What counts as different: a mean further from the others' on either side, a
        higher one, or a lower one.
    random_state : int, RandomState or None, default=None
        Seeds the shuffles.
    n_jobs : int or None, default=None
        How many blocks of shuffles at once, as in joblib; the results are the same for
        any number. A block takes about half a second, and less work is done here.

    Returns
    -------
    PermutationResult
        Means inside and outside, and p-values, a row for each subgroup.

    Raises
    ------
    ValueError
        If a value is missing or infinite, lengths differ, there are fewer than two
        subgroups, or an option is unknown.

    See Also
    --------
    describe_subgroups : Which variables set a subgroup apart, with q-values and rules.
    benjamini_hochberg : What to do with many p-values.

    Notes
    -----
    With b of m shuffles at least as far from the mean of all as the data, the p-value
    is (b + 1) / (m + 1), which is never 0 [1]_. Differences equal to within 1e-5 of
    themselves count as equal: the same values summed in another order give another
    rounding. A variable with two values needs no shuffle: how many people of one value
    a random choice holds has a hypergeometric distribution; two-sided, its outcomes at
    least as far from the expected one are added up (SciPy's two-sided test doubles the
    smaller tail instead, and Fisher's exact test adds up the less likely outcomes); one
    too small for a float is given as 2.2e-308. The p-values of several subgroups or
    variables depend on one another, as the data do.

    References
    ----------
    .. [1] Phipson and Smyth (2010), "Permutation p-values should never be zero",
       Statistical Applications in Genetics and Molecular Biology 9, article 39.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_equity import permutation_test
    >>> rng = np.random.default_rng(0)
    >>> ward = np.repeat(["east", "north", "south"], 40)
    >>> age = rng.normal(50, 10, size=120) + 10 * (ward == "north")
    >>> found = permutation_test(age, subgroups=ward, random_state=0)
    >>> found.subgroup
    ('east', 'north', 'south')
    >>> found.p_value[1] < 0.01
    array([ True])
    """
    check_same_order(values=values, subgroups=subgroups)
    table = _check_values(values)
    codes = check_subgroups(
        subgroups, n_rows=len(table), rows_of="values", min_subgroups=2
    )
    check_n_permutations(n_permutations)
    if alternative not in get_args(Alternative):
        msg = (
            '`alternative` must be "two-sided", "greater" or "less"; got '
            f"{alternative!r}."
        )
        raise ValueError(msg)
    return compare_means(
        table,
        codes,
        n_permutations=int(n_permutations),
        alternative=alternative,
        random_state=random_state,
        n_jobs=check_n_jobs(n_jobs),
    )


def check_n_permutations(n_permutations: Any) -> None:
    """Refuse what is no number of shuffles."""
    whole = isinstance(n_permutations, Integral) and not isinstance(
        n_permutations, bool
    )
    if not whole or n_permutations < 1:
        msg = (
            "`n_permutations` must be a whole number of at least 1; got "
            f"{n_permutations!r}."
        )
        raise ValueError(msg)


def _check_values(values: ArrayLike) -> Vector:
    array = values if hasattr(values, "ndim") else to_array(values, name="values")
    kind = getattr(getattr(array, "dtype", None), "kind", None)
    if kind is not None and kind not in "biufc":
        array = to_array(array, name="values", dtype=np.float64)
    table: Vector = check_array(
        array,
        dtype=np.float64,
        ensure_2d=False,
        ensure_all_finite=False,
        input_name="values",
    )
    n_bad = int((~np.isfinite(table)).sum())
    if n_bad:
        msg = (
            f"`values` must hold finite numbers; got {n_bad:,} of {table.size:,} "
            "missing or infinite. Leave those rows out, or fill them in."
        )
        raise ValueError(msg)
    refuse_overflow(table, name="values")
    return table[:, np.newaxis] if table.ndim == 1 else table


def compare_means(
    table: Vector,
    codes: SubgroupCodes,
    *,
    n_permutations: int,
    alternative: Alternative = "two-sided",
    random_state: int | np.random.RandomState | None = None,
    n_jobs: int | None = None,
) -> PermutationResult:
    """Test every subgroup in every column of a clean table."""
    counts = codes.counts()
    n_rows = len(table)
    sums = _label_sums(codes.codes, len(counts), table)
    total = table.sum(axis=0)
    low, high = table.min(axis=0), table.max(axis=0)
    binary = ((table == low) | (table == high)).all(axis=0)
    p_value = np.ones_like(sums)
    for j in np.flatnonzero(binary & (low < high)):
        of_high = table[:, j] == high[j]
        held = np.bincount(codes.codes[of_high], minlength=len(counts))
        p_value[:, j] = _exact_p_values(
            held, n_rows, int(of_high.sum()), counts, alternative
        )
    shuffled = np.flatnonzero(~binary)
    if len(shuffled):
        p_value[:, shuffled] = _shuffled_p_values(
            table[:, shuffled],
            codes,
            n_permutations,
            alternative,
            random_state=random_state,
            n_jobs=n_jobs,
        )
    with np.errstate(invalid="ignore"):  # one subgroup of all has nobody outside
        mean_out = (total - sums) / (n_rows - counts)[:, np.newaxis]
    return PermutationResult(
        subgroup=codes.labels,
        n=counts,
        mean_in=sums / counts[:, np.newaxis],
        mean_out=mean_out,
        p_value=p_value,
        exact=binary,
    )


def _label_sums(codes: NDArray[Any], n_subgroups: int, table: Vector) -> Vector:
    """Add rows up by label: a product with the labels' one-hot matrix, by columns.

    By columns the table is read in its order, and the few sums stay in the cache.
    """
    ones, ends = np.ones(len(codes)), np.arange(len(codes) + 1, dtype=codes.dtype)
    one_hot = csc_array((ones, codes, ends), shape=(n_subgroups, len(codes)))
    return np.asarray(one_hot @ table)


def _shuffled_p_values(
    table: Vector,
    codes: SubgroupCodes,
    n_permutations: int,
    alternative: Alternative,
    *,
    random_state: int | np.random.RandomState | None,
    n_jobs: int | None,
) -> Vector:
    seed = None  # leaves NumPy's global state alone
    if random_state is not None:
        seed = int(check_random_state(random_state).randint(2**31 - 1))
    rng = np.random.default_rng(seed)
    centered = np.ascontiguousarray(table - table.mean(axis=0))
    labels = codes.codes.astype(np.int32)  # half the memory to shuffle
    n_subgroups = codes.n_subgroups
    observed = _directed(_label_sums(labels, n_subgroups, centered), alternative)
    # Below this a sum is rounding, and its true value 0.
    rounding = 1e-12 * np.abs(centered).sum(axis=0)
    needed = observed - _TIE * np.abs(observed) - rounding
    cost = _SHUFFLE_ROW * len(labels) + _SUM_VALUE * centered.size
    blocks = blocks_of(n_permutations, nanoseconds=cost)
    n_above = run(
        _count_above,
        (
            (centered, labels, needed, n_drawn, alternative, own)
            for n_drawn, own in zip(blocks, generators_for(blocks, rng), strict=True)
        ),
        n_jobs=n_jobs,
        nanoseconds=n_permutations * cost,
    )
    return np.asarray((sum(n_above) + 1.0) / (n_permutations + 1.0), dtype=np.float64)


def _count_above(
    centered: Vector,
    labels: NDArray[np.int32],
    needed: Vector,
    n_permutations: int,
    alternative: Alternative,
    rng: np.random.Generator,
) -> NDArray[np.int64]:
    """Count the shuffles in which a subgroup lies as far out as needed."""
    labels = labels.copy()  # which others shuffle, too
    n_above = np.zeros(needed.shape, dtype=np.int64)
    for _ in range(n_permutations):
        rng.shuffle(labels)
        sums = _label_sums(labels, len(needed), centered)
        n_above += _directed(sums, alternative) >= needed
    return n_above


def _directed(deviation: Vector, alternative: Alternative) -> Vector:
    """Turn deviations so that higher is further in the direction asked for."""
    if alternative == "two-sided":
        return np.abs(deviation)
    return deviation if alternative == "greater" else -deviation


def _exact_p_values(
    held: NDArray[np.intp],
    n_rows: int,
    n_marked: int,
    counts: NDArray[np.intp],
    alternative: Alternative,
) -> Vector:
    """Return how likely as many marked people are among so many chosen by chance."""
    law = hypergeom(n_rows, n_marked, counts)
    if alternative == "greater":
        as_many: Vector = law.sf(held - 1)
        return np.maximum(as_many, _LEAST)
    if alternative == "less":
        as_few: Vector = law.cdf(held)
        return np.maximum(as_few, _LEAST)
    # Times the rows, distances from the expected number are whole: no rounding.
    distance = np.abs(held * n_rows - counts * n_marked)
    below = (counts * n_marked - distance) // n_rows
    above = -((-counts * n_marked - distance) // n_rows)
    both = law.cdf(below) + law.sf(above - 1)
    return np.where(distance == 0, 1.0, np.clip(both, _LEAST, 1.0))
