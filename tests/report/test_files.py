"""A file appears whole or not at all, and only where it was asked for."""

import os
import stat
from pathlib import Path

import numpy as np
import pytest

from sklearn_equity.report._files import write_table, write_text


def test_text_replaces_what_was_there(tmp_path):
    path = tmp_path / "report.html"
    path.write_text("old")
    write_text(path, "né\n")
    assert path.read_text(encoding="utf-8") == "né\n"
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "report.html"
    path.write_text("old")
    with pytest.raises(UnicodeEncodeError):
        write_text(path, "half of it, then \ud800")
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]


def test_a_link_is_replaced_and_its_target_left_alone(tmp_path):
    target = tmp_path / "elsewhere.txt"
    target.write_text("untouched")
    link = tmp_path / "report.html"
    link.symlink_to(target)
    write_text(link, "new")
    assert target.read_text() == "untouched"
    assert not link.is_symlink()


def test_a_table_quotes_what_needs_it_and_leaves_gaps_empty(tmp_path):
    path = tmp_path / "table.csv"
    write_table(
        path, {"subgroup": ['a, "b"', "c"], "estimate": np.array([0.5, np.nan])}
    )
    assert path.read_text() == 'subgroup,estimate\n"a, ""b""",0.5\nc,\n'


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o027])
def test_the_umask_says_who_may_read_a_file(umask, tmp_path):
    path = tmp_path / "report.html"
    earlier = os.umask(umask)
    try:
        write_text(path, "text")
    finally:
        os.umask(earlier)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~umask


def test_an_interrupted_write_leaves_the_old_file_and_nothing_else(
    tmp_path, monkeypatch
):
    path = tmp_path / "report.html"
    path.write_text("old")

    def interrupt(self, target):
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_text(path, "new")
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]


def test_no_link_is_followed_on_the_way_to_a_file(tmp_path, monkeypatch):
    """Whoever guesses the unfinished name and lays a link there gains nothing."""
    target = tmp_path / "elsewhere.txt"
    target.write_text("untouched")
    folder = tmp_path / "out"
    folder.mkdir()
    monkeypatch.setattr("secrets.token_hex", lambda n: "guessed")
    trap = folder / ".report.html.guessed.unfinished"
    trap.symlink_to(target)
    with pytest.raises(FileExistsError):
        write_text(folder / "report.html", "new")
    assert target.read_text() == "untouched"
    assert trap.is_symlink()  # it is another's, and stays


def test_a_dangling_link_makes_no_file_elsewhere(tmp_path):
    link = tmp_path / "report.html"
    link.symlink_to(tmp_path / "absent.txt")
    write_text(link, "new")
    assert not (tmp_path / "absent.txt").exists()
    assert link.read_text() == "new"


@pytest.mark.parametrize("label", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\r=x"])
def test_a_spreadsheet_is_given_no_formula(label, tmp_path):
    path = tmp_path / "table.csv"
    write_table(path, {"subgroup": [label], "change": [-0.5]})
    written = path.read_text(encoding="utf-8").splitlines()[1:]
    assert written[0].lstrip('"').startswith(f"'{label[0]}".rstrip())
    assert "\n".join(written).endswith(",-0.5")
