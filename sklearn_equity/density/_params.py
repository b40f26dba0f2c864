"""May data that an estimator is given now join those that it has seen?

Only if both are summarised by the same parameters.
"""

from typing import Any

from sklearn.base import BaseEstimator


def refuse_changed_params(seen: dict[str, Any], estimator: BaseEstimator) -> None:
    """Refuse to add to a summary that was made with other parameters."""
    changed = _differences(seen, estimator.get_params())
    if changed:
        msg = (
            "The parameters of an estimator must stay as they were when it saw its "
            f"first data; changed since (then, now): {changed}. Set them back, or fit "
            "all data again."
        )
        raise ValueError(msg)


def refuse_unlike_params(one: BaseEstimator, other: BaseEstimator) -> None:
    """Refuse to merge estimators of different parameters."""
    unlike = _differences(one.get_params(), other.get_params())
    if unlike:
        msg = (
            "`other` must have the parameters of this estimator; these differ: "
            f"{unlike}."
        )
        raise ValueError(msg)


def _differences(
    one: dict[str, Any], other: dict[str, Any]
) -> dict[str, tuple[Any, Any]]:
    """Return the parameters that differ, with both of their values."""
    return {name: (one[name], other[name]) for name in one if one[name] != other[name]}
