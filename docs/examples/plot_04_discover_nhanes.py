"""
Whom does a model of HbA1c fail?
================================

HbA1c tells the blood sugar of the last months. Boosted trees guess it from what a visit
without a blood test tells: age, body, habits, known illnesses other than diabetes. On
whom do they err most, if nobody says where to look?

The people are 5,018 adults of NHANES 2017-2018, which come with the package.
"""

# %%
# The model learns from six tenths of the people. Discovery uses the rest: errors of
# training rows would flatter it.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder

from sklearn_equity import find_underserved
from sklearn_equity.datasets import load_nhanes

people = load_nhanes()
X_train, X, y_train, y = train_test_split(
    people.data, people.target, test_size=0.4, random_state=0
)
codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
text = make_column_selector(dtype_include="category")
model = make_pipeline(
    make_column_transformer((codes, text), remainder="passthrough"),
    HistGradientBoostingRegressor(max_iter=80, learning_rate=0.05, random_state=0),
)
model.fit(X_train, y_train)

# %%
# Half of the 2,008 others propose subgroups, and the other half confirms them.

found = find_underserved(model, X, y, random_state=0)
print(found)

# %%
# Each line says who it is, how large the error of those people is beside everybody's,
# how sure that is, and whether a better model of the same columns could mend it. Where
# it says noise, no other model of these columns was seen to do better: look for another
# measurement first. Rules overlap: "1.26 without those above" is what is left of a
# finding once the people of those before it are taken out; at 1 or below, it tells
# nothing that they do not.

print(found.triage)

# %%
# All that was tried stays on record, with its figures of people who did not choose it;
# what was not confirmed has a q-value above 0.05.

for candidate in found.tried:
    print(candidate)

# %%
# The errors of the first three as a picture, of people who did not choose them: which
# share of each has an error larger than so much?

(held_out,) = found.testing
others = X.iloc[held_out]
errors = np.abs(y.to_numpy()[held_out] - model.predict(others))
inside = found.members(others)
fig, ax = plt.subplots(figsize=(8, 5), layout="constrained")
ax.ecdf(errors[~inside.any(axis=1)], complementary=True, label="in no finding")
for finding, mask in list(zip(found.findings, inside.T, strict=True))[:3]:
    ax.ecdf(errors[mask], complementary=True, label=finding.text)
ax.set(
    xlim=(0, np.quantile(errors, 0.99)),
    xlabel="absolute error of HbA1c, mmol/mol",
    ylabel="share with a larger error",
)
fig.legend(loc="outside lower center", fontsize="small")
plt.show()

# %%
# What it does not show: that nobody else is served badly. What was looked for and not
# found could have been missed, and ``found.detectable`` says how large an error that
# would have been. Nor is a rule a cause: it names what tells people apart.
