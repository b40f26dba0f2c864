"""Do the statistics of parts join to those of the whole, and travel unharmed?"""

import datetime as dt
import hashlib
import json
import struct
from fractions import Fraction

import dask
import dask.dataframe as dd
import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_equity import SubgroupMoments
from sklearn_equity.sufficient_statistics import pack

# DuckDB before 2.0 closes a connection that nobody holds.
CONNECTION = duckdb.connect()


def rows(n_rows=3000, seed=20260901, offset=0.0):
    rng = np.random.default_rng(seed)
    ward = rng.choice(["east", "north", "west"], n_rows)
    columns = {
        "target": offset + rng.normal(size=n_rows),
        "error": rng.standard_t(4, n_rows),
    }
    return columns, ward, rng.uniform(0.5, 2.0, n_rows)


def moments(columns, ward, take=slice(None), weights=None):
    return SubgroupMoments.from_arrays(
        {name: column[take] for name, column in columns.items()},
        subgroups=ward[take],
        sample_weight=None if weights is None else weights[take],
    )


# ---- laws --------------------------------------------------------------------------
@pytest.mark.parametrize("n_chunks", [1, 7, 1000])
@pytest.mark.parametrize("weighted", [False, True])
def test_chunks_in_any_order_are_the_whole(n_chunks, weighted):
    columns, ward, weights = rows()
    weights = weights if weighted else None
    whole = moments(columns, ward, weights=weights)
    order = np.random.default_rng(1).permutation(len(ward))
    parts = [
        moments(columns, ward, take, weights)
        for take in np.array_split(order, n_chunks)
    ]
    joined = parts[0].merge(*parts[1:])
    assert joined.subgroups == whole.subgroups
    assert_array_equal(joined.n, whole.n)
    assert_allclose(joined.mean, whole.mean, rtol=1e-12, atol=1e-15)
    assert_allclose(joined.scatter, whole.scatter, rtol=1e-11, atol=1e-9)
    assert_allclose(joined.products, whole.products, rtol=1e-12, atol=1e-9)


def test_a_large_mean_costs_no_digits_of_the_spread():
    columns, ward, _ = rows(offset=1e9)
    parts = [
        moments(columns, ward, take) for take in np.array_split(np.arange(3000), 100)
    ]
    joined = parts[0].merge(*parts[1:])
    for g, label in enumerate(joined.subgroups):
        values = columns["target"][ward == label]
        expected = ((values - values.mean()) ** 2).sum()
        assert_allclose(joined.scatter[g, 1, 1], expected, rtol=1e-7)
        # Sums of squares would have lost everything.
        assert abs((values**2).sum() - values.sum() ** 2 / len(values)) > 10 * expected


def test_regrouping_is_summarising_by_coarser_labels():
    columns, ward, _ = rows()
    coarse = np.where(ward == "west", "west", "rest")
    found = moments(columns, ward).regroup(["rest", "rest", "west"])
    expected = moments(columns, coarse)
    assert found.subgroups == expected.subgroups
    assert_allclose(found.scatter, expected.scatter, rtol=1e-12, atol=1e-10)


# ---- a case by hand ------------------------------------------------------------------
def test_means_and_scatter_by_hand():
    found = SubgroupMoments.from_arrays(
        {"error": [1.0, 3.0, 5.0]}, subgroups=["a", "a", "b"], sample_weight=[1, 3, 2]
    )
    # Weighted errors are 1 and 9 with mean 5; weights 1 and 3 with mean 2.
    assert_allclose(found.mean, [[2.0, 5.0], [2.0, 10.0]])
    assert_allclose(found.scatter[0], [[2.0, 8.0], [8.0, 32.0]])
    assert_allclose(found.scatter[1], 0.0)
    assert_allclose(found.finish(lambda s: s[:, 1] / s[:, 0]), [2.5, 5.0])


def test_an_engine_sums_as_numpy_does():
    columns, ward, weights = rows(offset=40.0)
    table = pl.DataFrame({**columns, "ward": ward, "weight": weights}).lazy()
    for weight in (None, "weight"):
        found = SubgroupMoments.from_frame(
            table,
            columns=["target", "error"],
            subgroups="ward",
            sample_weight=weight,
        )
        expected = moments(columns, ward, weights=weights if weight else None)
        assert found.subgroups == expected.subgroups
        assert_allclose(found.mean, expected.mean, rtol=1e-12, atol=1e-14)
        assert_allclose(found.products, expected.products, rtol=1e-12)


