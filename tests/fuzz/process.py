"""Cases run in a process of their own: one that takes it down is a fault, too."""

import multiprocessing
from dataclasses import dataclass

from cases import make_case
from judge import Fault

SILENT_FOR = 120  # seconds without a word from the process: it hangs where no signal is


@dataclass(frozen=True)
class Ended:
    """How a case ended."""

    number: int
    target: str
    fault: Fault | None
    answered: bool = False
    arguments: str = ""


def _work(seed, numbers, only, said):
    for number in numbers:
        case = make_case(seed, number, only=only)
        said.send(Ended(number, case.target, Fault("crash", "[]")))
        fault, answered = case.run()
        arguments = case.describe() if fault else ""
        said.send(Ended(number, case.target, fault, answered, arguments))
    said.send(None)


def run(seed, n_cases, only):
    """Yield how every case ended."""
    context = multiprocessing.get_context("spawn")
    first = 0
    while first < n_cases:
        heard, said = context.Pipe(duplex=False)
        numbers = range(first, n_cases)
        worker = context.Process(
            target=_work, args=(seed, numbers, only, said), daemon=True
        )
        worker.start()
        said.close()  # here, so that the end of the process ends what is heard
        last = yield from _listen(heard, worker)
        if last is None:
            return
        yield last
        first = last.number + 1


def _listen(heard, worker):
    """Hand on what is said; return the case that silenced the process, if one did."""
    begun = None
    while True:
        try:
            word = heard.recv() if heard.poll(SILENT_FOR) else Ended(-1, "", None)
        except EOFError:
            word = Ended(-1, "", None)
        if word is None:
            return None
        if word.number < 0:
            if begun is None:
                raise RuntimeError(f"no case began: {worker.exitcode}")
            worker.kill()
            return begun
        if word.fault is not None and word.fault.kind == "crash":
            begun = word
        else:
            yield word
