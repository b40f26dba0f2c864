"""What must not matter, over the whole public surface of measures.

Nobody's fidelity or inequality depends on the order of rows, on how subgroups are
called, or on the unit; a row of weight 2 is two rows; and what happens within one
subgroup does not depend on how others are divided. A new public name joins a registry,
or is listed with the reason why it has no such law.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from sklearn.base import BaseEstimator, RegressorMixin

import sklearn_equity as se

few = settings(max_examples=2, deadline=None)
seeds = st.integers(0, 10_000)


@dataclass(frozen=True)
class People:
    """One row a person, and what each row counts."""

    truth: Any
    guess: Any
    remedied: Any
    score: Any
    illness: Any
    age: Any
    ward: Any
    sex: Any
    weight: Any = None

    def take(self, rows):
        """Return some rows, in the order asked for."""
        columns = {name: column[rows] for name, column in vars(self).items()
                   if column is not None}  # fmt: skip
        return People(**columns)


def draw_people(seed, n_rows=240):
    rng = np.random.default_rng(seed)
    ward = np.array(["east", "north", "west"])[np.arange(n_rows) % 3]
    truth = rng.uniform(30.0, 60.0, n_rows)
    score = rng.uniform(size=n_rows)
    return People(
        truth=truth,
        guess=truth + rng.normal(size=n_rows) * np.where(ward == "north", 4.0, 2.0),
        remedied=truth + rng.normal(size=n_rows) * 2.0,
        score=score,
        illness=rng.gamma(2.0 + score + (ward == "east")).clip(0.0, 19.9),
        age=rng.uniform(20.0, 80.0, n_rows),
        ward=ward,
        sex=np.array(["f", "m"])[rng.integers(0, 2, n_rows)],
    )


# ---- the registry ----------------------------------------------------------------
@dataclass(frozen=True)
class Measure:
    """How a measure is asked, what it answers by label, and which laws it keeps.

    `power` is that of the unit of the outcome, `of_illness` that of the measurement.
    """

    ask: Callable[[People], dict[Any, Any]]
    power: float = 0.0
    takes_weights: bool = True
    by_subgroup: bool = True
    in_units_of_illness: bool = False


def by_label(result, values):
    return dict(zip(result.subgroup, values, strict=True))


def fidelity(metric):
    def ask(people):
        table = se.subgroup_fidelity(
            people.truth, people.guess, subgroups=people.ward, metric=metric,
            sample_weight=people.weight, n_resamples=50, random_state=0,
        )  # fmt: skip
        return by_label(table, table.estimate)

    return ask


def cells(people):
    found = se.cross_tabulate(
        people.truth, people.guess, declared=people.ward, learnt=people.sex,
        metric="mae", sample_weight=people.weight, n_resamples=50, random_state=0,
        min_subgroup_size=10,
    )  # fmt: skip
    return by_label(found.declared, found.declared.estimate)


def curve(people):
    found = se.fidelity_curve(
        people.truth, people.guess, people.age, metric="mae", n_points=5, span=0.6,
        min_rows=10, sample_weight=people.weight, n_resamples=50, random_state=0,
    )  # fmt: skip
    return {"all": found.estimate}


def means(people):
    found = se.permutation_test(
        people.truth, subgroups=people.ward, n_permutations=20, random_state=0
    )
    return by_label(found, found.mean_in[:, 0])


def differences(people):
    found = se.describe_subgroups(
        people.truth[:, np.newaxis], subgroups=people.ward, n_permutations=20,
        random_state=0,
    )  # fmt: skip
    return by_label(found, found.difference)


def changes(people):
    found = se.fidelity_change(
        people.truth, people.guess, people.remedied, subgroups={"ward": people.ward},
        metric="mae",
    )  # fmt: skip
    return by_label(found, found.change)


def harms(people):
    found = se.no_harm_test(
        people.truth, people.guess, people.remedied, subgroups=people.ward,
        metric="mae", n_resamples=100, random_state=0,
    )  # fmt: skip
    return by_label(found, found.after - found.before)


def audited(people):
    frame = pd.DataFrame(
        {"truth": people.truth, "guess": people.guess, "ward": people.ward}
    )
    named = None
    if people.weight is not None:
        frame["weight"], named = people.weight, "weight"
    found = se.audit_frame(
        frame, y_true="truth", y_pred="guess", subgroups="ward", metric="mae",
        sample_weight=named, n_resamples=50, random_state=0,
    ).fidelity  # fmt: skip
    return by_label(found, found.estimate)


class Guesses(RegressorMixin, BaseEstimator):
    """A fitted regressor that answers with the first column."""

    def fit(self, X, y):
        return self

    def predict(self, X):
        return np.asarray(X)[:, 0]


def scored(people):
    scorer = se.equity_scorer(
        "mae", subgroups=lambda X: people.ward, aggregate="gap", shrink=False
    )
    return {"all": scorer(Guesses(), people.guess[:, np.newaxis], people.truth)}


STEPS = {"threshold": 3.0, "bounds": (0.0, 20.0), "bandwidth": 0.5, "n_steps": 5}
WINDOWS = {**STEPS, "half_width": 0.2, "min_rows": 5, "n_points": 11}


def steps_of(people, options):
    """Give the steps in the unit of the illness that came."""
    unit = float(people.illness.max() > 40.0) * 87.4 or 1.0
    upper = 20.0 * unit
    return options | {
        "threshold": 3.0 * unit,
        "bounds": (0.0, upper),
        "bandwidth": 0.5 * unit,
    }


def index(people):
    return {
        label: se.deterioration_index(
            people.illness[people.ward == label],
            sample_weight=None if people.weight is None
            else people.weight[people.ward == label],
            **steps_of(people, STEPS),
        )
        for label in set(people.ward)
    }  # fmt: skip


def in_two_parts(people):
    """Split rows where no subgroup ends: what is left of them adds up."""
    half = len(people.truth) // 2
    return people.take(slice(0, half)), people.take(slice(half, None))


def accumulated(people):
    accumulator = se.AuditAccumulator(metric="mae")
    for part in in_two_parts(people):
        accumulator.update(part.truth, part.guess, part.ward, sample_weight=part.weight)
    table = accumulator.result(n_resamples=50, random_state=0)
    return by_label(table, table.estimate)


def moments(people):
    one, other = (
        se.SubgroupMoments.from_arrays(
            {"error": np.abs(part.truth - part.guess)}, subgroups=part.ward,
            sample_weight=part.weight,
        )
        for part in in_two_parts(people)
    )  # fmt: skip
    whole = one.merge(other)
    means = whole.finish(lambda sums: sums[:, 1] / sums[:, 0])
    return dict(zip(whole.subgroups, means, strict=True))


def summed(people):
    options = steps_of(people, {**WINDOWS, "min_rows": None})
    options = {name: value for name, value in options.items() if value is not None}
    one, other = (
        se.DeteriorationSums.from_arrays(
            part.illness, allocation=part.score, subgroups=part.ward,
            sample_weight=part.weight, **options,
        )
        for part in in_two_parts(people)
    )  # fmt: skip
    found = one.merge(other).curve(min_rows=WINDOWS["min_rows"])
    return dict(zip(found.labels, found.deterioration, strict=True))


def severities(people):
    scores = se.severity_score(people.illness, **steps_of(people, STEPS))
    return {label: scores[people.ward == label].mean() for label in set(people.ward)}


def ad_curve(people):
    found = se.allocation_deterioration_curve(
        people.score, people.illness, subgroups=people.ward,
        sample_weight=people.weight, **steps_of(people, WINDOWS),
    )  # fmt: skip
    return dict(zip(found.labels, found.deterioration, strict=True))


def compared(function, **options):
    def ask(people):
        first, second = sorted(set(people.ward))[:2]
        given = [] if function is se.dataset_inequality else [people.score]
        steps = STEPS if function is se.dataset_inequality else WINDOWS
        found = function(
            *given, people.illness, subgroups=people.ward, compare=(first, second),
            sample_weight=people.weight, **steps_of(people, steps), **options,
        )  # fmt: skip
        return {"all": getattr(found, "estimate", found)}

    return ask


def against_the_rest(people):
    found = se.compare_deterioration(
        people.score, people.illness, subgroups=people.ward,
        sample_weight=people.weight, **steps_of(people, WINDOWS),
    )  # fmt: skip
    return {one.subgroup: one.estimate for one in found.results}


def distribution(people):
    weight = people.weight
    kde = se.BoundedKDE(bounds=(0, 200), bandwidth=2.0).fit(
        people.truth[:, np.newaxis], sample_weight=weight
    )
    return {"all": kde.cdf([40.0, 50.0])}


def spread(people):
    table = se.subgroup_fidelity(
        people.truth, people.guess, subgroups=people.ward, metric="mae",
        sample_weight=people.weight, n_resamples=50, random_state=0,
    )  # fmt: skip
    return {"all": se.inequality_index(table, random_state=0).raw}


def bands(people):
    named = se.QuantileBands(3).fit(people.age).label(people.age)
    return {"all": np.array([sum(named == band) for band in sorted(set(named))])}


MEASURES = {
    "nrmse": Measure(
        lambda p: {"all": se.nrmse(p.truth, p.guess, sample_weight=p.weight)},
        by_subgroup=False,
    ),
    "subgroup_fidelity nrmse": Measure(fidelity("nrmse")),
    "subgroup_fidelity mae": Measure(fidelity("mae"), power=1.0),
    "subgroup_fidelity r2": Measure(fidelity("r2")),
    "cross_tabulate": Measure(cells, power=1.0),
    "fidelity_curve": Measure(curve, power=1.0, by_subgroup=False),
    "permutation_test": Measure(means, power=1.0, takes_weights=False),
    # A difference from everybody else in standard deviations: others are part of it.
    "describe_subgroups": Measure(differences, takes_weights=False),
    "fidelity_change": Measure(changes, power=1.0, takes_weights=False),
    "no_harm_test": Measure(harms, power=1.0, takes_weights=False),
    "audit_frame": Measure(audited, power=1.0),
    "equity_scorer": Measure(
        scored, power=1.0, takes_weights=False, by_subgroup=False
    ),
    "AuditAccumulator": Measure(accumulated, power=1.0),
    "SubgroupMoments": Measure(moments, power=1.0),
    "DeteriorationSums": Measure(summed, in_units_of_illness=True),
    "inequality_index": Measure(spread, by_subgroup=False),
    "deterioration_index": Measure(index, in_units_of_illness=True),
    "severity_score": Measure(
        severities, takes_weights=False, in_units_of_illness=True
    ),
    "allocation_deterioration_curve": Measure(ad_curve, in_units_of_illness=True),
    "dataset_inequality": Measure(
        compared(se.dataset_inequality), by_subgroup=False, in_units_of_illness=True
    ),
    "model_inequality": Measure(
        compared(se.model_inequality), by_subgroup=False, in_units_of_illness=True
    ),
    "da_index_ratio": Measure(
        compared(se.da_index_ratio), by_subgroup=False, in_units_of_illness=True
    ),
    "exacerbation": Measure(
        compared(se.exacerbation, decision_threshold=0.3),
        by_subgroup=False, in_units_of_illness=True,
    ),
    "compare_deterioration": Measure(
        against_the_rest, by_subgroup=False, in_units_of_illness=True
    ),
    "BoundedKDE": Measure(distribution, by_subgroup=False, power=np.nan),
    "QuantileBands": Measure(
        bands, by_subgroup=False, takes_weights=False, power=np.nan
    ),
}  # fmt: skip
REASONS = {
    "under laws of their own": {
        *("gini", "theil", "atkinson", "generalized_entropy", "lorenz_curve"),
        *("coefficient_of_variation", "max_gap", "max_ratio", "dice_score"),
        *("benjamini_hochberg", "benjamini_yekutieli", "holm", "pareto_front"),
        "required_sample_size",
    },
    "draws folds or parts from the order of rows": {
        *("attainable_fidelity", "departure_from_attainable", "find_underserved"),
        *("triage", "remediation_path", "segmentation_stability", "RuleScanner"),
        *("ErrorMap", "ConsensusSegmenter", "SubgroupStratifiedKFold"),
        *("LatentGMMSegmenter", "AutoencoderEmbedder", "SubgroupOversampler"),
        *("WorstSubgroupReweighter", "SubgroupRecalibrator", "LocalExpertStack"),
        *("DeferralRegressor", "DeferralClassifier", "acquisition_plan"),
    },
    "asks another of the registry": {
        *("audit", "da_index_scorer", "equity_scoring", "ParetoPick"),
        "fidelity_of_table",
    },
    "makes people": {"load_nhanes", "make_health_cohort"},
    "hands on rows as they come": {
        "batches_of_table",
        "label_segments",
        "sample_table",
    },
    "counts masks": {"excluded_who"},
    "names a metric": {"resolve_metric"},
}
every_measure = pytest.mark.parametrize(
    "measure", MEASURES.values(), ids=MEASURES.keys()
)


def those_that(**kept):
    chosen = {
        name: one
        for name, one in MEASURES.items()
        if all(getattr(one, key) == value for key, value in kept.items())
    }
    return pytest.mark.parametrize("measure", chosen.values(), ids=chosen.keys())


def assert_same(found, expected, **tolerances):
    assert set(found) == set(expected)
    for label, value in expected.items():
        assert_allclose(found[label], value, err_msg=str(label), **tolerances)


# ---- the laws --------------------------------------------------------------------
def test_every_public_name_is_under_these_laws_or_has_a_reason():
    made_by_others = {
        name
        for name in se.__all__
        if name[0].isupper() and not hasattr(getattr(se, name), "fit")
    } - {"ParetoPick", "SubgroupStratifiedKFold"}
    made_by_others -= {"AuditAccumulator", "DeteriorationSums", "SubgroupMoments"}
    listed = {name.split()[0] for name in MEASURES}.union(*REASONS.values())
    assert set(se.__all__) - made_by_others - {"__version__"} == listed


@every_measure
@few
@given(seed=seeds)
def test_the_order_of_rows_does_not_matter(measure, seed):
    people = draw_people(seed)
    order = np.random.default_rng(seed).permutation(len(people.truth))
    assert_same(measure.ask(people.take(order)), measure.ask(people), rtol=1e-9)


@those_that(by_subgroup=True)
@few
@given(seed=seeds)
def test_names_of_subgroups_are_only_names(measure, seed):
    """Under names that sort the other way round, too."""
    people = draw_people(seed)
    new_name = {"east": "<z>", "north": "Ü & y", "west": "a"}
    renamed = np.array([new_name[label] for label in people.ward])
    found = measure.ask(replace(people, ward=renamed))
    expected = measure.ask(people)
    assert_same(
        found,
        {new_name.get(label, label): value for label, value in expected.items()},
        rtol=1e-9,
    )


@pytest.mark.parametrize(
    "measure",
    [one for one in MEASURES.values() if np.isfinite(one.power)],
    ids=[name for name, one in MEASURES.items() if np.isfinite(one.power)],
)
@few
@given(seed=seeds, exponent=st.floats(-3.0, 12.0))
def test_the_unit_of_the_outcome_is_followed_or_drops_out(measure, seed, exponent):
    people, unit = draw_people(seed), 10.0**exponent
    scaled = {
        name: getattr(people, name) * unit for name in ("truth", "guess", "remedied")
    }
    expected = {
        label: np.asarray(value) * unit**measure.power
        for label, value in measure.ask(people).items()
    }
    assert_same(measure.ask(replace(people, **scaled)), expected, rtol=1e-7)


@those_that(in_units_of_illness=True)
@few
@given(seed=seeds)
def test_the_unit_of_the_measurement_drops_out(measure, seed):
    people = draw_people(seed)
    # Creatinine in micromoles for millimoles: nobody is as ill as 40 in the other unit.
    scaled = replace(people, illness=np.append(people.illness[1:], 19.0) * 87.4)
    ordinary = replace(people, illness=np.append(people.illness[1:], 19.0))
    assert_same(measure.ask(scaled), measure.ask(ordinary), rtol=1e-7)


@those_that(takes_weights=True)
@few
@given(seed=seeds)
def test_a_weight_is_so_many_rows(measure, seed):
    people = draw_people(seed)
    times = np.random.default_rng(seed + 1).integers(1, 4, len(people.truth))
    repeated = people.take(np.repeat(np.arange(len(times)), times))
    weighted = replace(people, weight=times.astype(float))
    # Windows and spans are counted in rows, which weights do not add.
    found, expected = measure.ask(weighted), measure.ask(repeated)
    assert_same(found, expected, rtol=1e-6)


@those_that(takes_weights=True)
@few
@given(seed=seeds)
def test_rows_of_weight_zero_are_nobody(measure, seed):
    people = draw_people(seed)
    present = np.random.default_rng(seed + 1).random(len(people.truth)) < 0.8
    there = people.take(present)
    found = measure.ask(replace(people, weight=present.astype(float)))
    expected = measure.ask(replace(there, weight=np.ones(present.sum())))
    assert_same(found, expected, rtol=1e-7)


@those_that(by_subgroup=True)
@few
@given(seed=seeds)
def test_a_subgroup_does_not_depend_on_how_another_is_divided(measure, seed):
    """Nor, read the other way, on which others are merged."""
    people = draw_people(seed)
    west = people.ward == "west"
    half = np.where(people.sex == "f", "west, women", "west, men")
    divided = replace(people, ward=np.where(west, half, people.ward))
    expected = measure.ask(people)
    found = measure.ask(divided)
    for label in ("east", "north"):
        assert_allclose(found[label], expected[label], rtol=1e-9)
