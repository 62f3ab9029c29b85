"""Fixtures and settings of every test.

``@pytest.mark.trio`` runs a test on trio, with ``autojump_clock`` when it asks for it;
``@pytest.mark.anyio`` runs it once on asyncio and once on trio.
"""

import pytest
from hypothesis import settings

# A deadline for one example measures the machine, not the code; pytest limits a test's time.
# The parent is the profile that Hypothesis chose: in CI the one that repeats its examples.
settings.register_profile(
    "mnstream", settings.get_profile(settings.get_current_profile_name()), deadline=None
)
settings.load_profile("mnstream")


@pytest.fixture(scope="module", params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)
