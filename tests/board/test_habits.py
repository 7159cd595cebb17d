"""What members and officers do with the board day by day, each thing as a person does it in Discord."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from sandbox.control.client import SandboxClient
from tests.board.screen import CHANNEL, Screen, asked, components, labels, text_of, told_directly
from tests.support import eventually

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]


async def ids(sandbox: SandboxClient) -> dict[str, str]:
    """Everybody's snowflakes by their names."""
    return {one["username"]: one["id"] for one in await sandbox.call("GET", "/control/people")}


async def newcomer(sandbox: SandboxClient, name: str) -> Screen:
    """Somebody new in the guild."""
    guild = (await sandbox.call("GET", "/control/as/owner/guilds"))[0]
    await sandbox.call("POST", "/control/people", {"username": name, "guilds": [{"id": str(guild["id"])}]})
    return Screen(sandbox, name)


async def entered(screen: Screen, form: str, values: dict[str, Any]) -> dict[str, Any]:
    """Fills a form in and gives what it led to."""
    answer = await screen.sandbox.submit(screen.person, form, values)
    assert answer["state"] == "acknowledged", answer
    return await screen.settled(CHANNEL, answer["message_id"])


async def vanished(screen: Screen, message: dict[str, Any]) -> bool:
    """Whether a message is gone."""
    return all(one["id"] != message["id"] for one in await screen.messages(message["channel_id"]))


async def test_a_request_is_changed_by_whoever_asked(member: Screen, crafter: Screen) -> None:
    number = await asked(member, "5x Flask of Alchemical Chaos @Alch !10g // old note")
    form = await member.opens("request edit", request=number)
    fields = (await member.sandbox.interaction("member", form))["modal"]["components"]
    assert {one["component"]["custom_id"]: one["component"].get("value") for one in fields} == {
        "item": "Flask of Alchemical Chaos",
        "quantity": "5",
        "note": "old note",
        "tip": "10g",
        "due": None,
    }
    values = {"item": "Flask of Tempered Swiftness", "quantity": "7", "note": "new note", "tip": "", "due": "in 3 days"}
    said = await entered(member, form, values)
    assert "is changed" in text_of(said) and "7 × Flask of Tempered Swiftness" in text_of(said)
    assert "due <t:" in text_of(await crafter.use("request list"))
    too_many = await entered(member, await member.opens("request edit", request=number), {**values, "quantity": "0"})
    assert "whole number" in text_of(too_many)
    await crafter.press(await crafter.use("request show", request=number), "Claim")
    held = await entered(member, await member.opens("request edit", request=number), {**values, "quantity": "9"})
    assert "a crafter works on it" in text_of(held)
    foreign = await crafter.opens("request edit", request=number)
    assert "for others to do" in text_of(await entered(crafter, foreign, values))


async def test_officers_hand_a_request_over_and_take_it_back(member: Screen, crafter: Screen, owner: Screen) -> None:
    people = await ids(owner.sandbox)
    number = await asked(member, "1x Core Skeleton Key @Smith")
    await owner.press(await owner.use("request show", request=number), "Claim")
    refused = await member.use("board assign", request=number, member=people["crafter"])
    assert "for others to do" in text_of(refused)
    given = await owner.use("board assign", request=number, member=people["crafter"])
    assert "is passed on" in text_of(given)
    assert number in text_of(await crafter.use("board claims"))
    await eventually(lambda: told_directly(member, f"passed your {number} "), timeout=30)
    freed = await owner.use("board release", request=number, reason="too long")
    assert "is now open" in text_of(freed)
    said = await eventually(lambda: told_directly(crafter, f"released {number} "), timeout=30)
    assert "(too long)" in said["content"]
    assert number not in text_of(await crafter.use("board claims"))


