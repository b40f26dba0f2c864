"""What might be handed in where numbers, labels or a table are expected?

Every value comes from the generator it is given, so that a case can be drawn again.
"""

from fractions import Fraction

import numpy as np
import pandas as pd
import polars as pl
from scipy import sparse

ODD_WORDS = (
    *(
        "north",
        "south",
        "Ærø",
        "東京",
        "مرحبا",
        "👩🏽‍⚕️",
        "e\u0301",
        "\u202edrow",
        "a\x00b",
    ),
    *("<script>alert(1)</script>", "&amp;", "<b>", '"', "'", "\\", "%s", "{0}", ""),
    *(" ", "\n", "NaN", "None", "a & b", "a,b", "-1", "1", "x" * 300),
)
SPECIAL_NUMBERS = (
    *(0.0, -0.0, 1.0, -1.0, 1e-320, 1e-300, 1e-150, 1e150, 1e200, 1e308, -1e308),
    *(np.pi, 2.0**53, 1e16, 0.1),
)


def _sprinkle(rng, vector, value):
    vector = np.array(vector, dtype=float)
    if len(vector):
        share = rng.choice([0.0, 0.2, 1.0])
        vector[(rng.random(len(vector)) < share) | (np.arange(len(vector)) == 0)] = (
            value
        )
    return vector


def _read_only(array):
    array = np.array(array)
    array.setflags(write=False)
    return array


def _strided(array):
    return np.repeat(np.asarray(array), 2, axis=0)[::2]


def _object_array(values):
    array = np.empty(len(values), dtype=object)
    array[:] = list(values)
    return array


# ---- any container ---------------------------------------------------------------
CONTAINERS = (
    np.asarray,
    _read_only,
    _strided,
    lambda v: np.asarray(v)[::-1].copy()[::-1],
    lambda v: np.asarray(v).tolist(),
    lambda v: tuple(np.asarray(v).tolist()),
    lambda v: pd.Series(np.asarray(v)),
    lambda v: pd.Series(np.asarray(v), index=np.arange(len(v)) + 10, name="<i>v</i>"),
    lambda v: pl.Series(np.asarray(v).tolist(), strict=False),
    lambda v: np.asarray(v)[:, np.newaxis],
    lambda v: _object_array(np.asarray(v).tolist()),
)
NUMBER_CONTAINERS = (
    lambda v: np.asarray(v, dtype=np.float32),
    lambda v: np.asarray(v, dtype=">f8"),
    lambda v: np.asarray(v, dtype=np.longdouble),
    lambda v: np.round(v).astype(np.int64) if np.all(np.abs(v) < 1e9) else v,
    lambda v: pd.Series(v, dtype="Float64"),
    lambda v: np.ma.masked_array(v),
    lambda v: np.asfortranarray(np.asarray(v)[:, np.newaxis]),
)


