"""Store what users keep, and what it answers, for tests of later versions.

python tests/stored/make.py

Fitted estimators, a report, and sums on their way from one place to another. What is
there already stays as its version wrote it.
"""

import runpy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import skops.io

import sklearn_equity as se

FOLDER = Path(__file__).parent
TESTED = runpy.run_path(str(FOLDER.parent / "test_persistence.py"))
Y, GUESS = TESTED["Y"], TESTED["GUESS"]
# A report withholds the few, and the north with them.
WARD = np.repeat(["few", "north", "east", "west"], [4, 40, 80, 76])


def make_report():
    people = pd.DataFrame({"y": Y, "guess": GUESS, "ward": WARD})
    found = se.audit_frame(
        people, y_true="y", y_pred="guess", subgroups="ward", n_resamples=50,
        random_state=0,
    )  # fmt: skip
    change = se.fidelity_change(Y, GUESS, GUESS + 1.0, subgroups={"ward": WARD})
    inequality = se.dataset_inequality(
        Y, subgroups=WARD, compare=("east", "west"), threshold=40.0, bounds=(0.0, 99.0)
    )
    harmed = se.remediation.LevellingDown("ward", 0.3, 0.1, 0.5, ("east",))
    return (
        found.with_findings(
            remedy="None.",
            change=replace(change, levelling_down=(harmed,)),
            allocation=[inequality],
            notes=["A note."],
        )
        .to_json()
        .encode()
    )


def make_accumulator():
    seen = se.AuditAccumulator(metric="mae")
    return seen.update(Y, GUESS, {"ward": WARD}).to_bytes()


def make_moments():
    codes = np.unique(WARD, return_inverse=True)[1]
    labels = ["east", ("few", 4), 2.5, None]  # of several kinds
    columns = np.column_stack([np.ones_like(Y), Y, GUESS])
    return se.SubgroupMoments.from_codes(
        ["weight", "y", "guess"], labels, codes, columns
    ).to_bytes()


MADE = {
    "AuditResult_0_1.json": make_report,
    "AuditAccumulator_0_1.bytes": make_accumulator,
    "SubgroupMoments_0_1.bytes": make_moments,
}


def store(name, kept, answer):
    """Write bytes, and the numbers that they answer with."""
    path = FOLDER / name
    if not path.exists():
        path.write_bytes(kept)
        np.savetxt(path.with_suffix(".txt"), answer, fmt="%.17g")


if __name__ == "__main__":
    for name in ("BoundedKDE", "LatentGMMSegmenter"):
        make, ask = TESTED["FITTED"][name]
        one = make()
        store(f"{name}_0_1.skops", skops.io.dumps(one, compression=8), ask(one))
    for name, make in MADE.items():
        read, ask = TESTED["SENT"][name]
        kept = make()
        store(name, kept, ask(read(kept)))
