"""How far along is a command? tqdm's bar on a terminal, nothing in a pipe."""

import threading
from types import TracebackType
from typing import Any, Self, TextIO

from sklearn_equity._optional import find_optional

_TICK = 0.5  # seconds: a stage may take minutes, and the clock shows that it goes on


class StageBar:
    """A bar that names the stage under way, on standard error.

    It is drawn only where standard error is a terminal, so that what a command prints
    can be piped and logged, and where tqdm is installed (the extra `progress`).
    """

    def __init__(self, n_stages: int, stream: TextIO | None = None) -> None:
        tqdm = find_optional("tqdm")
        self.bar: Any = None
        if tqdm is not None:
            # disable=None is tqdm's word for "unless it is a terminal".
            self.bar = tqdm.tqdm(
                total=n_stages,
                file=stream,
                disable=None,
                leave=False,
                dynamic_ncols=True,
                bar_format="{bar:12} {elapsed} {desc}",
            )
        self.begun = False
        self.ended = threading.Event()
        self.clock = threading.Thread(target=self._tick, daemon=True)

    def __enter__(self) -> Self:
        if self.bar is not None and not self.bar.disable:
            self.clock.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.ended.set()
        if self.clock.is_alive():
            self.clock.join()
        if self.bar is not None:
            self.bar.close()

    def begin(self, stage: str) -> None:
        """Say that a stage begins; those before it are done."""
        if self.bar is None or self.bar.disable:
            return
        self.bar.update(int(self.begun))
        self.begun = True
        self.bar.set_description_str(stage)

    def _tick(self) -> None:
        while not self.ended.wait(_TICK):
            self.bar.refresh()
