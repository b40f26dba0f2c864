"""Are scikit-learn's callbacks told of all parts of a fit, once each, come what may?"""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_equity import (
    AutoencoderEmbedder,
    ConsensusSegmenter,
    DeferralRegressor,
    ErrorMap,
    LatentGMMSegmenter,
    LocalExpertStack,
    RuleScanner,
    SubgroupOversampler,
    SubgroupRecalibrator,
    WorstSubgroupReweighter,
    find_underserved,
    remediation_path,
    segmentation_stability,
)
from sklearn_equity._fit_tasks import fit_task
from sklearn_equity._sklearn_shims import CallbackSupportMixin, fit_context

callback = pytest.importorskip(
    "sklearn.callback", reason="callbacks came with scikit-learn 1.9"
)
pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn_equity.exceptions.EquityWarning"
)

RNG = np.random.default_rng(90417)
N_ROWS = 240
X = RNG.normal(size=(N_ROWS, 3))
X[:, 2] = X[:, 2] > 0.3
WARD = np.where(X[:, 2] > 0, "b", "a")
Y = 10 + X[:, 0] + RNG.normal(size=N_ROWS) * np.where(WARD == "a", 1.0, 3.0)


class Recorder:
    """Writes down what it is told, in a file, so that workers write there too."""

    max_propagation_depth = None

    def __init__(self, path, stop_after=None):
        self.path = str(path)
        self.stop_after = stop_after

    def _note(self, event, context):
        path = [context.task_id]
        parent = context.parent
        while parent is not None:
            path.insert(0, parent.task_id)
            parent = parent.parent
        name = f"{context.estimator_name}: {context.task_name}"
        with Path(self.path).open("a") as file:
            file.write(json.dumps([event, path, name]) + "\n")

    def setup(self, estimator, context):
        self._note("setup", context)

    def teardown(self, estimator, context):
        self._note("teardown", context)

    def on_fit_task_begin(self, estimator, context):
        assert estimator is not None
        self._note("begin", context)

    def on_fit_task_end(self, estimator, context):
        self._note("end", context)
        return context.task_name == self.stop_after

    @property
    def events(self):
        lines = Path(self.path).read_text().splitlines()
        return [
            (event, tuple(path), name) for event, path, name in map(json.loads, lines)
        ]

    @property
    def counts(self):
        return dict(Counter(name for event, _, name in self.events if event == "begin"))


@pytest.fixture
def recorder(tmp_path):
    return Recorder(tmp_path / "events")


class Mean(CallbackSupportMixin, RegressorMixin, BaseEstimator):
    """The least model with a task of its own; fails unless a given row trains it."""

    def __init__(self, needs=None):
        self.needs = needs

    _parameter_constraints: ClassVar[dict[str, list]] = {}

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None):
        with fit_task(self, X, y, n_parts=1) as task, task.part("solve"):
            if self.needs is not None and not (np.asarray(y) == self.needs).any():
                raise RuntimeError("one is missing")
            self.mean_ = np.average(y, weights=sample_weight)
        self.n_features_in_ = np.shape(X)[1]
        return self

    def predict(self, X):
        return np.full(len(X), self.mean_)


def segmenter():
    return LatentGMMSegmenter(2, random_state=0)


