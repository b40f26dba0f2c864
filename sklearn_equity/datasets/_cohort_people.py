"""Who lives in the generated cohort, and what does their HbA1c depend on?

The variables are those of the published cohort of UK Biobank (its 20 model inputs, with
ethnicity as six columns of 0 and 1), drawn one after the other so that each may depend
on those before it. Marginals are rounded from published tables of that cohort; the
directions of the relations are the published ones: more diabetes in men, smokers,
people with high blood pressure or more body fat, some ethnicities, the more deprived.
How strong each relation is was chosen here, not estimated from data.

HbA1c has a closed form. A person has diabetes with probability p(x), which is in no
input. Without it HbA1c is normal around mu(x); with it a gamma variable is added, whose
mean is that of the gap between the two and whose spread is the patchy success of care.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

ETHNICITIES = ("white", "mixed", "asian", "black", "chinese", "other")
ETHNICITY_SHARES = (0.946, 0.006, 0.019, 0.016, 0.003, 0.010)
CONTINUOUS = ("age", "townsend", "haemoglobin", "bmi", "weight", "body_fat")
BINARY = (
    *("male", "high_blood_pressure", "heart_attack_angina_stroke"),
    *("blood_clot_lung", "asthma", "hayfever_rhinitis_eczema", "other_serious"),
)
FEATURE_NAMES = (
    *("age", "male", "smoking", "townsend", "haemoglobin", "bmi", "weight", "body_fat"),
    *BINARY[1:],
    *(f"ethnicity_{name}" for name in ETHNICITIES),
)
_COLUMN = {name: j for j, name in enumerate(FEATURE_NAMES)}

HBA1C_SD = 3.6  # of people alike in every input, none of whom has diabetes
DIABETES_MEAN = 17.0  # what diabetes adds to HbA1c, mmol/mol: mean, then SD
DIABETES_SD = 14.0


@dataclass(frozen=True, eq=False)
class Target:
    """HbA1c of every person and what it was drawn from.

    Attributes
    ----------
    y : ndarray of shape (n_samples,)
        HbA1c, mmol/mol.
    mean, variance : ndarray of shape (n_samples,)
        Of `y` given the inputs.
    diabetes : ndarray of bool of shape (n_samples,)
        The diagnosis, which is in no input.
    """

    y: Vector
    mean: Vector
    variance: Vector
    diabetes: NDArray[np.bool_]


def column(X: Matrix, name: str) -> Vector:
    """Return one variable of the cohort by name."""
    values: Vector = X[:, _COLUMN[name]]
    return values


def draw_people(n_samples: int, rng: np.random.RandomState) -> Matrix:
    """Draw the inputs of `n_samples` people, one column a variable."""
    # Columns lie in one piece each: they are written and read one at a time.
    X = np.empty((n_samples, len(FEATURE_NAMES)), order="F")
    _draw_demography(X, rng)
    _draw_body(X, rng)
    _draw_diagnoses(X, rng)
    return X


def _draw_demography(X: Matrix, rng: np.random.RandomState) -> None:
    n_samples = len(X)
    bounds = np.cumsum(ETHNICITY_SHARES)[:-1]
    ethnicity = np.searchsorted(bounds, rng.uniform(size=n_samples), side="right")
    for position, name in enumerate(ETHNICITIES):
        X[:, _COLUMN[f"ethnicity_{name}"]] = ethnicity == position
    minority = 1 - column(X, "ethnicity_white")
    X[:, _COLUMN["male"]] = rng.uniform(size=n_samples) < 0.456
    # 40 to 70 years, more of them old; minorities were recruited younger.
    youth = rng.beta(1.08, 1.33, size=n_samples)
    X[:, _COLUMN["age"]] = 70 - 30 * youth ** (1 - 0.3 * minority)
    # The index is skewed: most areas are a little better off than the mean.
    townsend = 1.87 * rng.standard_gamma(2.6, size=n_samples) - 6.25 + 2.2 * minority
    X[:, _COLUMN["townsend"]] = np.minimum(townsend, 11.0)
    tendency = (
        0.12 * (column(X, "townsend") + 1.3)
        + 0.25 * (column(X, "male") - 0.456)
        - 0.2 * minority
        + rng.logistic(size=n_samples)
    )
    # 0 never, 1 former, 2 current.
    X[:, _COLUMN["smoking"]] = (tendency > 0.20) + 1.0 * (tendency > 2.22)


def _draw_body(X: Matrix, rng: np.random.RandomState) -> None:
    n_samples = len(X)
    male, age, townsend = (column(X, name) for name in ("male", "age", "townsend"))
    black = column(X, "ethnicity_black")
    height = 162.4 + 13.2 * male - 0.12 * (age - 56.5) + 6.3 * _normal(rng, n_samples)
    # Body mass index is lognormal, wider in women.
    log_bmi = (
        3.280 + 0.037 * male + 0.006 * (townsend + 1.3) + 0.0012 * (age - 56.5)
    ) + 0.08 * black
    spread = 0.184 - 0.038 * male
    shape = _normal(rng, n_samples)
    bmi = np.exp(log_bmi + spread * shape)
    X[:, _COLUMN["bmi"]] = bmi
    X[:, _COLUMN["weight"]] = bmi * (height / 100) ** 2
    fat = 36.4 - 11.4 * male + (5.9 - 1.1 * male) * shape + 0.1 * (age - 56.5)
    X[:, _COLUMN["body_fat"]] = np.maximum(fat + 3.0 * _normal(rng, n_samples), 5.0)
    X[:, _COLUMN["haemoglobin"]] = (
        13.45
        + 1.5 * male
        + 0.15 * column(X, "smoking")
        - 0.7 * black
        - 0.4 * column(X, "ethnicity_asian")
        + 0.95 * _normal(rng, n_samples)
    )


def _draw_diagnoses(X: Matrix, rng: np.random.RandomState) -> None:
    age = (column(X, "age") - 56.5) / 8.1
    bmi = (column(X, "bmi") - 27.4) / 4.8
    male = column(X, "male") - 0.456
    smoking = column(X, "smoking")
    deprived = (column(X, "townsend") + 1.3) / 3.1
    black = column(X, "ethnicity_black")

    def draw(name: str, log_odds: Vector) -> Vector:
        X[:, _COLUMN[name]] = rng.uniform(size=len(X)) < expit(log_odds)
        return column(X, name)

    pressure = draw(
        "high_blood_pressure",
        -1.12 + 0.6 * age + 0.45 * bmi + 0.3 * male + 0.7 * black + 0.05 * deprived,
    )
    heart = draw(
        "heart_attack_angina_stroke",
        -3.8 + 0.75 * age + male + 0.35 * smoking + pressure + 0.15 * deprived,
    )
    draw("blood_clot_lung", -3.7 + 0.3 * age + 0.3 * bmi + 0.4 * smoking)
    draw("asthma", -2.05 - 0.1 * age + 0.2 * bmi - 0.2 * male)
    draw("hayfever_rhinitis_eczema", -1.22 - 0.25 * age - 0.1 * smoking)
    draw("other_serious", -1.45 + 0.25 * age + 0.1 * bmi + 0.4 * heart + 0.1 * deprived)


def probability_of_diabetes(X: Matrix) -> Vector:
    """Return p(x), the chance of diabetes given the inputs."""
    log_odds = (
        -3.73
        + 0.045 * (column(X, "age") - 56.5)
        + 0.13 * (column(X, "bmi") - 27.4)
        + 0.55 * (column(X, "male") - 0.456)
        + 0.75 * column(X, "high_blood_pressure")
        + 0.5 * column(X, "heart_attack_angina_stroke")
        + 0.06 * (column(X, "townsend") + 1.3)
        + 0.15 * column(X, "smoking")
        + 1.4 * column(X, "ethnicity_asian")
        + 0.8 * column(X, "ethnicity_black")
        + 0.5 * column(X, "ethnicity_other")
    )
    probability: Vector = expit(log_odds)
    return probability


def mean_without_diabetes(X: Matrix) -> Vector:
    """Return mu(x), the mean HbA1c of people without diabetes, mmol/mol."""
    mean: Vector = (
        34.55
        + 0.09 * (column(X, "age") - 56.5)
        + 0.10 * np.maximum(column(X, "bmi") - 25.0, 0.0)
        + 0.45 * column(X, "smoking")
        - 0.35 * (column(X, "haemoglobin") - 14.1)
        + 0.05 * (column(X, "townsend") + 1.3)
        + 1.8 * column(X, "ethnicity_asian")
        + 2.3 * column(X, "ethnicity_black")
        + 0.8 * column(X, "ethnicity_other")
    )
    return mean


def draw_target(X: Matrix, rng: np.random.RandomState) -> Target:
    """Draw HbA1c, with its mean and variance given the inputs in closed form."""
    p = probability_of_diabetes(X)
    mu = mean_without_diabetes(X)
    diabetes = rng.uniform(size=len(X)) < p
    y = mu + HBA1C_SD * _normal(rng, len(X))
    shape = (DIABETES_MEAN / DIABETES_SD) ** 2
    scale = DIABETES_SD**2 / DIABETES_MEAN
    y[diabetes] += scale * rng.standard_gamma(shape, size=int(diabetes.sum()))
    variance = HBA1C_SD**2 + p * DIABETES_SD**2 + p * (1 - p) * DIABETES_MEAN**2
    return Target(y, mu + p * DIABETES_MEAN, variance, diabetes)


def _normal(rng: np.random.RandomState, n_samples: int) -> Vector:
    return rng.standard_normal(size=n_samples)
