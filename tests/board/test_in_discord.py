"""The board as people meet it in Discord: commands, menus, buttons, forms, lists, posts and messages."""

from __future__ import annotations

import re
from typing import Any

import pytest

from sandbox.control.client import SandboxClient
from tests.board.screen import CHANNEL, Screen, asked, components, labels, text_of, told_directly
from tests.support import eventually
from tests.support.platform import RunningPlatform
from views.catalogue import texts

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]
PINNED = 6
"""The type of the message that says that another was pinned."""


async def test_the_whole_life_of_a_request_by_two_people(
    member: Screen, crafter: Screen, platform: RunningPlatform
) -> None:
    number = await asked(member, "5x Flask of Alchemical Chaos @Alch by friday !50g // for the *raid*")
    await platform.restart("board")
    await platform.all_ready()
    card = await crafter.use("request show", request=number)
    assert "for the \\*raid\\*" in text_of(card)
    assert {"Claim", "Claim a part"} <= set(labels(card)) and "Cancel" not in labels(card)
    await platform.restart("gateway")
    await platform.all_ready()
    card = await crafter.press(card, "Claim")
    assert "is now claimed" in card["content"]
    told = await eventually(lambda: told_directly(member, "claimed your"), timeout=30)
    assert number in told["content"]
    card = await crafter.press(card, "Waiting for materials")
    card = await crafter.press(card, "Materials are here")
    card = await crafter.press(card, "Ready")
    await eventually(lambda: told_directly(member, "is ready"), timeout=30)
    card = await crafter.press(card, "Complete")
    assert "can't be undone" in card["content"]
    done = await crafter.press(card, "Complete")
    assert "is now completed" in done["content"]
    await eventually(lambda: told_directly(member, "completed your"), timeout=30)
    history = await member.press(await member.use("request show", request=number), "History")
    for step in ("put it on the board", "claimed it", "waits for materials", "made it", "completed it"):
        assert step in text_of(history)


async def test_a_confirmation_vanishes(member: Screen, sandbox: SandboxClient) -> None:
    number = await asked(member, "1x Quick Sapphire @JC")
    question = await member.use("request cancel", request=number)
    done = await member.press(question, "Cancel")
    assert "is now cancelled" in done["content"]

    async def gone() -> bool:
        shown = await sandbox.messages("member", CHANNEL)
        return all(message["id"] != done["id"] for message in shown)

    await eventually(gone, timeout=10)


async def test_the_loser_of_a_race_reads_who_won(member: Screen, crafter: Screen, owner: Screen) -> None:
    number = await asked(member, "1x Core Skeleton Key @Smith")
    first, second = await crafter.use("request show", request=number), await owner.use("request show", request=number)
    await crafter.press(first, "Claim")
    lost = await owner.press(second, "Claim")
    assert "claimed it" in lost["content"]
    assert "Claim" not in labels(lost)
    assert "Release" in labels(lost)


async def test_several_are_claimed_at_once_from_a_list(member: Screen, crafter: Screen) -> None:
    numbers = [await asked(member, f"{count}x Weavercloth Bag @Tailor") for count in (2, 3, 4)]
    board = await crafter.use("board show")
    listing = await crafter.press(board, "Choose a profession", ["tailoring"])
    assert all(number in text_of(listing) for number in numbers)
    options = next(component for component in components(listing) if component.get("options"))["options"]
    chosen = [option["value"] for option in options if option["label"].split()[0] in numbers[:2]]
    listing = await crafter.press(listing, "Choose one or several", chosen)
    listing = await crafter.press(listing, "Claim")
    assert "2 claimed." in listing["content"]
    claims = await crafter.use("board claims")
    assert numbers[0] in text_of(claims) and numbers[1] in text_of(claims) and numbers[2] not in text_of(claims)


async def test_bad_input_gets_a_clear_private_sentence(member: Screen, sandbox: SandboxClient) -> None:
    for text, said in (
        ("@Alch by friday", "I can't see what you need"),
        ("2x flask @Alch by the day after never", "is no date that I can read"),
        ("2x flask @Necromancy", "profession"),
        ("0x flask @Alch", "whole number"),
        ("-5x flask @Alch", "whole number"),
        ("1000000000x flask @Alch", "quantity"),
        ("2x flask @Alch by 2020-01-01", "past"),
        ("2x " + "f" * 101 + " @Alch", "100 characters"),
    ):
        answer = await member.use("request quick", text=text)
        assert said in answer["content"], (text, answer["content"])
        assert answer["flags"] & 64
    form = await member.opens("request new")
    answer = await sandbox.submit("member", form, {"item": "Flask of Alchemical Chaos", "quantity": "many"})
    assert "whole number" in (await member.settled(CHANNEL, answer["message_id"]))["content"]
    unknown = await member.use("request show", request="99999")
    assert "no such request" in unknown["content"]


