"""tqdm's bar on a terminal, nothing in a pipe, nothing where tqdm is not installed."""

import io
import sys
import threading
import time

import pytest

from sklearn_equity import _progress
from sklearn_equity._progress import StageBar


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def terminal():
    pytest.importorskip("tqdm")
    return Terminal()


def test_nothing_is_written_to_a_pipe():
    pipe = io.StringIO()
    with StageBar(2, stream=pipe) as bar:
        bar.begin("reading")
    assert pipe.getvalue() == ""


def test_nothing_is_written_where_tqdm_is_not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    stream = Terminal()
    with StageBar(2, stream=stream) as bar:
        bar.begin("reading")
    assert stream.getvalue() == ""


def test_a_terminal_sees_the_stage_and_how_far_it_is(terminal):
    with StageBar(2, stream=terminal) as bar:
        bar.begin("reading")
        assert bar.bar.n == 0
        bar.begin("measuring")
        assert (bar.bar.n, bar.bar.total) == (1, 2)
    drawn = terminal.getvalue().split("\r")
    assert any(line.endswith("reading") for line in drawn)
    assert any("measuring" in line for line in drawn)
    assert drawn[-1] == ""  # the line is clean again for the report
    assert drawn[-2].strip() == ""


def test_the_clock_of_a_long_stage_goes_on_and_ends_with_the_bar(monkeypatch, terminal):
    monkeypatch.setattr(_progress, "_TICK", 0.01)
    with StageBar(1, stream=terminal) as bar:
        bar.begin("measuring")
        until = time.monotonic() + 10.0
        while terminal.getvalue().count("measuring") < 3 and time.monotonic() < until:
            time.sleep(0.01)
    assert terminal.getvalue().count("measuring") >= 3
    assert bar.clock not in threading.enumerate()
