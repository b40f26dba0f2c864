"""Which tests run a line? One run of a stage's tests under coverage tells."""

import importlib
import pkgutil
import sys
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import coverage
import pytest

OPTIONS = ("-q", "-x", "-p", "no:xdist", "-p", "no:cacheprovider", "--no-header")


@dataclass
class Touched:
    """The tests by line, and how long each takes."""

    tests: dict[tuple[str, int], set[str]]
    seconds: dict[str, float] = field(default_factory=dict)

    def of(self, mutant):
        """Return the tests that run a mutant's line, the fastest first.

        What runs at import, or in what several tests share, concerns all of them.
        """
        names = self.tests.get((mutant.path, mutant.line)) or self.tests.get(
            (mutant.path, mutant.statement), ()
        )
        found = set()
        for name in names:
            found |= {test for test in self.seconds if test.startswith(name)}
        return sorted(found, key=self.seconds.__getitem__)


class Watch:
    """Tell coverage which test runs, and hold the time of each."""

    def __init__(self, running, caches):
        self.running = running
        self.caches = caches
        self.seconds = {}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item):
        for cached in self.caches:  # else its first test alone would touch it
            cached.cache_clear()
        self.running.switch_context(item.nodeid)
        start = time.process_time()
        try:
            return (yield)
        finally:
            self.seconds[item.nodeid] = time.process_time() - start
            self.running.switch_context("")

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef, request):
        if fixturedef.scope == "function":
            return (yield)
        self.running.switch_context(request.node.nodeid)
        try:
            return (yield)
        finally:
            self.running.switch_context(request._pyfuncitem.nodeid)


def import_all(package):
    """Import a package and the modules in it; return the package."""
    found = importlib.import_module(package)
    for module in pkgutil.iter_modules(found.__path__, f"{package}."):
        importlib.import_module(module.name)
    return found


def caches_of(package):
    """Find the functions of a package that remember what they returned."""
    modules = [sys.modules[name] for name in sys.modules if name.startswith(package)]
    found = [value for module in modules for value in vars(module).values()]
    return [value for value in found if hasattr(value, "cache_clear")]


def measure(root, tests, package):
    """Run tests under coverage; return what each line is touched by."""
    running = coverage.Coverage(
        data_file=None, source=[str(Path(root, *package.split(".")))], config_file=False
    )
    running.start()
    import_all(package)  # under no test's name: it concerns all of them
    watch = Watch(running, caches_of(package))
    status = pytest.main([*OPTIONS, *tests], plugins=[watch])
    running.stop()
    if status != 0:
        raise SystemExit(
            f"The tests {tests} must pass first; they ended with {status}."
        )
    touched = defaultdict(set)
    data = running.get_data()
    for path in data.measured_files():
        relative = str(Path(path).relative_to(root))
        for line, names in data.contexts_by_lineno(path).items():
            # A name that ends nowhere stands for all tests: they follow the import.
            touched[relative, line] |= set(names)
    return Touched(dict(touched), watch.seconds)
