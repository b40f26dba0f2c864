"""
Remedy without harm
===================

What can be done for the under-served, and does somebody else pay for it?

The published remedy counts the rows of under-served subgroups more often and trains
again. It can narrow a gap by serving everybody else worse. So a remedy is measured like
a drug: on other people, for harm to each subgroup, with bounds that hold for all at
once.
"""

# %%
# Generated people, so that we know the truth: in one subgroup HbA1c follows another
# rule, which a model can learn; in another it is only noisier, which nobody can mend.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LinearRegression

from sklearn_equity import (
    RemediationEffectDisplay,
    RemediationPathDisplay,
    SubgroupOversampler,
    departure_from_attainable,
    fidelity_change,
    no_harm_test,
    remediation_path,
)
from sklearn_equity.datasets import make_health_cohort


def label(cohort):
    """Say who has another rule, who is noisier, and who is neither."""
    return np.select(
        [cohort.membership[:, 0], cohort.membership[:, 4]],
        ["another rule", "noisier"],
        "the others",
    )


train = make_health_cohort(20_000, strength="strong", random_state=0)
test = make_health_cohort(20_000, strength="strong", random_state=1)
who_train, who = label(train), label(test)
plain = LinearRegression().fit(train.X, train.y)

# %%
# Before any remedy: how much of the error could a better model remove?

print(
    departure_from_attainable(
        test.X, test.y, plain.predict(test.X), subgroups=who, random_state=0
    )
)

# %%
# Those with another rule have a large error that a better model would not make; the
# noisier have a larger error, of which nothing shows that any model could remove it. By
# error alone the published rule would pick the noisier ones, in vain. So we name the
# others.
#
# The published remedy at four strengths, each tested against the plain model on people
# whom neither has seen:

path = remediation_path(
    SubgroupOversampler(
        LinearRegression(), metric="rmse", under_served=["another rule"], random_state=0
    ),
    train.X,
    train.y,
    subgroups=who_train,
    under_served=["another rule"],
    strengths=[2, 5, 10, 20],
    random_state=0,
)
print(path)
RemediationPathDisplay(path).plot()
plt.show()

# %%
# The intervals overlap: each is that of one figure by itself. The verdicts compare the
# two models person by person, and see more. Were there a strength for which harm is
# excluded for every subgroup, it would be shaded.
#
# One line can't follow two rules: what the under-served gain, the others lose, at every
# strength. The Gini index does not even fall, since the noisier are in it too. A model
# that can tell them apart is another remedy. It is tested in the same way.

flexible = HistGradientBoostingRegressor(max_iter=150, random_state=0)
flexible.fit(train.X, train.y)
before, after = plain.predict(test.X), flexible.predict(test.X)
verdict = no_harm_test(
    test.y, before, after, subgroups={"who": who}, metric="rmse", random_state=0
)
print(verdict)

# %%
# ``no_harm`` is true only if harm is *excluded* for every subgroup; that nobody is
# shown to be harmed would be less.

print("harm excluded for everybody:", verdict.no_harm)

# %%
# Those with another rule gain about as much as by a multiplier of 10, and the
# others gain as well. For the noisier it is open: nothing shows a gain, nor excludes a
# harm. The changes with their intervals:

change = fidelity_change(test.y, before, after, subgroups={"who": who}, metric="rmse")
RemediationEffectDisplay(change).plot()
plt.show()

# %%
# What it does not show: that the gap is closed. The noisier subgroup keeps its error
# whoever trains the model; more or better measurements could help there. And a remedy
# that was chosen among many by such a test looks better than it is: confirm it on other
# people.
