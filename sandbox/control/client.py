"""The control API as Python, for tests: `async with SandboxClient(url, token) as sandbox: …`."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Self

import aiohttp

JSON = dict[str, Any]
Files = Mapping[str, tuple[str, bytes]]


class SandboxError(Exception):
    """A refusal. `status`, `code`, and `body` are what the sandbox answered."""

    def __init__(self, status: int, body: Any) -> None:
        self.status = status
        self.body = body
        self.code = body.get("code", 0) if isinstance(body, dict) else 0
        super().__init__(f"{status}: {json.dumps(body)[:2000]}")


class SandboxClient:
    """One sandbox, driven from outside."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url.rstrip("/")
        self._token = token
        self._http: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._http = aiohttp.ClientSession(headers={"Authorization": f"Bearer {self._token}"})
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._http is not None:
            await self._http.close()

    @property
    def http(self) -> aiohttp.ClientSession:
        """The open connection."""
        if self._http is None:
            raise RuntimeError("use `async with`")
        return self._http

    async def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        params: Mapping[str, str] | None = None,
        files: Files | None = None,
    ) -> Any:
        """One call below the sandbox's address; raises `SandboxError`."""
        arguments: dict[str, Any] = {"params": params}
        if files:
            form = aiohttp.FormData()
            form.add_field("payload_json", json.dumps(body or {}), content_type="application/json")
            for name, (filename, data) in files.items():
                form.add_field(f"files[{name}]", data, filename=filename, content_type="application/octet-stream")
            arguments["data"] = form
        elif body is not None:
            arguments["json"] = body
        async with self.http.request(method, self.url + path, **arguments) as response:
            text = await response.text()
            answer = json.loads(text) if response.content_type == "application/json" and text else text or None
            if response.status >= 400:
                raise SandboxError(response.status, answer)
            return answer

    def person(self, name: str) -> "Person":
        """Somebody, by username or id."""
        return Person(self, name)

    async def wait(self, kind: str, *, timeout: float = 10.0, **fields: Any) -> Any:
        """Waits for a condition (README.md lists them); raises `SandboxError` 408."""
        return await self.call("POST", "/control/wait", {"for": kind, "timeout": timeout, **fields})

    async def wait_message(self, **fields: Any) -> JSON:
        """The first message that fits (`as_` stands for `as`)."""
        if "as_" in fields:
            fields["as"] = fields.pop("as_")
        found: JSON = (await self.wait("message", **fields))["messages"][0]
        return found

    async def counters(self) -> JSON:
        """The counters."""
        answer: JSON = await self.call("GET", "/control/counters")
        return answer

    async def reset_counters(self) -> None:
        """Starts counting anew."""
        await self.call("POST", "/control/counters/reset")

    async def requests(self, **query: str) -> list[JSON]:
        """The request log."""
        answer: list[JSON] = await self.call("GET", "/control/requests", params=query)
        return answer

    async def fault(self, **fields: Any) -> JSON:
        """Injects a fault."""
        answer: JSON = await self.call("POST", "/control/faults", fields)
        return answer

    async def gateway(self, action: str, **fields: Any) -> JSON:
        """Does something to gateway sessions."""
        answer: JSON = await self.call("POST", "/control/gateway", {"action": action, **fields})
        return answer

    async def settings(self, **changes: Any) -> JSON:
        """Changes settings; answers all of them."""
        answer: JSON = await self.call("PATCH", "/control/settings", changes)
        return answer

    async def advance(self, seconds: float) -> None:
        """Moves the sandbox's clock forward."""
        await self.call("POST", "/control/clock", {"advance": seconds})


class Person:
    """Somebody who acts."""

    def __init__(self, sandbox: SandboxClient, name: str) -> None:
        self._sandbox = sandbox
        self.name = name

    def _path(self, rest: str) -> str:
        return f"/control/as/{self.name}{rest}"

    async def rest(self, method: str, path: str, body: Any = None, *, files: Files | None = None, **query: str) -> Any:
        """One of Discord's own routes, as this person: `rest("POST", "/channels/general/typing")`."""
        return await self._sandbox.call(method, self._path(f"/api{path}"), body, params=query, files=files)

    async def send(self, channel: str, content: str, *, files: Sequence[tuple[str, bytes]] = (), **more: Any) -> JSON:
        """Sends a message; the message."""
        numbered = {str(index): file for index, file in enumerate(files)}
        answer: JSON = await self.rest(
            "POST", f"/channels/{channel}/messages", {"content": content, **more}, files=numbered
        )
        return answer

    async def messages(self, channel: str, **query: str) -> list[JSON]:
        """What they read there, newest first."""
        answer: list[JSON] = await self.rest("GET", f"/channels/{channel}/messages", **query)
        return answer

    async def guilds(self) -> list[JSON]:
        """What they see."""
        answer: list[JSON] = await self._sandbox.call("GET", self._path("/guilds"))
        return answer

    async def use(
        self,
        channel: str,
        name: str,
        options: Mapping[str, Any] | None = None,
        *,
        type: int = 1,  # noqa: A002 - the API's own name
        target_id: str | None = None,
        files: Files | None = None,
        wait: float = 5.0,
    ) -> JSON:
        """Uses a command: `use("general", "request new", {"item": "sword"})`; what became of it within `wait` seconds."""
        body: JSON = {"name": name, "type": type, "options": dict(options or {})}
        if target_id is not None:
            body["target_id"] = target_id
        path = self._path(f"/channels/{channel}/commands?wait={wait}")
        answer: JSON = await self._sandbox.call("POST", path, body, files=files)
        return answer

    async def autocomplete(
        self, channel: str, name: str, focused: str, options: Mapping[str, Any] | None = None
    ) -> list[JSON]:
        """The choices for the option `focused`, whose text so far is `options[focused]`."""
        body = {"name": name, "focused": focused, "options": dict(options or {})}
        answer = await self._sandbox.call("POST", self._path(f"/channels/{channel}/autocomplete"), body)
        choices: list[JSON] = answer["choices"]
        return choices

    async def press(
        self, message: str, custom_id: str, values: Sequence[str] | None = None, *, wait: float = 5.0
    ) -> JSON:
        """Presses a button, or with `values` chooses in a select."""
        body: JSON = {"custom_id": custom_id}
        if values is not None:
            body["values"] = list(values)
        answer: JSON = await self._sandbox.call("POST", self._path(f"/messages/{message}/components?wait={wait}"), body)
        return answer

    async def submit(
        self, interaction: str, values: Mapping[str, Any], *, files: Files | None = None, wait: float = 5.0
    ) -> JSON:
        """Submits the modal that interaction opened."""
        path = self._path(f"/interactions/{interaction}/modal?wait={wait}")
        answer: JSON = await self._sandbox.call("POST", path, {"values": dict(values)}, files=files)
        return answer

    async def interaction(self, interaction: str) -> JSON:
        """What became of one."""
        answer: JSON = await self._sandbox.call("GET", self._path(f"/interactions/{interaction}"))
        return answer

    @asynccontextmanager
    async def events(self) -> AsyncIterator[AsyncIterator[JSON]]:
        """The live stream: `async with person.events() as stream: async for event in stream: …`."""
        async with self._sandbox.http.ws_connect(self._sandbox.url + self._path("/events")) as socket:

            async def frames() -> AsyncIterator[JSON]:
                async for message in socket:
                    yield json.loads(message.data)

            yield frames()
