"""The board over longer stretches of a guild's life: closed doors, archived posts, preferences, files, restarts."""

from __future__ import annotations

import asyncio
import json
from functools import partial
from typing import Any

import pytest

from sandbox.control.client import SandboxClient
from tests.board.screen import CHANNEL, Screen, asked, components, custom_id, labels, text_of, told_directly
from tests.support import eventually
from tests.support.platform import RunningPlatform

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]
EVIL = "**b** @everyone <@1> ||s|| [a](http://b) \u202egnol\u200b"


async def guild_of(sandbox: SandboxClient) -> str:
    return str((await sandbox.call("GET", "/control/as/owner/guilds"))[0]["id"])


async def channel(sandbox: SandboxClient, name: str, kind: int = 0) -> str:
    guild = await guild_of(sandbox)
    made = await sandbox.rest("owner", "POST", f"/guilds/{guild}/channels", {"name": name, "type": kind})
    return str(made["id"])


async def posts(sandbox: SandboxClient, forum: str) -> dict[str, dict[str, Any]]:
    """The forum's posts that are not archived, by the number that they begin with."""
    guild = await guild_of(sandbox)
    threads = await sandbox.rest("owner", "GET", f"/guilds/{guild}/threads/active")
    return {one["name"].split()[0]: one for one in threads["threads"] if one["parent_id"] == forum}


async def reads(screen: Screen, message: dict[str, Any], words: str) -> bool:
    """Whether a message says something by now."""
    return words in text_of(await screen.settled(message["channel_id"], message["id"]))


async def test_a_new_forum_and_list_show_what_was_asked_for_before(member: Screen, owner: Screen) -> None:
    sandbox = owner.sandbox
    numbers = [await asked(member, f"{count}x Weavercloth Bag @Tailor") for count in (1, 2)]
    forum, index = await channel(sandbox, "later-posts", 15), await channel(sandbox, "later-list")
    await owner.use("board setup", index=index, forum=forum)

    async def posted() -> bool:
        return set(numbers) <= set(await posts(sandbox, forum))

    await eventually(posted, timeout=30)

    async def listed() -> bool:
        return any(all(number in text_of(one) for number in numbers) for one in await owner.messages(index))

    await eventually(listed, timeout=30)
    other = await channel(sandbox, "other-posts", 15)
    await owner.use("board setup", forum=other)

    async def moved() -> bool:
        return set(numbers) <= set(await posts(sandbox, other))

    await eventually(moved, timeout=30)


async def test_whoever_takes_no_direct_messages_is_mentioned_in_the_post(
    member: Screen, crafter: Screen, owner: Screen
) -> None:
    sandbox = owner.sandbox
    forum = await channel(sandbox, "mentions", 15)
    await owner.use("board setup", forum=forum)
    number = await asked(member, "3x Quick Sapphire @JC")

    async def post() -> dict[str, Any]:
        return (await posts(sandbox, forum)).get(number, {})

    thread = await eventually(post, timeout=30)
    await sandbox.call("PATCH", "/control/people/member", {"direct_messages": False})
    try:
        card = await crafter.use("request show", request=number)
        await crafter.press(card, "Claim")

        async def mentioned() -> dict[str, Any]:
            return next((one for one in await crafter.messages(thread["id"]) if "claimed your" in one["content"]), {})

        said = await eventually(mentioned, timeout=30)
    finally:
        await sandbox.call("PATCH", "/control/people/member", {"direct_messages": True})
    people = await sandbox.call("GET", "/control/people")
    asker = next(one["id"] for one in people if one["username"] == "member")
    assert f"<@{asker}>" in said["content"]
    assert [one["id"] for one in said["mentions"]] == [asker]


async def test_an_archived_post_is_woken_to_be_brought_up_to_date(
    member: Screen, crafter: Screen, owner: Screen
) -> None:
    sandbox = owner.sandbox
    forum = await channel(sandbox, "sleepy", 15)
    await owner.use("board setup", forum=forum)
    number = await asked(member, "5x Quick Sapphire @JC")

    async def post() -> dict[str, Any]:
        return (await posts(sandbox, forum)).get(number, {})

    thread = await eventually(post, timeout=30)
    await sandbox.rest("owner", "PATCH", f"/channels/{thread['id']}", {"archived": True})
    card = await crafter.press(await crafter.use("request show", request=number), "Claim")

    async def up_to_date() -> bool:
        first = (await crafter.messages(thread["id"]))[-1]
        return "Release" in labels(first)

    await eventually(up_to_date, timeout=30)
    question = await crafter.press(card, "Complete")
    await crafter.press(question, "Complete")

    async def put_away() -> bool:
        fresh = await sandbox.rest("owner", "GET", f"/channels/{thread['id']}")
        first = (await crafter.messages(thread["id"]))[-1]
        return bool(fresh["thread_metadata"]["archived"]) and "completed" in text_of(first)

    await eventually(put_away, timeout=30)


