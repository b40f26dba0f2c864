"""Who are the people that a model says nothing about?

Whoever withholds the predictions that can't be trusted withholds them from those who
are ill, old or poor: models know least of them. What a threshold does to whom is
counted here, group by group, beside their share of everybody.
"""

from collections.abc import Hashable
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm

from sklearn_equity._checks import check_same_order
from sklearn_equity._label_text import format_labels
from sklearn_equity._numbers import check_confidence_level, to_array
from sklearn_equity._optional import build_frame
from sklearn_equity.remediation._characteristics import Characteristics

__all__ = ["ExcludedWho", "excluded_who"]

Vector = NDArray[np.float64]
_N_SHOWN = 12
_OVER, _UNDER, _OPEN = "over-represented", "under-represented", "not shown"


@dataclass(frozen=True, eq=False, repr=False)
class ExcludedWho:
    """Who is over-represented among the people without a prediction.

    What `excluded_who` returns; it prints as a table, those most over-represented
    first. One row is one group of people.

    Parameters
    ----------
    characteristic : tuple of str
        The column that the group is cut from.
    level : tuple
        Its value, or the band of values.
    n : ndarray of shape (n_groups,)
        The people of the group.
    n_excluded : ndarray of shape (n_groups,)
        Those of them who are excluded.
    share_of_all, share_of_excluded : ndarray of shape (n_groups,)
        The share of the group among everybody, and among the excluded.
    ratio : ndarray of shape (n_groups,)
        The second over the first: 1 if the group is excluded as often as everybody, 2
        if twice as often; NaN if nobody is excluded.
    ci_low, ci_high : ndarray of shape (n_groups,)
        The ends of its interval; all intervals hold together.
    verdict : tuple of str
        "over-represented" if the interval lies above 1, "under-represented" if it lies
        below, else "not shown".
    n_people, n_excluded_people : int
        Everybody, and all who are excluded.
    left_out : tuple of str
        Columns with too many labels to count.
    confidence_level : float
        The level at which all intervals hold together.

    See Also
    --------
    excluded_who : Makes it.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_equity import excluded_who
    >>> ward = np.repeat(["north", "south"], 500)
    >>> withheld = np.arange(1000) >= 900
    >>> excluded_who(withheld, {"ward": ward}).over_represented
    ('ward = south',)
    """

    characteristic: tuple[str, ...]
    level: tuple[Hashable, ...]
    n: NDArray[np.intp]
    n_excluded: NDArray[np.intp]
    share_of_all: Vector
    share_of_excluded: Vector
    ratio: Vector
    ci_low: Vector
    ci_high: Vector
    verdict: tuple[str, ...]
    n_people: int
    n_excluded_people: int
    left_out: tuple[str, ...]
    confidence_level: float

    @property
    def over_represented(self) -> tuple[str, ...]:
        """The groups shown to be excluded more often, the most so first."""
        return tuple(self._name(i) for i in self._order() if self.verdict[i] == _OVER)

    def to_columns(self) -> dict[str, list[Any]]:
        """Return the table as columns by name, one row a group."""
        names = (
            *("n", "n_excluded", "share_of_all", "share_of_excluded"),
            *("ratio", "ci_low", "ci_high"),
        )
        return {
            "characteristic": list(self.characteristic),
            "level": format_labels(self.level),
            **{name: getattr(self, name).tolist() for name in names},
            "verdict": list(self.verdict),
        }

    def to_frame(self) -> Any:
        """Return the rows as a data frame.

        Returns
        -------
        pandas.DataFrame or polars.DataFrame
            The columns of `to_columns`; polars if
            ``sklearn.set_config(transform_output="polars")`` says so.
        """
        return build_frame(self.to_columns(), feature="ExcludedWho.to_frame")

    def sentences(self) -> tuple[str, ...]:
        """Say how many are excluded, and whom that hits most."""
        share = self.n_excluded_people / self.n_people
        said = [
            f"No prediction for {self.n_excluded_people:,} of {self.n_people:,} people "
            f"({share:.1%})."
        ]
        over = [i for i in self._order() if self.verdict[i] == _OVER]
        said += [
            f"{self._name(i)}: {self.share_of_excluded[i]:.0%} of the excluded, "
            f"{self.share_of_all[i]:.0%} of everybody."
            for i in over[:3]
        ]
        if not over and self.n_excluded_people:
            said.append("Nobody is shown to be excluded more often than others.")
        if self.left_out:
            listed = ", ".join(self.left_out)
            said.append(f"Not counted, too many different labels: {listed}.")
        return tuple(said)

    def _order(self) -> list[int]:
        low = np.nan_to_num(self.ci_low, nan=-1.0)
        return [int(i) for i in np.argsort(-low, kind="stable")]

    def _name(self, i: int) -> str:
        return f"{self.characteristic[i]} = {format_labels(self.level)[i]}"

    def _figures(self, i: int) -> str:
        """What a group's share of the excluded is, if there are any."""
        if not self.n_excluded_people:
            return f"{'-':>9} {'-':>6}"
        share = f"{self.share_of_excluded[i]:>9.1%} {self.ratio[i]:>6.2f}"
        if np.isnan(self.ci_low[i]):
            return share
        return f"{share} ({self.ci_low[i]:.2f} to {self.ci_high[i]:.2f})"

    def __repr__(self) -> str:
        order = self._order()[:_N_SHOWN]
        names = [self._name(i) for i in order]
        width = max(map(len, names), default=0)
        lines = [
            f"{name:<{width}} {self.n_excluded[i]:>8,} of {self.n[i]:>8,} "
            f"{self.share_of_all[i]:>7.1%} {self._figures(i)}  {self.verdict[i]}"
            for i, name in zip(order, names, strict=True)
        ]
        head = (
            f"{'':<{width}} {'excluded':>20} {'of all':>7} {'of excl.':>9} "
            f"{'ratio':>6} ({self.confidence_level:.4g}, all at once)"
        )
        hidden = len(self.level) - len(order)
        tail = [f"... and {hidden} more groups: to_frame()"] if hidden else []
        return "\n".join([*self.sentences(), head, *lines, *tail])


