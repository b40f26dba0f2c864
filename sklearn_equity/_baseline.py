"""The plain models of the command line: a regressor and a segmenter for any table."""

from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder

from sklearn_equity.representation import AutoencoderEmbedder
from sklearn_equity.segmentation import LatentGMMSegmenter

_NUMBERS = make_column_selector(dtype_include="number")
_CATEGORIES = make_column_selector(dtype_exclude="number")


def baseline_regressor(*, seed: int) -> Pipeline:
    """Boosted trees on the columns as they come; missing values are a branch."""
    codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    return make_pipeline(
        make_column_transformer((codes, _CATEGORIES), remainder="passthrough"),
        HistGradientBoostingRegressor(
            max_iter=100,
            learning_rate=0.05,
            max_leaf_nodes=15,
            early_stopping=False,  # its inner split would see oversampled rows twice
            random_state=seed,
        ),
    )


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
