"""A bar on a terminal, nothing in a pipe."""

import io
import threading
import time

from sklearn_equity import _progress
from sklearn_equity._progress import StageBar


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_nothing_is_written_to_a_pipe():
    pipe = io.StringIO()
    with StageBar(2, stream=pipe) as bar:
        bar.begin("reading")
    assert pipe.getvalue() == ""


def test_a_terminal_sees_the_stage_and_how_far_it_is():
    terminal = Terminal()
    with StageBar(2, stream=terminal) as bar:
        bar.begin("reading")
        bar.begin("measuring")
    drawn = terminal.getvalue().split("\r")
    assert "[........................]" in drawn[1]
    assert drawn[1].endswith("reading")
    assert "[############............]" in drawn[2]
    assert drawn[2].endswith("measuring")
    assert drawn[3] == "\x1b[2K"  # the line is clean again for the report


def test_the_clock_of_a_long_stage_goes_on_and_ends_with_the_bar(monkeypatch):
    monkeypatch.setattr(_progress, "_TICK", 0.01)
    terminal = Terminal()
    with StageBar(1, stream=terminal) as bar:
        bar.begin("measuring")
        until = time.monotonic() + 10.0
        while terminal.getvalue().count("measuring") < 3 and time.monotonic() < until:
            time.sleep(0.01)
    drawn = terminal.getvalue()
    assert drawn.count("measuring") >= 3
    assert drawn.endswith("\x1b[2K")
    assert bar.clock not in threading.enumerate()
