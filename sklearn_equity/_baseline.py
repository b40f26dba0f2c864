"""The plain models of the command line: trees and a segmenter for any table."""

from typing import Any

from sklearn.base import BaseEstimator
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder

from sklearn_equity.discovery import ConsensusSegmenter

_NUMBERS = make_column_selector(dtype_include="number")
_CATEGORIES = make_column_selector(dtype_exclude="number")
_TREES: dict[str, Any] = {
    "max_iter": 100,
    "learning_rate": 0.05,
    "max_leaf_nodes": 15,
    "early_stopping": False,  # its inner split would see oversampled rows twice
}


def baseline_regressor(*, seed: int) -> Pipeline:
    """Boosted trees on the columns as they come; missing values are a branch."""
    return _on_columns(HistGradientBoostingRegressor(**_TREES, random_state=seed))


def baseline_classifier(*, seed: int) -> Pipeline:
    """Boosted trees of the same kind, for classes."""
    return _on_columns(HistGradientBoostingClassifier(**_TREES, random_state=seed))


def _on_columns(model: BaseEstimator) -> Pipeline:
    codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    columns = make_column_transformer((codes, _CATEGORIES), remainder="passthrough")
    return make_pipeline(columns, model)


def baseline_segmenter(*, n_segments: int, seed: int) -> Pipeline:
    """Prepare a mixed table with gaps, and find what ten segmentations agree on.

    Gaps are filled by the median or their own category: which value is missing is part
    of who somebody is in a survey. Who reads a report cannot try other seeds, so that
    its segments must not be those of a single one.
    """
    columns = make_column_transformer(
        (SimpleImputer(strategy="median", add_indicator=True), _NUMBERS),
        (OneHotEncoder(handle_unknown="ignore", sparse_output=False), _CATEGORIES),
    )
    return make_pipeline(
        columns, ConsensusSegmenter(n_segments=n_segments, random_state=seed)
    )


def say_how_stable(segmenter: Pipeline, n_segments: int) -> str:
    """Say how far two halves of the people gave the same segments."""
    agreement = segmenter[-1].agreement_curve_[n_segments]
    return (
        "They are what ten segmentations in principal components agree on, five of "
        "each half of the people; what the one five agree on and what the other five "
        f"do, {n_segments} segments asked for, has an adjusted Rand index of "
        f"{agreement:.2f} (1: the same segments, 0: as by chance)."
    )
