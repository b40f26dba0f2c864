"""What does a part of a cohort leave behind, so that its curves can be drawn later?

Sums of severity by subgroup and by cell of the score. Parts merge, and the measures of
this stage finish them: rows in memory are the case of one part.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
from numpy.typing import ArrayLike

from sklearn_equity._checks import MissingPolicy
from sklearn_equity._numbers import (
    check_confidence_level,
    check_numbers,
    check_sample_weight,
    check_whole_number,
    refuse_extreme_weights,
)
from sklearn_equity.allocation._area import EVERYONE
from sklearn_equity.allocation._cohort import Cohort, Threshold, take_cohort
from sklearn_equity.allocation._comparison import (
    Inference,
    measure_inequality,
    ratio_of_cut,
)
from sklearn_equity.allocation._curve_result import ADCurve, curve_of_sums
from sklearn_equity.allocation._inputs import check_count
from sklearn_equity.allocation._result import InequalityResult
from sklearn_equity.allocation._scoring import Boundary
from sklearn_equity.allocation._severity_rule import (
    SeverityRule,
    check_alike,
    display_order,
    make_rule,
    read_rule,
    thresholds_here,
)
from sklearn_equity.allocation._sides import CutCohort
from sklearn_equity.allocation._steps import (
    Bounds,
    Direction,
    StepRule,
    WeightRule,
)
from sklearn_equity.allocation._windows import (
    CellSums,
    find_cells,
    sum_cells,
    without_rare_cells,
)
from sklearn_equity.sufficient_statistics import (
    fold_parts,
    pack,
    to_suppress,
    unpack,
    well_formed,
)

__all__ = ["DeteriorationSums"]


@dataclass(frozen=True, eq=False, repr=False)
class DeteriorationSums:
    """Sums of severity by subgroup and score, from which every figure follows.

    What a part of a cohort leaves behind: deterioration indices, allocation-
    deterioration curves and their areas are finished from it, with the same formulas
    as from rows. Parts merge, whatever rows they hold, and travel as bytes.

    Parameters
    ----------
    labels : tuple
        The subgroups.
    sums : CellSums
        Sums over the people of every subgroup and cell of the score.
    rule : SeverityRule
        How people were scored.

    See Also
    --------
    deterioration_index, allocation_deterioration_curve, da_index_ratio : The same for
        rows in memory.

    Notes
    -----
    Rows in memory are smoothed, by default, by a rule that looks at all of them. Parts
    do not know one another, so here a `bandwidth` is a number, 0 for counting: with
    thousands of rows a subgroup the rule would smooth next to nothing. Give the same
    number there to get the same figures.

    Counts of rows are exact whatever the parts and their order; sums agree to about
    1e-12 of themselves.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_equity import DeteriorationSums
    >>> score = np.tile(np.linspace(0, 1, 500), 2)
    >>> ward = np.repeat(["east", "west"], 500)
    >>> pressure = 100 + 50 * score + 10 * (ward == "east")
    >>> parts = [
    ...     DeteriorationSums.from_arrays(
    ...         pressure[rows], allocation=score[rows], subgroups=ward[rows],
    ...         threshold=125, bounds=(0, 300), n_points=3, n_steps=1,
    ...     )
    ...     for rows in (slice(0, 300), slice(300, 1000))
    ... ]
    >>> whole = parts[0].merge(parts[1])
    >>> whole
    DeteriorationSums(1,000 rows, 2 subgroups)
    >>> whole.curve().deterioration.round(1)
    array([[0. , 1. , 1. ],
           [0. , 0.5, 1. ]])
    """

    labels: tuple[Hashable, ...]
    sums: CellSums
    rule: SeverityRule

    def __repr__(self) -> str:
        rows = int(self.sums.count.sum())
        return f"DeteriorationSums({rows:,} rows, {len(self.labels):,} subgroups)"

    # ---- where they come from ----------------------------------------------------
    @classmethod
    def from_arrays(
        cls,
        measurement: ArrayLike,
        *,
        threshold: Threshold,
        bounds: Bounds,
        allocation: ArrayLike | None = None,
        subgroups: Any = None,
        n_steps: int = 20,
        weights: WeightRule = "linear",
        step: StepRule = "exact",
        direction: Direction = "above",
        bandwidth: float = 0.0,
        boundary: Boundary = "reflect",
        decision_threshold: float = 0.0,
        half_width: float = 0.05,
        n_points: int = 100,
        sample_weight: ArrayLike | None = None,
        missing: MissingPolicy = "raise",
    ) -> "DeteriorationSums":
        """Sum up rows in memory.

        Parameters
        ----------
        measurement : array-like of shape (n_rows,)
            A clinical measurement, in any unit.
        threshold : float, mapping or array-like of shape (n_rows,)
            Where abnormal begins: for all, by subgroup (a mapping, which may hold
            subgroups that this part lacks), or for each row.
        bounds : tuple of (float or None, float or None)
            The possible range of the measurement. The end that deterioration runs to
            must be given, as no part knows the others' extremes.
        allocation : array-like of shape (n_rows,), default=None
            The model's score, from 0 to 1. None measures whole subgroups alone.
        subgroups : array-like of shape (n_rows,) or (n_rows, n_attributes)
            One label a row; several columns are combined. By default one group, "all".
        n_steps : int, default=20
            The number of steps from the threshold to the bound.
        weights : {"linear", "uniform", "quadratic"}, array or callable
            What each step counts, mildest first; "linear" by default.
        step : {"exact", "ceil"}, default="exact"
            The width of a step; see `severity_score`.
        direction : {"above", "below"}, default="above"
            Whether high or low values are the bad ones.
        bandwidth : float, default=0.0
            How far measurements are smoothed, in their unit; 0 for none.
        boundary : {"reflect", "adjusted", "none"}, default="reflect"
            What happens to the part of a kernel beyond a given bound.
        decision_threshold : float, default=0.0
            The score from which curves and areas begin.
        half_width : float, default=0.05
            People with scores in [x - half_width, x + half_width) make the curve at x.
        n_points : int, default=100
            Points of a curve over the whole range of scores.
        sample_weight : array-like of shape (n_rows,), default=None
            Weight w counts a row w times.
        missing : {"raise", "group", "drop"}, default="raise"
            What happens to missing labels.

        Returns
        -------
        DeteriorationSums
            Those of the rows.

        Raises
        ------
        ValueError
            If a number is missing, infinite or outside its range, a label is missing or
            has no threshold, or an option is none of those listed.
        """
        rule = make_rule(
            threshold=threshold,
            bounds=bounds,
            weights=weights,
            n_steps=n_steps,
            step=step,
            direction=direction,
            bandwidth=bandwidth,
            boundary=boundary,
            by_score=allocation is not None,
            decision_threshold=decision_threshold,
            half_width=half_width,
            n_points=n_points,
        )
        n_rows = len(check_numbers(measurement, name="measurement"))
        cohort = take_cohort(
            measurement,
            allocation=allocation,
            subgroups=subgroups,
            threshold=thresholds_here(threshold, subgroups, n_rows, missing),
            bounds=bounds,
            n_steps=n_steps,
            direction=direction,
            sample_weight=sample_weight,
            missing=missing,
            severity={
                "weights": list(rule.weights),
                "step": step,
                "bandwidth": bandwidth,
                "boundary": boundary,
            },
        )
        # Parts are weighed on one scale, so the weights are taken as they came.
        case_weights = check_sample_weight(sample_weight, n_rows=n_rows)
        refuse_extreme_weights(case_weights)
        if case_weights is not None:
            case_weights = case_weights[cohort.kept]
        windows = rule.windows
        cells = (
            np.zeros(len(cohort.codes), np.intp)
            if cohort.allocation is None
            else find_cells(cohort.allocation, windows.edges)
        )
        shape = (len(cohort.labels), windows.n_cells)
        sums = sum_cells(cohort.codes, cells, shape, cohort.severity, case_weights)
        return cls(cohort.labels, sums, rule)

    @classmethod
    def from_frame(
        cls,
        table: Any,
        *,
        measurement: str,
        threshold: str | float | Mapping[Any, float],
        bounds: Bounds,
        allocation: str | None = None,
        subgroups: str | Sequence[str] | None = None,
        sample_weight: str | None = None,
        **options: Any,
    ) -> "DeteriorationSums":
        """Sum up a table of any size, part by part, where it lies.

        Parameters
        ----------
        table : data frame
            Eager or lazy, of any library that narwhals speaks to: polars, DuckDB, Dask,
            PySpark, Ibis, pandas and others. Dask and Spark sum on their workers.
        measurement : str
            The column of the measurement.
        threshold : str, float or mapping
            Where abnormal begins: a column, a number for all, or one by subgroup.
        bounds : tuple of (float or None, float or None)
            The possible range of the measurement.
        allocation : str, default=None
            The column of the model's score, from 0 to 1.
        subgroups : str or sequence of str, default=None
            The column of labels, or several, which are combined.
        sample_weight : str, default=None
            The column of weights.
        **options
            Those of `from_arrays`.

        Returns
        -------
        DeteriorationSums
            Those of all rows, the labels in the order in which they sort.

        Raises
        ------
        ValueError
            If a column is absent, or a part breaks a rule of `from_arrays`: the message
            names the partition, or the rows, in which it was found.
        """
        asked = {
            "measurement": measurement,
            "allocation": allocation,
            "sample_weight": sample_weight,
            "threshold": threshold if isinstance(threshold, str) else None,
        }
        named = {name: column for name, column in asked.items() if column is not None}
        keys = [subgroups] if isinstance(subgroups, str) else list(subgroups or ())
        rules = {name: given for name, given in options.items() if name != "missing"}
        make_rule(
            threshold=threshold,
            bounds=bounds,
            by_score=allocation is not None,
            **rules,
        )
        options = {"bounds": bounds, **options}
        if not isinstance(threshold, str):
            options["threshold"] = threshold
        summarise = partial(_sum_up, named=named, keys=keys, options=options)
        columns = [*named.values(), *keys]
        return fold_parts(table, columns, summarise, cls.from_bytes).merge()

    # ---- what is done with them --------------------------------------------------
    def merge(self, *others: "DeteriorationSums") -> "DeteriorationSums":
        """Join parts, as if their rows had been summed up together.

        Parameters
        ----------
        *others : DeteriorationSums
            Made with the same options.

        Returns
        -------
        DeteriorationSums
            The labels in the order in which they sort, missing ones last.

        Raises
        ------
        ValueError
            If an option differs.
        """
        parts = (self, *others)
        for other in others:
            check_alike(self.rule, other.rule)
        labels = sorted(
            {label for part in parts for label in part.labels}, key=display_order
        )
        place = {label: i for i, label in enumerate(labels)}
        totals = [np.zeros((len(labels), self.sums.count.shape[1])) for _ in range(7)]
        for part in parts:
            rows = [place[label] for label in part.labels]
            for total, added in zip(totals, part.sums.parts(), strict=True):
                total[rows] += added
        return DeteriorationSums(tuple(labels), CellSums(*totals), self.rule)

    def index(self, *, confidence_level: float = 0.95) -> ADCurve:
        """Finish: the deterioration index of every subgroup, with its interval.

        Parameters
        ----------
        confidence_level : float, default=0.95
            Nominal coverage of the intervals.

        Returns
        -------
        ADCurve
            Of a single point, at which everybody counts whatever their score.
        """
        check_confidence_level(confidence_level)
        everybody = CellSums(
            *(part.sum(axis=1, keepdims=True) for part in self.sums.parts())
        )
        return curve_of_sums(
            self.labels,
            everybody,
            EVERYONE,
            min_rows=1,
            half_width=np.inf,
            confidence_level=confidence_level,
            bandwidth=self.rule.bandwidth,
        )

    def curve(self, *, min_rows: int = 20, confidence_level: float = 0.95) -> ADCurve:
        """Finish: the allocation-deterioration curve of every subgroup.

        Parameters
        ----------
        min_rows : int, default=20
            A point needs this many rows; elsewhere the curve has a gap.
        confidence_level : float, default=0.95
            Nominal coverage of the intervals.

        Returns
        -------
        ADCurve
            As `allocation_deterioration_curve` gives for all rows at once.

        Raises
        ------
        ValueError
            If the sums are of no score.
        """
        check_confidence_level(confidence_level)
        check_count(min_rows, name="min_rows", least=2)
        self._require_scores()
        return curve_of_sums(
            self.labels,
            self.sums,
            self.rule.windows,
            min_rows=min_rows,
            half_width=self.rule.half_width,
            confidence_level=confidence_level,
            bandwidth=self.rule.bandwidth,
        )

    def ratio(self, compare: tuple[Any, Any], *, min_rows: int = 20) -> float:
        """Finish: the ratio of the areas under the curves of two subgroups.

        Parameters
        ----------
        compare : tuple of two labels
            The subgroup in question and the one that it is compared with; None as the
            second stands for all the rest.
        min_rows : int, default=20
            A point of the curve needs this many rows of each side.

        Returns
        -------
        float
            As `da_index_ratio` gives for all rows at once.

        Raises
        ------
        ValueError
            If `compare` names no subgroup, or the sums are of no score.
        """
        check_count(min_rows, name="min_rows", least=2)
        self._require_scores()
        return ratio_of_cut(self._cut(min_rows), compare, self.rule.half_width)

    def inequality(
        self,
        compare: tuple[Any, Any],
        *,
        min_rows: int = 20,
        tolerance: float = 0.1,
        min_subgroup_size: int = 30,
        confidence_level: float = 0.95,
    ) -> InequalityResult:
        """Finish: two subgroups compared, with an interval and a verdict.

        Parameters
        ----------
        compare : tuple of two labels
            The subgroup in question and the one that it is compared with; None as the
            second stands for all the rest.
        min_rows : int, default=20
            A point of the curve needs this many rows of each side.
        tolerance : float, default=0.1
            The difference, as a share, that counts as equal.
        min_subgroup_size : int, default=30
            Smaller sides are shown, but not judged.
        confidence_level : float, default=0.95
            Nominal coverage of the interval.

        Returns
        -------
        InequalityResult
            As `model_inequality` gives, with its closed form of the interval, or
            `dataset_inequality` where the sums are of no score.

        Raises
        ------
        ValueError
            If `compare` names no subgroup, or another argument breaks its rule.
        """
        check_count(min_rows, name="min_rows", least=2)
        how = Inference(
            confidence_level, tolerance, min_subgroup_size, "closed_form", 1, None
        )
        start = self.rule.decision_threshold if self.rule.by_score else None
        cut = self._cut(min_rows if self.rule.by_score else 1)
        return measure_inequality(cut, compare, how, start)[0]

    def _cut(self, min_rows: int) -> CutCohort:
        """Take the sums for those of a cohort whose rows are elsewhere."""
        nobody, nothing = np.zeros(0, np.intp), np.zeros(0)
        cohort = Cohort(
            nobody,
            self.labels,
            nothing,
            None,
            None,
            self.rule.bandwidth,
            np.zeros(0, bool),
        )
        return CutCohort(cohort, self.rule.windows, nobody, self.sums, min_rows)

    def _require_scores(self) -> None:
        if not self.rule.by_score:
            msg = (
                "Curves and their ratios need a score: make the sums with "
                "`allocation`. Without one there are index and inequality."
            )
            raise ValueError(msg)

    # ---- on their way from one place to another -----------------------------------
    def to_bytes(self, *, suppress_below: int = 0) -> bytes:
        """Write to bytes, with a version and a checksum.

        Parameters
        ----------
        suppress_below : int, default=0
            Subgroups with fewer rows are left out, and the next smallest until as many
            people are. Of the others, people at scores that fewer share are counted at
            a higher score near by, which moves curves a little.

        Returns
        -------
        bytes
            What `from_bytes` reads, on a machine of any kind.

        Raises
        ------
        ValueError
            If `suppress_below` is no whole number of at least 0.
        TypeError
            If a label is neither text, number, truth value, date, span of time, None
            nor a tuple of these.
        """
        check_whole_number(suppress_below, name="suppress_below", least=0)
        n_each = self.sums.count.sum(axis=1).astype(np.int64)
        shown = np.flatnonzero(~to_suppress(n_each, suppress_below))
        labels = [self.labels[i] for i in shown]
        header = {"labels": labels, "rule": asdict(self.rule)}
        kept = CellSums(*(part[shown] for part in self.sums.parts()))
        if suppress_below > 1:
            kept = without_rare_cells(kept, suppress_below)
        return pack("DeteriorationSums", header, list(kept.parts()))

    @classmethod
    def from_bytes(cls, data: bytes) -> "DeteriorationSums":
        """Read what `to_bytes` has written.

        Parameters
        ----------
        data : bytes
            All of them.

        Returns
        -------
        DeteriorationSums
            As they were written.

        Raises
        ------
        ValueError
            If the bytes are something else, of a later version, or damaged.
        """
        header, arrays = unpack("DeteriorationSums", data)
        with well_formed("DeteriorationSums"):
            rule, labels = read_rule(header["rule"]), header["labels"]
            if not isinstance(labels, list):
                raise TypeError("labels are a list")
            sums = CellSums(*arrays)
            shape = (len(set(labels)), rule.windows.n_cells)
            if any(part.shape != shape for part in sums.parts()):
                raise ValueError(f"sums of shape {shape} follow from labels and rule")
            if any(not (part >= 0.0).all() for part in sums.parts()):
                raise ValueError("no sum is negative or NaN")
            if not (np.isfinite(sums.count) & np.isfinite(sums.weight)).all():
                raise ValueError("counts and weights are finite")
            if (sums.count % 1.0 != 0.0).any() or sums.count.sum() > 2.0**53:
                raise ValueError("counts of rows are whole, 2**53 in all at most")
        return cls(tuple(labels), sums, rule)


def _sum_up(
    rows: nw.DataFrame[Any],
    *,
    named: dict[str, str],
    keys: list[str],
    options: dict[str, Any],
) -> DeteriorationSums:
    """Sum up one part of a table."""
    columns: dict[str, Any] = {name: rows[column] for name, column in named.items()}
    subgroups: Any = None
    if keys:
        subgroups = rows[keys[0]] if len(keys) == 1 else rows.select(keys)
    measurement = columns.pop("measurement")
    return DeteriorationSums.from_arrays(
        measurement, subgroups=subgroups, **columns, **options
    )
