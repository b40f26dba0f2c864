"""Where does torch compute, on how many threads, and how exactly?"""

import contextlib
import copy
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from sklearn_equity.representation._columns import cut_blocks
from sklearn_equity.representation._modules import Autoencoder


def resolve_device(device: str) -> str:
    """Check that torch can compute on `device`; "auto" takes a GPU if there is one."""
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        msg = (
            f'`device` must be "cpu", "auto" or a device that torch can use here; got '
            f"{device!r}: {reason}"
        )
        raise ValueError(msg) from error
    return device


class Evaluator:
    """A trained network on NumPy rows, in double precision and block by block.

    In single precision a row's values would depend in their last digits on which rows
    were sent along with it.
    """

    def __init__(self, module: Autoencoder) -> None:
        self._module = copy.deepcopy(module).double().eval()

    def encode(self, rows: NDArray[Any]) -> NDArray[np.float64]:
        """Place prepared rows in the latent space."""
        return self._apply(self._module.encode, rows)

    def decode(self, latent: NDArray[Any]) -> NDArray[np.float64]:
        """Give the decoder's output for points of the latent space."""
        return self._apply(self._module.decoder, latent)

    def _apply(
        self, part: Callable[[torch.Tensor], torch.Tensor], rows: NDArray[Any]
    ) -> NDArray[np.float64]:
        with one_thread(), torch.no_grad():
            blocks = [
                # A copy, since torch warns of arrays that must not be written to; rows
                # beside each other, since sums of columns are rounded differently.
                part(torch.from_numpy(np.array(block, np.float64, order="C"))).numpy()
                for block in cut_blocks(rows)
            ]
        return np.concatenate(blocks)


class _OneThread:
    """Compute on one thread; the last to leave finds the settings as they were.

    With more threads a small net trains many times slower on a busy machine, and sums
    are rounded differently. The settings, torch's and that of NumPy's linear algebra,
    are the process's: several fits at once in Python threads share the memory of what
    they were before the first of them.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._n_inside = 0
        self._n_threads_before = 1
        self._libraries: ThreadpoolController | None = None
        self._limits: Any = None

    @contextlib.contextmanager
    def __call__(self) -> Iterator[None]:
        with self._lock:
            if self._n_inside == 0:
                self._n_threads_before = torch.get_num_threads()
                self._libraries = self._libraries or ThreadpoolController()
                self._limits = self._libraries.limit(limits=1, user_api="blas")
            self._n_inside += 1
        torch.set_num_threads(1)
        try:
            yield
        finally:
            with self._lock:
                self._n_inside -= 1
                torch.set_num_threads(self._n_threads_before)
                if self._n_inside == 0:
                    self._limits.restore_original_limits()


one_thread = _OneThread()
