"""Can what is sent be subtracted from itself until a few people are left?"""

from collections import Counter

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from sklearn_equity import AuditAccumulator

LEAST = 10


def sent_and_read(seen, least=LEAST):
    return AuditAccumulator.from_bytes(seen.to_bytes(suppress_below=least))


def one_of_a_size():
    """Return 600 people: 12 of a size of errors, of whom 1 is in the second group."""
    rng = np.random.default_rng(3)
    error = np.r_[
        rng.uniform(1.1, 1.3, 288), rng.uniform(40.0, 44.0, 12),
        rng.uniform(1.1, 1.3, 299), [42.3],
    ]  # fmt: skip
    y_true = rng.uniform(30.0, 60.0, 600).round(2)
    return y_true, y_true + error, np.repeat(["a", "b"], 600 // 2)


def by_level(cells):
    """Count rows by the level of their error, and those of all levels."""
    counts = Counter()
    for (_, level), n in zip(cells.subgroups, cells.n.tolist(), strict=True):
        counts[level] += n
    return counts


def assert_nobody_or_enough(counts, others):
    for level in counts.keys() | others.keys():
        if level in counts and level in others:  # told twice
            apart = abs(counts[level] - others[level])
            assert apart == 0 or apart >= LEAST, (level, apart)
    apart = abs(counts.total() - others.total())
    assert apart == 0 or apart >= LEAST, apart


def people_of_rare_errors(seed, n_rows, *, gaps):
    """Draw a few subgroups whose errors are of a few sizes, some of them rare."""
    rng = np.random.default_rng(seed)
    ward = rng.choice(
        ["east", "north", "west", "isle"], n_rows, p=[0.5, 0.3, 0.17, 0.03]
    )
    share = rng.dirichlet([3.0, 0.3, 0.1, 0.1, 0.02])
    size = rng.choice([1.2, 5.0, 20.0, 80.0, 320.0], n_rows, p=share)
    y_true = rng.uniform(30.0, 60.0, n_rows)
    if gaps:
        ward = ward.astype(object)
        ward[: int(rng.integers(1, 25))] = None
    half = rng.choice(["first", "second"], n_rows)
    return y_true, y_true + size * rng.choice([-1.0, 1.0], n_rows), ward, half


@given(
    seed=st.integers(0, 2**32 - 1),
    n_rows=st.integers(30, 900),
    metric=st.sampled_from(["mae", "rmse", "bias", "nrmse", "accuracy"]),
    gaps=st.booleans(),
    several=st.booleans(),
)
@settings(max_examples=150, deadline=None)
def test_whatever_is_told_twice_differs_by_nobody_or_enough(
    seed, n_rows, metric, gaps, several
):
    y_true, y_pred, ward, half = people_of_rare_errors(seed, n_rows, gaps=gaps)
    if metric == "accuracy":
        y_true, y_pred = (y_true > 45.0) * 1.0, (y_pred > 45.0) * 1.0
    groupings = {"ward": ward, "half": half} if several else {"ward": ward}
    seen = AuditAccumulator(metric=metric)
    seen.update(y_true, y_pred, groupings, missing="drop")
    read = sent_and_read(seen)
    if read._everybody is None:
        return
    told = [by_level(cells) for cells in (read._everybody, *read._moments.values())]
    for i, counts in enumerate(told):
        assert all(n == 0 or n >= LEAST for n in counts.values())
        for others in told[:i]:
            assert_nobody_or_enough(counts, others)
    for name, cells in read._moments.items():
        shown = {label for label, _ in cells.subgroups}
        assert all(n == 0 or n >= LEAST for n in cells.n.tolist())
        hidden = [
            n
            for (label, _), n in zip(
                seen._moments[name].subgroups, seen._moments[name].n, strict=True
            )
            if label not in shown
        ]
        assert sum(hidden) == 0 or read.n_rows_ - int(cells.n.sum()) >= LEAST


def test_one_person_of_a_rare_size_is_not_the_rest_of_all():
    read = sent_and_read(AuditAccumulator(metric="mae").update(*one_of_a_size()))
    (whole,) = read._everybody.subgroups
    levels = by_level(read._moments["subgroups"])
    assert whole[1] not in levels  # everybody's sizes are not told
    assert read._everybody.n.tolist() == [600]
    assert min(levels.values()) == 11
    assert levels.total() == 600


def test_of_several_groupings_one_tells_of_sizes():
    y_true, y_pred, group = one_of_a_size()
    half = np.tile(["first", "second"], 300)
    seen = AuditAccumulator(metric="mae")
    read = sent_and_read(seen.update(y_true, y_pred, {"group": group, "half": half}))
    assert len(by_level(read._moments["group"])) > 1
    assert len(by_level(read._moments["half"])) == 1
    # The shape of errors is lent: intervals are not those of Student's t.
    found, whole = read.result(random_state=0), seen.result(random_state=0)
    assert_allclose(found.estimate, whole.estimate, rtol=1e-12)
    assert_allclose(found.std_error, whole.std_error, rtol=1e-9)


def test_intervals_of_everybody_hardly_move_without_their_sizes():
    rng = np.random.default_rng(8)
    y_true = rng.uniform(30.0, 60.0, 1200)
    y_pred = y_true + 3.0 * rng.standard_t(5, 1200)
    ward = rng.choice(["east", "north", "west"], 1200)
    half = rng.choice(["first", "second"], 1200)
    seen = AuditAccumulator(metric="mae")
    seen.update(y_true, y_pred, {"ward": ward, "half": half})
    whole = seen.result(n_resamples=4000, random_state=0)
    left = sent_and_read(seen).result(n_resamples=4000, random_state=0)
    for one, other in ((left.overall, whole.overall), (left, whole)):
        assert_allclose(one.std_error, other.std_error, rtol=1e-6)
        for end in ("ci_low", "ci_high"):
            apart = getattr(one, end) - getattr(other, end)
            assert (np.abs(apart) < 0.25 * other.std_error).all()


def test_sites_with_and_without_a_limit_add_up():
    y_true, y_pred, group = one_of_a_size()
    seen = AuditAccumulator(metric="mae").update(y_true, y_pred, group)
    both = sent_and_read(seen) + seen
    found = both.result(random_state=0)
    assert found.overall.n == 1200
    assert_allclose(found.estimate, seen.result().estimate, rtol=1e-12)
    assert np.isfinite(found.ci_low).all()
    again = sent_and_read(both)
    assert min(again._moments["subgroups"].n) >= LEAST
