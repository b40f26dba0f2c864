"""Discovery of the under-served against its rivals: every figure, in one run.

    python benchmarks/comparisons/discovery.py [--quick]

Runs, one after the other, what can be run alone: which score of a person finds those
whom a model fails (discovery_person_scores.py), who describes them best
(discovery_rules.py), who finds nobody where nobody is under-served
(discovery_confirmation.py), and whether what was found is told from noise
(discovery_triage.py). What each needs and prints is said at its beginning.
"""

import argparse
import runpy
import sys
from pathlib import Path

SCRIPTS = ("person_scores", "rules", "confirmation", "triage")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a small run of each")
    quick = ["--quick"] if parser.parse_args().quick else []
    for name in SCRIPTS:
        path = Path(__file__).with_name(f"discovery_{name}.py")
        print(f"\n==== {path.name}", flush=True)
        sys.argv = [str(path), *quick]
        runpy.run_path(str(path), run_name="__main__")


if __name__ == "__main__":
    main()
