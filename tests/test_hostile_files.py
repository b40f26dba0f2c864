"""What if a file of statistics was written to do harm, with a checksum that agrees?

It is refused in words, as damage is, and nothing in it is run.
"""

import hashlib
import json
import pickle
import struct
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sklearn_equity as se
from sklearn_equity.sufficient_statistics import pack

RNG = np.random.default_rng(20261129)
WARD = np.repeat(["east", "west"], 50)
TRUTH = RNG.uniform(30.0, 60.0, 100)
GUESS = TRUTH + RNG.normal(size=100)
WRITTEN = {
    se.SubgroupMoments: se.SubgroupMoments.from_arrays(
        {"error": GUESS - TRUTH}, subgroups=WARD
    ).to_bytes(),
    se.AuditAccumulator: se.AuditAccumulator(metric="mae")
    .update(TRUTH, GUESS, WARD)
    .to_bytes(),
    se.DeteriorationSums: se.DeteriorationSums.from_arrays(
        TRUTH, allocation=np.linspace(0, 1, 100), subgroups=WARD, n_points=5,
        threshold={"east": 40.0, "west": 41.0}, bounds=(0, 100), weights="quadratic",
    ).to_bytes(),
}  # fmt: skip
every_kind = pytest.mark.parametrize("kind", WRITTEN, ids=lambda one: one.__name__)
HEAD = struct.Struct("<4sHQ")


def open_up(data):
    """Return the words and the numbers of a file."""
    _, _, length = HEAD.unpack_from(data)
    body = data[HEAD.size : -32]
    return json.loads(body[:length]), body[length:]


def seal(words, numbers):
    """Write a file as its reader would have it, checksum and all."""
    text = words if isinstance(words, bytes) else json.dumps(words).encode()
    body = HEAD.pack(b"SKEQ", 1, len(text)) + text + numbers
    return body + hashlib.sha256(body).digest()


def refused(kind, words, numbers=b""):
    return pytest.raises(ValueError, match=rf"`data` is damaged: .* no {kind.__name__}")


@every_kind
def test_what_was_opened_and_sealed_again_is_read(kind):
    data = seal(*open_up(WRITTEN[kind]))
    assert repr(kind.from_bytes(data)) == repr(kind.from_bytes(WRITTEN[kind]))
    assert kind.from_bytes(data).to_bytes() == WRITTEN[kind]


@every_kind
@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"{}",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"kind": ' * 100_000,
        b"9" * 10_000,
    ],
    ids=lambda text: f"{text[:9]!r}",
)
def test_words_that_say_nothing_are_refused(kind, text):
    with pytest.raises(ValueError, match=rf"`data` .* {kind.__name__}") as refusal:
        kind.from_bytes(seal(text, b""))
    assert len(str(refusal.value)) < 400


@every_kind
@pytest.mark.parametrize("number", ["O", "U9", "V8", "M8[s]", "i8,f8", "cat", "", 7])
def test_arrays_of_anything_but_numbers_are_refused(kind, number):
    words, numbers = open_up(WRITTEN[kind])
    words["arrays"][0][0] = number
    with refused(kind, words):
        kind.from_bytes(seal(words, numbers))


@every_kind
@pytest.mark.parametrize(
    "shape", [[-1], [3], [10**12], [2**62, 2**62], "2", None, [None], [[2]], [0]]
)
def test_arrays_of_another_shape_are_refused(kind, shape):
    words, numbers = open_up(WRITTEN[kind])
    words["arrays"][0][1] = shape
    with refused(kind, words):
        kind.from_bytes(seal(words, numbers))


def _harmful(folder):
    class Harm:
        def __reduce__(self):
            return (folder.joinpath("harm").write_text, ("done",))

    return pickle.dumps(Harm())


@every_kind
def test_an_object_in_place_of_numbers_is_not_brought_to_life(kind, tmp_path):
    words, _ = open_up(WRITTEN[kind])
    for described in words["arrays"]:
        described[0] = "|O"
    with refused(kind, words):
        kind.from_bytes(seal(words, _harmful(tmp_path) * 100))
    with pytest.raises(ValueError, match=r"must be what .*to_bytes returns"):
        kind.from_bytes(_harmful(tmp_path))
    assert not list(tmp_path.iterdir())


