"""CPU time, memory growth and the rivals at hand, for the density comparisons.

Rivals go into an environment of their own:
python -m venv rivals && rivals/bin/pip install KDEpy pyvinecopulib scikit-learn -e .
"""

import contextlib
import importlib
import resource
import statistics
import time
import tracemalloc

import numpy as np
from scipy.special import ndtr


def cpu_seconds(work, repeats):
    """Return the median CPU time of some runs after one that warms up, and a result."""
    result = work()
    times = []
    for _ in range(repeats):
        start = time.process_time()
        result = work()
        times.append(time.process_time() - start)
    return statistics.median(times), result


def peak_megabytes(work):
    """Return the most memory that one run held beyond what there was."""
    tracemalloc.start()
    work()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 1e6


def rival(module):
    """Import a rival, or say that its row is left out."""
    with contextlib.suppress(ImportError):
        return importlib.import_module(module)
    print(f"({module} is not installed: its rows are left out)")
    return None


def reflected_cdf(x, h, t, lower, upper):
    """Sum normal probabilities of a sample and its images: the exact answer."""
    total = np.zeros(len(t))
    for shift in range(-2, 3):
        for start in (x, 2 * lower - x):
            image = start + 2 * shift * (upper - lower)
            from_lower = ndtr((lower - image) / h).sum()
            total += [ndtr((s - image) / h).sum() - from_lower for s in t]
    return total / len(x)


def largest_resident_megabytes():
    """Return the largest resident size so far, of this process."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