async def test_names_are_shown_harmless(member: Screen, sandbox: SandboxClient) -> None:
    evil = "**bold** @everyone <@1> `x` ||y|| [a](http://b) \u202egnol\u200b\u2066"
    form = await member.opens("request new")
    answer = await sandbox.submit(
        "member", form, {"item": evil, "quantity": "1", "profession": ["alchemy"], "note": evil + "\n> quote"}
    )
    shown = (await member.settled(CHANNEL, answer["message_id"]))["content"]
    assert "\u202e" not in shown and "\u2066" not in shown
    assert "\\*\\*bold\\*\\*" in shown
    assert "@everyone" not in shown and "<@1>" not in shown and "](http" not in shown


async def test_lists_posts_and_messages_follow(member: Screen, crafter: Screen, owner: Screen) -> None:
    sandbox = owner.sandbox
    guild = (await sandbox.call("GET", "/control/as/owner/guilds"))[0]
    forum = await sandbox.rest("owner", "POST", f"/guilds/{guild['id']}/channels", {"name": "requests", "type": 15})
    index = await sandbox.rest("owner", "POST", f"/guilds/{guild['id']}/channels", {"name": "board", "type": 0})
    await owner.use("board setup", index=index["id"], forum=forum["id"])
    number = await asked(member, "7x Quick Sapphire @JC")

    async def listed() -> dict[str, Any]:
        for message in await owner.messages(index["id"]):
            if number in text_of(message):
                return message
        return {}

    async def pinned() -> bool:
        return bool((await listed()).get("pinned"))

    await eventually(pinned, timeout=30)

    async def posted(tag: str) -> dict[str, Any]:
        threads = await sandbox.rest("owner", "GET", f"/guilds/{guild['id']}/threads/active")
        fresh = await sandbox.rest("owner", "GET", f"/channels/{forum['id']}")
        names = {entry["id"]: entry["name"] for entry in fresh["available_tags"]}
        for thread in threads["threads"]:
            tags = [names.get(entry) for entry in thread.get("applied_tags", ())]
            if thread["name"].startswith(number + " ") and tags == [tag]:
                return dict(thread)
        return {}

    post = await eventually(lambda: posted("open"), timeout=30)
    first = (await crafter.messages(post["id"]))[-1]
    assert "Claim" in labels(first)
    said = await crafter.press(first, "Claim")
    assert "is now claimed" in said["content"] and said["flags"] & 64
    await eventually(lambda: posted("claimed"), timeout=30)

    async def list_says_claimed() -> bool:
        return "claimed" in text_of(await listed())

    await eventually(list_says_claimed, timeout=30)

    async def all_pinned() -> list[dict[str, Any]]:
        shown = await owner.messages(index["id"])
        return shown if all(one.get("pinned") for one in shown if one["embeds"]) else []

    shown = await eventually(all_pinned, timeout=30)
    lists = [one["embeds"][0]["title"] for one in shown if one["embeds"]]
    assert len(lists) == len(set(lists)), "one list for each profession, edited when it changes"
    notices = [one for one in shown if one["type"] == PINNED]
    assert len(notices) == len(lists) and len(shown) == 2 * len(lists), "and one notice that it was pinned"


async def test_characters_and_who_can_make_this(member: Screen, crafter: Screen) -> None:
    kept = await crafter.use("character add", name="Thrall_", realm="Argent Dawn", profession="alchemy", level=70)
    assert "Thrall\\_" in kept["content"] and "Alchemy 70" in kept["content"]
    wrong = await crafter.use("character add", name="Jaina", profession="alchemy", level=101)
    assert "0 to 100" in wrong["content"]
    who = await member.use("board who", item="Flask of Alchemical Chaos")
    assert "Thrall\\_" in text_of(who) and "has the skill" in text_of(who)
    offered = await member.sandbox.autocomplete("member", CHANNEL, "board who", {"item": "flask of alch"}, "item")
    assert "Flask of Alchemical Chaos" in [choice["name"] for choice in offered]
    await crafter.use("character remove", character="Thrall_")
    assert "No characters" in text_of(await crafter.use("character list"))


async def test_numbers_come_with_a_picture_and_the_board_as_a_file(member: Screen, owner: Screen) -> None:
    await asked(member, "1x Quick Sapphire @JC")
    numbers = await member.use("board stats", period="week")
    assert numbers["attachments"][0]["filename"] == "weeks.png"
    assert "asked for" in text_of(numbers)
    file = await owner.use("board export", format="csv")
    assert file["attachments"][0]["filename"] == "requests.csv"
    refused = await member.use("board export")
    assert "officers" in refused["content"]


