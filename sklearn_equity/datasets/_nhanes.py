"""Who are the people of the example that ships with the package?

Adults examined by the US survey NHANES in 2017-2018, with the glycated haemoglobin
(HbA1c) of their blood as the target. What the table holds is split by what a model may
use: features, columns kept beside them (a diagnosis of diabetes would give the target
away), and the target. The text under ``descr`` counts the rows that each exclusion
cost; the script that made the file is ``tests/datasets/make_nhanes.py``.
"""

import bz2
import csv
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import Bunch

from sklearn_equity._optional import import_optional
from sklearn_equity._sklearn_shims import validate_params

__all__ = ["load_nhanes"]

_DATA_MODULE = "sklearn_equity.datasets.data"
_DATA_FILE = "nhanes_2017_2018.csv.bz2"
_DESCR_MODULE = "sklearn_equity.datasets.descr"
_DESCR_FILE = "nhanes_2017_2018.rst"

_FEATURES = [
    *("sex", "age", "ethnicity", "poverty_income_ratio", "education", "smoking"),
    *("bmi", "weight_kg", "height_cm", "waist_cm", "body_fat_pct"),
    *("sbp_mean", "dbp_mean"),
    *("asthma", "arthritis", "heart_attack", "stroke", "cancer_any"),
]
_BESIDE_THE_FEATURES = [
    *("diabetes", "borderline_diabetes", "on_insulin", "insured"),
    *("total_cholesterol_mg_dl", "hdl_cholesterol_mg_dl"),
    *("ethnicity_asian_split", "seqn"),
]
_TARGET = "hba1c_mmol_mol"
_INTEGERS = {"age", "seqn"}

# The levels of the text columns in the order in which tables and figures show them.
_CATEGORIES = {
    "sex": ["Female", "Male"],
    "ethnicity": [
        "Mexican American",
        "Non-Hispanic Black",
        "Non-Hispanic White",
        "Other Hispanic",
        "Other/Multi-racial",
    ],
    "ethnicity_asian_split": [
        "Mexican American",
        "Non-Hispanic Asian",
        "Non-Hispanic Black",
        "Non-Hispanic White",
        "Other Hispanic",
        "Other/Multi-racial",
    ],
    "education": [
        "less than 9th grade",
        "9th to 11th grade",
        "high school or GED",
        "some college",
        "college graduate",
    ],
    "smoking": ["never", "former", "current"],
}
_ORDERED = {"education"}