async def test_preferences_that_mean_nothing_are_refused(member: Screen) -> None:
    for wrong, said in (
        ({"zone": "Mars/Olympus"}, "no time zone that I know: Mars/Olympus"),
        ({"zone": "../../etc/passwd"}, "no time zone"),
        ({"quiet": "25-99"}, "no hours that I can read"),
        ({"quiet": "all night"}, "no hours that I can read"),
    ):
        assert said in (await member.use("board preferences", **wrong))["content"], wrong
    shown = (await member.use("board preferences", quiet="22:30 - 7"))["content"]
    assert "22:30 - 7" in shown.replace("\\", "")
    await member.use("board preferences", quiet="-")


async def test_a_part_is_split_off_by_its_requester(member: Screen) -> None:
    number = await asked(member, "6x Weavercloth Bag @Tailor")
    card = await member.use("request show", request=number)
    form = await member.sandbox.press("member", card["id"], custom_id(card, "Split"))
    answer = await member.sandbox.submit("member", form["id"], {"quantity": "2"})
    shown = await member.settled(CHANNEL, answer.get("message_id") or card["id"])
    assert f"{number}.1** 2 × Weavercloth Bag is a request of its own" in shown["content"]
    assert "4 × Weavercloth Bag" in text_of(await member.use("request show", request=number))


async def test_a_digest_gathers_for_as_long_as_somebody_set(member: Screen, owner: Screen, crafter: Screen) -> None:
    shown = await member.use("board preferences", messages="digest", every=1)
    assert "`board_digest_hours`: 1.0" in shown["content"] and "`board_messages`: digest" in shown["content"]
    number = await asked(member, "2x Core Skeleton Key @Smith")
    await crafter.press(await crafter.use("request show", request=number), "Claim")
    # What is gathered comes with the hour; what is told at once to somebody else shows that the event was dealt with.
    await owner.use("board release", request=number, reason="for the test")
    await eventually(lambda: told_directly(crafter, f"released {number} "), timeout=30)
    assert not any(number in one["content"] for one in await member.directs())
    await member.use("board preferences", messages="each")


async def test_a_file_is_shown_before_it_is_taken_in_and_is_taken_in_once(member: Screen, owner: Screen) -> None:
    sandbox = owner.sandbox
    rows = [
        "item,quantity,profession,requester_id,requester_name,state,crafter_id,crafter_name",
        "Imported Flask,3,Alchemy,77,Ann,open,,",
        "Imported Ring,1,JC,77,Ann,completed,78,Bea",
    ]
    content = "\r\n".join(rows).encode()

    async def given(screen: Screen, name: str, data: bytes, **options: Any) -> dict[str, Any]:
        answer = await sandbox.command(screen.person, CHANNEL, "board import", options, files={"file": (name, data)})
        assert answer["state"] == "acknowledged", answer
        return await screen.settled(CHANNEL, answer["message_id"])

    preview = await given(owner, "board.csv", content)
    assert "**board.csv** would put on the board: 2" in text_of(preview)
    assert "**Alchemy** · 1 open" in text_of(preview) and "**Jewelcrafting** · 1 completed" in text_of(preview)
    assert "Imported Flask" not in text_of(await member.use("board search", item="Imported"))
    confirm = custom_id(preview, "Take them in")
    both = await asyncio.gather(*(sandbox.press("owner", preview["id"], confirm) for _ in range(2)))
    assert {one["state"] for one in both} == {"acknowledged"}

    async def taken() -> bool:
        shown = await owner.settled(CHANNEL, preview["id"])
        return "taken in" in text_of(shown) and not labels(shown)

    await eventually(taken, timeout=30)
    found = text_of(await member.use("board search", item="Imported"))
    assert found.count("Imported Flask") == 1, "pressed twice, taken in once"

    broken = "\r\n".join([*rows, "No Such,0,Necromancy,77,Ann,open,,", ",1,Alchemy,0,,open,,"]).encode()
    wrong = text_of(await given(owner, "broken.csv", broken))
    assert "Nothing was taken in" in wrong and "Line 4:" in wrong and "Line 5:" in wrong and "Line 2:" not in wrong
    for locale, words in (
        ("de", ("Zeile 4: `quantity`: eine ganze Zahl ab 1", "Zeile 5: `item`: hier muss etwas stehen")),
        ("fr", ("Ligne 4: `quantity`: un nombre entier à partir de 1", "Ligne 5: `item`: il faut quelque chose ici")),
    ):
        await sandbox.call("PATCH", "/control/people/owner", {"locale": locale})
        try:
            wrong = text_of(await given(owner, "broken.csv", broken))
        finally:
            await sandbox.call("PATCH", "/control/people/owner", {"locale": "en-US"})
        assert all(said in wrong for said in words), wrong
    people = json.dumps([{"owner_id": "77", "owner_name": "Ann", "name": "Imp", "profession": "alchemy", "level": 5}])
    shown = await given(owner, "people.json", people.encode(), content="characters")
    await owner.press(shown, "Take them in")
    await eventually(partial(reads, owner, shown, "1 taken in."), timeout=30)
    twice = text_of(await given(owner, "people.json", people.encode(), content="characters"))
    assert "Line 1:" in twice and "another character has that name" in twice
    refused = await given(member, "board.csv", content)
    assert "officers" in text_of(refused)


