"""Who in the generated cohort is served badly, and could a model do better?

A planted subgroup is a region of the inputs: a conjunction of thresholds, a ball or a
half-space. Inside it either the relation of HbA1c to the inputs is another one, which a
model can learn, or HbA1c is noisier, which no model can mend.
"""

from dataclasses import dataclass, replace
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from sklearn_equity.datasets._cohort_people import (
    BINARY,
    CONTINUOUS,
    Matrix,
    Vector,
    column,
    draw_people,
)

Kind = Literal["remediable", "noise"]
Shape = Literal["conjunction", "oblique"]
Mask = NDArray[np.bool_]

# Another relation falls no lower than about this many times its root mean square, so
# that hardly any HbA1c is negative.
_FLOOR = -1.2
_PILOT_ROWS = 20_000
_MAX_TRIES = 2_000
_MAX_OVERLAP = 0.1


class Region(Protocol):
    """A part of the space of inputs; ``str()`` says which."""

    def __call__(self, X: Matrix) -> Mask:
        """Say which rows lie inside."""


@dataclass(frozen=True)
class Threshold:
    """People at or above a value of one variable, or below it."""

    name: str
    value: float
    above: bool

    def __call__(self, X: Matrix) -> Mask:
        values = column(X, self.name)
        return np.asarray(values >= self.value if self.above else values < self.value)

    def __str__(self) -> str:
        if self.name in BINARY:
            return f"{self.name} = {self.above:d}"
        return f"{self.name} {'>=' if self.above else '<'} {self.value:.3g}"


@dataclass(frozen=True)
class Conjunction:
    """People who meet every one of several thresholds."""

    thresholds: tuple[Threshold, ...]

    def __call__(self, X: Matrix) -> Mask:
        inside = np.ones(len(X), dtype=bool)
        for threshold in self.thresholds:
            inside &= threshold(X)
        return inside

    def __str__(self) -> str:
        return " and ".join(map(str, self.thresholds))


@dataclass(frozen=True)
class Ball:
    """People near a point, in variables that are divided by their SD."""

    names: tuple[str, ...]
    centre: tuple[float, ...]
    sd: tuple[float, ...]
    radius: float

    def squared_distance(self, X: Matrix) -> Vector:
        """Return the squared distance of every person to the centre."""
        total = np.zeros(len(X))
        for name, centre, sd in zip(self.names, self.centre, self.sd, strict=True):
            total += ((column(X, name) - centre) / sd) ** 2
        return total

    def __call__(self, X: Matrix) -> Mask:
        return np.asarray(self.squared_distance(X) <= self.radius**2)

    def __str__(self) -> str:
        point = ", ".join(
            f"{name} {centre:.3g}"
            for name, centre in zip(self.names, self.centre, strict=True)
        )
        return f"within {self.radius:.2g} SD of ({point})"


@dataclass(frozen=True)
class HalfSpace:
    """People whose weighted sum of several variables is at or above a bound."""

    names: tuple[str, ...]
    weights: tuple[float, ...]
    bound: float

    def weighted_sum(self, X: Matrix) -> Vector:
        """Return the sum that the bound is held against."""
        total = np.zeros(len(X))
        for name, weight in zip(self.names, self.weights, strict=True):
            total += weight * column(X, name)
        return total

    def __call__(self, X: Matrix) -> Mask:
        return np.asarray(self.weighted_sum(X) >= self.bound)

    def __str__(self) -> str:
        terms = " ".join(
            f"{weight:+.3g} {name}"
            for name, weight in zip(self.names, self.weights, strict=True)
        )
        return f"{terms} >= {self.bound:.3g}"


@dataclass(frozen=True)
class Relation:
    """What HbA1c gains or loses in a subgroup, linear in two variables to a floor."""

    constant: float
    names: tuple[str, ...]
    slopes: tuple[float, ...]
    floor: float = -np.inf

    def __call__(self, X: Matrix) -> Vector:
        gain = np.full(len(X), self.constant)
        for name, slope in zip(self.names, self.slopes, strict=True):
            gain += slope * column(X, name)
        return np.maximum(gain, self.floor)

    def divided_by(self, divisor: float) -> "Relation":
        """Return the relation in a larger or smaller size."""
        return Relation(
            self.constant / divisor,
            self.names,
            tuple(slope / divisor for slope in self.slopes),
            self.floor / divisor,
        )


@dataclass(frozen=True)
class Planted:
    """A region and what is done there: another relation, or None for more noise."""

    region: Region
    relation: Relation | None

    @property
    def kind(self) -> Kind:
        """What a better model can do for the subgroup."""
        return "noise" if self.relation is None else "remediable"