async def test_officers_edit_the_guilds_professions(member: Screen, owner: Screen, crafter: Screen) -> None:
    form = await owner.opens("board profession", profession="Fishing")
    kept = await entered(
        owner, form, {"name": "Fishing", "aliases": "Angler", "specialities": "Deep sea", "max_level": "50"}
    )
    assert "Kept: Fishing" in text_of(kept)

    async def offered() -> bool:
        found = await member.sandbox.autocomplete("member", CHANNEL, "board gaps", {"profession": "fish"}, "profession")
        return [choice["name"] for choice in found] == ["Fishing"]

    await eventually(offered, timeout=15)
    assert "Fishing" in text_of(await member.use("request quick", text="2x Golden Carp @Angler"))
    wrong = await crafter.use("character add", name="Nat", profession="Fishing", level=51)
    assert "0 to 50" in text_of(wrong)
    form = await owner.opens("board profession", profession="Fishing")
    fields = (await owner.sandbox.interaction("owner", form))["modal"]["components"]
    assert {one["component"]["custom_id"]: one["component"].get("value") for one in fields}["max_level"] == "50"
    again = await entered(owner, form, {"name": "Fishing", "max_level": "many"})
    assert "a whole number from 0 on" in text_of(again)
    assert "it stays" in text_of(await owner.use("board profession", profession="Fishing", reset=True)), "it is in use"
    form = await owner.opens("board profession", profession="Cooking")
    assert "Kept: Feasts" in text_of(await entered(owner, form, {"name": "Feasts", "max_level": "0"}))
    reset = await owner.use("board profession", profession="Feasts", reset=True)
    assert "as configured again" in text_of(reset)
    refused = await entered(
        member, await member.opens("board profession", profession="Fishing"), {"name": "Mine", "max_level": "0"}
    )
    assert "officers" in text_of(refused)


@asynccontextmanager
async def guild_settings(owner: Screen, now: dict[str, Any], then: dict[str, Any]) -> AsyncIterator[None]:
    """Something else holds in the guild for a while."""
    await owner.use("board setup", **now)
    try:
        yield
    finally:
        await owner.use("board setup", **then)


async def test_officers_cap_how_much_one_person_may_ask_for(owner: Screen) -> None:
    new = await newcomer(owner.sandbox, "wishful")
    async with guild_settings(owner, {"limit": 2}, {"limit": 25}):
        # The board asks for a guild's settings anew after two seconds.
        for count in (1, 2):
            await asked(new, f"{count}x Quick Sapphire @JC")

        async def refused() -> bool:
            return "You have 2 open requests" in text_of(await new.use("request quick", text="3x Quick Sapphire @JC"))

        await eventually(refused, timeout=15, interval=0.5)

    async def free_again() -> bool:
        return "On the board" in text_of(await new.use("request quick", text="3x Quick Sapphire @JC"))

    await eventually(free_again, timeout=15, interval=0.5)
    mine = text_of(await new.use("board mine"))
    assert "1 × Quick Sapphire" in mine and "2 × Quick Sapphire" in mine


async def test_fast_mode_asks_nothing_for_a_person_and_for_a_guild(member: Screen, owner: Screen) -> None:
    slow, quick, all_quick = [await asked(member, f"{count}x Quick Sapphire @JC") for count in (1, 2, 3)]
    question = await member.use("request cancel", request=slow)
    assert "can't be undone" in text_of(question) and "Cancel" in labels(question)
    shown = await member.use("board preferences", fast=True)
    assert "`board_fast_mode`: True" in text_of(shown)
    try:
        done = await member.use("request cancel", request=quick)
        assert f"{quick}** 2 × Quick Sapphire is now cancelled" in text_of(done)
        await eventually(lambda: vanished(member, done), timeout=10)
    finally:
        await member.use("board preferences", fast=False)
    question = await member.use("request cancel", request=all_quick)
    assert "can't be undone" in text_of(question)
    new = await newcomer(owner.sandbox, "hasty")
    number = await asked(new, "1x Quick Sapphire @JC")
    async with guild_settings(owner, {"fast": True}, {"fast": False}):

        async def at_once() -> bool:
            return "is now cancelled" in text_of(await new.use("request cancel", request=number))

        await eventually(at_once, timeout=15, interval=0.5)
        own = await asked(member, "4x Quick Sapphire @JC")
        question = await member.use("request cancel", request=own)
        assert "can't be undone" in text_of(question), "what a person set stands over the guild's"


async def test_several_are_released_and_completed_at_once(member: Screen, crafter: Screen) -> None:
    numbers = [await asked(member, f"{count}x Bismuth Ingot @Smith") for count in (1, 2, 3, 4)]

    async def chosen(listing: dict[str, Any], which: list[str]) -> dict[str, Any]:
        options = next(one for one in components(listing) if one.get("options"))["options"]
        values = [one["value"] for one in options if one["label"].split()[0] in which]
        assert len(values) == len(which), (which, options)
        return await crafter.press(listing, "Choose one or several", values)

    listing = await chosen(await crafter.use("board search", item="Bismuth"), numbers)
    listing = await crafter.press(listing, "Claim")
    assert "4 claimed." in listing["content"]
    listing = await chosen(await crafter.use("board claims"), numbers[:2])
    listing = await crafter.press(listing, "Release")
    assert "2 released." in listing["content"]
    listing = await chosen(await crafter.use("board claims"), numbers[2:])
    question = await crafter.press(listing, "Complete")
    assert "Complete 2 requests? That can't be undone." in text_of(question)
    listing = await crafter.press(question, "Complete")
    assert "2 completed." in listing["content"]
    left = text_of(await member.use("board search", item="Bismuth"))
    assert all((number in left) == (number in numbers[:2]) for number in numbers)