async def test_a_card_leads_to_being_told_of_the_like(member: Screen, crafter: Screen, owner: Screen) -> None:
    number = await asked(member, "1x Wildercloth Hearthstone Cozy @Tailor")
    card = await crafter.use("request show", request=number)
    choice = await crafter.press(card, "Follow")
    assert "All of Tailoring" in labels(choice) and "Wildercloth Hearthstone Cozy" in labels(choice)
    choice = await crafter.press(choice, "Wildercloth Hearthstone Cozy")
    green = next(one for one in components(choice) if one["label"] == "Wildercloth Hearthstone Cozy")
    assert green["style"] == 3
    second = await asked(member, "2x wildercloth hearthstone cozy @Tailor")
    said = await eventually(lambda: told_directly(crafter, f"New on the board: {second}"), timeout=30)
    stopped = await crafter.press(choice, "Wildercloth Hearthstone Cozy")
    assert next(one for one in components(stopped) if one["label"] == "Wildercloth Hearthstone Cozy")["style"] == 2
    assert "Claim" in labels(await crafter.press(said, "Open"))


async def test_one_of_several_characters_is_named_after_the_claim(member: Screen, crafter: Screen) -> None:
    for name in ("Alpha", "Beta"):
        await crafter.use("character add", name=name, realm="Argent Dawn", profession="tailoring", level=10)
    number = await asked(member, "6x Weavercloth Bag @Tailor")
    card = await crafter.press(await crafter.use("request show", request=number), "Claim")
    question = "Which of your characters makes it?"
    options = next(one for one in components(card) if one.get("placeholder") == question)["options"]
    beta = next(one["value"] for one in options if one["label"].startswith("Beta"))
    await crafter.press(card, question, [beta])
    seen = await member.use("request show", request=number)
    assert "(Beta\\-Argent Dawn)" in text_of(seen)
    assert question not in labels(seen), "only the crafter chooses"
    for name in ("Alpha", "Beta"):
        await crafter.use("character remove", character=name)


async def test_officers_see_whom_they_blocked_and_let_them_back(member: Screen, owner: Screen) -> None:
    people = await owner.sandbox.call("GET", "/control/people")
    user = next(one["id"] for one in people if one["username"] == "member")
    await owner.use("board block", member=user, reason="*spam*")
    try:
        shown = await owner.use("board blocked")
        assert "\\*spam\\*" in text_of(shown)
        refused = await member.use("request quick", text="1x Quick Sapphire @JC")
        assert "can't use the board" in refused["content"]
    finally:
        shown = await owner.press(await owner.use("board blocked"), "Let somebody back", [user])
    assert "Nobody is kept off the board" in text_of(shown)
    await asked(member, "1x Quick Sapphire @JC")
    assert "officers" in text_of(await member.use("board blocked"))


