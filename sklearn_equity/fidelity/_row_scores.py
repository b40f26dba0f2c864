"""What if a model's every answer has a score of its own, such as a Dice?

The fidelity of a subgroup is then the mean score of its rows, whatever the answers are:
masks, texts, ratings.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_equity._numbers import check_numbers, to_array
from sklearn_equity.fidelity._metric import Metric, Vector, mean_of
from sklearn_equity.fidelity._metrics import METRIC_NAMES, orientation_of
from sklearn_equity.fidelity._normalized_rmse import function_name

__all__ = ["dice_score", "score_rows"]


def dice_score(y_true: ArrayLike, y_pred: ArrayLike) -> NDArray[np.float64]:
    r"""Dice coefficient of each row's mask.

    Higher is better: 0 where nothing overlaps, 1 where the masks agree. Without unit.

    Parameters
    ----------
    y_true : array-like of shape (n_rows, ...)
        The true masks, of any number of dimensions: 0 or False outside, 1 or True
        inside.
    y_pred : array-like of shape (n_rows, ...)
        The predicted masks.

    Returns
    -------
    ndarray of shape (n_rows,)
        One coefficient a row.

    Raises
    ------
    ValueError
        If the shapes differ, or a mask holds anything but 0 and 1.

    See Also
    --------
    subgroup_fidelity : Takes this as `metric`, with ``per_row=True``.

    Notes
    -----
    :math:`2 |A \cap B| / (|A| + |B|)` [1]_; 1 where both masks are empty, since they
    agree.

    References
    ----------
    .. [1] Dice (1945), "Measures of the amount of ecologic association between
       species", Ecology 26, 297-302.

    Examples
    --------
    >>> from sklearn_equity.fidelity import dice_score
    >>> truth = [[0, 1, 1, 0], [0, 0, 0, 0], [1, 0, 0, 0]]
    >>> found = [[0, 0, 1, 1], [0, 0, 0, 0], [0, 0, 0, 1]]
    >>> dice_score(truth, found)
    array([0.5, 1. , 0. ])
    """
    truth = to_array(y_true, name="y_true")
    found = to_array(y_pred, name="y_pred")
    if truth.shape != found.shape or truth.ndim < 2:
        msg = (
            "`y_true` and `y_pred` must be masks of one shape, (n_rows, ...); got "
            f"{truth.shape} and {found.shape}."
        )
        raise ValueError(msg)
    for name, mask in (("y_true", truth), ("y_pred", found)):
        if not np.isin(mask, (0, 1)).all():
            msg = (
                f"`{name}` must hold masks of 0 and 1; got other values. Threshold "
                "probabilities first."
            )
            raise ValueError(msg)
    pixels = tuple(range(1, truth.ndim))
    inside, foreground = truth.astype(bool), found.astype(bool)
    both = (inside & foreground).sum(axis=pixels)
    total = inside.sum(axis=pixels) + foreground.sum(axis=pixels)
    return np.where(total == 0, 1.0, 2.0 * both / np.maximum(total, 1))


def score_rows(
    y_true: Any,
    y_pred: Any,
    metric: str | Callable[..., Any] | Metric,
    *,
    greater_is_better: bool | None,
) -> tuple[Vector, Metric]:
    """Return one score a row, and the metric that is their mean."""
    if callable(metric):
        name = function_name(metric)
        try:
            scores = metric(y_true, y_pred)
        except TypeError as error:
            msg = f"`metric` must take `y_true` and `y_pred`; {name} says: {error}."
            raise TypeError(msg) from error
    elif isinstance(metric, str) and metric not in METRIC_NAMES:
        name, scores = metric, y_pred
        if y_true is not None:
            msg = (
                "`y_true` must be None if per_row=True and `metric` is a heading "
                f"({metric!r}): `y_pred` holds finished scores then. To have the scores"
                " computed, pass a function of `y_true` and `y_pred` as `metric`."
            )
            raise ValueError(msg)
    else:
        msg = (
            "`metric` must be a function that returns a score for each row, or the "
            "heading of the scores that `y_pred` holds, if per_row=True; got "
            f"{metric if isinstance(metric, str) else type(metric).__name__!r}."
        )
        raise ValueError(msg)
    values = check_numbers(scores, name=f"scores of {name!r}")
    is_dice = metric is dice_score
    higher = is_dice or orientation_of(name, greater_is_better=greater_is_better)
    return values, Metric(
        name,
        f"mean {name}",
        higher,
        bounds=(0.0, 1.0) if is_dice else (-np.inf, np.inf),
        best=1.0 if is_dice else None,
        min_rows=30,  # of unknown scores no more can be promised
        **mean_of(lambda _, score: score),
    )
