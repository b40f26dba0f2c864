"""How long does the import take, in a new process?"""


def timeraw_package():
    return "import sklearn_equity"


def timeraw_audit():
    return "from sklearn_equity import audit"


def track_modules():
    """Return how many modules the import brings; torch and matplotlib are not asked."""
    import subprocess
    import sys

    program = "import sys, sklearn_equity; print(len(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return int(done.stdout)
