"""A small bot of the tests' own, on Discord's REST and gateway alone: it shows all that the page can draw and use."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
from typing import Any

import aiohttp
from PIL import Image

Json = Any
INTENTS = 0b11_0000_0001_1111_1111_1111_1111 & ~(1 << 8)

COMMANDS: list[Json] = [
    {
        "name": "order",
        "description": "Order something, with every kind of option",
        "options": [
            {"type": 3, "name": "item", "description": "What it shall be", "required": True, "autocomplete": True},
            {"type": 4, "name": "amount", "description": "How many", "required": True, "min_value": 1, "max_value": 99},
            {
                "type": 3,
                "name": "size",
                "description": "How large",
                "choices": [{"name": "Small", "value": "s"}, {"name": "Large", "value": "l"}],
            },
            {"type": 6, "name": "for", "description": "Who gets it"},
            {"type": 8, "name": "role", "description": "Which role"},
            {"type": 7, "name": "where", "description": "Which channel"},
            {"type": 5, "name": "gift", "description": "Whether it is a gift"},
            {"type": 11, "name": "drawing", "description": "A drawing of it"},
        ],
    },
    {"name": "show", "description": "Show what messages can be"},
    {"name": "silent", "description": "Never answers"},
    {
        "name": "list",
        "description": "Lists",
        "options": [
            {"type": 1, "name": "open", "description": "Open orders"},
            {"type": 1, "name": "done", "description": "Finished orders"},
        ],
    },
    {"name": "Quote", "type": 3},
    {"name": "Greet", "type": 2},
]

MARKDOWN = """# A heading
**bold**, *italic*, __underline__, ~~gone~~, `code`, ||secret|| and a [masked link](https://example.com/a_(b)).
> a quote
- one
  - nested
1. first
-# small print <t:1763600000:R>
```python
def greet(name: str) -> str:
    \"\"\"Say hello.\"\"\"
    return f"Hello, {name}!"  # a comment
```"""


def png(colour: str = "#3b6cff", size: tuple[int, int] = (320, 180)) -> bytes:
    """A picture of one colour."""
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, "PNG")
    return out.getvalue()


def embed() -> Json:
    """An embed with everything in it."""
    return {
        "title": "Iron sword",
        "url": "https://example.com/sword",
        "description": "A **fine** blade for <@&0> and friends.",
        "color": 0x23C4B0,
        "author": {"name": "The forge"},
        "fields": [
            {"name": "Asked by", "value": "Mina", "inline": True},
            {"name": "Amount", "value": "2", "inline": True},
            {"name": "State", "value": "open", "inline": True},
        ],
        "footer": {"text": "Request 17"},
        "timestamp": "2026-11-20T09:00:00+00:00",
    }


def rows() -> Json:
    """Buttons and selects of every kind."""
    return [
        {
            "type": 1,
            "components": [
                {"type": 2, "style": 1, "label": "Count: 0", "custom_id": "count:0"},
                {"type": 2, "style": 3, "label": "Claim", "emoji": {"name": "⚒️"}, "custom_id": "modal"},
                {"type": 2, "style": 4, "label": "Never answers", "custom_id": "silent"},
                {"type": 2, "style": 2, "label": "Closed", "custom_id": "closed", "disabled": True},
                {"type": 2, "style": 5, "label": "Site", "url": "https://example.com/"},
            ],
        },
        {
            "type": 1,
            "components": [
                {
                    "type": 3,
                    "custom_id": "pick",
                    "placeholder": "Pick colours",
                    "min_values": 1,
                    "max_values": 2,
                    "options": [
                        {"label": "Red", "value": "red", "description": "Like a rose", "emoji": {"name": "🔴"}},
                        {"label": "Green", "value": "green"},
                        {"label": "Blue", "value": "blue"},
                    ],
                }
            ],
        },
        {"type": 1, "components": [{"type": 5, "custom_id": "who", "placeholder": "Pick a person"}]},
        {"type": 1, "components": [{"type": 6, "custom_id": "role", "placeholder": "Pick a role"}]},
        {"type": 1, "components": [{"type": 8, "custom_id": "where", "placeholder": "Pick a channel"}]},
    ]


def container() -> Json:
    """Components V2."""
    return [
        {
            "type": 17,
            "accent_color": 0x6D7CFF,
            "components": [
                {"type": 10, "content": "## A plan with 3 steps\nNothing is done before you confirm."},
                {
                    "type": 9,
                    "components": [{"type": 10, "content": "**Create** the category `gaming`"}],
                    "accessory": {"type": 2, "style": 2, "label": "Drop", "custom_id": "drop"},
                },
                {"type": 14, "divider": True, "spacing": 1},
                {"type": 12, "items": [{"media": {"url": "attachment://a.png"}, "description": "A blue picture"}]},
                {"type": 13, "file": {"url": "attachment://report.txt"}},
                {
                    "type": 1,
                    "components": [
                        {"type": 2, "style": 3, "label": "Confirm", "custom_id": "confirm"},
                        {"type": 2, "style": 2, "label": "Cancel", "custom_id": "cancel"},
                    ],
                },
            ],
        }
    ]


MODAL: Json = {
    "title": "Claim the request",
    "custom_id": "claim",
    "components": [
        {
            "type": 18,
            "label": "How long will it take?",
            "description": "In hours",
            "component": {"type": 4, "custom_id": "hours", "style": 1, "min_length": 1, "max_length": 4},
        },
        {
            "type": 18,
            "label": "A note",
            "component": {"type": 4, "custom_id": "note", "style": 2, "required": False, "max_length": 200},
        },
        {
            "type": 18,
            "label": "Material",
            "component": {
                "type": 3,
                "custom_id": "material",
                "options": [{"label": "Iron", "value": "iron"}, {"label": "Wood", "value": "wood"}],
            },
        },
    ],
}


FIELDS: Json = {
    "title": "All about it",
    "custom_id": "about",
    "components": [
        {"type": 10, "content": "Fill in what you **know**."},
        {
            "type": 18,
            "label": "Quality",
            "component": {
                "type": 21,
                "custom_id": "quality",
                "options": [{"label": "Plain", "value": "plain"}, {"label": "Masterwork", "value": "master"}],
            },
        },
        {
            "type": 18,
            "label": "Runes",
            "component": {
                "type": 22,
                "custom_id": "runes",
                "min_values": 1,
                "max_values": 2,
                "options": [{"label": name.title(), "value": name} for name in ("fire", "ice", "wind")],
            },
        },
        {"type": 18, "label": "Urgent", "component": {"type": 23, "custom_id": "urgent"}},
        {"type": 18, "label": "Drawing", "component": {"type": 19, "custom_id": "drawing", "min_values": 1}},
    ],
}


class ShowBot:
    """Connects, registers its commands and answers; `async with ShowBot(...)` until it is ready."""

    def __init__(self, api: str, token: str) -> None:
        self._api, self._token = api, token
        self._ready = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self.seen: list[Json] = []
        self.user_id = ""

    async def __aenter__(self) -> ShowBot:
        self._session = aiohttp.ClientSession(headers={"Authorization": f"Bot {self._token}"})
        self._loop = asyncio.create_task(self._listen())
        self._tasks.add(self._loop)
        async with asyncio.timeout(20):
            await self._ready.wait()
        await self.rest("PUT", f"/applications/{self.user_id}/commands", COMMANDS)
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._session.close()

    async def rest(self, method: str, path: str, body: Json = None, files: dict[str, bytes] | None = None) -> Json:
        """One REST call; an error answer is an error here."""
        data: Any = None
        if files:
            form = aiohttp.FormData()
            names = list(files)
            listed = {**body, "attachments": [{"id": n, "filename": name} for n, name in enumerate(names)]}
            form.add_field("payload_json", json.dumps(listed), content_type="application/json")
            for number, name in enumerate(names):
                kind = "image/png" if name.endswith(".png") else "text/plain"
                form.add_field(f"files[{number}]", files[name], filename=name, content_type=kind)
            data = form
        async with self._session.request(method, self._api + path, json=None if files else body, data=data) as answer:
            text = await answer.text()
            if answer.status == 429:
                await asyncio.sleep(float(json.loads(text)["retry_after"]))
                return await self.rest(method, path, body, files)
            assert answer.status < 400, f"{method} {path}: {answer.status} {text}"
            return json.loads(text) if text else None

    async def send(self, channel_id: str, body: Json, files: dict[str, bytes] | None = None) -> Json:
        """A message."""
        return await self.rest("POST", f"/channels/{channel_id}/messages", body, files)

    async def _listen(self) -> None:
        where = await self.rest("GET", "/gateway/bot")
        async with self._session.ws_connect(f"{where['url']}/?v=10&encoding=json") as socket:
            hello = json.loads((await socket.receive()).data)
            beat = asyncio.create_task(self._beat(socket, hello["d"]["heartbeat_interval"] / 1000))
            self._tasks.add(beat)
            identify = {"token": self._token, "intents": INTENTS, "properties": {}}
            await socket.send_json({"op": 2, "d": identify})
            async for frame in socket:
                event = json.loads(frame.data)
                if event.get("t") == "READY":
                    self.user_id = event["d"]["user"]["id"]
                    self._ready.set()
                if event.get("t") == "INTERACTION_CREATE":
                    task = asyncio.create_task(self._answer(event["d"]))
                    self._tasks.add(task)
                    task.add_done_callback(self._tasks.discard)

    async def _beat(self, socket: aiohttp.ClientWebSocketResponse, seconds: float) -> None:
        with contextlib.suppress(ConnectionError, aiohttp.ClientError):
            while True:
                await asyncio.sleep(seconds)
                await socket.send_json({"op": 1, "d": None})

    async def _reply(self, interaction: Json, kind: int, data: Json = None) -> None:
        body = {"type": kind} | ({"data": data} if data is not None else {})
        await self.rest("POST", f"/interactions/{interaction['id']}/{interaction['token']}/callback", body)

    async def _answer(self, interaction: Json) -> None:
        self.seen.append(interaction)
        data = interaction["data"]
        kind = interaction["type"]
        if kind == 4:
            typed = next(o["value"] for o in data["options"] if o.get("focused"))
            found = [word for word in ("Iron sword", "Iron shield", "Healing potion") if typed.lower() in word.lower()]
            await self._reply(interaction, 8, {"choices": [{"name": w, "value": w.lower()} for w in found]})
        elif kind == 2 and data["name"] == "show":
            await self._reply(interaction, 4, {"content": MARKDOWN})
        elif kind == 2 and data["name"] in ("order", "list"):
            await self._reply(interaction, 4, {"content": json.dumps(data.get("options", [])), "flags": 64})
        elif kind == 2 and data["name"] == "Quote":
            quoted = data["resolved"]["messages"][data["target_id"]]["content"]
            await self._reply(interaction, 4, {"content": f"> {quoted}"})
        elif kind == 2 and data["name"] == "Greet":
            await self._reply(interaction, 4, {"content": f"Hello <@{data['target_id']}>!"})
        elif kind == 3:
            await self._pressed(interaction, data)
        elif kind == 5:
            await self._reply(interaction, 4, {"content": "Claimed: " + json.dumps(data["components"]), "flags": 64})

    async def _pressed(self, interaction: Json, data: Json) -> None:
        name = data["custom_id"]
        if name.startswith("count:"):
            number = int(name.removeprefix("count:")) + 1
            changed = rows()
            changed[0]["components"][0] |= {"label": f"Count: {number}", "custom_id": f"count:{number}"}
            await self._reply(interaction, 7, {"components": changed})
        elif name == "modal":
            await self._reply(interaction, 9, MODAL)
        elif name == "fields":
            await self._reply(interaction, 9, FIELDS)
        elif name != "silent":
            await self._reply(interaction, 4, {"content": f"{name}: {data.get('values', [])}", "flags": 64})


async def showcase(bot: ShowBot, channel_id: str) -> None:
    """Writes one of everything into a channel."""
    await bot.send(channel_id, {"content": MARKDOWN})
    first = await bot.send(
        channel_id, {"content": "An embed, and a picture:", "embeds": [embed()]}, {"view.png": png()}
    )
    await bot.rest("PUT", f"/channels/{channel_id}/messages/{first['id']}/reactions/%F0%9F%91%8D/@me")
    await bot.send(channel_id, {"content": "Everything one can press:", "components": rows()})
    await bot.send(
        channel_id,
        {"flags": 1 << 15, "components": container()},
        {"a.png": png("#23c4b0", (480, 160)), "report.txt": b"all is well\n"},
    )
