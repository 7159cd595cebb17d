"""Keeps a world across restarts: one JSON file, written whole and put in place at once (`saving.py` says when).

Records are read and written by their own type hints, so a new field with a default needs nothing here. Sessions, rate
limits and interactions are not kept: a bot has to identify anew, and pending interactions fail.
"""

import base64
import dataclasses
import json
import os
import types
import typing
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from sandbox.discord.entities import Application, Channel, Command, Guild, Invite, Message, User, Webhook
from sandbox.discord.world import MessageLog, World

_FORMAT = 1
_TABLES: Mapping[str, type[Any]] = {
    "users": User,
    "applications": Application,
    "guilds": Guild,
    "webhooks": Webhook,
    "commands": Command,
}


def encode(value: Any) -> Any:
    """A record as JSON."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: encode(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(key): encode(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [encode(item) for item in value]
    return value


def decode(kind: Any, value: Any) -> Any:
    """JSON as the record that a type hint names."""
    origin = get_origin(kind)
    if value is None or kind is Any:
        return value
    if origin in (types.UnionType, typing.Union):
        inner = [part for part in get_args(kind) if part is not type(None)]
        return decode(inner[0], value) if len(inner) == 1 else value
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        hints = get_type_hints(kind)
        known = {f.name for f in dataclasses.fields(kind)}
        return kind(**{name: decode(hints[name], item) for name, item in value.items() if name in known})
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind(value)
    if origin is dict:
        key_kind, item_kind = get_args(kind)
        return {(int(key) if key_kind is int else key): decode(item_kind, item) for key, item in value.items()}
    if origin is tuple:
        parts = get_args(kind)
        if len(parts) == 2 and parts[1] is Ellipsis:
            return tuple(decode(parts[0], item) for item in value)
        return tuple(decode(part, item) for part, item in zip(parts, value, strict=True))
    if origin is list:
        return [decode(get_args(kind)[0], item) for item in value]
    return value


def snapshot(world: World) -> dict[str, Any]:
    """A copy of the world as JSON, which later changes do not touch."""
    state: dict[str, Any] = {"format": _FORMAT, "last_id": world.ids.last, "event_number": world.event_number}
    for table in _TABLES:
        state[table] = encode(getattr(world, table))
    state["direct"] = [encode(c) for c in world.channels.values() if c.guild_id is None]
    state["invites"] = encode(world.invites)
    state["messages"] = {str(id_): [encode(m) for m in log] for id_, log in world.messages.items()}
    state["files"] = {
        str(id_): [world.file_kinds.get(id_, ""), base64.b64encode(data).decode()] for id_, data in world.files.items()
    }
    state["closed_direct"] = sorted(world.closed_direct)
    state["cdn_key"] = world.cdn_key.hex()
    return state


def write(state: dict[str, Any], path: Path) -> None:
    """Writes a copy: whoever reads the file finds the old one or the new one, whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(path.name + ".new")
    with beside.open("w", encoding="utf-8") as file:
        file.write(json.dumps(state))
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def load(world: World, path: Path, bot_token: str) -> bool:
    """Reads what `write` wrote into an empty world; False where there is none. The bot's token is the one given now."""
    if not path.exists():
        return False
    state = json.loads(path.read_text(encoding="utf-8"))
    if state.get("format") != _FORMAT:
        raise ValueError(f"{path} has format {state.get('format')}, not {_FORMAT}: move it away to start anew")
    for table, kind in _TABLES.items():
        setattr(world, table, {int(key): decode(kind, item) for key, item in state[table].items()})
    for guild in world.guilds.values():
        world.channels.update(guild.channels)
        world.channels.update(guild.threads)
    for item in state["direct"]:
        channel: Channel = decode(Channel, item)
        world.channels[channel.id] = channel
    world.invites = {code: decode(Invite, item) for code, item in state["invites"].items()}
    for key, items in state["messages"].items():
        log = world.messages[int(key)] = MessageLog()
        for item in items:
            log.add(decode(Message, item))
    for key, (kind_name, data) in state["files"].items():
        world.files[int(key)] = base64.b64decode(data)
        world.file_kinds[int(key)] = kind_name
    world.closed_direct = set(state["closed_direct"])
    # Addresses of files that were given out stay good; files written before there was a key have none.
    if "cdn_key" in state:
        world.cdn_key = bytes.fromhex(state["cdn_key"])
    world.ids.last = state["last_id"]
    world.event_number = state["event_number"]
    first = next(iter(world.applications.values()), None)
    if first is not None:
        first.token = bot_token
    return True


def replace(world: World, fresh: World) -> None:
    """Gives a world another's content in place, so that whoever holds it goes on; subscribers stay."""
    kept = {"_subscribers", "base_url", "clock", "event_number"}
    for name, value in vars(fresh).items():
        if name not in kept:
            setattr(world, name, value)
