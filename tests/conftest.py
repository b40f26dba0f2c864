"""How the tools of all tests are set."""

from hypothesis import settings

# How long an example takes says more about the machine than about the code.
settings.register_profile("untimed", parent=settings(), deadline=None)
settings.load_profile("untimed")