async def test_lists_have_pages(member: Screen, owner: Screen) -> None:
    new = await newcomer(owner.sandbox, "hungry")
    numbers = [await asked(new, f"{count}x Sizzling Honey Roast @Cook") for count in range(1, 13)]
    first = await new.use("board mine")
    assert "1 of 2" in labels(first)
    second = await new.press(first, "Next")
    assert "2 of 2" in labels(second)
    seen = [number for page in (first, second) for number in numbers if f"{number}**" in text_of(page)]
    assert sorted(seen) == sorted(numbers), "each once, over both pages"
    assert text_of(await new.press(second, "Previous")) == text_of(first)


async def test_characters_are_changed_and_their_owners_go_away(crafter: Screen, member: Screen) -> None:
    await crafter.use("character add", name="Velen", realm="Silvermoon", profession="inscription", level=40)
    changed = await crafter.use(
        "character edit", character="Velen", name="Prophet", profession="inscription", level=60, recipes="Vantus Rune"
    )
    assert "Prophet" in text_of(changed) and "Inscription 60" in text_of(changed)
    assert "knows the recipe" in text_of(await member.use("board who", item="Vantus Rune", profession="inscription"))
    assert "Prophet" in text_of(await member.use("character list", everyone=True))
    assert "Enjoy your time off" in text_of(await crafter.use("board vacation", until="in 3 days"))
    try:
        who = text_of(await member.use("board who", item="Vantus Rune", profession="inscription"))
        assert "away until" in who
    finally:
        assert "Welcome back" in text_of(await crafter.use("board vacation"))
    dropped = await crafter.use("character edit", character="Prophet", profession="inscription", drop=True)
    assert "Inscription" not in text_of(dropped)
    await crafter.use("character remove", character="Prophet")


async def test_subscribers_are_told_and_whoever_wants_nothing_is_not(member: Screen, crafter: Screen) -> None:
    followed = await crafter.use("board follow", profession="enchanting", item="cursed")
    assert "You follow: " in text_of(followed) and "Enchanting" in text_of(followed) and "cursed" in text_of(followed)
    by_profession = await asked(member, "1x Enchant Ring @Enchant")
    by_name = await asked(member, "1x Cursed Blade @Smith")
    for number in (by_profession, by_name):
        await eventually(lambda number=number: told_directly(crafter, f"New on the board: {number}"), timeout=30)  # type: ignore[misc]
    await crafter.use("board preferences", messages="none")
    try:
        unheard = await asked(member, "2x Enchant Ring @Enchant")
        await crafter.press(await crafter.use("request show", request=unheard), "Claim")
        await eventually(lambda: told_directly(member, f"claimed your {unheard} "), timeout=30)
        assert not await told_directly(crafter, unheard)
    finally:
        await crafter.use("board preferences", messages="each")
    stopped = await crafter.use("board follow", profession="enchanting", item="cursed", stop=True)
    assert "You follow nothing" in text_of(stopped)


async def test_gaps_history_and_the_board_as_json(member: Screen, owner: Screen) -> None:
    number = await asked(member, "1x Grotesque Vial @Inscription")
    gaps = text_of(await member.use("board gaps"))
    assert "What nobody here can make" in gaps
    history = text_of(await owner.use("board history"))
    assert f"put it on the board · **{number}** Grotesque Vial" in history
    assert "officers" in text_of(await member.use("board history"))
    file = (await owner.use("board export", format="json"))["attachments"][0]
    assert file["filename"] == "requests.json"
    async with aiohttp.ClientSession() as http, http.get(file["url"]) as answer:
        rows = json.loads(await answer.read())
    assert any(one["item"] == "Grotesque Vial" and f"#{one['number']}" == number for one in rows)


async def test_cleaning_up_ones_direct_messages(member: Screen, crafter: Screen) -> None:
    number = await asked(member, "1x Quick Sapphire @JC")
    await crafter.press(await crafter.use("request show", request=number), "Claim")
    told = await eventually(lambda: told_directly(member, f"claimed your {number} "), timeout=30)
    await member.use("clean", channel=told["channel_id"])

    async def tidy() -> bool:
        shown = await member.messages(told["channel_id"])
        return not any("claimed your" in one["content"] for one in shown)

    await eventually(tidy, timeout=30)
