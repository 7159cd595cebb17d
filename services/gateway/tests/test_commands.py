"""The commands as Discord gets them: complete in every language, within its limits, sent only when they changed."""

from typing import Any

import pytest

from services.gateway.command import Command, Option
from services.gateway.registration import fingerprint, register
from services.gateway.registry import Registry, TakenTwice, discover
from views.catalogue import texts


async def nothing(context: object) -> None:
    """A handler that does nothing."""


def every_described(node: dict[str, Any]) -> list[dict[str, Any]]:
    return [node] + [each for option in node.get("options", ()) for each in every_described(option)]


def characters(node: dict[str, Any]) -> int:
    return sum(
        len(each["name"])
        + len(each.get("description", ""))
        + sum(len(choice["name"]) for choice in each.get("choices", ()))
        for each in every_described(node)
    )


@pytest.mark.parametrize("command", discover().payload(texts()), ids=lambda command: command["name"])
def test_each_command_is_within_discords_limits_in_every_language(command: dict[str, Any]) -> None:
    assert characters(command) <= 8000
    for node in every_described(command):
        assert 1 <= len(node["name"]) <= 32
        if node.get("type") in (2, 3) and "description" not in node:
            assert set(node["name_localizations"]) == {"de", "fr"}
            continue
        assert 1 <= len(node["description"]) <= 100
        assert set(node["description_localizations"]) == {"de", "fr"}
        assert all(1 <= len(text) <= 100 for text in node["description_localizations"].values())
        assert len(node.get("options", ())) <= 25
        assert len(node.get("choices", ())) <= 25


def test_required_options_come_first() -> None:
    for command in discover().payload(texts()):
        for node in every_described(command):
            required = [option.get("required", False) for option in node.get("options", ())]
            assert required == sorted(required, reverse=True)


def test_a_name_is_taken_once() -> None:
    registry = Registry()
    registry.command(Command("one", nothing))
    with pytest.raises(TakenTwice):
        registry.command(Command("one", nothing))
    registry.component("press", nothing)
    with pytest.raises(TakenTwice):
        registry.component("press", nothing)


def test_subcommands_take_their_parents_feature() -> None:
    registry = Registry()
    registry.command(
        Command("top", subcommands=(Command("a", nothing), Command("b", nothing, feature="own")), feature="f")
    )
    assert {route.path: route.feature for route in registry.routes()} == {"top a": "f", "top b": "own"}


class Store:
    """A fingerprint kept in memory, with what was sent beside it."""

    def __init__(self) -> None:
        self.kept = ""
        self.sent: list[list[dict[str, Any]]] = []

    async def fingerprint(self) -> str:
        return self.kept

    async def keep_fingerprint(self, fingerprint: str) -> None:
        self.kept = fingerprint

    async def send(self, payload: list[dict[str, Any]]) -> None:
        self.sent.append(payload)

    async def fetch(self) -> list[dict[str, Any]]:
        return self.sent[-1] if self.sent else []


async def test_commands_are_sent_only_when_they_changed() -> None:
    store = Store()
    payload = [Command("ask", nothing, options=(Option("prompt"),)).payload(texts())]
    assert await register(payload, store, store.send, store.fetch)
    assert not await register([dict(reversed(payload[0].items()))], store, store.send, store.fetch)
    changed = [payload[0] | {"contexts": [0]}]
    assert await register(changed, store, store.send, store.fetch)
    assert len(store.sent) == 2
    assert store.kept == fingerprint(changed)


async def test_commands_that_discord_lost_are_sent_again() -> None:
    store = Store()
    payload = [Command("ask", nothing, options=(Option("prompt"),)).payload(texts())]
    assert await register(payload, store, store.send, store.fetch)
    store.sent.append([])
    assert await register(payload, store, store.send, store.fetch)
    assert store.sent[-1] == payload


async def test_a_set_that_discord_refused_is_sent_again() -> None:
    store = Store()

    async def refuse(payload: list[dict[str, Any]]) -> None:
        raise ConnectionError("refused")

    with pytest.raises(ConnectionError):
        await register([], store, refuse, store.fetch)
    assert store.kept == ""
