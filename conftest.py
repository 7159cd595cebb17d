"""What every test shares: fixtures from tests/support, and no network beyond loopback."""

pytest_plugins = ["tests.support.fixtures", "tests.support.network", "tests.support.postgres"]
