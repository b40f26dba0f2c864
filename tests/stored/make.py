"""Store fitted estimators and what they answer, for tests of later versions.

python tests/stored/make.py
"""

import runpy
from pathlib import Path

import numpy as np
import skops.io

if __name__ == "__main__":
    folder = Path(__file__).parent
    fitted = runpy.run_path(str(folder.parent / "test_persistence.py"))["FITTED"]
    for name in ("BoundedKDE", "LatentGMMSegmenter"):
        make, ask = fitted[name]
        one = make()
        skops.io.dump(one, folder / f"{name}_0_1.skops", compression=8)
        np.savetxt(folder / f"{name}_0_1.txt", ask(one), fmt="%.17g")
