"""
The DA index
============

Are people who get the same score equally ill?

A score allocates: the higher it is, the sooner somebody is called in. Suppose that a
clinic calls in those who are most likely to have diabetes, by a model that has learnt
from who was *told* that they have it. Whoever has no insurance may see a doctor less
often, and be told less often. Does the score treat them alike? The people are adults of
NHANES 2017-2018.
"""

# %%
# The score: each person's probability of a diagnosis, by models that have not seen
# them. The measurement that tells how ill people are must not come from the model: here
# HbA1c from a blood sample, of which 48 mmol/mol and more indicate diabetes.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_val_predict

from sklearn_equity import (
    ADCurveDisplay,
    DensityDisplay,
    dataset_inequality,
    model_inequality,
)
from sklearn_equity.datasets import load_nhanes

people = load_nhanes()
asked = people.frame["diabetes"].notna() & people.frame["insured"].notna()
frame, X = people.frame[asked], people.data[asked]
told = frame["diabetes"].to_numpy() == 1
hba1c = frame["hba1c_mmol_mol"].to_numpy()
insurance = np.where(frame["insured"] == 1, "insured", "not insured")

model = HistGradientBoostingClassifier(max_iter=60, learning_rate=0.05, random_state=0)
score = cross_val_predict(model, X, told, cv=5, method="predict_proba")[:, 1]
print(f"area under the ROC curve: {roc_auc_score(told, score):.2f}")

# %%
# How ill are the two groups? HbA1c is reported in steps of a tenth of a per cent, about
# 1 mmol/mol, which ``discrete=False`` and a bandwidth of 1.5 smooth over. Shaded is the
# part beyond the threshold: fewer of the uninsured are there.

DensityDisplay.from_values(
    hba1c,
    subgroups=insurance,
    edges=[48, np.inf],
    bounds=(15, None),
    discrete=False,
    bandwidth=1.5,
    boundary="reflect",
    quantity="HbA1c, mmol/mol",
)
plt.show()

# %%
# Fewer, but further beyond it. The deterioration index weighs people by how far beyond
# the threshold they are. 0 is equality; 0.25 means that the first group is a quarter
# more deteriorated.

scale = {
    "subgroups": insurance,
    "compare": ("not insured", "insured"),
    "threshold": 48,
    "bounds": (15, 200),
}
print(dataset_inequality(hba1c, **scale))

# %%
# The interval holds 0: of all people, nothing is shown. Now among people with the same
# score, from the median of all scores upwards:

region = {"decision_threshold": 0.5, "scale": "rank"}
print(model_inequality(score, hba1c, **scale, **region))

# %%
# At the same score the uninsured are more ill: they must be further gone to be called
# in as soon as others. The curves show where; the shaded part is the decision region.

# sphinx_gallery_thumbnail_number = 2
ADCurveDisplay.from_predictions(
    score,
    hba1c,
    subgroups=insurance,
    threshold=48,
    bounds=(15, 200),
    **region,
)
plt.show()

# %%
# What it does not show: why. That the uninsured are told less often is one reading;
# that they are treated less is another, and both may hold. Nor does it see people who
# were never examined. With more than two groups take
# :func:`~sklearn_equity.compare_deterioration`, which corrects for their number.
