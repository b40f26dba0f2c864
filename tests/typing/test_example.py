"""The example whose types are checked by `make lint` runs, too."""

import runpy
from pathlib import Path


def test_the_typed_example_runs(tmp_path, capsys):
    example = runpy.run_path(str(Path(__file__).parent / "example.py"))
    example["main"](tmp_path)
    assert (tmp_path / "audit.html").stat().st_size > 1000
    assert "served" in capsys.readouterr().out
