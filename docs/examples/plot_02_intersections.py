"""
Intersections
=============

Are people served badly who belong to two groups at once?

A model can look fine for the asthmatic and for those with hay fever, and fail those who
have both. Here this is so by construction: the people are generated, and we know the
truth about them.
"""

# %%
# Twenty thousand people with their HbA1c and the planted subgroups. One of these is
# made of people with asthma *and* hay fever, beyond a weight; their HbA1c follows a
# rule of its own.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import LinearRegression

from sklearn_equity import SubgroupFidelityDisplay, subgroup_fidelity
from sklearn_equity.datasets import make_health_cohort

train = make_health_cohort(10_000, strength="strong", random_state=0)
people = make_health_cohort(20_000, strength="strong", random_state=1)
print(people.subgroups[3])
y_pred = LinearRegression().fit(train.X, train.y).predict(people.X)

# %%
# Three attributes, each by itself and with every other: ``max_depth=2``. All are one
# family of comparisons, so that eighteen looks don't find somebody by luck.

sex = np.where(people.X["male"] == 1, "male", "female")
asthma = np.where(people.X["asthma"] == 1, "asthma", "no asthma")
hay_fever = np.where(
    people.X["hayfever_rhinitis_eczema"] == 1, "hay fever", "no hay fever"
)
table = subgroup_fidelity(
    people.y,
    y_pred,
    subgroups={"sex": sex, "asthma": asthma, "hay fever": hay_fever},
    max_depth=2,
    metric="mae",
    random_state=0,
)
SubgroupFidelityDisplay(table).plot()
plt.show()

# %%
# Women and men are both shown to be served. The asthmatic are under-served, and so are
# people with hay fever. But look at the intersection of the two:

# sphinx_gallery_thumbnail_number = 2
both = table.select("asthma & hay fever")
SubgroupFidelityDisplay(both).plot()
plt.show()

# %%
# Nearly all of it comes from those who have both. With hay fever alone people are
# served; with asthma alone the evidence is insufficient, and the error is a little
# larger: another planted subgroup is in there.

# %%
# Which subgroup is the worst? Whoever takes the largest of eighteen figures takes luck
# along. ``worst`` draws each to the average by as much as it is noise, and its
# intervals hold for all eighteen at once:

print(table.worst(3).to_frame()[["subgroup", "n", "estimate", "ci_low", "ci_high"]])

# %%
# Each attribute more makes every comparison harder. Of the same people, a tenth:

tenth = slice(0, len(people.y) // 10)
few = subgroup_fidelity(
    people.y[tenth],
    y_pred[tenth],
    subgroups={
        "sex": sex[tenth],
        "asthma": asthma[tenth],
        "hay fever": hay_fever[tenth],
    },
    max_depth=2,
    metric="mae",
    random_state=0,
)
for verdict in ("under-served", "served", "insufficient evidence"):
    print(f"{verdict}: {table.verdict.count(verdict)} of 18 in 20,000 people, ", end="")
    print(f"{few.verdict.count(verdict)} in 2,000")

# %%
# What it does not show: intersections that nobody thought of. The weight in the planted
# rule is not in this table. The next stories look for subgroups that nobody declared.
