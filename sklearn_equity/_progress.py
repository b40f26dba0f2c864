"""How far along is a command? A bar on a terminal, nothing in a pipe."""

import sys
import threading
import time
from types import TracebackType
from typing import Self, TextIO

_WIDTH = 24
_TICK = 0.5  # seconds: a stage may take minutes, and the clock shows that it goes on


class StageBar:
    """A bar that names the stage under way, on standard error.

    It is drawn only where standard error is a terminal, so that what a command prints
    can be piped and logged.
    """

    def __init__(self, n_stages: int, stream: TextIO | None = None) -> None:
        self.n_stages = n_stages
        self.stream = sys.stderr if stream is None else stream
        self.shown = self.stream.isatty()
        self.n_begun = 0
        self.started = time.monotonic()
        self.stage = ""
        self.ended = threading.Event()
        self.clock = threading.Thread(target=self._tick, daemon=True)

    def __enter__(self) -> Self:
        if self.shown:
            self.clock.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.shown:
            self.ended.set()
            self.clock.join()
            self.stream.write("\r\x1b[2K")  # the report follows on a clean line
            self.stream.flush()

    def begin(self, stage: str) -> None:
        """Say that a stage begins; those before it are done."""
        self.stage = stage
        self.n_begun += 1
        if self.shown:
            self._draw()

    def _tick(self) -> None:
        while not self.ended.wait(_TICK):
            if self.stage:
                self._draw()

    def _draw(self) -> None:
        done = round(_WIDTH * (self.n_begun - 1) / self.n_stages)
        bar = "#" * done + "." * (_WIDTH - done)
        seconds = time.monotonic() - self.started
        self.stream.write(f"\r\x1b[2K[{bar}] {seconds:3.0f} s  {self.stage}")
        self.stream.flush()
