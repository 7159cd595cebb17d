"""What every test shares: fixtures from tests/support, no network beyond loopback, and how properties are searched."""

import os

from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.support.fixtures", "tests.support.network", "tests.support.postgres", "tests.support.telemetry"]

# How long an example takes says how busy the machine is, not whether the property holds. Continuous integration tries
# the same examples each time (Hypothesis' own profile for it); a developer's machine looks for new ones.
settings.register_profile(
    "guildhall",
    parent=settings.get_profile("ci" if os.environ.get("CI") else "default"),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("guildhall")