# ---- numbers, one a row ----------------------------------------------------------
BROKEN_VECTORS = (
    lambda rng, v: _sprinkle(rng, v, np.nan),
    lambda rng, v: _sprinkle(rng, v, np.inf),
    lambda rng, v: _sprinkle(rng, v, -np.inf),
    lambda rng, v: _sprinkle(rng, v, rng.choice(SPECIAL_NUMBERS)),
    lambda rng, v: rng.choice(SPECIAL_NUMBERS, size=len(v)),
    lambda rng, v: np.full(len(v), rng.choice(SPECIAL_NUMBERS)),
    lambda rng, v: np.asarray(v, float) * rng.choice([1e-300, 1e-160, 1e160, 1e300]),
    lambda rng, v: -np.asarray(v, float),
    lambda rng, v: np.zeros(len(v)),
    lambda rng, v: v[:-1],
    lambda rng, v: np.append(v, 1.0),
    lambda rng, v: [],
    lambda rng, v: np.empty((0, 1)),
    lambda rng, v: v[:1],
    lambda rng, v: v[:2],
    lambda rng, v: rng.choice(ODD_WORDS, size=len(v)),
    lambda rng, v: ["1.5"] * len(v),
    lambda rng, v: [*list(v[1:]), "x"],
    lambda rng, v: [*list(v[1:]), None],
    lambda rng, v: [*list(v[1:]), 10**400],
    lambda rng, v: [*list(v[1:]), Fraction(1, 3)],
    lambda rng, v: [*list(v[1:]), [1.0, 2.0]],
    lambda rng, v: [*list(v[1:]), pd.NA],
    lambda rng, v: [*list(v[1:]), {}],
    lambda rng, v: np.column_stack([v, v]),
    lambda rng, v: np.ones((len(v), 2, 2)),
    lambda rng, v: np.asarray(v, dtype=complex) + 1j,
    lambda rng, v: np.asarray(v, dtype=complex),
    lambda rng, v: np.arange(len(v)).astype("M8[D]"),
    lambda rng, v: np.arange(len(v)).astype("m8[s]"),
    lambda rng, v: np.arange(len(v)) % 2 == 0,
    lambda rng, v: np.ma.masked_array(v, np.arange(len(v)) == 0),
    lambda rng, v: pd.Series(v).sample(frac=1, random_state=1),
    lambda rng, v: pd.Series(v, index=np.zeros(len(v), dtype=int)),
    lambda rng, v: pd.Series(v, dtype="Float64").mask(np.arange(len(v)) == 0),
    lambda rng, v: pd.Categorical(np.asarray(v).astype(str)),
    lambda rng, v: pd.Series(pd.Categorical(np.arange(len(v)) % 3)),
    lambda rng, v: pd.DataFrame({"a": v}),
    lambda rng, v: pd.DataFrame(np.column_stack([v, v]), columns=["a", "a"]),
    lambda rng, v: pd.Series(np.arange(len(v)), dtype="datetime64[ns]"),
    lambda rng, v: pl.Series(["a"] * len(v)),
    lambda rng, v: pl.DataFrame({"a": np.asarray(v, float)}).lazy(),
    lambda rng, v: sparse.csr_matrix(np.asarray(v, dtype=float)[:, np.newaxis]),
    lambda rng, v: sparse.coo_array(np.asarray(v, dtype=float)[np.newaxis, :]),
    lambda rng, v: np.rec.fromarrays([v, v]),
    lambda rng, v: {"a": 1.0},
    lambda rng, v: {1.0, 2.0},
    lambda rng, v: iter(v),
    lambda rng, v: "numbers",
    lambda rng, v: b"numbers",
    lambda rng, v: 1.0,
    lambda rng, v: None,
    lambda rng, v: object(),
    lambda rng, v: len,
)

