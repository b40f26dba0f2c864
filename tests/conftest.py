"""How the tools of all tests are set."""

import pytest
from hypothesis import settings

# How long an example takes says more about the machine than about the code; and every
# run draws others, so that few in each are many in the end.
settings.register_profile("few", parent=settings(), deadline=None, max_examples=25)
settings.load_profile("few")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config):
    """Let pytest-mpl compare without being asked to; without it, tests are skipped."""
    if hasattr(config.option, "mpl"):
        config.option.mpl = True
