"""A client of the control API, for tests, benchmarks and tools: acting as people, looking, waiting, breaking things.

Each method is one call of `sandbox/control/README.md`; the answers are that page's JSON. A refusal raises `Refused`.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any

import aiohttp

Json = Any
Files = Mapping[str, tuple[str, bytes]]


class Refused(Exception):
    """The sandbox said no. `code` is Discord's error code where there is one, `status` the HTTP status."""

    def __init__(self, status: int, body: Json) -> None:
        super().__init__(f"{status}: {body}")
        self.status = status
        self.body = body
        self.code = body.get("code") if isinstance(body, dict) else None


class SandboxClient:
    """One session with a sandbox. Use as an async context manager."""

    def __init__(self, address: str, token: str) -> None:
        self._address = address.rstrip("/")
        self._session = aiohttp.ClientSession(
            headers={"Authorization": f"Bearer {token}"}, timeout=aiohttp.ClientTimeout(total=120)
        )

    async def __aenter__(self) -> SandboxClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def call(self, method: str, path: str, body: Json = None, /, **query: str | int | float) -> Json:
        """One call of anything the sandbox serves, its model's and traces' APIs included."""
        parameters = {key: str(value) for key, value in query.items()}
        async with self._session.request(method, f"{self._address}{path}", json=body, params=parameters) as answer:
            return await _read(answer)

    async def command(
        self,
        person: str,
        channel: str,
        name: str,
        options: Mapping[str, Json] | None = None,
        *,
        wait: float = 5.0,
        type: int = 1,  # noqa: A002 - Discord's own name for the kind of a command
        target_id: str | None = None,
        files: Files | None = None,
    ) -> Json:
        """A person uses a command; gives the interaction once acknowledged or failed. `files` are by option."""
        body = {"name": name, "type": type, "options": dict(options or {})}
        if target_id is not None:
            body["target_id"] = target_id
        path = f"/control/as/{person}/channels/{channel}/commands"
        if files:
            return await self._multipart(f"{path}?wait={wait}", body, files)
        return await self.call("POST", path, body, wait=wait)

    async def autocomplete(
        self, person: str, channel: str, name: str, options: Mapping[str, Json], focused: str
    ) -> list[Json]:
        """What the bot offers for the option that is being typed."""
        body = {"name": name, "options": dict(options), "focused": focused}
        answer = await self.call("POST", f"/control/as/{person}/channels/{channel}/autocomplete", body)
        choices: list[Json] = answer["choices"]
        return choices

    async def press(
        self, person: str, message: str, custom_id: str, values: list[str] | None = None, *, wait: float = 5.0
    ) -> Json:
        """A person presses a button, or chooses in a select where `values` are given."""
        body: dict[str, Json] = {"custom_id": custom_id}
        if values is not None:
            body["values"] = values
        return await self.call("POST", f"/control/as/{person}/messages/{message}/components", body, wait=wait)

    async def submit(
        self,
        person: str,
        interaction: str,
        values: Mapping[str, Json],
        *,
        wait: float = 5.0,
        files: Files | None = None,
    ) -> Json:
        """A person submits the modal that an interaction opened. `files` are by the custom_id of their upload field."""
        body = {"values": dict(values)}
        path = f"/control/as/{person}/interactions/{interaction}/modal"
        if files:
            return await self._multipart(f"{path}?wait={wait}", body, files)
        return await self.call("POST", path, body, wait=wait)

    async def _multipart(self, path: str, body: Json, files: Files) -> Json:
        form = aiohttp.FormData()
        form.add_field("payload_json", json.dumps(body))
        for name, (filename, content) in files.items():
            form.add_field(f"files[{name}]", content, filename=filename, content_type="application/octet-stream")
        async with self._session.post(f"{self._address}{path}", data=form) as answer:
            return await _read(answer)

    async def interaction(self, person: str, interaction: str) -> Json:
        """What became of an interaction."""
        return await self.call("GET", f"/control/as/{person}/interactions/{interaction}")

    async def say(self, person: str, channel: str, content: str, **fields: Json) -> Json:
        """A person sends a message; gives it."""
        return await self.rest(person, "POST", f"/channels/{channel}/messages", {"content": content, **fields})

    async def upload(self, person: str, channel: str, name: str, content: bytes, content_type: str) -> Json:
        """A person sends a message that is a file and nothing else; gives it."""
        form = aiohttp.FormData()
        form.add_field("payload_json", json.dumps({"attachments": [{"id": 0, "filename": name}]}))
        form.add_field("files[0]", content, filename=name, content_type=content_type)
        path = f"{self._address}/control/as/{person}/api/channels/{channel}/messages"
        async with self._session.post(path, data=form) as answer:
            return await _read(answer)

    async def rest(self, person: str, method: str, path: str, body: Json = None, **query: str | int) -> Json:
        """Any REST route of Discord as that person."""
        return await self.call(method, f"/control/as/{person}/api{path}", body, **query)

    async def wait(self, what: str, *, timeout: float = 20.0, **fields: Json) -> Json:
        """Wait for a condition; raises `Refused` with status 408 and the last view when the time is up."""
        body = {"for": what, "timeout": timeout, **{("as" if k == "as_" else k): v for k, v in fields.items()}}
        return await self.call("POST", "/control/wait", body)

    async def wait_message(self, **fields: Json) -> Json:
        """The first message that fits."""
        return (await self.wait("message", **fields))["messages"][0]

    async def messages(self, person: str, channel: str, **query: str | int) -> list[Json]:
        """What a person reads there, newest first."""
        found: list[Json] = await self.rest(person, "GET", f"/channels/{channel}/messages", **query)
        return found

    @asynccontextmanager
    async def events(self, person: str) -> AsyncIterator[AsyncIterator[Json]]:
        """The live stream of a person's client, the snapshot first."""
        async with self._session.ws_connect(f"{self._address}/control/as/{person}/events") as socket:

            async def frames() -> AsyncIterator[Json]:
                async for message in socket:
                    yield json.loads(message.data)

            yield frames()

    async def settings(self, **changes: Json) -> Json:
        """Changes settings; gives all of them."""
        return await self.call("PATCH", "/control/settings", changes)

    async def advance(self, seconds: float) -> None:
        """Moves the sandbox's clock forward."""
        await self.call("POST", "/control/clock", {"advance": seconds})

    async def reset_counters(self) -> None:
        """Starts counting anew."""
        await self.call("POST", "/control/counters/reset")

    async def counters(self) -> Json:
        """What was counted since the start or the last reset."""
        return await self.call("GET", "/control/counters")

    async def requests(self, **query: str | int) -> list[Json]:
        """The log of REST requests with what Discord's description says of each."""
        found: list[Json] = await self.call("GET", "/control/requests", **query)
        return found

    async def fault(self, kind: str, **fields: Json) -> Json:
        """Break something; gives the rule."""
        return await self.call("POST", "/control/faults", {"kind": kind, **fields})

    async def gateway(self, action: str, **fields: Json) -> Json:
        """Do something to the bots' sessions."""
        return await self.call("POST", "/control/gateway", {"action": action, **fields})

    async def model_rule(self, **rule: Json) -> Json:
        """Tell the demo model how to answer."""
        return await self.call("POST", "/model/api/rules", rule)

    async def traces(self, *, wait: float = 20.0, **query: str | int) -> list[Json]:
        """Traces that the receiver took, newest first; waits until there is one."""
        answer = await self.call("GET", "/traces/api/traces", wait=wait, **query)
        found: list[Json] = answer["traces"]
        return found


async def _read(answer: aiohttp.ClientResponse) -> Json:
    content = await answer.json() if answer.content_type == "application/json" else await answer.text()
    if answer.status >= 400:
        raise Refused(answer.status, content)
    return content
