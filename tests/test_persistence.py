"""Do estimators come back from files as they were, and do damaged files say so?

pickle and joblib execute what a file tells them to, as their documentation says: open
nobody else's. skops lists what is in a file first, and opens it if all is trusted.
"""

import pickle
import warnings
from pathlib import Path

import joblib
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import sklearn_equity as se

RNG = np.random.default_rng(20260701)
X = RNG.normal(size=(200, 3))
Y = 40.0 + X[:, 0] + RNG.normal(size=200) * (1.0 + 3.0 * (X[:, 1] > 0.5))
GUESS = 40.0 + X[:, 0]
WARD = np.repeat(["east", "west"], 100)
SPACE = make_pipeline(StandardScaler(), PCA(2), se.LatentGMMSegmenter(3))
STORED = Path(__file__).parent / "stored"


def _embedder():
    pytest.importorskip("torch", reason="it is a network")
    return se.AutoencoderEmbedder(max_epochs=2, random_state=0).fit(X)


def _silent(model, y):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", se.exceptions.ExclusionWarning)
        return model.fit(X, y)


# What fits each of them, and what it then answers.
FITTED = {
    "BoundedKDE": (
        lambda: se.BoundedKDE(bounds=(0, 100)).fit(Y[:, None]),
        lambda one: one.cdf([38.0, 40.0, 42.0]),
    ),
    "LatentGMMSegmenter": (
        lambda: se.LatentGMMSegmenter(3, random_state=0).fit(X),
        lambda one: one.predict(X),
    ),
    "ConsensusSegmenter": (
        lambda: se.ConsensusSegmenter(
            SPACE, n_representations=3, n_segments=3, random_state=0
        ).fit(X),
        lambda one: one.predict(X),
    ),
    "ErrorMap": (
        lambda: se.ErrorMap(Ridge(), cv=3, random_state=0).fit(X, Y, GUESS),
        lambda one: one.score_samples(X),
    ),
    "RuleScanner": (
        lambda: se.RuleScanner(max_depth=2, min_subgroup_size=20, random_state=0).fit(
            X, Y, GUESS
        ),
        lambda one: one.score_samples(X),
    ),
    "SubgroupOversampler": (
        lambda: se.SubgroupOversampler(Ridge(), random_state=0).fit(
            X, Y, subgroups=WARD
        ),
        lambda one: one.predict(X),
    ),
    "WorstSubgroupReweighter": (
        lambda: se.WorstSubgroupReweighter(Ridge(), n_rounds=2, random_state=0).fit(
            X, Y, subgroups=WARD
        ),
        lambda one: one.predict(X),
    ),
    "SubgroupRecalibrator": (
        lambda: se.SubgroupRecalibrator(Ridge(), n_rounds=3, random_state=0).fit(X, Y),
        lambda one: one.predict(X),
    ),
    "DeferralRegressor": (
        lambda: _silent(
            se.DeferralRegressor(Ridge(), withhold_by=Ridge(), random_state=0), Y
        ),
        lambda one: one.predict(X),
    ),
    "DeferralClassifier": (
        lambda: _silent(
            se.DeferralClassifier(LogisticRegression(), withhold_by=Ridge()), Y > 40
        ),
        lambda one: one.predict(X).filled(False),
    ),
    "LocalExpertStack": (
        lambda: se.LocalExpertStack(Ridge(), others=[], cv=2, random_state=0).fit(X, Y),
        lambda one: one.predict(X),
    ),
    "AutoencoderEmbedder": (_embedder, lambda one: one.transform(X)),
    "SubgroupTable": (
        lambda: se.subgroup_fidelity(
            Y, GUESS, subgroups=WARD, n_resamples=50, random_state=0
        ),
        lambda one: one.estimate,
    ),
    "InequalityResult": (
        lambda: se.dataset_inequality(
            Y, subgroups=WARD, compare=("east", "west"), threshold=40.0, bounds=(0, 99)
        ),
        lambda one: [one.estimate, one.ci_low, one.ci_high],
    ),
}
# What is sent as text or bytes: how it is read, and what it then answers.
SENT = {
    "AuditResult_0_1.json": (
        se.AuditResult.from_json,
        lambda one: np.concatenate(
            [
                *(one.fidelity.n, one.fidelity.estimate, one.fidelity.std_error),
                *(one.fidelity.ci_low, one.fidelity.ci_high),
                *(one.change.before, one.change.after, one.change.ci_low),
                [one.allocation[0].estimate, one.allocation[0].ci_high],
            ]
        ),
    ),
    "AuditAccumulator_0_1.bytes": (
        se.AuditAccumulator.from_bytes,
        lambda one: np.concatenate(
            [one.result(random_state=0).n, one.result(random_state=0).estimate]
        ),
    ),
    "SubgroupMoments_0_1.bytes": (
        se.SubgroupMoments.from_bytes,
        lambda one: np.concatenate([one.n, one.mean.ravel(), one.scatter.ravel()]),
    ),
}
RESULTS = {"SubgroupTable", "InequalityResult"}  # skops is for estimators
every_one = pytest.mark.parametrize("name", FITTED)


