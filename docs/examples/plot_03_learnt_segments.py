"""
Learnt segments
===============

Whom does a model fail among people who resemble each other, whatever they are called?

Declared groups miss whoever has no name. Here the adults of NHANES 2017-2018 are parted
into segments on which ten segmentations agree; a small neural network places them in a
plane, so that people alike lie together and can be looked at; and a model of HbA1c is
measured in each segment.
"""

# %%
# The outcome is left out of what segments are made of, and rows that learn are others
# than rows that judge.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from sklearn_equity import (
    AutoencoderEmbedder,
    ConsensusSegmenter,
    LatentSpaceDisplay,
    audit,
    describe_subgroups,
)
from sklearn_equity.datasets import load_nhanes

X, y = load_nhanes(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.5, random_state=0)
model = HistGradientBoostingRegressor(max_iter=40, random_state=0)
model.fit(X_train, y_train)

numbers = make_column_selector(dtype_include="number")
words = make_column_selector(dtype_include="category")
table = make_column_transformer(
    (SimpleImputer(strategy="median"), numbers),
    (OneHotEncoder(sparse_output=False), words),
    verbose_feature_names_out=False,
)
segmenter = make_pipeline(
    table, ConsensusSegmenter(n_segments=8, min_segment_size=100, random_state=0)
)
segmenter.fit(X_train)
print(f"{segmenter[-1].n_segments_} segments; halves agree:")
print({n: round(ari, 2) for n, ari in segmenter[-1].agreement_curve_.items()})

# %%
# Every segmentation is a mixture of Gaussians in eight principal components, fitted to
# one half of the people with a seed of its own. The figures are adjusted Rand indices,
# by number of segments, of what the segmentations of one half agree on with what those
# of the other do: 1 would be the same segments, 0 is chance.

# %%
# One line audits the segments. Every sentence, table and verdict is as with declared
# subgroups.

result = audit(model, X_test, y_test, segmenter=segmenter, metric="mae", random_state=0)
print(*result.sentences(), sep="\n")

# %%
# Where do those live who are shown to be under-served? Segments were cut in eight
# dimensions, and are looked at in two: the network learns a plane of its own, and
# colours say which part of the people in a cell belongs to one of those segments.

segments = segmenter.predict(X_test)
failed = [
    segment
    for segment, verdict in zip(
        result.fidelity.subgroup, result.fidelity.verdict, strict=True
    )
    if verdict == "under-served"
]
embedder = make_pipeline(table, AutoencoderEmbedder(max_epochs=60, random_state=0))
embedder.fit(X_train)
LatentSpaceDisplay.from_estimator(
    embedder,
    X_test,
    values=np.isin(segments, failed).astype(float),
    quantity="membership in under-served segments",
)
plt.show()

# %%
# The axes have no meaning of their own, and other seeds give other axes: name a segment
# by its people. Each of the worst gets a rule, made on one half of the people and
# measured on the other: of those who meet it, the share in the segment (precision), and
# of the segment, the share who meet it (recall).

people = table.set_output(transform="pandas").fit(X_train).transform(X_test)
described = describe_subgroups(
    people, subgroups=segments, table=result.fidelity, random_state=0
)
for rule in described.rules:
    print(f"segment {rule.subgroup}: {rule.text}")
    print(f"    precision {rule.precision:.2f}, recall {rule.recall:.2f}")

# %%
# Where the precision is low, no short rule fits, and a segment is better shown by what
# sets it apart most, in standard deviations of everybody:

apart = described.to_frame().query("sets_apart")
apart = apart.sort_values("difference", key=abs, ascending=False)
columns = ["subgroup", "variable", "mean_in", "mean_out", "difference"]
print(apart[columns].groupby("subgroup").head(4).round(2).to_string(index=False))

# %%
# What it does not show: that segments are natural kinds. Another seed changes their
# boundaries less than it would those of one mixture in the plane, but another sample
# still does. Before one of them is named in a publication, measure how much of it is
# found again (:func:`~sklearn_equity.segmentation_stability`).