async def test_cleaning_up_removes_the_bots_own_messages_and_no_others(member: Screen, owner: Screen) -> None:
    guild = (await owner.sandbox.call("GET", "/control/as/owner/guilds"))[0]
    room = await owner.sandbox.rest("owner", "POST", f"/guilds/{guild['id']}/channels", {"name": "tidy", "type": 0})
    for count in range(3):
        await member.use("request quick", channel=room["id"], text=f"{count + 1}x Weavercloth Bag @Tailor")
    mine = await member.sandbox.say("member", room["id"], "this is mine")
    assert "Manage Messages" in (await member.use("clean", channel=room["id"]))["content"]
    await owner.use("clean", channel=room["id"])

    async def only_mine_is_left() -> bool:
        shown = [one for one in await member.messages(room["id"]) if not one.get("flags", 0) & 64]
        return [one["id"] for one in shown] == [mine["id"]]

    await eventually(only_mine_is_left, timeout=30)


async def test_due_date_materials_and_quality_ride_along_with_the_form(member: Screen, sandbox: SandboxClient) -> None:
    wrong = await member.use("request new", due="whenever")
    assert "no date that I can read" in wrong["content"]
    form = await member.opens("request new", due="in 3 days", materials="requester", quality="Rank 2")
    answer = await sandbox.submit(
        "member", form, {"item": "Quick Sapphire", "quantity": "2", "profession": ["jewelcrafting"]}
    )
    said = (await member.settled(CHANNEL, answer["message_id"]))["content"]
    assert "(Rank 2)" in said and "due <t:" in said
    card = await member.use("request show", request=said.split("**")[1])
    assert "Materials: brought by the requester" in text_of(card)


async def set_language(screen: Screen, language: str) -> None:
    """Sets a language in one's preferences, of somebody who reads French."""
    menu = await screen.use("preferences")
    menu = await screen.press(menu, texts().text("fr", "settings.page.1"))
    await screen.press(menu, texts().text("fr", "settings.name.language"), [language])


async def test_the_board_speaks_french_from_asking_to_history(
    member: Screen, crafter: Screen, sandbox: SandboxClient
) -> None:
    said_in_french = set(texts().table("fr").values())

    def shown(message: dict[str, Any], *words: str) -> dict[str, Any]:
        """A message whose every button and menu is of the French catalogue, and which says these words."""
        words_on_it = {label for label in labels(message) if not re.fullmatch(r"\d+ sur \d+", label)}
        assert words_on_it <= said_in_french, words_on_it - said_in_french
        assert all(word in text_of(message) for word in words), text_of(message)
        return message

    for person in ("member", "crafter"):
        await sandbox.call("PATCH", f"/control/people/{person}", {"locale": "fr"})
    try:
        shown(await member.use("board show"), "Tableau des demandes")
        # What the bot says by itself knows no locale of Discord's: it goes by what the person set.
        await set_language(member, "fr")
        form = await member.opens("request new")
        modal = (await sandbox.interaction("member", form))["modal"]
        fields = {field["component"]["custom_id"]: field["label"] for field in modal["components"]}
        assert {modal["title"], *fields.values()} <= said_in_french, fields
        answer = await sandbox.submit("member", form, {"item": "Quick Sapphire", "quantity": "3"})
        number = shown(await member.settled(CHANNEL, answer["message_id"]), "Au tableau")["content"].split("**")[1]
        shown(await member.use("request quick", text="2x flask @Alch by jamais"), "n'est pas une date")
        card = shown(await crafter.use("request show", request=number), "ouverte")
        card = shown(await crafter.press(card, "Prendre en charge"), "est maintenant prise en charge")
        await eventually(lambda: told_directly(member, f"a pris en charge ta demande {number} "), timeout=30)
        shown(await crafter.use("board claims"), "Mes prises en charge", number)
        shown(await member.use("request list"), number, "par")
        card = shown(await crafter.press(card, "Prête"), "est maintenant prête")
        question = shown(await crafter.press(card, "Terminer"), "Cela ne peut pas être annulé")
        shown(await crafter.press(question, "Terminer"), "est maintenant terminée")
        card = shown(await member.use("request show", request=number), "terminée", "Artisan")
        history = shown(await member.press(card, "Historique"), "l'a mise au tableau", "l'a prise en charge")
        assert "l'a terminée" in text_of(history)
        shown(await member.use("board who", item="Quick Sapphire"), "Qui peut fabriquer")
        shown(await member.use("board stats", period="week"), "demandées", "Artisans")
        shown(await member.use("board gaps"), "Ce que personne ici ne sait fabriquer")
        shown(await member.use("board preferences"), "Le tableau et toi")
    finally:
        await set_language(member, "-")
        for person in ("member", "crafter"):
            await sandbox.call("PATCH", f"/control/people/{person}", {"locale": "en-US"})
