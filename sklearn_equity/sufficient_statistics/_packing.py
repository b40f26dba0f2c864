"""How do statistics travel: as bytes with a name, a version and a checksum?

No pickle: what is read can only be numbers and labels, whoever sent it. The checksum
tells of accidents; whoever means harm can write one that agrees, so that the content is
checked as well.
"""

import hashlib
import json
import math
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["check_shapes", "pack", "reading", "unpack"]

VERSION = 1
_MAGIC = b"SKEQ"
_HEAD = struct.Struct("<4sHQ")  # the magic, the version, the length of the header
_DIGEST = hashlib.sha256().digest_size


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
    with reading(kind):
        words = json.loads(body[_HEAD.size : _HEAD.size + length])
        found = words["kind"]
    if found != kind:
        raise ValueError(f"`data` must hold a {kind}; it holds a {found}.")
    with reading(kind):
        return _decode(words["header"]), _arrays(
            words["arrays"], body[_HEAD.size + length :]
        )


def _arrays(described: Any, body: bytes) -> list[NDArray[Any]]:
    arrays, offset = [], 0
    for name, shape in described:
        dtype = np.dtype(name)
        if dtype.kind not in "iuf" or not all(size >= 0 for size in shape):
            raise ValueError(f"an array of {name!r} and shape {shape}")
        size = math.prod(shape)
        array = np.frombuffer(body, dtype, size, offset).reshape(shape)
        arrays.append(array.astype(dtype.newbyteorder("=")))
        offset += size * dtype.itemsize
    return arrays


@contextmanager
def reading(kind: str) -> Iterator[None]:
    """Say in one way of all that can be wrong with content that it is."""
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


def check_shapes(
    labels: Sequence[Any], arrays: Sequence[NDArray[Any]], *shapes: tuple[int, ...]
) -> None:
    """Refuse labels that come twice, and arrays of other shapes, counts first."""
    if len(set(labels)) < len(labels):
        raise ValueError("a label comes twice")
    came = [array.shape for array in arrays]
    if came != list(shapes):
        raise ValueError(f"arrays of shapes {came}, not {list(shapes)}")
    if (arrays[0] < 0).any():
        raise ValueError("a negative count")


def _encode(value: Any) -> Any:
    """Turn labels into JSON that remembers tuples and special numbers."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return {"float": value.hex()}
    if isinstance(value, tuple):
        return {"tuple": [_encode(part) for part in value]}
    if isinstance(value, list):
        return [_encode(part) for part in value]
    if isinstance(value, dict):
        return {"dict": [[_encode(key), _encode(part)] for key, part in value.items()]}
    msg = (
        "A label must be text, a number, a truth value, None or a tuple of these to be "
        f"written to bytes; got {type(value).__name__} ({value!r}). Make it text."
    )
    raise TypeError(msg)


def _decode(value: Any) -> Any:
    if isinstance(value, list):
        return [_decode(part) for part in value]
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    if kind == "float":
        return float.fromhex(content)
    if kind == "tuple":
        return tuple(_decode(part) for part in content)
    return {_decode(key): _decode(part) for key, part in content}
