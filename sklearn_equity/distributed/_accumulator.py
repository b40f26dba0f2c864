"""What if the rows come in batches, or lie in hospitals that may not share them?

Accumulators look into each other, as those of one class may.
"""
# ruff: noqa: SLF001

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_equity._checks import MissingPolicy, SubgroupCodes, check_subgroups
from sklearn_equity._numbers import check_numbers, check_whole_number, to_array
from sklearn_equity.distributed._received import refuse_what_no_rows_add_up_to
from sklearn_equity.distributed._sharing import rounded_count, shareable
from sklearn_equity.fidelity import (
    Settings,
    SubgroupTable,
    by_subgroup,
    check_numbers_asked,
    check_population,
    columns_of_sums,
    draw_seed,
    error_level,
    fidelity_from_moments,
    metric_of_sums,
)
from sklearn_equity.sufficient_statistics import (
    SubgroupMoments,
    pack,
    unpack,
    well_formed,
)

__all__ = ["AuditAccumulator"]


class AuditAccumulator:
    """Sums from which the fidelity of every subgroup follows, batch by batch.

    It grows with the number of subgroups, not of rows. Two add up, whatever rows they
    have seen; as bytes they travel from a hospital that shares sums and no rows.

    Parameters
    ----------
    metric : str, default="nrmse"
        A metric that follows from sums; see `fidelity_of_table`.
    normalization : str, float or None, default="mean"
        What divides the "nrmse": the "mean" or "std" of the target, a number, or
        nothing.

    Attributes
    ----------
    n_rows_ : int
        The rows seen.

    See Also
    --------
    fidelity_of_table : The same for a table of an engine.

    Notes
    -----
    Sums of few people tell of them: write with `suppress_below`. What is left out could
    be computed as the rest of all; so in each grouping the next smallest subgroups go,
    too, until as many people are left out as the limit says, or nobody. If fewer have
    no label, everybody's sums are without them; of several groupings, subgroups are
    left out with them.

    Sizes of errors, from which intervals learn how far figures stray, are told of the
    subgroups of the first grouping alone, each by at least as many people as the limit
    says; rarer sizes count with the next. So no size of everybody can be held against
    those of the subgroups. Intervals of squares of heavy-tailed errors lose tails by
    it: upper ends of the RMSE were up to one standard error lower for a limit of 10 in
    subgroups of 200 to 400.

    Groupings that overlap can still be subtracted from one another: two whose shown
    subgroups differ by a few people tell of these. When in doubt, send one grouping.

    So can two messages: those of an accumulator before and after a few rows came in
    tell of these, and so do two limits for the same rows. No message knows the others.
    Send a fresh accumulator for each period, once, and let the receiver add them up.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_equity import AuditAccumulator
    >>> rng = np.random.default_rng(0)
    >>> sites = []
    >>> for site in range(2):
    ...     y_true = rng.uniform(30, 60, size=500)
    ...     sex = rng.choice(["female", "male"], size=500)
    ...     y_pred = y_true + rng.normal(size=500) * np.where(sex == "male", 6, 3)
    ...     sites.append(AuditAccumulator().update(y_true, y_pred, sex).to_bytes())
    >>> both = AuditAccumulator.from_bytes(sites[0])
    >>> both += AuditAccumulator.from_bytes(sites[1])
    >>> both.result(random_state=0).verdict
    ('served', 'under-served')
    """

    def __init__(self, *, metric: str = "nrmse", normalization: Any = "mean") -> None:
        self.metric = metric
        self.normalization = normalization
        self._chosen = metric_of_sums(metric, normalization)
        self._origin = 0.0
        self._moments: dict[str, SubgroupMoments] = {}
        self._counts: dict[str, int] = {}
        self._everybody: SubgroupMoments | None = None

    @property
    def n_rows_(self) -> int:
        """The rows seen."""
        return 0 if self._everybody is None else int(self._everybody.n.sum())

    def __repr__(self) -> str:
        return (
            f"AuditAccumulator({self._chosen.label}, {self.n_rows_:,} rows, by "
            f"{list(self._moments)})"
        )

    # ---- what comes in -----------------------------------------------------------
    def update(
        self,
        y_true: ArrayLike,
        y_pred: ArrayLike,
        subgroups: Any,
        *,
        sample_weight: ArrayLike | None = None,
        missing: MissingPolicy = "raise",
    ) -> Self:
        """Add a batch of rows; one that is empty changes nothing.

        Parameters
        ----------
        y_true : array-like of shape (n_rows,)
            The measured outcome.
        y_pred : array-like of shape (n_rows,)
            The predictions.
        subgroups : array-like, data frame or mapping
            One label a row, a table of attributes whose combinations are the
            subgroups, or a mapping of several groupings by name, the same in all
            batches.
        sample_weight : array-like of shape (n_rows,), default=None
            Weight w counts a row w times; of rows of weight 0 the labels alone are
            kept, as subgroups of nobody.
        missing : {"raise", "group", "drop"}, default="raise"
            What happens to missing labels.

        Returns
        -------
        AuditAccumulator
            This one.

        Raises
        ------
        ValueError
            If a value is missing or infinite, lengths differ, or the groupings are not
            those of earlier batches.
        """
        if not isinstance(subgroups, Mapping):
            subgroups = {"subgroups": subgroups}
        came = {"y_true": y_true, "y_pred": y_pred, **subgroups}
        if not any(to_array(part, name=name).size for name, part in came.items()):
            return self
        weights, nobody = sample_weight, False
        if weights is not None:
            given = check_numbers(weights, name="sample_weight")
            nobody = not given.any()
            weights = given + 1.0 if nobody else given
        data = check_population(y_true, y_pred, weights)
        if nobody:  # all in order
            data = replace(data, sample_weight=given)
        n_rows = len(data.y_true)
        codes = {
            str(name): check_subgroups(
                labels, n_rows=n_rows, name=f"subgroups[{name!r}]", missing=missing
            )
            for name, labels in subgroups.items()
        }
        batch = AuditAccumulator(metric=self.metric, normalization=self.normalization)
        batch._take(data, codes, self._origin if self.n_rows_ else None)
        return self._absorb(batch)

    def _take(
        self, data: Any, codes: dict[str, SubgroupCodes], origin: float | None
    ) -> None:
        """Summarise one batch."""
        if self._chosen.columns is None:
            raise TypeError(f"{self._chosen.name!r} does not follow from sums.")
        if self._chosen.shift_invariant:
            self._origin = float(data.y_true[0]) if origin is None else origin
        if data.sample_weight is not None:
            kept = data.sample_weight > 0.0
            data = data.take(kept)
            codes = {
                name: SubgroupCodes(one.codes[kept], one.labels, one.name)
                for name, one in codes.items()
            }
        truth, prediction = data.y_true, data.y_pred
        units = np.column_stack(
            [
                *columns_of_sums(
                    self._chosen, truth - self._origin, prediction - self._origin
                ),
                truth,
            ]
        )
        if data.sample_weight is not None:
            units *= data.sample_weight[:, np.newaxis]
        names = ["weight", *(f"unit {i}" for i in range(1, units.shape[1] - 1))]
        names.append("target")
        level = error_level(self._chosen, truth, prediction)
        levels, bins = np.unique(level, return_inverse=True)
        cells = partial(_sum_cells, names, units, levels.tolist(), bins)
        for name, one in codes.items():
            self._moments[name] = cells(one.codes, one.labels)
        self._everybody = cells(np.zeros(len(truth), dtype=np.intp), ("all",))
        self._counts = _count(truth, "y_true") | _count(prediction, "y_pred")

    # ---- two of them -------------------------------------------------------------
    def __add__(self, other: "AuditAccumulator") -> "AuditAccumulator":
        both = AuditAccumulator(metric=self.metric, normalization=self.normalization)
        return both._absorb(self)._absorb(other)

    def _absorb(self, other: "AuditAccumulator") -> Self:
        """Add what another has seen."""
        if (other.metric, other.normalization) != (self.metric, self.normalization):
            msg = (
                "Accumulators add up only for one metric; got "
                f"{self._chosen.label!r} and {other._chosen.label!r}."
            )
            raise ValueError(msg)
        if other._everybody is None:
            return self
        if self._everybody is None:
            self._origin, self._everybody = other._origin, other._everybody
            self._moments, self._counts = dict(other._moments), dict(other._counts)
            return self
        if not self.n_rows_:  # an origin of nobody's sums
            self._origin = other._origin
        if set(other._moments) != set(self._moments):
            msg = (
                "`subgroups` must hold the same groupings in all batches; got "
                f"{sorted(other._moments)} after {sorted(self._moments)}."
            )
            raise ValueError(msg)
        step = self._origin - other._origin
        for name, part in self._moments.items():
            self._moments[name] = part.merge(_moved(other._moments[name], step))
        self._everybody = self._everybody.merge(_moved(other._everybody, step))
        self._counts = {k: v + other._counts[k] for k, v in self._counts.items()}
        return self

    # ---- what goes out -----------------------------------------------------------
    def result(
        self,
        *,
        min_subgroup_size: int = 30,
        confidence_level: float = 0.95,
        tolerance: float = 0.1,
        n_resamples: int = 1000,
        suppress_below: int = 0,
        random_state: int | None = None,
    ) -> SubgroupTable:
        """Finish: the fidelity of every subgroup, with intervals and verdicts.

        Parameters
        ----------
        min_subgroup_size : int, default=30
            Smaller subgroups are shown, but not judged.
        confidence_level : float, default=0.95
            The level of intervals and verdicts.
        tolerance : float, default=0.1
            The share of the average by which a subgroup may be worse and still be
            served.
        n_resamples : int, default=1000
            The number of resamples of each subgroup's sums.
        suppress_below : int, default=0
            Subgroups with fewer rows are left out, with as many others as the notes
            above say.
        random_state : int or None, default=None
            Seeds the resamples.

        Returns
        -------
        SubgroupTable
            As `fidelity_of_table` gives for all rows at once.

        Raises
        ------
        ValueError
            If no row has been seen, or fewer than `suppress_below`, or it has withheld
            all subgroups, or the metric has no meaning for the data.
        """
        check_numbers_asked(
            min_subgroup_size, confidence_level, "single", tolerance, n_resamples
        )
        groupings, everybody = self._to_share(suppress_below)
        if self._everybody is None or not self.n_rows_:
            raise ValueError("No rows have been seen: call update first.")
        if everybody is None:
            msg = (
                "`suppress_below` must be no more than the rows seen "
                f"({self.n_rows_:,}); got {suppress_below!r}."
            )
            raise ValueError(msg)
        if not any(len(part.n) for part in groupings.values()):
            msg = (
                "No subgroup is left to show of the "
                f"{int(everybody.n.sum()):,} rows: all subgroups were withheld by "
                "`suppress_below`, here or by to_bytes, being too small or going with "
                "those that were; or no row has a label. Take fewer and larger "
                "subgroups, or a lower limit."
            )
            raise ValueError(msg)
        if self._chosen.check_counts is not None:
            weight, target = by_subgroup(self._everybody).sums[0, [0, -1]]
            mean = float(target / weight)
            self._chosen.check_counts(self._counts, self.n_rows_, mean)
        settings = Settings(
            self._chosen,
            max(int(min_subgroup_size), self._chosen.min_rows),
            float(confidence_level),
            float(tolerance),
            int(n_resamples),
        )
        return fidelity_from_moments(
            groupings, everybody, settings, seed=draw_seed(random_state)
        )

    def _to_share(
        self, suppress_below: int
    ) -> tuple[dict[str, SubgroupMoments], SubgroupMoments | None]:
        """Return the groupings and everybody, without what tells of few people."""
        check_whole_number(suppress_below, name="suppress_below", least=0)
        if self._everybody is None:
            return {}, None
        return shareable(self._moments, self._everybody, suppress_below)

    def _counts_to_share(
        self, everybody: SubgroupMoments | None, suppress_below: int
    ) -> dict[str, int]:
        """Return counts of values that rules are about, none of few people."""
        if everybody is None:
            return {}
        n_rows = int(everybody.n.sum())
        return {
            name: rounded_count(n, n_rows, suppress_below)
            for name, n in self._counts.items()
        }

    def to_bytes(self, *, suppress_below: int = 0) -> bytes:
        """Write to bytes, with a version and a checksum.

        Parameters
        ----------
        suppress_below : int, default=0
            Subgroups with fewer rows are left out, for good, with as many others as the
            notes above say; of fewer rows in all, nothing is written. Counts of
            values that a metric has rules about, such as negative targets, are rounded
            to none, as many, all but as many, or all.

        Returns
        -------
        bytes
            What `from_bytes` reads.

        Raises
        ------
        ValueError
            If `suppress_below` is no whole number of at least 0.
        TypeError
            If a label is neither text, number, truth value, date, span of time, None
            nor a tuple of these.
        """
        groupings, everybody = self._to_share(suppress_below)
        origin, sent = 0.0, []
        if everybody is not None:
            if self._chosen.shift_invariant:
                origin = _origin_of(everybody, self._origin)
            step = origin - self._origin
            sent = [_moved(part, step) for part in (*groupings.values(), everybody)]
        header = {
            "metric": self.metric,
            "normalization": self.normalization,
            "origin": origin,
            "groupings": list(groupings),
            "counts": self._counts_to_share(everybody, suppress_below),
        }
        arrays = [np.frombuffer(part.to_bytes(), dtype=np.uint8) for part in sent]
        return pack("AuditAccumulator", header, arrays)

    @classmethod
    def from_bytes(cls, data: bytes) -> "AuditAccumulator":
        """Read what `to_bytes` has written.

        Parameters
        ----------
        data : bytes
            All of them.

        Returns
        -------
        AuditAccumulator
            As it was written.

        Raises
        ------
        ValueError
            If the bytes are something else, of a later version, or damaged.
        """
        header, arrays = unpack("AuditAccumulator", data)
        with well_formed("AuditAccumulator"):
            parts = [SubgroupMoments.from_bytes(array.tobytes()) for array in arrays]
            read = cls(metric=header["metric"], normalization=header["normalization"])
            read._origin, read._counts = float(header["origin"]), header["counts"]
            if parts:
                *parts, read._everybody = parts
            names = header["groupings"]
            if not isinstance(names, list) or not all(
                isinstance(n, str) for n in names
            ):
                raise TypeError("groupings are named by text")
            read._moments = dict(zip(names, parts, strict=True))
            refuse_what_no_rows_add_up_to(
                read._origin,
                read._counts,
                list(read._moments.values()),
                read._everybody,
            )
            for part in (*parts, *filter(None, [read._everybody])):
                read._check_columns(part)
        return read

    def _check_columns(self, part: SubgroupMoments) -> None:
        """Refuse sums of other columns than those of the metric."""
        if self._chosen.columns is None:
            raise TypeError(f"{self._chosen.name!r} does not follow from sums.")
        k = len(columns_of_sums(self._chosen, np.ones(1), np.ones(1))) + 1
        if len(part.columns) != k:
            raise ValueError(f"{k} columns make the metric; got {part.columns}")


