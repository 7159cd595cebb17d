"""What roles of the configuration decide: commands, buttons and words by those without a feature, and with it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from services.gateway.command import MANAGE_GUILD, Command
from services.gateway.registry import Registry, Route, discover
from tests.conversations.answering import Answerer, running_answerer
from tests.conversations.talking import DONE, buttons
from tests.conversations.using import use
from tests.support import eventually
from views.custom_id import encode

REFUSED = "roles do not include"


def tiers(everyone: list[str], *, away: float = 2.0) -> Mapping[str, str]:
    """Gives everybody some features; those who run the guild have all of them in the configuration that is shipped."""
    return {
        "GUILDHALL_ROLES__EVERYONE__FEATURES": json.dumps(everyone),
        "GUILDHALL_GATEWAY__DEADLINES__AWAY": str(away),
    }


async def refused(there: Answerer, used: dict[str, Any], person: str, channel: str = "general") -> bool:
    """Whether an interaction was answered with the sentence for those without a feature."""
    assert used["state"] == "acknowledged", used
    if used["modal"] is not None or used["message_id"] is None:
        return False
    found = await there.sandbox.wait("message", as_=person, channel=channel, id=used["message_id"])
    return used["ephemeral"] and REFUSED in found["messages"][0]["content"]


async def test_every_command_takes_the_feature_that_it_names(redis_url: str, tmp_path: Path) -> None:
    registry = discover()
    gated = [route for route in registry.routes() if route.feature]
    assert len(gated) > 30
    # Nothing stands behind most commands here, so waiting for it leads nowhere.
    soon = tiers([], away=0.1)
    async with running_answerer(redis_url, tmp_path, {}, with_gateway=True, of_gateway=soon) as there:
        said = await there.sandbox.say("crafter", "general", "The lighthouse keeper was named Edda.")

        async def judged(person: str, route: Route) -> bool:
            about = str(there.people["owner"])
            used = await use(there.sandbox, route, person, "general", about=about, target=said["id"])
            return await refused(there, used, person)

        for person in ("member", "owner"):
            # Discord itself does not show what takes permissions to whoever lacks them.
            shown = [route for route in gated if person == "owner" or not top(registry, route).permissions]
            verdicts = await asyncio.gather(*(judged(person, route) for route in shown))
            wrong = [route.path for route, told in zip(shown, verdicts, strict=True) if told != (person == "member")]
            assert not wrong, (person, wrong)


def top(registry: Registry, route: Route) -> Command:
    """The command that a subcommand belongs to."""
    return registry.commands.get(route.path.partition(" ")[0], route.command)


async def test_every_button_takes_the_feature_that_it_stands_for(redis_url: str, tmp_path: Path) -> None:
    gated = discover().gated_components()
    assert len(gated) > 40
    async with running_answerer(redis_url, tmp_path, {}, with_gateway=True, of_gateway=tiers([])) as there:
        for start in range(0, len(gated), 25):
            shown = [
                {"type": 2, "style": 2, "label": action, "custom_id": encode(action, "a", "b")}
                for action in gated[start : start + 25]
            ]
            rows = [{"type": 1, "components": shown[first : first + 5]} for first in range(0, len(shown), 5)]
            message = await there.bot.post(there.channel_id, {"content": "Press", "components": rows})
            for each in shown:
                used = await there.sandbox.press("member", message["id"], str(each["custom_id"]))
                assert await refused(there, used, "member"), each


async def test_a_form_that_was_opened_before_its_feature_was_taken_away_is_refused(
    redis_url: str, tmp_path: Path
) -> None:
    async with running_answerer(redis_url, tmp_path, {}, with_gateway=True, of_gateway=tiers([])) as there:
        there.model.go_on.set()
        path = f"/guilds/{there.guild_id}/roles"
        crew = await there.sandbox.rest("owner", "POST", path, {"name": "Crew", "permissions": str(MANAGE_GUILD)})
        membership = f"/guilds/{there.guild_id}/members/{there.people['crafter']}/roles/{crew['id']}"
        await there.sandbox.rest("owner", "PUT", membership)
        said = await there.sandbox.say("member", "general", "The lighthouse keeper was named Edda.")
        about, entered = "Ask about this message", {"prompt": "Who was it?", "message": "Edda"}
        opened = await there.sandbox.command("crafter", "general", about, type=3, target_id=said["id"])
        asked = await there.sandbox.submit("crafter", opened["id"], entered)
        assert not await refused(there, asked, "crafter")
        opened = await there.sandbox.command("crafter", "general", about, type=3, target_id=said["id"])
        await there.sandbox.rest("owner", "DELETE", membership)
        asked = await there.sandbox.submit("crafter", opened["id"], entered)
        assert await refused(there, asked, "crafter")


@pytest.mark.parametrize(
    ("typed", "done"),
    [("!ask what is a pier?", ""), ("!image a pier", "image.typed"), ("!neon a pier", "manage.typed")],
)
async def test_text_commands_take_the_features_of_their_commands(
    redis_url: str, tmp_path: Path, typed: str, done: str
) -> None:
    async with running_answerer(redis_url, tmp_path, {}, with_gateway=True, of_gateway=tiers([])) as there:
        there.model.go_on.set()
        asked = await there.sandbox.say("member", "general", typed)
        told = await there.message(there.channel_id, contains=REFUSED)
        assert told["message_reference"]["message_id"] == asked["id"]
        # A message says nothing of permissions, and only these make the owner one of the crew.
        wished = await there.sandbox.say("owner", "general", typed)
        if done:
            assert await there.message(there.channel_id, component=done, after=wished["id"])
        else:
            assert await answered(there, wished)


async def test_what_is_written_to_the_bot_takes_the_feature_of_asking(redis_url: str, tmp_path: Path) -> None:
    async with running_answerer(redis_url, tmp_path, {}, with_gateway=True, of_gateway=tiers([])) as there:
        there.model.go_on.set()
        bot = next(one["id"] for one in await there.sandbox.call("GET", "/control/people") if one["bot"])
        asked = await there.sandbox.say("member", "general", f"<@{bot}> what is a pier?")
        told = await there.message(there.channel_id, contains=REFUSED)
        assert told["message_reference"]["message_id"] == asked["id"]
        thread = await answered(there, await there.sandbox.say("owner", "general", f"<@{bot}> what is a quay?"))
        said = await there.sandbox.say("member", thread, "And I?")
        assert await there.message(int(thread), contains=REFUSED, after=said["id"])
        # Where everything is answered, whoever may not ask only talks.
        assert "may not change this" in await there.set_here("gateway.auto_respond", "on", "member")
        assert "Set" in await there.set_here("gateway.auto_respond", "on")
        talked = await there.sandbox.say("member", "general", "Good morning")
        await there.sandbox.say("owner", "general", "Good morning, bot")
        answer = await there.message(there.channel_id, component=DONE, after=talked["id"])
        assert "Good morning, bot" in answer["content"]
        assert REFUSED not in str(await there.sandbox.messages("owner", "general", after=talked["id"]))
        assert len(there.model.requests) == 2


@pytest.mark.parametrize("mode", ["auto", "always", "never", "ask"])
async def test_pictures_of_messages_are_for_those_who_have_the_feature(
    redis_url: str, tmp_path: Path, mode: str
) -> None:
    async with running_answerer(redis_url, tmp_path, {}, with_gateway=True, of_gateway=tiers(["ask"])) as there:
        there.model.go_on.set()
        there.model.draws = True
        assert "Set" in await there.set_here("gateway.images", mode)
        used = await there.sandbox.command("member", "general", "ask", {"prompt": "Let us talk."})
        thread = (await there.sandbox.wait("thread", message=used["message_id"]))["thread"]["id"]
        first = await there.message(int(thread), component=DONE)
        await there.sandbox.say("member", thread, "Draw me a pier")
        plain = await there.message(int(thread), component=DONE, after=first["id"])
        assert "Draw me a pier" in plain["content"]
        assert not plain["attachments"]
        wished = await there.sandbox.say("owner", thread, "Draw me a pier")
        if mode == "ask":
            assert await there.message(int(thread), component="image.typed", after=wished["id"])
            return

        async def settled() -> list[dict[str, Any]]:
            said = await there.sandbox.messages("owner", thread, after=wished["id"])
            return [each for each in said if each["attachments"] or DONE in buttons(each)]

        drawn = (await eventually(settled, timeout=20))[0]
        assert bool(drawn["attachments"]) == (mode != "never")
        assert (DONE in buttons(drawn)) == (mode != "always")


async def answered(there: Answerer, message: dict[str, Any]) -> str:
    """The thread in which a message was answered."""
    thread = (await there.sandbox.wait("thread", message=message["id"]))["thread"]["id"]
    assert await there.message(int(thread), component=DONE)
    return str(thread)