@validate_params(
    {"return_X_y": ["boolean"], "as_frame": ["boolean"]},
    prefer_skip_nested_validation=True,
)
def load_nhanes(*, return_X_y: bool = False, as_frame: bool = True) -> Any:
    """Load adults of NHANES 2017-2018 with their HbA1c (regression).

    ========   ==============================================================
    Samples    5,018 adults aged 20 and over, HbA1c measured
    Features   18: 4 text columns, 14 numbers; 14 have missing values
    Target     HbA1c in mmol/mol, 18.0 to 153.6, mean 40.6
    ========   ==============================================================

    HbA1c tells the blood sugar of the last two to three months; 48 mmol/mol and above
    indicates diabetes. The data come with the package: nothing is downloaded.

    Parameters
    ----------
    return_X_y : bool, default=False
        Return ``(data, target)`` instead of a Bunch.
    as_frame : bool, default=True
        Return pandas objects, in which text columns are categoricals. False gives
        float64 arrays and needs no pandas: a text column then holds the position of
        its level in the list that `categories` has for it.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        Dictionary-like object, with the following attributes.

        data : {DataFrame, ndarray} of shape (5018, 18)
            The features. Missing values are NaN.
        target : {Series, ndarray} of shape (5018,)
            HbA1c in mmol/mol. None is missing.
        frame : DataFrame of shape (5018, 27) or None
            `data`, the columns kept beside the features (`diabetes`,
            `borderline_diabetes`, `on_insulin`, `insured`, two cholesterol values,
            `ethnicity_asian_split`, and `seqn`, the survey's own row number), and the
            target. None unless `as_frame`.
        feature_names : list of str
            The names of the columns of `data`.
        target_names : list of str
            The name of the target, as a list of one.
        categories : dict of str to list of str
            The levels of each text column, in display order.
        DESCR : str
            Source, unit, missing share and mean of each column, the number of rows that
            each exclusion cost, and what the data cannot show.
        filename : str
            The name of the file with the data.
        data_module : str
            The package that holds the file.

    (data, target) : tuple if ``return_X_y`` is True
        The features and the target alone.

    Raises
    ------
    MissingDependencyError
        If `as_frame` is True and pandas is not installed.

    Notes
    -----
    The rows are not weighted to the US population, and the survey weights are not among
    the columns: figures describe these 5,018 people. ``DESCR`` tells how to fetch the
    weights.

    References
    ----------
    .. [1] Centers for Disease Control and Prevention, National Center for Health
       Statistics (2020), "National Health and Nutrition Examination Survey Data,
       2017-2018", US Department of Health and Human Services.

    Examples
    --------
    >>> from sklearn_equity.datasets import load_nhanes
    >>> nhanes = load_nhanes()
    >>> nhanes.data.shape
    (5018, 18)
    >>> float(round(nhanes.target.mean(), 1))
    40.6
    >>> nhanes.frame["diabetes"].value_counts().to_dict()
    {0.0: 4210, 1.0: 804}

    Without pandas, text columns are positions in lists of levels:

    >>> X, y = load_nhanes(return_X_y=True, as_frame=False)
    >>> X[:2, nhanes.feature_names.index("smoking")]
    array([1., 0.])
    >>> nhanes.categories["smoking"]
    ['never', 'former', 'current']
    """
    columns = _read_columns()
    frame = None
    if as_frame:
        frame = _build_frame(columns)
        data, target = frame[_FEATURES], frame[_TARGET]
    else:
        data = np.column_stack([columns[name] for name in _FEATURES])
        target = columns[_TARGET]
    if return_X_y:
        return data, target
    return Bunch(
        data=data,
        target=target,
        frame=frame,
        feature_names=list(_FEATURES),
        target_names=[_TARGET],
        categories={name: list(levels) for name, levels in _CATEGORIES.items()},
        DESCR=(files(_DESCR_MODULE) / _DESCR_FILE).read_text(encoding="utf-8"),
        filename=_DATA_FILE,
        data_module=_DATA_MODULE,
    )


def _read_columns() -> dict[str, NDArray[np.float64]]:
    """Read the file as numbers; a text column as positions of its levels."""
    packed = (files(_DATA_MODULE) / _DATA_FILE).read_bytes()
    rows = csv.reader(bz2.decompress(packed).decode("utf-8").splitlines())
    names = next(rows)
    return {
        name: _as_numbers(values, _CATEGORIES.get(name))
        for name, values in zip(names, zip(*rows, strict=True), strict=True)
    }


def _as_numbers(
    values: Sequence[str], levels: Sequence[str] | None
) -> NDArray[np.float64]:
    """Turn the cells of one column into numbers; an empty cell is NaN."""
    if levels is None:
        numbers = (float(value) if value else np.nan for value in values)
    else:
        position = {level: float(i) for i, level in enumerate(levels)} | {"": np.nan}
        numbers = (position[value] for value in values)
    return np.fromiter(numbers, np.float64, len(values))


def _build_frame(columns: dict[str, NDArray[np.float64]]) -> Any:
    """Make the data frame: features, columns beside them, target."""
    pandas = import_optional("pandas", feature="load_nhanes(as_frame=True)")
    content: dict[str, Any] = {}
    for name in [*_FEATURES, *_BESIDE_THE_FEATURES, _TARGET]:
        values = columns[name]
        if name in _CATEGORIES:
            codes = np.where(np.isnan(values), -1, values).astype(np.intp)
            content[name] = pandas.Categorical.from_codes(
                codes, categories=_CATEGORIES[name], ordered=name in _ORDERED
            )
        else:
            content[name] = values.astype(np.int64) if name in _INTEGERS else values
    return pandas.DataFrame(content)
