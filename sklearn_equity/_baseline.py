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

from sklearn_equity.representation import AutoencoderEmbedder
from sklearn_equity.segmentation import LatentGMMSegmenter

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
    """Embed a mixed table with gaps in two dimensions, and segment the plane.

    Gaps are filled by the median or their own category: which value is missing is part
    of who somebody is in a survey.
    """
    columns = make_column_transformer(
        (SimpleImputer(strategy="median", add_indicator=True), _NUMBERS),
        (OneHotEncoder(handle_unknown="ignore", sparse_output=False), _CATEGORIES),
    )
    return make_pipeline(
        columns,
        AutoencoderEmbedder(n_components=2, random_state=seed),
        LatentGMMSegmenter(n_components=n_segments, random_state=seed),
    )