def draw_planted(
    population: int,
    *,
    n_remediable: int,
    n_noise: int,
    planted_share: float,
    shape: Shape,
) -> tuple[Planted, ...]:
    """Draw the planted subgroups of a population, the remediable ones first.

    Regions are fitted to a pilot of people of the population's own, so that neither
    the number of people asked for nor their seed moves a threshold.
    """
    n_planted = n_remediable + n_noise
    if n_planted == 0:
        return ()
    rng = np.random.RandomState(population)
    pilot = draw_people(_PILOT_ROWS, rng)
    share = planted_share / n_planted
    regions: list[Region] = []
    taken = np.zeros(len(pilot), dtype=bool)
    for _ in range(_MAX_TRIES):
        if shape == "conjunction":
            region: Region = _draw_conjunction(pilot, rng)
        else:
            region = _draw_oblique(pilot, share, rng)
        inside = region(pilot)
        if _fits(inside, taken, share):
            regions.append(region)
            taken |= inside
        if len(regions) == n_planted:
            break
    else:
        _refuse_crowd(n_planted, len(regions), planted_share)
    return tuple(
        Planted(
            region, _draw_relation(region, pilot, rng) if i < n_remediable else None
        )
        for i, region in enumerate(regions)
    )


def _refuse_crowd(n_planted: int, n_placed: int, planted_share: float) -> None:
    msg = (
        f"`n_remediable` + `n_noise` subgroups must fit beside each other; {n_placed} "
        f"of {n_planted} did. Plant fewer, or lower `planted_share` "
        f"({planted_share:g})."
    )
    raise ValueError(msg)


def _fits(inside: Mask, taken: Mask, share: float) -> bool:
    """Is a region of the size that was asked for, and mostly outside of the others?"""
    size = float(inside.mean())
    overlap = float((inside & taken).mean())
    return 0.5 * share <= size <= 1.5 * share and overlap <= _MAX_OVERLAP * size


def _draw_conjunction(pilot: Matrix, rng: np.random.RandomState) -> Conjunction:
    """Draw a conjunction of two or three thresholds on different variables."""
    names = (*CONTINUOUS, "smoking", *BINARY)
    chosen = rng.permutation(len(names))[: rng.randint(2, 4)]
    return Conjunction(tuple(_draw_threshold(names[j], pilot, rng) for j in chosen))


def _draw_threshold(name: str, pilot: Matrix, rng: np.random.RandomState) -> Threshold:
    if name == "smoking":
        return Threshold(name, float(rng.randint(1, 3)), above=True)
    if name in BINARY:
        # A rare diagnosis is a characteristic; its absence is nearly everybody.
        return Threshold(name, 1.0, above=name != "male" or bool(rng.randint(2)))
    above = bool(rng.randint(2))
    tail = rng.uniform(0.1, 0.6)
    value = float(np.quantile(column(pilot, name), 1 - tail if above else tail))
    return Threshold(name, value, above)


def _draw_oblique(
    pilot: Matrix, share: float, rng: np.random.RandomState
) -> Ball | HalfSpace:
    """Draw a ball or a half-space, by the toss of a coin, in three variables."""
    names = tuple(CONTINUOUS[j] for j in rng.permutation(len(CONTINUOUS))[:3])
    sd = tuple(float(column(pilot, name).std()) for name in names)
    size = share * rng.uniform(0.6, 1.4)
    if rng.randint(2):
        person = rng.randint(len(pilot))
        centre = tuple(float(column(pilot, name)[person]) for name in names)
        squared = Ball(names, centre, sd, 0.0).squared_distance(pilot)
        return Ball(names, centre, sd, float(np.sqrt(np.quantile(squared, size))))
    weights = tuple(float(w) for w in rng.standard_normal(3) / sd)
    total = HalfSpace(names, weights, 0.0).weighted_sum(pilot)
    return HalfSpace(names, weights, float(np.quantile(total, 1 - size)))


def _draw_relation(
    region: Region, pilot: Matrix, rng: np.random.RandomState
) -> Relation:
    """Draw a constant and two slopes, with mean square 1 among the people inside."""
    inside = pilot[region(pilot)]
    names = tuple(CONTINUOUS[j] for j in rng.permutation(len(CONTINUOUS))[:2])
    coefficients = rng.standard_normal(3)
    slopes = [
        float(coefficient / column(inside, name).std())
        for coefficient, name in zip(coefficients[1:], names, strict=True)
    ]
    centre = sum(
        slope * column(inside, name).mean()
        for slope, name in zip(slopes, names, strict=True)
    )
    linear = Relation(float(coefficients[0] - centre), names, tuple(slopes))
    bounded = replace(
        linear.divided_by(_root_mean_square(linear, inside)), floor=_FLOOR
    )
    return bounded.divided_by(_root_mean_square(bounded, inside))


def _root_mean_square(relation: Relation, inside: Matrix) -> float:
    return float(np.sqrt(np.mean(relation(inside) ** 2)))
