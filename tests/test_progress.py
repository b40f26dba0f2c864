"""A bar on a terminal, nothing in a pipe."""

import io

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