# ---- labels, one a row -----------------------------------------------------------
BROKEN_LABELS = (
    lambda rng, v: rng.choice(_object_array(ODD_WORDS), size=len(v)),
    lambda rng, v: np.arange(len(v)),
    lambda rng, v: [f"<td>{i}" for i in range(len(v))],
    lambda rng, v: np.zeros(len(v), dtype=int),
    lambda rng, v: [None] * len(v),
    lambda rng, v: [np.nan] * len(v),
    lambda rng, v: [*list(v[1:]), None],
    lambda rng, v: [*list(v[1:]), np.nan],
    lambda rng, v: [*list(v[1:]), pd.NA],
    lambda rng, v: [*list(v[1:]), pd.NaT],
    lambda rng, v: [(1, "a", 2.5, None, b"x", ("t", 1))[i % 6] for i in range(len(v))],
    lambda rng, v: [(1, True, 1.0, "1")[i % 4] for i in range(len(v))],
    lambda rng, v: rng.choice(np.array([0.0, -0.0, np.inf, -np.inf]), size=len(v)),
    lambda rng, v: [(2**70, -(2**70))[i % 2] for i in range(len(v))],
    lambda rng, v: np.array([2**63, 2**64 - 1], dtype=np.uint64)[np.arange(len(v)) % 2],
    lambda rng, v: np.array([-(2**63), 2**63 - 1])[np.arange(len(v)) % 2],
    lambda rng, v: [[1], [2]] * (len(v) // 2 + 1),
    lambda rng, v: [{}] * len(v),
    lambda rng, v: [frozenset({i % 2}) for i in range(len(v))],
    lambda rng, v: [("a", i % 2) for i in range(len(v))],
    lambda rng, v: np.arange(len(v)).astype("M8[D]"),
    lambda rng, v: rng.normal(size=len(v)) * 1j,
    lambda rng, v: np.arange(len(v)) % 2 == 0,
    lambda rng, v: pd.Categorical(np.arange(len(v)) % 2, categories=[1, 5, 0]),
    lambda rng, v: pd.Series(pd.Categorical([None] * len(v), categories=["a"])),
    lambda rng, v: pd.Series(np.asarray(v)).sample(frac=1, random_state=1),
    lambda rng, v: pd.DataFrame(np.column_stack([v, v]), columns=["a", "a"]),
    lambda rng, v: pd.DataFrame({"a": v, "<b>": np.arange(len(v)) % 2}),
    lambda rng, v: pd.DataFrame(index=range(len(v))),
    lambda rng, v: pl.DataFrame({"a": np.asarray(v).tolist()}),
    lambda rng, v: pl.DataFrame({"a": np.asarray(v).tolist()}).lazy(),
    lambda rng, v: np.column_stack([v, v]),
    lambda rng, v: np.empty((len(v), 0)),
    lambda rng, v: np.zeros((len(v), 2, 2)),
    lambda rng, v: sparse.csr_matrix(np.ones((len(v), 1))),
    lambda rng, v: np.rec.fromarrays([np.arange(len(v)), np.arange(len(v))]),
    lambda rng, v: v[:-1],
    lambda rng, v: [*list(v), "one more"],
    lambda rng, v: [],
    lambda rng, v: {"one": v, "<two>": np.arange(len(v)) % 3},
    lambda rng, v: {},
    lambda rng, v: iter(list(v)),
    lambda rng, v: "ward",
    lambda rng, v: b"ward",
    lambda rng, v: 3,
    lambda rng, v: None,
    lambda rng, v: object(),
    lambda rng, v: len,
)

# ---- tables ----------------------------------------------------------------------
TABLE_CONTAINERS = (
    np.asarray,
    np.asfortranarray,
    _read_only,
    _strided,
    lambda t: np.repeat(t, 2, axis=1)[:, ::2],
    lambda t: np.asarray(t, dtype=np.float32),
    lambda t: np.asarray(t).tolist(),
    pd.DataFrame,
    lambda t: pd.DataFrame(t, columns=[f"<b>{j}&" for j in range(t.shape[1])]),
    lambda t: pd.DataFrame(t, index=np.arange(len(t)) + 7).rename(columns=str),
    lambda t: pl.DataFrame({f"c{j}": t[:, j] for j in range(t.shape[1])}),
)


def _in_a_cell(rng, table, value):
    table = np.array(table, dtype=float)
    if table.size:
        table[rng.integers(table.shape[0]), rng.integers(table.shape[1])] = value
    return table


def _with_column(table, column):
    frame = pd.DataFrame(np.asarray(table)).rename(columns=lambda j: f"c{j}")
    return frame.assign(odd=column)


BROKEN_TABLES = (
    lambda rng, t: _in_a_cell(rng, t, np.nan),
    lambda rng, t: _in_a_cell(rng, t, np.inf),
    lambda rng, t: _in_a_cell(rng, t, rng.choice(SPECIAL_NUMBERS)),
    lambda rng, t: t * rng.choice([1e-300, 1e-160, 1e160, 1e300]),
    lambda rng, t: t + rng.choice([1e8, 1e16, 1e150]),
    lambda rng, t: np.zeros_like(t),
    lambda rng, t: np.column_stack([t, np.ones(len(t))]),
    lambda rng, t: np.column_stack([t, t]),
    lambda rng, t: t[:, :1],
    lambda rng, t: t[:, :0],
    lambda rng, t: t[:0],
    lambda rng, t: t[:1],
    lambda rng, t: t[:2],
    lambda rng, t: t[:-1],
    lambda rng, t: t[:, 0],
    lambda rng, t: t[:, :, np.newaxis],
    lambda rng, t: np.full_like(t, np.nan),
    lambda rng, t: t.astype(complex),
    lambda rng, t: t.astype(complex) + 1j,
    lambda rng, t: t.astype(str),
    lambda rng, t: t.astype(object),
    lambda rng, t: sparse.csr_matrix(t),
    lambda rng, t: sparse.coo_array(t),
    lambda rng, t: pd.DataFrame(t, columns=["a"] * t.shape[1]),
    lambda rng, t: pd.DataFrame(
        t, columns=[0, "a", *range(2, t.shape[1])][: t.shape[1]]
    ),
    lambda rng, t: pd.DataFrame(t).sample(frac=1, random_state=1),
    lambda rng, t: _with_column(t, rng.choice(_object_array(ODD_WORDS), size=len(t))),
    lambda rng, t: _with_column(t, [(1, "a", None)[i % 3] for i in range(len(t))]),
    lambda rng, t: _with_column(t, pd.Categorical(np.arange(len(t)) % 3)),
    lambda rng, t: _with_column(t, np.arange(len(t)).astype("M8[s]")),
    lambda rng, t: _with_column(t, pd.array(np.arange(len(t)) % 2 == 0)),
    lambda rng, t: _with_column(t, [[1]] * len(t)),
    lambda rng, t: _with_column(t, np.arange(len(t)) * 1j),
    lambda rng, t: pl.DataFrame(t).lazy(),
    lambda rng, t: np.rec.fromarrays(list(t.T)) if t.size else t,
    lambda rng, t: [list(row) for row in t[:-1]] + [[1.0]],
    lambda rng, t: {"a": t[:, 0]},
    lambda rng, t: "table",
    lambda rng, t: 1.0,
    lambda rng, t: None,
    lambda rng, t: [],
    lambda rng, t: object(),
)

# ---- columns of a table of polars ------------------------------------------------
COLUMNS = (
    lambda rng, v: pl.Series(np.asarray(v), dtype=pl.Float32),
    lambda rng, v: pl.Series(_sprinkle(rng, v, np.nan)),
    lambda rng, v: pl.Series(_sprinkle(rng, v, np.inf)),
    lambda rng, v: pl.Series([None, *v[1:]][: len(v)], dtype=pl.Float64, strict=False),
    lambda rng, v: pl.Series([None] * len(v)),
    lambda rng, v: pl.Series(_sprinkle(rng, v, rng.choice(SPECIAL_NUMBERS))),
    lambda rng, v: pl.Series(np.asarray(v) * rng.choice([1e-300, 1e160, 1e300])),
    lambda rng, v: pl.Series(-np.asarray(v)),
    lambda rng, v: pl.Series(np.zeros(len(v))),
    lambda rng, v: pl.Series(np.asarray(v) > 0.5),
    lambda rng, v: pl.Series([2**63 + 1] * len(v), dtype=pl.UInt64),
    lambda rng, v: pl.Series([-(2**63)] * len(v), dtype=pl.Int64),
    lambda rng, v: pl.Series(range(len(v)), dtype=pl.Int32).cast(pl.Decimal(20, 3)),
    lambda rng, v: pl.Series(rng.choice(_object_array(ODD_WORDS), size=len(v))),
    lambda rng, v: pl.Series(["1.5"] * len(v)),
    lambda rng, v: pl.Series(["<td>", "b"] * len(v), dtype=pl.Categorical)[: len(v)],
    lambda rng, v: pl.Series(["x"] * len(v), dtype=pl.Enum(["y", "x", "<script>"])),
    lambda rng, v: pl.Series([f"<td>{i}" for i in range(len(v))]),
    lambda rng, v: pl.Series(range(len(v))).cast(pl.Date),
    lambda rng, v: pl.Series(range(len(v))).cast(pl.Duration("us")),
    lambda rng, v: pl.Series([[1.0]] * len(v), dtype=pl.List(pl.Float64)),
    lambda rng, v: pl.Series([{"a": 1}] * len(v), dtype=pl.Struct({"a": pl.Int8})),
    lambda rng, v: pl.Series([b"x"] * len(v), dtype=pl.Binary),
    lambda rng, v: pl.Series([object() for _ in v], dtype=pl.Object),
)

# ---- options ---------------------------------------------------------------------
# No huge counts: who asks for a billion resamples gets them.
BROKEN_OPTIONS = (
    *(-1, 0, 1, 2, 3, 0.5, 1.5, -0.5, 1e-320, 1e308, -1e308, np.nan, np.inf, -np.inf),
    *(True, False, None, "", "x", "mean", "auto", b"x", (), [], {}, (1,), (0.0, 1.0)),
    *((1.0, 0.0), (None, None), ("a", "b"), [1, "a"], {"a": 1.0}, {1}, 1j, object()),
    *(np.int64(2), np.float32(0.5), np.array(0.5), np.array([0.5]), np.array(["a"])),
    *(np.bool_(True), np.str_("mean"), len, int, pd.NaT, Fraction(1, 2)),
)
