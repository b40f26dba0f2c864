"""A file appears whole or not at all."""

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
