"""What if a file of statistics was written to do harm, with a checksum that agrees?

It is refused in words, as damage is, and nothing in it is run.
"""

import hashlib
import json
import pickle
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sklearn_equity as se

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