REMEDY = {"metric": "rmse", "random_state": 0}
LABELS = {"subgroups": WARD}
# Of each: the estimator, what `fit` gets, and the tasks, counted by hand.
CASES = {
    "map": (
        ErrorMap(Mean(), cv=3, random_state=0),
        {},
        {"ErrorMap: cross-fit": 1, "ErrorMap: importances": 1, "ErrorMap: fold": 3}
        | {"Mean: fit": 3, "Mean: solve": 3},
    ),
    "trees": (
        ErrorMap(cv=3, n_repeats=0, random_state=0),
        {},
        {"ErrorMap: cross-fit": 1, "ErrorMap: fold": 3},
    ),
    "oversampler": (
        SubgroupOversampler(Mean(), n_rounds=2, **REMEDY),
        LABELS,
        {"SubgroupOversampler: rounds": 1, "SubgroupOversampler: measurement": 2}
        | {"Mean: fit": 2 * 5 + 1, "Mean: solve": 2 * 5 + 1},
    ),
    "oversampler with segments": (
        SubgroupOversampler(
            Mean(), segmenter=segmenter(), measured_on="train", **REMEDY
        ),
        {},
        {"SubgroupOversampler: rounds": 1, "SubgroupOversampler: measurement": 1}
        | {"Mean: fit": 2, "Mean: solve": 2}
        | {"LatentGMMSegmenter: fit": 1, "LatentGMMSegmenter: mixture": 1}
        | {"LatentGMMSegmenter: start": 1},
    ),
    "reweighter": (
        WorstSubgroupReweighter(Mean(), n_rounds=2, **REMEDY),
        LABELS,
        {"WorstSubgroupReweighter: rounds": 1, "WorstSubgroupReweighter: round": 3}
        | {"Mean: fit": 3 * 5 + 1, "Mean: solve": 3 * 5 + 1},
    ),
    "recalibrator": (
        SubgroupRecalibrator(Mean(), random_state=0, n_rounds=1),
        LABELS,
        {"SubgroupRecalibrator: held-out predictions": 1}
        | {"SubgroupRecalibrator: corrections": 1, "SubgroupRecalibrator: round": 1}
        | {"Mean: fit": 5 + 1, "Mean: solve": 5 + 1},
    ),
    "deferral": (
        DeferralRegressor(Mean(), withhold_by=Mean(), random_state=0),
        {},
        {"DeferralRegressor: held-out predictions": 1, "DeferralRegressor: doubt": 1}
        | {"Mean: fit": 5 + 6 + 1, "Mean: solve": 5 + 6 + 1},
    ),
    "stack": (
        LocalExpertStack(Mean(), others=[Mean()], cv=3, n_rounds=1, random_state=0),
        {},
        {"LocalExpertStack: stack": 1, "LocalExpertStack: fold": 3}
        | {"LocalExpertStack: experts": 1, "LocalExpertStack: round": 1}
        | {"LocalExpertStack: half": 2, "Mean: fit": 6, "Mean: solve": 6},
    ),
    "consensus": (
        ConsensusSegmenter(segmenter(), 2, n_segments=2, random_state=0),
        {},
        {"ConsensusSegmenter: representations": 1, "ConsensusSegmenter: consensus": 1}
        | {"LatentGMMSegmenter: fit": 2, "LatentGMMSegmenter: mixture": 2}
        | {"LatentGMMSegmenter: start": 2},
    ),
    "rules": (
        RuleScanner(max_depth=3, min_subgroup_size=20, random_state=0),
        {},
        {"RuleScanner: search": 1, "RuleScanner: step": 2, "RuleScanner: choice": 1},
    ),
    "segments": (
        LatentGMMSegmenter(
            component_choice="bic", candidates=(2, 3), n_init=2, random_state=0
        ),
        {},
        {"LatentGMMSegmenter: candidate": 2},
    ),
    "embedder": (
        AutoencoderEmbedder(max_epochs=2, n_init=1, random_state=0),
        {},
        {"AutoencoderEmbedder: training": 1, "AutoencoderEmbedder: epoch": 2},
    ),
}
# Of how many there are is the data's to say.
UNCOUNTED = {
    *("LatentGMMSegmenter: step", "RuleScanner: prefixes"),
    "LatentGMMSegmenter: start",
}
CROSS_FIT = ["map", "oversampler", "reweighter", "recalibrator", "deferral", "stack"]
every_estimator = pytest.mark.parametrize("name", sorted(CASES))
no_convergence = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning"
)


def run(name, watcher=None, **params):
    """Fit a fresh clone, watched by a callback if there is one."""
    estimator, fit_params, _ = CASES[name]
    estimator = clone(estimator).set_params(**params)
    if watcher is not None:
        estimator.set_callbacks(watcher)
    loss = np.abs(Y - 10)
    return estimator.fit(
        X, loss if name in {"map", "trees", "rules"} else Y, **fit_params
    )


def assert_balanced(events):
    """Every task ends once, after all of its parts; set up first, torn down last."""
    assert events[0][0] == "setup"
    assert events[-1][0] == "teardown"
    open_tasks = []
    for event, path, _ in events[1:-1]:
        if event == "begin":
            assert path[:-1] == (open_tasks[-1] if open_tasks else ())
            open_tasks.append(path)
        else:
            assert event == "end"
            assert open_tasks.pop() == path
    assert not open_tasks


def result_of(fitted):
    for method in ("predict", "score_samples", "transform"):
        if hasattr(fitted, method):
            given = LABELS if isinstance(fitted, SubgroupRecalibrator) else {}
            return np.ma.filled(getattr(fitted, method)(X, **given), -1.0)
    raise AssertionError(fitted)


