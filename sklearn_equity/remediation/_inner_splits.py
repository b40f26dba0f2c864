"""Does an estimator, inside its own ``fit``, look at rows that it did not learn from?

It may to stop early, to choose among candidates, to calibrate or to stack. Of repeated
rows it would find copies on both sides: an early stop that never comes, a choice of
whatever remembers best. What can be told from parameters is told here, before any fit.
"""

import functools
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sklearn.frozen import FrozenEstimator
from sklearn.utils.validation import has_fit_parameter

from sklearn_equity.exceptions import RepeatedRowsWarning
from sklearn_equity.remediation._inputs import Predictor

__all__ = [
    "MANY_ROWS",
    "keeps_rows_back",
    "parts_of",
    "refuse_copies_on_both_sides",
    "warn_of_copies_on_both_sides",
]

MANY_ROWS = 10_000  # beyond which histogram boosting's "auto" means early stopping
# How estimators of several libraries call the share of rows that they keep back, and
# what turns that off; without such a switch, a share is kept back whenever it is given.
_SHARES = ("validation_fraction", "validation_size", "validation_split")
_SWITCHES = {
    "early_stopping": False,
    "n_iter_no_change": None,
    "early_stopping_rounds": None,
}


@dataclass(frozen=True)
class InnerSplit:
    """How a part of an estimator splits its training rows by itself.

    Attributes
    ----------
    path : str
        Where the part is: "" for the estimator itself, else such as "step__".
    part : estimator
        What splits.
    what : str
        What it does, to follow its name.
    fix : str
        What its user can do about it.
    """

    path: str
    part: Any
    what: str
    fix: str

    @property
    def name(self) -> str:
        """The name of its class."""
        return type(self.part).__name__


def parts_of(estimator: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield an estimator and all within it that is fitted with it, and their paths."""
    if isinstance(estimator, FrozenEstimator):
        return
    yield path, estimator
    if not hasattr(estimator, "get_params"):
        return
    for name, value in estimator.get_params(deep=True).items():
        is_fitted_too = hasattr(value, "fit") and not isinstance(value, type)
        if "__" not in name and is_fitted_too:
            yield from parts_of(value, f"{path}{name}__")


def keeps_rows_back(estimator: Any, n_rows: int) -> bool:
    """Tell whether an estimator itself keeps validation rows back to stop early."""
    return _early_stop(estimator, n_rows) is not None


def refuse_copies_on_both_sides(estimator: Any, n_rows: int) -> None:
    """Refuse what would split repeated rows; warn of what only reports a figure.

    An estimator that keeps rows back and takes them ready-made passes: its rows are
    split first. `n_rows` counts them before any is repeated.
    """
    for split in _inner_splits(estimator, n_rows):
        keeps_back = split.path == "" and keeps_rows_back(estimator, n_rows)
        if keeps_back and _takes_validation_rows(estimator):
            continue
        msg = (
            f'`strategy`="duplicate" repeats rows, and {split.name} {split.what}: '
            f"copies of a row would be on both sides. {split.fix} "
            'strategy="weight" repeats none.'
        )
        raise ValueError(msg)
    for _, part in parts_of(estimator):
        if _own_params(part).get("oob_score"):
            msg = (
                f"`oob_score` of {type(part).__name__} is measured on rows that have "
                "copies in the bag: the score is too good. The model is not affected; "
                'use strategy="weight" for an honest score.'
            )
            warnings.warn(msg, RepeatedRowsWarning, stacklevel=4)


def warn_of_copies_on_both_sides(
    estimators: Sequence[Any], n_rows: int, *, who: str
) -> None:
    """Warn of estimators that are to be trained on repeated rows, and split them."""
    for estimator in estimators:
        for split in _inner_splits(estimator, n_rows):
            msg = (
                f"fit_resample returns repeated rows, and {split.name}, {who}, "
                f"{split.what}: copies of a row are on both sides. {split.fix} As a "
                "wrapper, SubgroupOversampler(model).fit splits rows first, or refuses."
            )
            warnings.warn(msg, RepeatedRowsWarning, stacklevel=5)


# ---- what splits -----------------------------------------------------------------
def _inner_splits(estimator: Any, n_rows: int) -> Iterator[InnerSplit]:
    for path, part in parts_of(estimator):
        off = _early_stop(part, n_rows)
        if off is not None:
            what = "keeps some of its training rows back to stop early"
            fix = f"Set {off}."
            if path and (hasattr(part, "transform") or _takes_validation_rows(part)):
                then = (
                    "learns from each row once"
                    if hasattr(part, "transform")
                    else "is handed rows that were split first"
                )
                fix += (
                    " Or let the oversampler be the last step of the pipeline, rather "
                    f"than the pipeline be inside it: then it {then}."
                )
            yield InnerSplit(path, part, what, fix)
        elif found := _cross_validation(part):
            what, fix = found
            yield InnerSplit(path, part, f"splits its rows itself ({what})", fix)


def _takes_validation_rows(estimator: Any) -> bool:
    """Tell whether rows to stop by can be handed over, as a share that is told."""
    takes = all(has_fit_parameter(estimator, name) for name in ("X_val", "y_val"))
    return takes and hasattr(estimator, "validation_fraction")


def _own_params(estimator: Any) -> dict[str, Any]:
    if not hasattr(estimator, "get_params"):
        return {}
    return dict(estimator.get_params(deep=False))


def _early_stop(estimator: Any, n_rows: int) -> str | None:
    """Return what would turn an estimator's early stop off; None if there is none."""
    params = _own_params(estimator)
    split = params.get("train_split")  # of skorch
    if callable(split):
        is_given = isinstance(split, functools.partial) and "valid_ds" in split.keywords
        return None if is_given else "train_split=None, or a predefined_split"
    share = next((name for name in _SHARES if params.get(name)), None)
    if share is None:
        return None
    switch = next((name for name in _SWITCHES if name in params), None)
    if switch is None:
        return f"{share}=None"
    value = params[switch]
    is_on = n_rows > MANY_ROWS if value == "auto" else bool(value)
    return f"{switch}={_SWITCHES[switch]}" if is_on else None


def _cross_validation(estimator: Any) -> tuple[str, str] | None:
    """Return by which parameter an estimator cross-validates, and the way out."""
    params = _own_params(estimator)
    if getattr(estimator, "measured_on", None) == "cv":  # another remedy
        return 'measured_on="cv"', "Remedy once, or on weights."
    if params.get("probability") is True:  # support vectors, by Platt's folds
        outer = "CalibratedClassifierCV around the oversampler gives probabilities."
        return "probability=True", f"Set probability=False; {outer}"
    learnt_before = isinstance(params.get("estimator"), FrozenEstimator)
    if "cv" not in params or params["cv"] == "prefit" or learnt_before:
        return None
    if not Predictor().is_satisfied_by(estimator):
        return "cv", "Let the oversampler be the last step of the pipeline."
    name = type(estimator).__name__
    if {"estimator", "estimators"} & set(params):
        return "cv", f"Put {name} around the oversampler rather than inside it."
    plain = f"Use the model that {name} tunes without it"
    return "cv", f"{plain}, and search around the oversampler, as GridSearchCV does."