async def test_the_form_offers_the_professions(member: Screen, sandbox: SandboxClient) -> None:
    form = await member.opens("request new")
    fields = (await sandbox.interaction("member", form))["modal"]["components"]
    chosen = next(field["component"] for field in fields if field["component"]["custom_id"] == "profession")
    names = {entry["label"]: entry["value"] for entry in chosen["options"]}
    assert names["Alchemy"] == "alchemy" and not chosen["required"]
    entered = {"item": "Anything At All", "quantity": "2", "profession": ["cooking"]}
    answer = await sandbox.submit("member", form, entered)
    said = (await member.settled(CHANNEL, answer["message_id"]))["content"]
    assert "2 × Anything At All · Cooking" in said
    form = await member.opens("request new")
    answer = await sandbox.submit("member", form, {"item": "Anything At All", "quantity": "2"})
    said = (await member.settled(CHANNEL, answer["message_id"]))["content"]
    assert "profession: say which: Alchemy" in said and "\\:" not in said


async def test_german_and_french_speakers_read_what_is_wrong_in_their_language(
    member: Screen, sandbox: SandboxClient
) -> None:
    try:
        for locale, words in (
            ("de", ("Anzahl: 1 bis 10000", "Beruf: so heißt keiner; es gibt Alchemy")),
            ("fr", ("quantité: de 1 à 10000", "métier: aucun ne s'appelle ainsi ; il y a Alchemy")),
        ):
            await sandbox.call("PATCH", "/control/people/member", {"locale": locale})
            said = (await member.use("request quick", text="1000000000x flask @Necromancy"))["content"]
            assert all(word in said for word in words), said
    finally:
        await sandbox.call("PATCH", "/control/people/member", {"locale": "en-US"})


async def test_names_of_people_and_characters_are_shown_harmless(
    member: Screen, crafter: Screen, owner: Screen
) -> None:
    sandbox, guild = owner.sandbox, await guild_of(owner.sandbox)
    people = await sandbox.call("GET", "/control/people")
    user = next(one["id"] for one in people if one["username"] == "crafter")
    await sandbox.rest("owner", "PATCH", f"/guilds/{guild}/members/{user}", {"nick": EVIL[:32]})
    try:
        kept = await crafter.use("character add", name=EVIL[:40], profession="tailoring", level=10)
        number = await asked(member, "7x Weavercloth Bag @Tailor")
        card = await crafter.press(await crafter.use("request show", request=number), "Claim")
        lost = await owner.use("request show", request=number)
        listing = await owner.use("board search", item="Weavercloth")
        history = await member.press(await member.use("request show", request=number), "History")
        who = await member.use("board who", item="Weavercloth Bag", profession="tailoring")
        told = await eventually(lambda: told_directly(member, f"claimed your {number} "), timeout=30)
        for message in (kept, card, lost, listing, history, who, told):
            said = text_of(message)
            assert "**b**" not in said and "@everyone" not in said and "<@1>" not in said, said
            assert "\u202e" not in said and "](http" not in said and "||s||" not in said, said
            assert not message["mentions"] and not message["mention_everyone"]
        owned = await crafter.use("character list")
        assert "\\*\\*b\\*\\*" in text_of(owned)
    finally:
        await sandbox.rest("owner", "PATCH", f"/guilds/{guild}/members/{user}", {"nick": None})


async def test_a_restart_between_any_two_clicks_is_not_noticed(
    member: Screen, crafter: Screen, platform: RunningPlatform
) -> None:
    async def restarted(*names: str) -> None:
        for name in names:
            await platform.restart(name)
        await platform.all_ready()

    number = await asked(member, "8x Quick Sapphire @JC")
    await restarted("board")
    card = await crafter.use("request show", request=number)
    await restarted("gateway", "board")
    card = await crafter.press(card, "Claim")
    await restarted("executor")
    card = await crafter.press(card, "Waiting for materials")
    await restarted("board", "executor")
    card = await crafter.press(card, "Materials are here")
    await restarted("gateway")
    card = await crafter.press(card, "Ready")
    await restarted("gateway", "board", "executor")
    question = await crafter.press(card, "Complete")
    await restarted("board")
    done = await crafter.press(question, "Complete")
    assert "is now completed" in done["content"], done["content"]
    await eventually(lambda: told_directly(member, f"completed your {number} "), timeout=30)
    seen = [one["content"] for one in await member.directs() if f"{number} " in one["content"]]
    for words in ("claimed your", "waits for your materials", "has the materials", "is ready", "completed your"):
        assert sum(words in said for said in seen) == 1, (words, seen)
