"""Debian's Prometheus, for as long as a test needs it."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from tests.support import eventually, free_port


class Prometheus:
    """One server that scrapes one page of metrics each second and works by a file of rules."""

    def __init__(self, folder: Path, target_port: int, rules: Path) -> None:
        self._folder = folder
        self._address = f"http://127.0.0.1:{free_port()}"
        configuration = {
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(rules)],
            "scrape_configs": [
                {
                    "job_name": "guildhall",
                    "honor_labels": True,
                    "static_configs": [{"targets": [f"127.0.0.1:{target_port}"]}],
                }
            ],
        }
        (folder / "prometheus.yaml").write_text(yaml.safe_dump(configuration))
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Prometheus:
        program = shutil.which("prometheus")
        assert program is not None
        with (self._folder / "prometheus.log").open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                program,
                f"--config.file={self._folder / 'prometheus.yaml'}",
                f"--storage.tsdb.path={self._folder / 'data'}",
                f"--web.listen-address={self._address.removeprefix('http://')}",
                "--enable-feature=exemplar-storage",
                stdout=log,
                stderr=log,
            )
        self._session = aiohttp.ClientSession()
        await eventually(self._ready, timeout=30, interval=0.2)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()
        assert self._process is not None
        self._process.terminate()
        await self._process.wait()

    async def query(self, expression: str) -> list[dict[str, Any]]:
        """What an expression gives now."""
        found: list[dict[str, Any]] = (await self._get("query", query=expression))["result"]
        return found

    async def exemplars(self, expression: str, start: float, end: float) -> list[dict[str, Any]]:
        """The exemplars of the series in an expression."""
        found: list[dict[str, Any]] = await self._get("query_exemplars", query=expression, start=start, end=end)
        return found

    async def rules(self) -> list[dict[str, Any]]:
        """Each rule with its health."""
        return [rule for group in (await self._get("rules"))["groups"] for rule in group["rules"]]

    async def _get(self, what: str, **parameters: Any) -> Any:
        async with self._session.get(f"{self._address}/api/v1/{what}", params=parameters) as answer:
            body = await answer.json()
            assert body["status"] == "success", (parameters, body)
            return body["data"]

    async def _ready(self) -> bool:
        try:
            async with self._session.get(f"{self._address}/-/ready") as answer:
                return answer.status == 200
        except aiohttp.ClientError:
            return False
