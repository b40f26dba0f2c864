"""What of a fitted density travels, so that another machine can go on with it?

Its parameters, and what it keeps of the data; the estimate is made anew from these.
"""
# ruff: noqa: SLF001 - of one stage

from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_equity.density._bounded_kde import BoundedKDE
from sklearn_equity.density._evidence import Evidence
from sklearn_equity.density._grid import Grid
from sklearn_equity.density._plan import Plan
from sklearn_equity.density._rows import BinnedRows
from sklearn_equity.density._scale import Scale
from sklearn_equity.density._ties import Sample

__all__ = ["kde_of_state", "state_of_kde"]

_KNOWN: dict[str, Any] = {
    kind.__name__: kind for kind in (BinnedRows, Evidence, Grid, Plan, Sample, Scale)
}


def state_of_kde(kde: BoundedKDE) -> tuple[dict[str, Any], list[NDArray[Any]]]:
    """Return words and numbers, and the arrays that these count on."""
    arrays: list[NDArray[Any]] = []
    header = {
        "params": kde.get_params(),
        "n_samples_seen": kde.n_samples_seen_,
        "exponent": int(kde._exponent),
        "evidence": _take_apart(kde._evidence, arrays),
    }
    return header, arrays


def kde_of_state(header: dict[str, Any], arrays: list[NDArray[Any]]) -> BoundedKDE:
    """Put a fitted density together."""
    kde = BoundedKDE(**header["params"])
    kde._validate_params()
    kde.n_features_in_ = 1
    kde.n_samples_seen_ = int(header["n_samples_seen"])
    kde._exponent = int(header["exponent"])
    kde._evidence = _put_together(header["evidence"], arrays)
    if not isinstance(kde._evidence, Evidence):
        raise TypeError("no evidence")
    seen = header["n_samples_seen"]
    if isinstance(seen, bool) or not isinstance(seen, int) or not 0 < seen <= 2**53:
        raise ValueError(f"rows seen are a whole number, not {seen!r}")
    _refuse_counts_of_nobody(kde._evidence)
    kde._fitted_params = kde.get_params()
    return kde._estimate()


def _refuse_counts_of_nobody(evidence: Evidence) -> None:
    """Refuse masses that no rows have, and values that are none."""
    values: list[NDArray[Any]] = []
    masses: list[NDArray[Any]] = []
    if evidence.sample is not None:
        sample = evidence.sample
        values.append(sample.values)
        masses += [sample.entries, sample.mass, sample.squares]
        if any(one.shape != sample.values.shape for one in masses):
            raise ValueError("every value has a mass")
    if evidence.binned is not None:
        binned = evidence.binned
        values.append(binned.points)
        masses += [binned.point_mass, binned.grid.counts, binned.squares]
        if binned.point_mass.shape[1:] != binned.points.shape:
            raise ValueError("every point has a mass")
    for one in values:
        if not np.isfinite(one).all() or (np.diff(one) <= 0.0).any():
            raise ValueError("values are finite and rise")
    for one in masses:
        if not np.isfinite(one).all() or (one < 0.0).any():
            raise ValueError("masses are finite, and none is negative")


def _take_apart(value: Any, arrays: list[NDArray[Any]]) -> Any:
    if isinstance(value, np.ndarray):
        arrays.append(value)
        return {"array": len(arrays) - 1}
    if is_dataclass(value):
        parts = {
            field.name: _take_apart(getattr(value, field.name), arrays)
            for field in fields(value)
        }
        return {"kind": type(value).__name__, **parts}
    return value


def _put_together(value: Any, arrays: list[NDArray[Any]]) -> Any:
    if not isinstance(value, dict):
        return value
    if "array" in value:
        return arrays[value["array"]]
    parts = {name: _put_together(part, arrays) for name, part in value.items()}
    return _KNOWN[parts.pop("kind")](**parts)
