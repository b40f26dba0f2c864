"""Do results stay the same, to the bit, on whatever joblib sends the work to?

Ray and joblibspark are no part of the project's environments: where they are absent,
their tests are skipped.
"""

import os
import subprocess
import sys
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from sklearn.linear_model import LinearRegression
from sklearn.metrics import median_absolute_error
from sklearn.tree import DecisionTreeRegressor

from sklearn_equity import (
    DeferralRegressor,
    ErrorMap,
    LatentGMMSegmenter,
    LocalExpertStack,
    SubgroupOversampler,
    _parallel,
    acquisition_plan,
    attainable_fidelity,
    model_inequality,
    no_harm_test,
    permutation_test,
    remediation_path,
    segmentation_stability,
    subgroup_fidelity,
)

# Clusters have habits of their own, and leave connections to be closed at exit.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


def people(n_rows=300, seed=20261105):
    rng = np.random.default_rng(seed)
    shift = np.repeat([0.0, 3.0, 6.0], n_rows // 3)
    return pd.DataFrame(rng.normal(size=(n_rows, 3)) + shift[:, np.newaxis])


@pytest.fixture
def dask_backend(tmp_path):
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            dashboard_address=None,
            local_directory=str(tmp_path),
        ) as cluster,
        distributed.Client(cluster),
    ):
        yield "dask"


@pytest.fixture
def ray_backend():
    ray = pytest.importorskip("ray")
    register = pytest.importorskip("ray.util.joblib").register_ray
    paths = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    ray.init(
        num_cpus=2,
        include_dashboard=False,
        object_store_memory=120_000_000,
        runtime_env={"env_vars": paths},
    )
    register()
    yield "ray"
    ray.shutdown()


@pytest.fixture
def spark_backend(monkeypatch):
    sql = pytest.importorskip("pyspark.sql")
    register = pytest.importorskip("joblibspark").register_spark
    monkeypatch.setenv("PYSPARK_PYTHON", sys.executable)
    session = (
        sql.SparkSession.builder.master("local[2]")
        .config("spark.ui.enabled", "false")
        .getOrCreate()
    )
    register()
    yield "spark"
    session.stop()


@pytest.fixture(params=["loky", "threading", "dask", "ray", "spark"])
def backend(request):
    if request.param in ("loky", "threading"):
        return request.param
    return request.getfixturevalue(f"{request.param}_backend")


def figures(n_jobs):
    """Compute what goes through joblib: refits of segments, and members of a stack."""
    rows = people()
    stable = segmentation_stability(
        LatentGMMSegmenter(3, random_state=0),
        rows,
        n_repeats=3,
        random_state=0,
        n_jobs=n_jobs,
    )
    truth = np.random.default_rng(1).normal(rows[0] + rows[1] * (rows[2] > 3.0))
    stack = LocalExpertStack(
        LinearRegression(),
        others=[DecisionTreeRegressor(max_features=1, max_depth=3)],
        random_state=0,
        n_jobs=n_jobs,
    )
    predicted = stack.fit(rows.to_numpy(), truth).predict(rows.to_numpy())
    return [stable.seeds.adjusted_rand, stable.halves.segment_jaccard, predicted]


def figures_of_functions(n_jobs):
    """Compute what functions send: shuffles, resamples, folds, trials, strengths."""
    rows = people()
    X, ward = rows.to_numpy(), np.repeat(["east", "north", "west"], len(rows) // 3)
    rng = np.random.default_rng(2)
    truth = 40.0 + X @ [1.0, 2.0, 0.0] + rng.normal(size=len(X))
    before, after = (truth + rng.normal(size=len(X)) for _ in range(2))
    how = {"subgroups": ward, "random_state": 0, "n_jobs": n_jobs}
    shuffled = permutation_test(X, n_permutations=2000, **how)
    fidelity = subgroup_fidelity(
        truth, before, metric=median_absolute_error, n_resamples=50, **how
    )
    attainable = attainable_fidelity(X, truth, cv=2, n_resamples=50, **how)
    unequal = model_inequality(
        rng.uniform(size=len(X)),
        truth,
        compare=("east", "west"),
        threshold=40.0,
        bounds=(0.0, 90.0),
        half_width=0.3,
        interval="bootstrap",
        n_resamples=5000,
        **how,
    )
    harmed = no_harm_test(truth, before, after, n_resamples=2000, **how)
    remedy = SubgroupOversampler(LinearRegression(), random_state=0)
    path = remediation_path(remedy, X, truth, strengths=(2.0,), **how)
    plan = acquisition_plan(
        LinearRegression(), X, truth, cv=2, n_designs=3, n_resamples=100, **how
    )
    return [
        shuffled.p_value,
        fidelity.std_error,
        attainable.estimate,
        [unequal.ci_low, unequal.ci_high],
        harmed.harm_low,
        path.ci_low,
        plan.ci_high,
    ]


def figures_of_cross_fits(n_jobs):
    """Compute what estimators fit fold by fold."""
    rows = people().to_numpy()
    truth = 10 + np.random.default_rng(1).normal(rows[:, 0] + rows[:, 1])
    tree = DecisionTreeRegressor(max_features=1, max_depth=3, random_state=0)
    ward = np.repeat(["a", "b", "c"], 100)
    given = {"random_state": 0, "n_jobs": n_jobs}
    error_map = ErrorMap(**given).fit(rows, truth, rows[:, 0] + 10)
    remedy = SubgroupOversampler(tree, n_rounds=2, **given)
    deferral = DeferralRegressor(tree, withhold_by="novelty", **given)
    return [
        error_map.cross_fitted_scores_,
        remedy.fit(rows, truth, subgroups=ward).predict(rows),
        deferral.fit(rows, truth).deferral_.doubt,
    ]


def test_the_command_of_the_guide_runs_as_printed(tmp_path):
    pytest.importorskip("distributed")
    guide = Path(__file__).parents[2] / "docs" / "user_guide" / "bigger_than_memory.md"
    section = guide.read_text(encoding="utf-8").partition("## On a cluster\n")[2]
    command = section.partition("```python\n")[2].partition("```")[0]
    assert 'parallel_config(backend="dask"' in command
    script = tmp_path / "on_a_cluster.py"
    script.write_text(command, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(script)],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        timeout=600,
    )
    assert done.stdout == "True\n", done.stderr


@pytest.mark.parametrize(
    "computed", [figures, figures_of_functions, figures_of_cross_fits]
)
def test_every_backend_gives_the_same_bits(backend, computed, monkeypatch):
    monkeypatch.setattr(_parallel, "_BLOCK", 5e6)  # these few rows take no time
    expected = computed(1)
    with joblib.parallel_config(backend=backend):
        found = computed(2)
    for one, other in zip(found, expected, strict=True):
        assert_array_equal(one, other)
