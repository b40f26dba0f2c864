"""Who belongs to which finding?"""

from collections.abc import Mapping
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
from numpy.typing import NDArray

from sklearn_equity._checks import check_subgroups
from sklearn_equity._label_text import format_label
from sklearn_equity._numbers import to_array

__all__ = ["check_findings"]

Mask = NDArray[np.bool_]
_MOST_FINDINGS = 1000


def check_findings(findings: Any, n_rows: int) -> tuple[tuple[str, ...], Mask]:
    """Return the findings' names, and who belongs to each, one column a finding.

    Parameters
    ----------
    findings : array-like, data frame, list or mapping
        True and False: a matrix or frame with a column for each finding, one mask, a
        list of masks, or masks by name. Anything else: one label a row, whose every
        label is a finding; rows without a label are in none.
    n_rows : int
        The number of rows that each must match.
    """
    masks = _named_masks(findings)
    if masks is None:
        coded = check_subgroups(
            findings, n_rows=n_rows, name="findings", missing="drop"
        )
        if coded.n_subgroups > _MOST_FINDINGS:
            msg = (
                f"`findings` must hold at most {_MOST_FINDINGS:,} different labels, as "
                f"each takes a test of its own; got {coded.n_subgroups:,}."
            )
            raise ValueError(msg)
        members = coded.codes[:, np.newaxis] == np.arange(coded.n_subgroups)
        return tuple(format_label(label) for label in coded.labels), members
    if not masks:
        raise ValueError("`findings` must hold at least one finding; got none.")
    for name, mask in masks.items():
        _check_mask(mask, name, n_rows)
    return tuple(masks), np.column_stack(list(masks.values())).astype(bool)


def _named_masks(findings: Any) -> dict[str, NDArray[Any]] | None:
    """Split what holds masks into them; None for labels."""
    if hasattr(findings, "members"):
        msg = (
            "`findings` must say who of `X` belongs to each; got a "
            f"{type(findings).__name__}. Ask it: findings=result.members(X)."
        )
        raise ValueError(msg)
    if isinstance(findings, Mapping):
        return {str(name): _to_array(mask) for name, mask in findings.items()}
    frame = nw.from_native(findings, eager_only=True, pass_through=True)
    if isinstance(frame, nw.DataFrame):
        return {str(name): frame.get_column(name).to_numpy() for name in frame.columns}
    if isinstance(findings, list | tuple):
        items = [_to_array(item) for item in findings]
        if items and all(item.ndim == 1 for item in items):
            return _number(items)
        findings = _to_array(findings) if findings else np.empty((0, 0), bool)
    array = _to_array(findings)
    if array.ndim == 0:
        return None
    if array.ndim == 2:
        return _number(list(array.T))
    return _number([array]) if _is_mask(array) else None


def _number(masks: list[NDArray[Any]]) -> dict[str, NDArray[Any]]:
    return {f"finding {number}": mask for number, mask in enumerate(masks)}


def _to_array(values: Any) -> NDArray[Any]:
    series = nw.from_native(values, series_only=True, pass_through=True)
    if isinstance(series, nw.Series):
        return series.to_numpy()
    return to_array(values, name="findings")


def _is_mask(values: NDArray[Any]) -> bool:
    return values.dtype.kind == "b" or (
        values.dtype.kind == "O" and all(isinstance(v, bool | np.bool_) for v in values)
    )


def _check_mask(mask: NDArray[Any], name: str, n_rows: int) -> None:
    if mask.ndim != 1 or len(mask) != n_rows:
        msg = (
            f"`findings` ({name!r}) must have one value per row of `y_true` "
            f"({n_rows}); got shape {mask.shape}."
        )
        raise ValueError(msg)
    numbers = mask.dtype.kind in "iuf" and np.isin(mask, (0, 1)).all()
    if not (_is_mask(mask) or numbers):
        msg = (
            f"`findings` ({name!r}) must say True or False (1 or 0) of every row; got "
            f"{mask[0]!r}. Labels of people come as one column, one label a row."
        )
        raise ValueError(msg)