def exact_moments(one, other):
    """Return means and the sum of products of deviations, with no rounding at all."""
    one, other = ([Fraction(v) for v in column.tolist()] for column in (one, other))
    means = sum(one) / len(one), sum(other) / len(other)
    pairs = zip(one, other, strict=True)
    return float(means[0]), float(
        sum((a - means[0]) * (b - means[1]) for a, b in pairs)
    )


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    "engine",
    [
        lambda frame: pl.from_pandas(frame).lazy(),
        lambda frame: CONNECTION.from_arrow(pl.from_pandas(frame).to_arrow()),
        lambda frame: dd.from_pandas(frame, npartitions=3),
    ],
    ids=["polars", "duckdb", "dask"],
)
@pytest.mark.parametrize("n_spreads", [0.0, 30.0, 1e5, 1e8])
def test_engines_keep_the_spread_of_large_means(n_spreads, engine, weighted):
    rng = np.random.default_rng(20261130)
    ward = rng.choice(["east", "north", "west"], 900)
    spread = pd.Series(ward).map({"east": 1.0, "north": 0.03, "west": 5.0}).to_numpy()
    sign = np.where(ward == "west", -1.0, 1.0)  # far apart from one another, too
    x = spread * (n_spreads * sign + rng.normal(size=900))
    y = x / 2.0 + rng.normal(size=900)
    weight = rng.choice([0.5, 1.0, 2.0], 900) if weighted else np.ones(900)
    frame = pd.DataFrame({"x": x, "y": y, "ward": ward, "weight": weight})
    with dask.config.set(scheduler="synchronous"):
        found = SubgroupMoments.from_frame(
            engine(frame),
            columns=["x", "y"],
            subgroups="ward",
            sample_weight="weight" if weighted else None,
        )
    for g, label in enumerate(found.subgroups):
        # Weights are powers of two: their products with numbers are exact.
        units = [weight[ward == label] * c[ward == label] for c in (x, y)]
        mean, square = exact_moments(units[0], units[0])
        _, product = exact_moments(*units)
        _, other_square = exact_moments(units[1], units[1])
        assert_allclose(found.mean[g, 1], mean, rtol=1e-12, atol=1e-14)
        assert_allclose(found.scatter[g, 1, 1], square, rtol=1e-12)
        assert_allclose(found.scatter[g, 2, 2], other_square, rtol=1e-12)
        assert_allclose(
            found.scatter[g, 1, 2],
            product,
            rtol=1e-12,
            atol=1e-12 * np.sqrt(square * other_square),
        )


def test_a_constant_has_no_spread_however_large():
    table = pl.DataFrame(
        {"x": [1e9 + 0.1] * 999, "ward": ["east", "west", "west"] * 333}
    )
    found = SubgroupMoments.from_frame(table.lazy(), columns=["x"], subgroups="ward")
    assert_allclose(found.mean[:, 1], 1e9 + 0.1, rtol=1e-15)
    assert_array_equal(found.scatter, 0.0)


# ---- bytes ------------------------------------------------------------------
def test_bytes_bring_back_every_bit_and_every_kind_of_label():
    labels = [("a", 1), ("a", None), (2.5, True), "ü"]
    columns, _, _ = rows(400)
    codes = np.arange(400) % 4
    units = np.column_stack(list(columns.values()))
    sent = SubgroupMoments.from_codes(["x", "y"], labels, codes, units)
    read = SubgroupMoments.from_bytes(sent.to_bytes())
    assert read.subgroups == tuple(labels)
    assert read.columns == ("x", "y")
    for name in ("n", "mean", "scatter"):
        assert_array_equal(getattr(read, name), getattr(sent, name))


