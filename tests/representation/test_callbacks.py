"""Do scikit-learn's callbacks see the trainings and epochs of a fit, and can end it?"""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_equity.representation import AutoencoderEmbedder

callback = pytest.importorskip(
    "sklearn.callback", reason="callbacks came with scikit-learn 1.9"
)
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def table(n_rows=200):
    X = np.random.default_rng(5120).normal(size=(n_rows, 4))
    return pd.DataFrame(X, columns=["a", "b", "c", "d"])


def embedder(**params):
    defaults = {"max_epochs": 4, "n_init": 2, "random_state": 0}
    return AutoencoderEmbedder(**{**defaults, **params})


class Recorder:
    """Writes down what it is told; ends a training at the epoch that it is given."""

    def __init__(self, stop_at=None):
        self.stop_at = stop_at
        self.events = []
        self.scores = []

    def setup(self, estimator, context):
        self.events.append("setup")

    def teardown(self, estimator, context):
        self.events.append("teardown")

    def on_fit_task_begin(self, estimator, context):
        self.events.append(f"begin {context.task_name} {context.task_id}")

    def on_fit_task_end(self, estimator, context, *, X=None, fitted_estimator=None):
        self.events.append(f"end {context.task_name} {context.task_id}")
        if context.task_name == "epoch":
            self.scores.append(fitted_estimator.score(X))
        return context.task_name == "epoch" and context.task_id == self.stop_at


def test_fit_consists_of_trainings_and_these_of_epochs():
    recorder = Recorder()
    embedder(max_epochs=2).set_callbacks(recorder).fit(table())
    training = [
        *("begin epoch 0", "end epoch 0", "begin epoch 1", "end epoch 1"),
    ]
    assert recorder.events == [
        "setup",
        "begin fit 0",
        *("begin training 0", *training, "end training 0"),
        *("begin training 1", *training, "end training 1"),
        "end fit 0",
        "teardown",
    ]


def test_callback_sees_the_embedder_as_it_is_after_each_epoch():
    X, recorder = table(), Recorder()
    fitted = embedder(n_init=1, validation_fraction=None, loss="mse")
    fitted.set_callbacks(recorder).fit(X)
    assert len(recorder.scores) == 4
    assert np.isclose(max(recorder.scores), fitted.score(X))
    assert len(set(recorder.scores)) == 4


def test_callback_that_returns_true_ends_the_training():
    recorder = Recorder(stop_at=1)
    fitted = embedder(n_init=1).set_callbacks(recorder).fit(table())
    assert fitted.n_epochs_ == 2


def test_callbacks_leave_the_result_as_it_is_and_travel_with_clones():
    X = table()
    expected = embedder().fit(X).transform(X)
    watched = embedder().set_callbacks(Recorder())
    np.testing.assert_array_equal(watched.fit(X).transform(X), expected)
    recorder = Recorder()
    clone(embedder().set_callbacks(recorder)).fit(X)
    assert recorder.events[-1] == "teardown"


def test_scoring_monitor_writes_down_a_score_an_epoch():
    X = table()
    # In scikit-learn 1.9.1 scoring=None fails for every estimator.
    monitor = callback.ScoringMonitor(scoring={"score": AutoencoderEmbedder.score})
    fitted = embedder(n_init=1, validation_fraction=None, loss="mse")
    fitted.set_callbacks(monitor).fit(X)
    log = monitor.get_logs().data_as_pandas
    scores = log.loc[log["task_name"] == "epoch", "score"]
    assert len(scores) == 4
    assert np.isclose(scores.max(), fitted.score(X))


def test_progress_bar_fills_inside_a_pipeline(capsys):
    pytest.importorskip("rich", reason="the progress bar is drawn by rich")
    pipeline = make_pipeline(StandardScaler(), embedder())
    pipeline.set_callbacks(callback.ProgressBar()).fit(table())
    printed = capsys.readouterr().out
    assert "AutoencoderEmbedder" in printed
    assert "100%" in printed