def excluded_who(
    excluded: ArrayLike,
    characteristics: Any,
    *,
    n_bands: int = 5,
    confidence_level: float = 0.95,
) -> ExcludedWho:
    r"""Count who is over-represented among those whom a rule leaves out.

    The ratio is 1 for a group that is excluded as often as everybody, larger for one
    that is excluded more often. Trusted from about 10 excluded people.

    Parameters
    ----------
    excluded : array-like of bool of shape (n_rows,)
        Who is left out: by a model that withholds predictions, or any other rule.
    characteristics : data frame, mapping of str to array-like, or 2-D array
        What is known of everybody, inputs of a model or not: numbers, text, categories,
        with gaps.
    n_bands : int, default=5
        The bands that a number of ten or more values is cut into, with about equally
        many people each.
    confidence_level : float, default=0.95
        The level at which all intervals of the table hold together.

    Returns
    -------
    ExcludedWho
        A row for each group.

    Raises
    ------
    ValueError
        If lengths or orders of rows differ, or `excluded` holds anything but truth
        values.

    See Also
    --------
    DeferralRegressor : Withholds predictions, and shows this table.
    describe_subgroups : What sets any subgroup apart, variable by variable.

    Notes
    -----
    Of N people X are excluded; of the n people of a group x. The ratio is
    :math:`R = (x / X) / (n / N)`. Its interval is normal on the scale of
    :math:`\log R`, whose variance, of a multinomial sample by the delta method, is
    :math:`1/x - 1/n - 1/X + (2R - 1)/N`; half a person is added to each of the four
    cells that a group and the exclusion make. Bonferroni's correction covers all rows
    of the table, so that groups which overlap cost more than they would need to.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_equity import excluded_who
    >>> age = np.arange(1000) % 100
    >>> table = excluded_who(age >= 90, {"age": age})
    >>> print(table)
    No prediction for 100 of 1,000 people (10.0%).
    age = 80 to 99: 100% of the excluded, 20% of everybody.
    ...
    """
    level = check_confidence_level(confidence_level)
    if not isinstance(n_bands, Integral) or isinstance(n_bands, bool) or n_bands < 2:
        msg = f"`n_bands` must be a whole number of at least 2; got {n_bands!r}."
        raise ValueError(msg)
    check_same_order(excluded=excluded, characteristics=characteristics)
    out = _check_excluded(excluded)
    read = Characteristics.read(characteristics, len(out), n_bands=int(n_bands))
    named = [
        (name, label, rows)
        for name, codes in read.groupings.items()
        for label, rows in zip(
            codes.labels,
            np.column_stack(
                [
                    codes.counts(),
                    np.bincount(codes.codes[out], minlength=len(codes.labels)),
                ]
            ),
            strict=True,
        )
    ]
    n, x = np.array([rows for _, _, rows in named], dtype=np.intp).reshape(-1, 2).T
    total, n_out = len(out), int(out.sum())
    with np.errstate(invalid="ignore", divide="ignore"):
        of_all, of_out = n / total, x / np.float64(n_out)
        ratio = of_out / of_all
    low, high = _interval(n, x, total, n_out, 1.0 - level)
    return ExcludedWho(
        characteristic=tuple(name for name, _, _ in named),
        level=tuple(label for _, label, _ in named),
        n=n,
        n_excluded=x,
        share_of_all=of_all,
        share_of_excluded=of_out,
        ratio=ratio,
        ci_low=low,
        ci_high=high,
        verdict=tuple(map(_verdict, low, high)),
        n_people=total,
        n_excluded_people=n_out,
        left_out=read.left_out,
        confidence_level=level,
    )


def _check_excluded(excluded: ArrayLike) -> NDArray[np.bool_]:
    array = to_array(excluded, name="excluded")
    if array.ndim != 1 or array.dtype.kind != "b" or not len(array):
        msg = (
            "`excluded` must hold one truth value a row; got "
            f"shape {array.shape} of {array.dtype}."
        )
        raise ValueError(msg)
    return array


def _interval(
    n: NDArray[np.intp], x: NDArray[np.intp], total: int, n_out: int, alpha: float
) -> tuple[Vector, Vector]:
    """Return intervals of the ratio, NaN where everybody or nobody is excluded."""
    undefined = np.full(len(n), np.nan)
    if not len(n) or n_out in (0, total):
        return undefined, undefined.copy()
    cells = x + 0.5
    group, outside, everybody = n + 1.0, n_out + 1.0, total + 2.0
    ratio = cells * everybody / (group * outside)
    variance = 1 / cells - 1 / group - 1 / outside + (2 * ratio - 1) / everybody
    reach = norm.isf(alpha / (2 * len(n))) * np.sqrt(np.maximum(variance, 0.0))
    whole = n == total  # a group of everybody is neither over- nor under-represented
    low, high = (np.exp(np.log(ratio) + sign * reach) for sign in (-1.0, 1.0))
    return np.where(whole, 1.0, low), np.where(whole, 1.0, high)


def _verdict(low: float, high: float) -> str:
    if low > 1.0:
        return _OVER
    return _UNDER if high < 1.0 else _OPEN
