"""How do statistics travel: as bytes with a name, a version and a checksum?

No pickle: what is read can only be numbers and labels, whoever sent it.
"""

import datetime as dt
import hashlib
import json
import math
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_equity._factorize import is_missing

__all__ = ["pack", "unpack", "well_formed"]

VERSION = 1
_MAGIC = b"SKEQ"
_HEAD = struct.Struct("<4sHQ")  # the magic, the version, the length of the header
_DIGEST = hashlib.sha256().digest_size
_KINDS = ("<f8", "<i8", "|u1")  # what statistics are made of


def pack(kind: str, header: dict[str, Any], arrays: Sequence[NDArray[Any]]) -> bytes:
    """Write a header and arrays of numbers to bytes."""
    little = [array.astype(array.dtype.newbyteorder("<")) for array in arrays]
    words = {
        "kind": kind,
        "header": _encode(header),
        "arrays": [[array.dtype.str, list(array.shape)] for array in little],
    }
    text = json.dumps(words, ensure_ascii=False, allow_nan=False).encode()
    body = b"".join(
        [_HEAD.pack(_MAGIC, VERSION, len(text)), text, *(a.tobytes() for a in little)]
    )
    return body + hashlib.sha256(body).digest()


def unpack(kind: str, data: bytes) -> tuple[dict[str, Any], list[NDArray[Any]]]:
    """Read what `pack` has written, or say why it can't be read."""
    if not isinstance(data, bytes | bytearray | memoryview):
        msg = f"`data` must be bytes; got {type(data).__name__}."
        raise TypeError(msg)
    data = bytes(data)
    if len(data) < _HEAD.size + _DIGEST or data[:4] != _MAGIC:
        msg = f"`data` must be what {kind}.to_bytes returns; got other bytes."
        raise ValueError(msg)
    _, version, length = _HEAD.unpack_from(data)
    if version != VERSION:
        msg = (
            f"`data` is of version {version} of the format, and this library reads "
            f"version {VERSION}. Install the release that wrote it, or a later one."
        )
        raise ValueError(msg)
    body, digest = data[:-_DIGEST], data[-_DIGEST:]
    if hashlib.sha256(body).digest() != digest:
        msg = (
            "`data` is damaged: its checksum does not agree with its content. Send the "
            "bytes again."
        )
        raise ValueError(msg)
    with well_formed(kind):
        words = json.loads(body[_HEAD.size : _HEAD.size + length])
        found = words["kind"]
    if found != kind:
        raise ValueError(f"`data` must hold a {kind}; it holds a {found}.")
    with well_formed(kind):
        arrays = _read_arrays(words["arrays"], body[_HEAD.size + length :])
        return _decode(words["header"]), arrays


@contextmanager
def well_formed(kind: str) -> Iterator[None]:
    """Say in words that bytes hold something else than they claim.

    A checksum tells of accidents. Whoever makes bytes on purpose can make it, too.
    """
    try:
        yield
    except (
        *(ArithmeticError, AttributeError, LookupError, MemoryError),
        *(RecursionError, TypeError, ValueError),
    ) as error:
        why = f"{type(error).__name__}: {error}"
        msg = (
            f"`data` is damaged: its checksum agrees, but it holds no {kind} "
            f"({why[:200]}). Ask its sender."
        )
        raise ValueError(msg) from error


def _read_arrays(described: Any, body: bytes) -> list[NDArray[Any]]:
    """Cut the numbers into arrays, and refuse what is left over or missing."""
    arrays, offset = [], 0
    for name, shape in described:
        dtype = np.dtype(name)
        if dtype.str not in _KINDS or any(
            isinstance(size, bool) or not isinstance(size, int) or size < 0
            for size in shape
        ):
            raise ValueError(f"an array of {name!r} and shape {shape}")
        size = math.prod(shape)
        array = np.frombuffer(body, dtype, size, offset).reshape(shape)
        arrays.append(array.astype(dtype.newbyteorder("=")))
        offset += size * dtype.itemsize
    if offset != len(body):
        raise ValueError(f"{len(body) - offset} bytes belong to no array")
    return arrays


def _encode(value: Any) -> Any:
    """Turn labels into JSON that remembers tuples and special numbers."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return {"float": value.hex()}
    if is_missing(value):  # in the words of a data frame library
        return None
    when = _encode_time(value)
    if when is not None:
        return when
    if isinstance(value, tuple):
        return {"tuple": [_encode(part) for part in value]}
    if isinstance(value, list):
        return [_encode(part) for part in value]
    if isinstance(value, dict):
        return {"dict": [[_encode(key), _encode(part)] for key, part in value.items()]}
    msg = (
        "A label must be text, a number, a truth value, a date, a time span, None or a "
        "tuple of these to be "
        f"written to bytes; got {type(value).__name__} ({value!r}). Make it text."
    )
    raise TypeError(msg)


def _encode_time(value: Any) -> dict[str, Any] | None:
    """Write dates, times and spans to the microsecond; pandas has finer ones."""
    if getattr(value, "nanosecond", 0) or getattr(value, "nanoseconds", 0):
        return None
    if isinstance(value, dt.timedelta):
        return {"timedelta": [value.days, value.seconds, value.microseconds]}
    if isinstance(value, dt.datetime):
        return {"datetime": value.isoformat()}
    return {"date": value.isoformat()} if isinstance(value, dt.date) else None


def _decode(value: Any) -> Any:
    if isinstance(value, list):
        return [_decode(part) for part in value]
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    if kind == "float":
        return float.fromhex(content)
    if kind == "timedelta":
        return dt.timedelta(*content)
    if kind in ("datetime", "date"):
        return getattr(dt, kind).fromisoformat(content)
    if kind == "tuple":
        return tuple(_decode(part) for part in content)
    return {_decode(key): _decode(part) for key, part in content}
