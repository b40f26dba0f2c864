"""
Audit a model
=============

Whom does this model fail, and how sure is that?

Boosted trees guess HbA1c, the blood sugar of the last months, from what a visit without
a blood test tells. Are women and men, the deprived and the well-off, smokers and others
served alike? The people are 5,018 adults of NHANES 2017-2018, which come with the
package.
"""

# %%
# A model as you have it already. Half of the people are held out: on the rows that it
# was fitted to, a model looks better than it is, and not equally so for everybody.

import matplotlib.pyplot as plt
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.model_selection import train_test_split

from sklearn_equity import CalibrationByFeatureDisplay, SubgroupFidelityDisplay, audit
from sklearn_equity.datasets import load_nhanes

X, y = load_nhanes(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.5, random_state=0)
model = HistGradientBoostingRegressor(max_iter=40, random_state=0)
model.fit(X_train, y_train)
print(f"R2 of everybody: {model.score(X_test, y_test):.2f}")

# %%
# One line more. Each entry is a way of dividing people: a column, or a number in bands.
# Income over the poverty line is cut into thirds, of which the first is the most
# deprived. Some people did not tell their income; with ``missing="group"`` they are a
# subgroup too.

result = audit(
    model,
    X_test,
    y_test,
    subgroups={
        "sex": "sex",
        "smoking": "smoking",
        "deprivation": ("poverty_income_ratio", 3),
    },
    missing="group",
    random_state=0,
)
print(*result.sentences(), sep="\n")

# %%
# Three sentences are the answer: how good the model is, who is shown to be
# under-served, and how often the people at hand can't tell. The same as a picture:

SubgroupFidelityDisplay(result.fidelity).plot()
plt.show()

# %%
# Each row is a subgroup with its number of people. The point is its error, the line its
# interval, and the dashed line the average person of that grouping. A full diamond is
# shown to be under-served, a full circle to be served; a hollow square is
# **insufficient evidence**, which is not "as good as the others".
#
# The error is divided by the mean of the subgroup itself. Where outcomes are more
# spread, errors are larger whatever the model; divided by that spread instead, the
# picture changes.

by_spread = audit(
    model,
    X_test,
    y_test,
    subgroups={"deprivation": ("poverty_income_ratio", 3)},
    normalization="std",
    missing="group",
    random_state=0,
)
print(*by_spread.sentences(), sep="\n")

# %%
# Both are true. The deprived bear larger errors; relative to how much their HbA1c
# varies, everybody is shown to be served, within a tenth of the average. Which of the
# two matters is for you to say: whoever is treated by the figure bears the error
# itself.
#
# Age needs no bands at all: here is the error along it, with a band that holds the
# whole curve. Where it leaves the dashed line, fidelity differs from that of everybody.

CalibrationByFeatureDisplay.from_estimator(
    model, X_test, y_test, feature="age", metric="mae", random_state=0
)
plt.show()

# %%
# What it does not show: why. Part of every gap is noise that no model removes
# (:func:`~sklearn_equity.departure_from_attainable` asks how much is not). And whoever
# was not asked about is not in the table. ``result.to_html("report.html")`` writes a
# report to hand on.
