"""`make live-test` against the sandbox: refused in a guild that is not marked, and nothing is left in one that is."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from chassis.settings.shared import SERVICES
from local.paths import ROOT
from operate.live_test import MARK
from sandbox.control.client import SandboxClient
from tests.support import free_port
from tests.support.platform import RunningPlatform


@pytest.mark.timeout(240)
@pytest.mark.skipif(
    not os.environ.get("GUILDHALL_TEST_FAULTS"), reason="`make live-test` is tried by `make test-faults` only"
)
async def test_it_goes_through_the_flows_and_cleans_up(tmp_path: Path) -> None:
    ports = {f"{name.upper()}_PORT": str(free_port()) for name in (*SERVICES, "sandbox")}
    async with (
        RunningPlatform(tmp_path / "run", ports) as platform,
        SandboxClient(platform.page, platform.control_token) as sandbox,
    ):
        (guild, *_) = await sandbox.call("GET", "/control/as/owner/guilds")

        async def live() -> tuple[int, str]:
            running = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "operate.live_test", guild["id"], cwd=ROOT,
                env={**platform.environment, "PATH": os.environ["PATH"]},
                stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
            )  # fmt: skip
            output, _ = await running.communicate()
            return running.returncode or 0, output.decode()

        code, output = await live()
        assert code == 1
        assert f"no text channel named {MARK}" in output
        made = await sandbox.rest("owner", "POST", f"/guilds/{guild['id']}/channels", {"name": MARK, "type": 0})
        before = await sandbox.rest("owner", "GET", f"/guilds/{guild['id']}/channels")
        code, output = await live()
        assert code == 0, output
        assert "a plan is made, run and undone" in output
        after = await sandbox.rest("owner", "GET", f"/guilds/{guild['id']}/channels")
        assert {one["id"] for one in after} == {one["id"] for one in before} >= {made["id"]}
