"""
A metric of your own
====================

How do I measure what matters here, if no metric of the list does?

Say that a clinic invites everybody whose predicted HbA1c is in the highest quarter.
What counts is who is missed: of those who turn out to have an HbA1c of diabetes, the
share who were not invited. A function of truth and prediction is all that it takes.
"""

# %%
# The people are adults of NHANES 2017-2018; half of them judge a model of HbA1c that
# has learnt from the others.

import functools

import matplotlib.pyplot as plt
import numpy as np
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.metrics import mean_pinball_loss
from sklearn.model_selection import cross_val_score, train_test_split

from sklearn_equity import (
    SubgroupFidelityDisplay,
    audit,
    resolve_metric,
    subgroup_fidelity,
)
from sklearn_equity.datasets import load_nhanes
from sklearn_equity.scorers import equity_scorer

X, y = load_nhanes(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.5, random_state=0)
model = HistGradientBoostingRegressor(max_iter=40, random_state=0)
model.fit(X_train, y_train)
y_pred = model.predict(X_test)
INVITED_FROM = np.quantile(model.predict(X_train), 0.75)


def missed_loss(y_true, y_pred):
    """Of those who have an HbA1c of diabetes, the share who were not invited."""
    ill = np.asarray(y_true) >= 48
    return np.mean(np.asarray(y_pred)[ill] < INVITED_FROM) if ill.any() else np.nan


# %%
# The name ends in ``_loss``, which tells, as in scikit-learn, that less is better; of a
# function by another name, say ``greater_is_better=False``. Where nobody is ill the
# share is unknown, hence the NaN. Every figure has its interval, by a bootstrap: a
# function may be anything, so at least 30 people are needed to judge a subgroup.

table = subgroup_fidelity(
    y_test,
    y_pred,
    subgroups={"sex": X_test["sex"], "ethnicity": X_test["ethnicity"]},
    metric=missed_loss,
    random_state=0,
)
SubgroupFidelityDisplay(table).plot()
plt.show()

# %%
# Mind who is counted: ``n`` is all people of a subgroup, but the share is one of the
# ill alone. Give the ill alone, and the counts are theirs, with the intervals of a
# share:

ill = (y_test >= 48).to_numpy()
share = subgroup_fidelity(
    None,
    (y_pred[ill] < INVITED_FROM).astype(float),
    subgroups=X_test["ethnicity"][ill],
    metric="share missed",
    per_row=True,
    greater_is_better=False,
    random_state=0,
)
print(share)

# %%
# Non-Hispanic White people with such a value are missed most often, about two in three,
# Other Hispanic people least.
#
# A function goes into an audit, too, and with its options set, such as the quantile of
# the pinball loss, by :func:`functools.partial`;

result = audit(
    model,
    X_test,
    y_test,
    subgroups="sex",
    metric=functools.partial(mean_pinball_loss, alpha=0.9),
    random_state=0,
)
print(*result.sentences(), sep="\n")

# %%
# ``audit`` does not ask which way is better. Of a function whose name does not tell,
# :func:`~sklearn_equity.resolve_metric` does;


def median_miss(y_true, y_pred):
    """How far off the prediction is for the person in the middle."""
    return np.median(np.abs(y_true - y_pred))


result = audit(
    model,
    X_test,
    y_test,
    subgroups="sex",
    metric=resolve_metric(median_miss, greater_is_better=False),
    random_state=0,
)
print(result.fidelity.estimate.round(2))

# %%
# and into a search, as any scorer of scikit-learn. This is minus the share missed in
# the worse-served sex, in each of five folds:

scorer = equity_scorer(missed_loss, subgroups="sex")
print(cross_val_score(model, X_train, y_train, scoring=scorer, cv=5).round(2))

# %%
# What it does not show: whether being missed matters as much to everybody. A metric is
# a decision about what counts, and the code can't make it.
