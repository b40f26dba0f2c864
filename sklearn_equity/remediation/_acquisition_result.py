"""From whom should more people be recruited, as a table that people can read?"""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_equity._label_text import format_labels
from sklearn_equity._optional import build_frame

__all__ = ["AcquisitionPlan"]

Vector = NDArray[np.float64]
RECRUIT, FLAT, OPEN, SMALL = "recruit", "flat", "not enough evidence", "too small"


@dataclass(frozen=True, eq=False, repr=False)
class AcquisitionPlan:
    """What more people of each subgroup would take off its error.

    What `acquisition_plan` returns; it prints as a table. Errors are mean squared ones,
    of classes Brier scores.

    Parameters
    ----------
    subgroup : tuple
        The labels.
    n : ndarray of shape (n_subgroups,)
        The people there are.
    error : ndarray of shape (n_subgroups,)
        The cross-validated mean squared error as it is.
    departure : ndarray of shape (n_subgroups,)
        By how much it would fall with any number of people of the subgroup: its
        departure from what this model can attain for it. 0 for a flat curve.
    ci_low, ci_high : ndarray of shape (n_subgroups,)
        The interval of the departure.
    exponent : ndarray of shape (n_subgroups,)
        The power of the number of people with which it falls.
    needed : ndarray of shape (n_subgroups,)
        How many more people take the share `target` off the error; infinite if none
        do.
    needed_low, needed_high : ndarray of shape (n_subgroups,)
        The interval of that number.
    recruit : ndarray of shape (n_subgroups,)
        How many of the `budget` to recruit from each.
    expected_fall : ndarray of shape (n_subgroups,)
        By how much its error is expected to fall by them.
    verdict : tuple of str
        "flat" if no number of people would take `target` off; "recruit" if it is shown
        that more people help; "not enough evidence"; or "too small".
    target : float
        The share of the error that `needed` people take off.
    budget : int
        How many people there are to recruit.
    confidence_level : float
        That of intervals and verdicts.

    See Also
    --------
    acquisition_plan : Makes it.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.dummy import DummyRegressor
    >>> from sklearn_equity import acquisition_plan
    >>> rng = np.random.default_rng(0)
    >>> ward = np.repeat(["A", "B"], 300)
    >>> plan = acquisition_plan(
    ...     DummyRegressor(), np.zeros((600, 1)), rng.normal(size=600), subgroups=ward,
    ...     target=0.2, random_state=0,
    ... )
    >>> plan.verdict
    ('flat', 'flat')
    """

    subgroup: tuple[Hashable, ...]
    n: NDArray[np.intp]
    error: Vector
    departure: Vector
    ci_low: Vector
    ci_high: Vector
    exponent: Vector
    needed: Vector
    needed_low: Vector
    needed_high: Vector
    recruit: NDArray[np.intp]
    expected_fall: Vector
    verdict: tuple[str, ...]
    target: float
    budget: int
    confidence_level: float

    def to_columns(self) -> dict[str, list[Any]]:
        """Return the table as columns by name, one row a subgroup."""
        names = (
            *("n", "error", "departure", "ci_low", "ci_high", "exponent", "needed"),
            *("needed_low", "needed_high", "recruit", "expected_fall"),
        )
        return {
            "subgroup": format_labels(self.subgroup),
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
        return build_frame(self.to_columns(), feature="AcquisitionPlan.to_frame")

    def sentences(self) -> tuple[str, ...]:
        """Say from whom to recruit, and what is open."""
        chosen = np.flatnonzero(self.recruit)
        if not len(chosen):
            said = ["No curve shows that more people of any subgroup would help: none."]
        else:
            order = chosen[np.argsort(-self.recruit[chosen], kind="stable")]
            listed = "; ".join(
                f"{self.recruit[i]:,} from {format_labels(self.subgroup)[i]}"
                for i in order
            )
            said = [f"Of {self.budget:,} people to recruit: {listed}."]
        for verdict, meaning in (
            (FLAT, f"No number of people would take {self.target:.0%} off the error"),
            (OPEN, "Not enough evidence, recruit to learn rather than to serve"),
        ):
            names = [
                label
                for label, found in zip(
                    format_labels(self.subgroup), self.verdict, strict=True
                )
                if found == verdict
            ]
            if names:
                said.append(f"{meaning}: {', '.join(names)}.")
        return tuple(said)

    def __repr__(self) -> str:
        names = format_labels(self.subgroup)
        width = max(8, *map(len, names))
        head = (
            f"{'subgroup':<{width}} {'n':>8} {'error':>9} {'could fall by':>26} "
            f"{f'needed for {self.target:.0%}':>26} {'recruit':>8}  verdict"
        )
        lines = [
            f"{name:<{width}} {self.n[i]:>8,} {self.error[i]:>9.4g} "
            f"{self._range(self.departure, self.ci_low, self.ci_high, i):>26} "
            f"{self._range(self.needed, self.needed_low, self.needed_high, i):>26} "
            f"{self.recruit[i]:>8,}  {self.verdict[i]}"
            for i, name in enumerate(names)
        ]
        return "\n".join([*self.sentences(), head, *lines])

    @staticmethod
    def _range(value: Vector, low: Vector, high: Vector, i: int) -> str:
        return f"{value[i]:.3g} ({low[i]:.3g} to {high[i]:.3g})"