# ---- what is told ------------------------------------------------------------------
@no_convergence
@every_estimator
def test_callbacks_are_told_of_every_part_and_change_nothing(name, recorder):
    watched = run(name, recorder)
    assert_balanced(recorder.events)
    expected = CASES[name][2] | {f"{type(watched).__name__}: fit": 1}
    if name == "map":  # three folds have importances, and three become fits of `Mean`
        expected["ErrorMap: fold"] = 3
    counts = {k: n for k, n in recorder.counts.items() if k not in UNCOUNTED}
    assert counts == {k: n for k, n in expected.items() if k not in UNCOUNTED}
    assert_array_equal(result_of(watched), result_of(run(name)))


@no_convergence
@every_estimator
def test_callbacks_travel_with_clones_and_can_be_taken_off(name, recorder):
    estimator = clone(CASES[name][0]).set_callbacks(recorder)
    assert clone(estimator)._skl_callbacks == [recorder]
    assert not hasattr(clone(estimator).set_callbacks(), "_skl_callbacks")


@pytest.mark.parametrize("name", CROSS_FIT)
def test_an_error_in_the_model_of_one_fold_leaves_no_task_open(name, recorder):
    y = np.abs(Y - 10) if name == "map" else Y
    with pytest.raises(RuntimeError, match="one is missing"):
        run(name, recorder, estimator__needs=y[7])
    assert_balanced(recorder.events)