def _places(value, path=()):
    """List the place of every value inside a value."""
    yield path
    inside = value.items() if isinstance(value, dict) else enumerate(value)
    for key, part in inside:
        if isinstance(part, dict | list):
            yield from _places(part, (*path, key))
        else:
            yield (*path, key)


def _put(value, path, new):
    if not path:
        return new
    value = value.copy()
    value[path[0]] = _put(value[path[0]], path[1:], new)
    return value


ODD = st.sampled_from(
    (
        *(None, True, -1, 0, 3, 2**70, 1e308, "", "x", "mae", [], {}, [[]], {"a": 1}),
        *({"float": "x"}, {"float": "nan"}, {"tuple": 1}, {"dict": [[1]]}, {"dict": 3}),
    )
)


@every_kind
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_whatever_a_word_is_changed_to_the_file_is_read_or_refused(kind, data):
    words, numbers = open_up(WRITTEN[kind])
    place = data.draw(st.sampled_from(sorted(_places(words), key=str)))
    sent = seal(_put(words, place, data.draw(ODD)), numbers)
    try:
        read = kind.from_bytes(sent)
    except ValueError as error:
        assert "`data`" in str(error)  # noqa: PT017
    else:
        assert kind.__name__ in repr(read)
        both = read.merge(read) if hasattr(read, "merge") else read + read
        assert kind.__name__ in repr(both)


# ---- words and numbers in order, and yet no rows add up to them -------------------
MOMENTS = se.SubgroupMoments.from_bytes(WRITTEN[se.SubgroupMoments])


def _changed(array, place, value):
    array = array.copy()
    array[place] = value
    return array


@pytest.mark.parametrize(
    "change",
    [
        {"n": MOMENTS.n + 0.5},
        {"n": _changed(MOMENTS.n, 0, -1)},
        {"n": _changed(MOMENTS.n, 0, 2**62)},
        {"mean": _changed(MOMENTS.mean, (0, 1), np.nan)},
        {"mean": _changed(MOMENTS.mean, (0, 1), np.inf)},
        {"mean": _changed(MOMENTS.mean, (0, 1), 1e308)},  # times 50
        {"scatter": _changed(MOMENTS.scatter, (0, 1, 1), -1.0)},
        {"scatter": _changed(MOMENTS.scatter, (0, 0, 1), 3.0)},
        {"scatter": _changed(MOMENTS.scatter, (0, 1, 1), np.nan)},
        {"columns": "we"},
        {"columns": ["weight", 3]},
        {"columns": ["weight", None]},
        {"subgroups": "ew"},
        {"subgroups": [float("nan"), float("nan")]},
        {"subgroups": [(float("nan"), 1), (float("nan"), 1)]},
        {"subgroups": ["east", "east"]},
    ],
    ids=str,
)
def test_moments_of_no_rows_are_refused(change):
    header = {"columns": ["weight", "error"], "subgroups": ["east", "west"]}
    arrays = {"n": MOMENTS.n, "mean": MOMENTS.mean, "scatter": MOMENTS.scatter}
    header |= {name: change[name] for name in change if name in header}
    arrays |= {name: change[name] for name in change if name in arrays}
    with refused(se.SubgroupMoments, {}):
        se.SubgroupMoments.from_bytes(
            pack("SubgroupMoments", header, list(arrays.values()))
        )


def test_one_label_that_is_no_number_is_read():
    labels = (float("nan"), None)
    sent = se.SubgroupMoments(
        MOMENTS.columns, labels, MOMENTS.n, MOMENTS.mean, MOMENTS.scatter
    ).to_bytes()
    assert len(se.SubgroupMoments.from_bytes(sent).subgroups) == 2


def _accumulator(header=(), **parts):
    """Write an accumulator whose words, or whose sums, are others."""
    seen = se.AuditAccumulator(metric="mae").update(TRUTH, GUESS, WARD)
    sums = {"subgroups": seen._moments["subgroups"], "everybody": seen._everybody}
    words = {
        "metric": "mae", "normalization": "mean", "origin": 0.0,
        "groupings": ["subgroups"], "counts": seen._counts,
    }  # fmt: skip
    arrays = [
        np.frombuffer(replace(part, **parts.get(name, {})).to_bytes(), np.uint8)
        for name, part in sums.items()
    ]
    return pack("AuditAccumulator", words | dict(header), arrays)


SEEN = se.AuditAccumulator.from_bytes(_accumulator())
CELLS, ALL = SEEN._moments["subgroups"], SEEN._everybody