def _count(values: NDArray[np.float64], name: str) -> dict[str, int]:
    """Count what the rules of metrics are about."""
    return {
        f"{name}_negative": int((values < 0.0).sum()),
        f"{name}_above": int((values > 1.0).sum()),
        f"{name}_broken": int(((values > 0.0) & (values < 1.0)).sum()),
    }


def _origin_of(everybody: SubgroupMoments, origin: float) -> float:
    """Return a round number near the mean of the targets, from sums about an origin.

    It follows from sums that travel with it: the target of the first row, about which
    they are made, would be a person's own.
    """
    weight, target, square = by_subgroup(everybody).sums[0, [0, 2, 3]]
    if not weight:  # nobody's sums are the same about any
        return 0.0
    apart = target / weight
    mean, spread = origin + apart, np.sqrt(max(square / weight - apart**2, 0.0))
    size = spread or abs(mean)
    if not size:
        return 0.0
    unit = 2.0 ** np.ceil(np.log2(size))
    return float(np.round(mean / unit) * unit)


def _moved(moments: SubgroupMoments, step: float) -> SubgroupMoments:
    """Take sums of the truth and its square about an origin that is higher by `step`.

    They are the third and the fourth column of every metric that has an origin, and
    follow from the sums about another.
    """
    if step == 0.0:
        return moments
    turn = np.eye(len(moments.columns))
    turn[2, 0] = -step
    turn[3, [0, 2]] = step**2, -2.0 * step
    return SubgroupMoments(
        moments.columns,
        moments.subgroups,
        moments.n,
        moments.mean @ turn.T,
        turn @ moments.scatter @ turn.T,
    )


def _sum_cells(
    names: Sequence[str],
    units: NDArray[np.float64],
    levels: Sequence[float],
    bins: NDArray[np.intp],
    codes: NDArray[np.intp],
    labels: Sequence[Hashable],
) -> SubgroupMoments:
    """Summarise rows by subgroup and level of the error; nobody's have level 0."""
    joint = np.where(codes < 0, -1, codes * len(levels) + bins)
    found, cell = np.unique(joint, return_inverse=True)
    if len(found) and found[0] < 0:  # rows without a label
        found, cell = found[1:], cell - 1
    pairs = [divmod(number, len(levels)) for number in found.tolist()]
    named = [(labels[code], levels[bin_]) for code, bin_ in pairs]
    seen = {code for code, _ in pairs}
    named += [(label, 0.0) for i, label in enumerate(labels) if i not in seen]
    return SubgroupMoments.from_codes(names, named, cell, units).regroup(named)