def test_an_error_in_a_segmentation_leaves_no_task_open(recorder):
    people = X.copy()
    people[5] = np.nan
    estimator = clone(CASES["consensus"][0]).set_callbacks(recorder)
    with pytest.raises(ValueError, match="contains NaN"):
        estimator.fit(people)
    assert_balanced(recorder.events)


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("rules", "discovery._rule_scanner.choose_rules"),
        ("segments", "segmentation._expectation_maximization.maximise"),
        ("embedder", "representation._dense_engine.DenseEngine.train_epoch"),
        ("trees", "discovery._cross_fit._make_trees"),
    ],
)
def test_an_interrupt_inside_leaves_no_task_open(name, place, recorder, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(f"sklearn_equity.{place}", interrupt)
    with pytest.raises(KeyboardInterrupt):
        run(name, recorder)
    assert_balanced(recorder.events)


def test_resampling_tells_of_its_rounds_alone(recorder):
    remedy = SubgroupOversampler(Mean(), **REMEDY).set_callbacks(recorder)
    remedy.fit_resample(X, Y, **LABELS)
    assert_balanced(recorder.events)
    assert recorder.counts["Mean: fit"] == 5


@pytest.mark.parametrize("name", ["reweighter", "recalibrator", "stack"])
def test_a_callback_can_end_rounds(name, tmp_path):
    recorder = Recorder(tmp_path / "events", stop_after="round")
    run(name, recorder, n_rounds=5)
    (rounds,) = {n for k, n in recorder.counts.items() if k.endswith(": round")}
    assert rounds == 1
    assert_balanced(recorder.events)


def test_a_callback_can_not_end_what_is_no_round(tmp_path):
    recorder = Recorder(tmp_path / "events", stop_after="fold")
    watched = run("map", recorder)
    assert watched.importances_ == run("map").importances_


# ---- who else is told --------------------------------------------------------------
@no_convergence
@pytest.mark.filterwarnings("ignore:The estimator .* does not support callbacks")
def test_a_progress_bar_shows_the_embedder_inside_a_remedy(capsys, monkeypatch):
    rich = pytest.importorskip("rich", reason="the progress bar is drawn by rich")
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("TERM", "xterm")  # a dumb one is taken to be narrow
    # Its one console may be there already, as narrow as the test before needed it.
    monkeypatch.setattr(rich, "_console", None)
    segments = make_pipeline(
        StandardScaler(),
        AutoencoderEmbedder(max_epochs=2, n_init=1, random_state=0),
        segmenter(),
    )
    remedy = SubgroupOversampler(Mean(), segmenter=segments, **REMEDY)
    bar = callback.ProgressBar(max_propagation_depth=None)
    remedy.set_callbacks(bar).fit(X, Y)
    printed = capsys.readouterr().out
    for task in (
        "SubgroupOversampler - fit",
        "SubgroupOversampler - measurement",
        "AutoencoderEmbedder - training",
        "LatentGMMSegmenter - start",
        "Mean - fit",
    ):
        assert task in printed
    assert "100%" in printed


def test_a_callback_of_the_model_inside_is_told_where_in_the_whole_it_is(recorder):
    class OfItsOwn(Recorder):
        max_propagation_depth = property()  # no attribute: it is not handed on

    own = OfItsOwn(recorder.path)
    assert not isinstance(own, callback.AutoPropagatedCallback)
    inner = Mean().set_callbacks(own)
    SubgroupOversampler(inner, **REMEDY).fit(X, Y, **LABELS)
    begun = [path for event, path, name in own.events if name == "Mean: fit"]
    assert (0, 0, 0, 3) in begun
    assert {path[0] for path in begun} == {0}


def test_a_progress_bar_belongs_on_the_outermost_estimator(recorder):
    remedy = SubgroupOversampler(Mean().set_callbacks(recorder), **REMEDY)
    with pytest.raises(TypeError, match="Register them directly on the meta-est"):
        remedy.fit(X, Y, **LABELS)


def test_a_frozen_segmenter_is_left_alone(recorder):
    frozen = FrozenEstimator(segmenter().fit(X))
    remedy = SubgroupOversampler(Mean(), segmenter=frozen, **REMEDY)
    remedy.set_callbacks(recorder).fit(X, Y)
    assert_balanced(recorder.events)
    assert recorder.counts["SubgroupOversampler: segmenter"] == 1
    assert not any(key.startswith("LatentGMM") for key in recorder.counts)


@pytest.mark.parametrize("name", ["map", "oversampler", "deferral", "consensus"])
def test_workers_tell_the_same_and_compute_the_same(name, recorder, tmp_path):
    alone = Recorder(tmp_path / "alone")
    fitted = [run(name, alone), run(name, recorder, n_jobs=2)]
    assert sorted(recorder.events) == sorted(alone.events)
    assert_array_equal(*map(result_of, fitted))
    if name == "map":
        assert fitted[0].importances_ == fitted[1].importances_


def test_functions_tell_the_callbacks_of_what_they_clone(recorder):
    watched = segmenter().set_callbacks(recorder)
    segmentation_stability(watched, X, n_repeats=2, random_state=0)
    n_fits = recorder.counts["LatentGMMSegmenter: fit"]
    find_underserved(np.full(N_ROWS, 10.0), X, Y, methods=watched, random_state=0)
    assert recorder.counts["LatentGMMSegmenter: fit"] > n_fits > 2


def test_a_path_tells_the_callbacks_of_the_remedy(recorder):
    remedy = SubgroupOversampler(Mean(), **REMEDY).set_callbacks(recorder)
    remediation_path(remedy, X, Y, subgroups=WARD, strengths=[2.0, 3.0], random_state=0)
    assert recorder.counts["SubgroupOversampler: fit"] >= 2


# ---- where there are none ----------------------------------------------------------
def test_nothing_of_it_exists_where_scikit_learn_has_no_callbacks():
    words = """
import sys
import numpy as np
import sklearn_equity  # with all that it asks of scikit-learn, which needs callbacks
for name in [name for name in sys.modules if name.startswith("sklearn_equity")]:
    del sys.modules[name]
hidden, sys.modules["sklearn.callback"] = sys.modules["sklearn.callback"], None
import sklearn_equity as se
sys.modules["sklearn.callback"] = hidden
from sklearn.tree import DecisionTreeRegressor
X = np.random.default_rng(0).normal(size=(80, 2))
ward = np.where(X[:, 0] > 0, "a", "b")
for estimator, more in (
    (se.ErrorMap(cv=2), {}),
    (se.RuleScanner(max_depth=2), {}),
    (se.LatentGMMSegmenter(2), {}),
    (se.ConsensusSegmenter(n_representations=2, n_segments=2), {}),
    (se.SubgroupOversampler(DecisionTreeRegressor()), {"subgroups": ward}),
    (se.WorstSubgroupReweighter(DecisionTreeRegressor()), {"subgroups": ward}),
    (se.SubgroupRecalibrator(DecisionTreeRegressor()), {"subgroups": ward}),
    (se.DeferralRegressor(DecisionTreeRegressor()), {}),
    (se.LocalExpertStack(DecisionTreeRegressor(), others=[], cv=2), {}),
):
    assert not hasattr(estimator, "set_callbacks"), estimator
    estimator.fit(X, 9 + X[:, 1], **more)
    assert not [name for name in vars(estimator) if "callback" in name], estimator
print("fitted")
"""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", words],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == "fitted", done.stderr