@pytest.mark.parametrize(
    "change",
    [
        {"header": {"origin": float("nan")}},
        {"header": {"origin": float("inf")}},
        {"header": {"counts": SEEN._counts | {"y_true_negative": -1}}},
        {"header": {"counts": SEEN._counts | {"y_true_negative": 101}}},
        {"header": {"counts": SEEN._counts | {"y_true_negative": 2.5}}},
        {"header": {"counts": SEEN._counts | {"y_true_negative": True}}},
        {"header": {"counts": SEEN._counts | {"others": 1}}},
        {"header": {"counts": {}}},
        {"header": {"groupings": "s"}},
        {"header": {"groupings": [3]}},
        {"subgroups": {"n": CELLS.n * 2}},
        {"subgroups": {"n": _changed(CELLS.n, 0, 101)}},
        {"subgroups": {"mean": -CELLS.mean}},
        {"subgroups": {"mean": CELLS.mean * np.nan}},
        {"everybody": {"mean": ALL.mean * np.inf}},
        {"everybody": {"subgroups": tuple(("all", f"{i}") for i in range(len(ALL.n)))}},
        {"everybody": {"subgroups": tuple((i, 1000.0) for i in range(len(ALL.n)))}},
        {
            "subgroups": {
                "subgroups": tuple((i, float("inf")) for i in range(len(CELLS.n)))
            }
        },
    ],
    ids=lambda change: str(change)[:60],
)
def test_an_accumulator_of_no_rows_is_refused(change):
    with refused(se.AuditAccumulator, {}):
        se.AuditAccumulator.from_bytes(_accumulator(**change))


@pytest.mark.parametrize("place", range(7), ids=lambda place: f"sum {place}")
@pytest.mark.parametrize("value", [-1.0, np.nan])
def test_sums_of_deterioration_of_no_rows_are_refused(place, value):
    words, numbers = open_up(WRITTEN[se.DeteriorationSums])
    sums = np.frombuffer(numbers, "<f8").reshape(7, -1)
    sent = seal(words, _changed(sums, (place, 0), value).tobytes())
    with refused(se.DeteriorationSums, words):
        se.DeteriorationSums.from_bytes(sent)


@pytest.mark.parametrize("count", [0.5, np.inf, 2.0**60])
def test_counts_of_deterioration_that_are_none_are_refused(count):
    words, numbers = open_up(WRITTEN[se.DeteriorationSums])
    sums = np.frombuffer(numbers, "<f8").reshape(7, -1)
    sent = seal(words, _changed(sums, (0, 0), count).tobytes())
    with refused(se.DeteriorationSums, words):
        se.DeteriorationSums.from_bytes(sent)


@pytest.mark.parametrize("n_rows", [100, 70_000], ids=["values", "grid"])
@pytest.mark.parametrize("value", [-1.0, np.nan, np.inf])
def test_masses_of_no_rows_are_refused(n_rows, value):
    values = np.random.default_rng(3).gamma(9.0, 5.0, n_rows)
    words, numbers = open_up(
        se.DensityCounts.from_arrays(values, bounds=(0, None)).to_bytes()
    )
    at = 0
    for _, shape in words["arrays"]:
        size = 8 * int(np.prod(shape))
        part = np.frombuffer(numbers[at : at + size], "<f8")
        if size:
            changed = _changed(part, 0, value).tobytes()
            sent = seal(words, numbers[:at] + changed + numbers[at + size :])
            if value != -1.0 or at:  # first are values, and one may be negative
                with refused(se.DensityCounts, words):
                    se.DensityCounts.from_bytes(sent)
        at += size


@pytest.mark.parametrize("seen", [-1, 0, 2.5, True, "7", 2**62])
def test_rows_seen_that_are_no_number_of_rows_are_refused(seen):
    words, numbers = open_up(
        se.DensityCounts.from_arrays(TRUTH, bounds=(0, 100)).to_bytes()
    )
    place = next(
        path for path in _places(words) if path and "n_samples_seen" in _at(words, path)
    )
    words = _put(words, place, ["n_samples_seen", seen])
    with refused(se.DensityCounts, words):
        se.DensityCounts.from_bytes(seal(words, numbers))


def _at(value, path):
    for key in path:
        value = value[key]
    return value if isinstance(value, list) else []