def test_every_public_estimator_is_stored():
    estimators = {
        name
        for name in se.__all__
        if hasattr(getattr(se, name), "fit") and name != "QuantileBands"
    }
    assert estimators <= set(FITTED)


@every_one
def test_comes_back_from_a_pickle_and_a_joblib_file(name, tmp_path):
    make, ask = FITTED[name]
    one = make()
    path = tmp_path / "stored"
    path.write_bytes(pickle.dumps(one))
    assert_array_equal(ask(pickle.loads(path.read_bytes())), ask(one))
    joblib.dump(one, path, compress=3)
    assert_array_equal(ask(joblib.load(path)), ask(one))


@pytest.mark.parametrize("name", sorted(set(FITTED) - RESULTS))
def test_comes_back_from_a_skops_file_that_names_what_is_in_it(name, tmp_path):
    skops = pytest.importorskip("skops.io", reason="skops is not installed")
    make, ask = FITTED[name]
    one = make()
    path = tmp_path / "stored.skops"
    skops.dump(one, path)
    unknown = skops.get_untrusted_types(file=path)
    known = ("sklearn_equity.", "sklearn.", "numpy.", "torch.", "skorch.")
    others = ("collections.", "builtins.", "functools.", "operator.", "scipy.", "torch")
    assert all(kind.startswith(known + others) for kind in unknown), unknown
    assert_array_equal(ask(skops.load(path, trusted=unknown)), ask(one))


@every_one
def test_half_a_file_is_an_error_and_no_estimator(name):
    make, _ = FITTED[name]
    written = pickle.dumps(make())
    with pytest.raises((EOFError, pickle.UnpicklingError)):
        pickle.loads(written[: len(written) // 2])


@pytest.mark.parametrize("name", ["BoundedKDE", "LatentGMMSegmenter"])
def test_a_file_of_version_0_1_still_answers_as_it_did(name):
    """Made by ``python tests/stored/make.py``, with scikit-learn 1.9 and NumPy 2.4."""
    skops = pytest.importorskip("skops.io", reason="skops is not installed")
    _, ask = FITTED[name]
    path = STORED / f"{name}_0_1.skops"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of another version of scikit-learn
        one = skops.load(path, trusted=skops.get_untrusted_types(file=path))
    assert_allclose(ask(one), np.loadtxt(STORED / f"{name}_0_1.txt"), rtol=1e-12)


def _read(name):
    read, _ = SENT[name]
    return read((STORED / name).read_bytes())


@pytest.mark.parametrize("name", SENT)
def test_what_version_0_1_has_sent_still_says_the_same(name):
    _, ask = SENT[name]
    told = np.loadtxt((STORED / name).with_suffix(".txt"))
    assert_allclose(ask(_read(name)), told, rtol=1e-12)


def test_a_report_of_version_0_1_still_names_and_judges_the_same():
    report = _read("AuditResult_0_1.json")
    assert report.fidelity.subgroup == ("east", "few", "north", "west")
    unknown = "insufficient evidence"
    assert report.fidelity.verdict == ("served", unknown, unknown, "under-served")
    assert report.suppressed_below == 10
    assert list(report.fidelity.n) == [80, -1, -1, 76]  # the few are still withheld
    assert report.change.levelling_down[0].harmed == ("east",)
    assert report.notes[-1] == "A note."
    assert "ward = west (0.0717" in str(report)


def test_sums_of_version_0_1_still_add_up_with_those_of_today():
    both = _read("AuditAccumulator_0_1.bytes")
    both += se.AuditAccumulator(metric="mae").update(
        [1.0, 2.0], [2.0, 5.0], {"ward": ["few", "few"]}
    )
    table = both.result(random_state=0)
    assert table.subgroup == ("east", "few", "north", "west")
    assert list(table.n) == [80, 6, 40, 76]
    few = np.r_[np.abs(Y - GUESS)[:4], 1.0, 3.0]
    assert table.estimate[1] == pytest.approx(few.mean(), rel=1e-12)
    moments = _read("SubgroupMoments_0_1.bytes")
    assert moments.subgroups == ("east", ("few", 4), 2.5, None)
    assert moments.columns == ("weight", "y", "guess")
    assert list(moments.n) == [80, 4, 40, 76]
    assert_allclose(moments.mean[0], [1.0, Y[44:124].mean(), GUESS[44:124].mean()])
