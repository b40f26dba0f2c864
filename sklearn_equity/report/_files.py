"""How does a file appear whole or not at all?"""

import contextlib
import csv
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def write_text(path: Path, text: str) -> None:
    """Write a file under a temporary name beside its own, then rename it.

    Whoever reads `path` sees the old file or the new one, never a half; a link at
    `path` is replaced, not followed. The file may be read by whom the umask allows.
    """
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(4)}.unfinished")
    # Opened outside of what removes it: a file that is there already is another's.
    file = unfinished.open("x", encoding="utf-8", newline="")
    try:
        with file:
            file.write(text)
        unfinished.replace(path)
    except BaseException:  # Ctrl-C too: nothing half-written stays behind
        with contextlib.suppress(FileNotFoundError):
            unfinished.unlink()
        raise


def write_table(path: Path, columns: Mapping[str, Sequence[Any]]) -> None:
    """Write columns as a CSV file, whole or not at all; None and NaN become empty.

    A spreadsheet runs text that begins like a formula: an apostrophe goes before it.
    """
    buffer = _Lines()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(columns)
    for row in zip(*columns.values(), strict=True):
        writer.writerow([_cell(value) for value in row])
    write_text(path, "".join(buffer.lines))


def remove_table(path: Path, opening: str) -> None:
    """Remove a CSV file that `write_table` wrote, told by how its first line begins.

    A link is removed as it is, without a look at where it leads.
    """
    if path.is_symlink():
        path.unlink()
    if not path.is_file():
        return
    with path.open(encoding="utf-8", errors="replace") as file:
        is_ours = file.readline(10_000).startswith(opening)
    if is_ours:
        path.unlink()


def _cell(value: Any) -> Any:
    if isinstance(value, str):
        return f"'{value}" if value.startswith(_FORMULA) else value
    return "" if value is None or value != value else value


class _Lines:
    """The least that `csv.writer` needs of a file."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def write(self, line: str) -> None:
        self.lines.append(line)