def test_dates_and_spans_travel_as_labels():
    labels = [
        pd.Timestamp("2020-01-01 12:30:00.000001", tz="UTC"),
        dt.date(2020, 1, 2),
        pd.Timedelta(days=3, seconds=4),
        pd.NaT,
    ]
    sent = SubgroupMoments.from_codes(["x"], labels, np.arange(4), np.ones((4, 1)))
    read = SubgroupMoments.from_bytes(sent.to_bytes())
    assert read.subgroups[:3] == tuple(labels[:3])
    assert read.subgroups[3] is None
    finer = [pd.Timestamp("2020-01-01 00:00:00.000000001")]
    lost = SubgroupMoments.from_codes(["x"], finer, np.zeros(1, int), np.ones((1, 1)))
    with pytest.raises(TypeError, match="got Timestamp"):
        lost.to_bytes()


def test_damaged_bytes_are_refused():
    columns, ward, _ = rows(100)
    sent = bytearray(moments(columns, ward).to_bytes())
    sent[len(sent) // 2] ^= 1
    with pytest.raises(ValueError, match="checksum does not agree with its content"):
        SubgroupMoments.from_bytes(bytes(sent))


def test_bytes_of_a_later_version_are_refused():
    columns, ward, _ = rows(100)
    sent = bytearray(moments(columns, ward).to_bytes())
    sent[4] = 9
    with pytest.raises(ValueError, match="is of version 9 of the format"):
        SubgroupMoments.from_bytes(bytes(sent))


@pytest.mark.parametrize("data", [b"", b"PK" * 100])
def test_other_bytes_are_refused(data):
    with pytest.raises(ValueError, match=r"must be what SubgroupMoments\.to_bytes"):
        SubgroupMoments.from_bytes(data)


def signed(words, body=b""):
    """Write bytes as `pack` does, whatever they hold."""
    text = json.dumps(words).encode()
    data = struct.pack("<4sHQ", b"SKEQ", 1, len(text)) + text + body
    return data + hashlib.sha256(data).digest()


LABELS = {"dict": [["columns", ["x"]], ["subgroups", ["a"]]]}


@pytest.mark.parametrize(
    ("words", "body"),
    [
        ([1, 2], b""),
        ({"kind": "SubgroupMoments"}, b""),
        ({"kind": "SubgroupMoments", "header": LABELS, "arrays": []}, b""),
        (
            {"kind": "SubgroupMoments", "header": LABELS, "arrays": [["|O", [1]]] * 3},
            b"\0" * 24,
        ),
        (
            {
                "kind": "SubgroupMoments",
                "header": LABELS,
                "arrays": [["<i8", [-1]], ["<f8", [1]], ["<f8", [1]]],
            },
            b"\0" * 24,
        ),
        (
            {
                "kind": "SubgroupMoments",
                "header": LABELS,
                "arrays": [["<i8", [10**15]], ["<f8", [1, 1]], ["<f8", [1, 1, 1]]],
            },
            b"\0" * 24,
        ),
        (
            {
                "kind": "SubgroupMoments",
                "header": LABELS,
                "arrays": [["<i8", [1]], ["<f8", [1, 1]], ["<f8", [1, 1, 1]]],
            },
            b"\0" * 32,
        ),
        ({"kind": "SubgroupMoments", "header": {"list": 3}, "arrays": []}, b""),
    ],
)
def test_hostile_bytes_with_a_true_checksum_are_refused(words, body):
    with pytest.raises(ValueError, match="holds no SubgroupMoments"):
        SubgroupMoments.from_bytes(signed(words, body))


def test_what_is_no_bytes_is_refused():
    with pytest.raises(TypeError, match="`data` must be bytes; got str"):
        SubgroupMoments.from_bytes("SKEQ")


def test_bytes_of_something_else_are_refused():
    with pytest.raises(ValueError, match="must hold a SubgroupMoments; it holds a Cat"):
        SubgroupMoments.from_bytes(pack("Cat", {}, []))


def test_a_label_that_cannot_be_written_is_named():
    found = SubgroupMoments.from_codes(
        ["x"], [frozenset("a")], np.zeros(2, dtype=int), np.ones((2, 1))
    )
    with pytest.raises(TypeError, match="got frozenset"):
        found.to_bytes()


def test_parts_of_other_columns_do_not_merge():
    columns, ward, _ = rows(100)
    other = moments({"bias": columns["error"]}, ward)
    with pytest.raises(ValueError, match="needs the same columns in all parts"):
        moments(columns, ward).merge(other)
