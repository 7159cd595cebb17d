"""Messages in the page: written, read, drawn, edited, answered; by mouse and by keyboard; never as markup."""

from __future__ import annotations

from playwright.async_api import Browser, FilePayload, expect

from sandbox.app import Sandbox
from sandbox.control.client import SandboxClient
from tests.page.bot import ShowBot, png, showcase
from tests.page.conftest import Visit, become, visit

EVIL = [
    "<img src=x onerror=\"document.title='owned'\">",
    "<script>document.title='owned'</script>",
    "[click](javascript:document.title='owned')",
    "[click](https://x.example/\"onmouseover=\"document.title='owned')",
    "```<svg/onload=document.title='owned'>```",
    "<@&0\"><img src=x onerror=document.title='owned'>",
    "**<iframe srcdoc='<script>parent.document.title=`owned`</script>'>**",
    "||<b onclick=document.title='owned'>spoiler</b>||",
]


async def test_a_message_is_written_edited_answered_and_deleted_by_keyboard(opened: Visit) -> None:
    page = opened.page
    await opened.say("Hello **everyone**")
    message = await opened.shown("Hello everyone")
    await expect(message.locator("strong")).to_have_text("everyone")
    await page.press("#composer", "ArrowUp")
    await page.fill("#composer", "Hello *all*")
    await page.press("#composer", "Enter")
    await opened.shown("(edited)")
    await (await opened.shown("Hello all")).focus()
    await page.keyboard.press("r")
    await page.keyboard.type("An answer")
    await page.keyboard.press("Enter")
    answer = await opened.shown("An answer")
    await answer.locator(".reply-line").wait_for()
    await answer.focus()
    await page.keyboard.press("Delete")
    await page.click(".dialog .danger")
    await answer.wait_for(state="detached")


async def test_everything_a_bot_can_send_is_drawn(opened: Visit, bot: ShowBot, control: SandboxClient) -> None:
    page = opened.page
    channel = await page.evaluate("location.hash.split('/').at(-1)")
    await showcase(bot, channel)
    await page.locator(".container .gallery img").wait_for()
    await page.locator(".codeblock .hl-key").nth(1).wait_for()
    await expect(page.locator(".embed .embed-field")).to_have_count(3)
    await expect(page.locator(".select")).to_have_count(4)
    await expect(page.locator(".reaction", has_text="1")).to_have_count(1)
    await opened.until("[...document.images].every((i) => i.complete && i.naturalWidth > 0)")
    await expect(page.locator(".md ul ul li")).to_have_text("nested")


async def test_texts_of_people_and_bots_are_never_markup(opened: Visit, control: SandboxClient, bot: ShowBot) -> None:
    page = opened.page
    title = await page.title()
    channel = await page.evaluate("location.hash.split('/').at(-1)")
    for text in EVIL:
        await control.call("POST", f"/control/as/moderator/api/channels/{channel}/messages", {"content": text})
    await bot.send(
        channel,
        {"embeds": [{"title": EVIL[0], "description": EVIL[1], "fields": [{"name": EVIL[0], "value": EVIL[2]}]}]},
    )
    await bot.send(channel, {"content": "last"})
    await opened.shown("last")
    assert await page.locator(".message script, .message iframe, .message svg[onload], .message img").count() == 0
    assert await page.evaluate("[...document.querySelectorAll('.message a')].every((a) => /^https?:/.test(a.href))")
    for link in await page.locator(".message .spoiler").all():
        await link.click()
    assert await page.title() == title


async def test_live_edits_typing_and_reactions_of_others_show(
    opened: Visit, bot: ShowBot, control: SandboxClient
) -> None:
    page = opened.page
    channel = await page.evaluate("location.hash.split('/').at(-1)")
    sent = await bot.send(channel, {"content": "one"})
    await opened.shown("one")
    await bot.rest("PATCH", f"/channels/{channel}/messages/{sent['id']}", {"content": "one two"})
    await opened.shown("one two")
    await control.call("POST", f"/control/as/moderator/api/channels/{channel}/typing")
    await page.locator(".typing", has_text="is typing").wait_for()
    await control.call(
        "PUT", f"/control/as/moderator/api/channels/{channel}/messages/{sent['id']}/reactions/%F0%9F%94%A5/@me"
    )
    reaction = page.locator(".reaction").first
    await reaction.click()
    await page.locator(".reaction.mine", has_text="2").wait_for()


async def test_an_ephemeral_answer_is_its_readers_alone(opened: Visit, bot: ShowBot, control: SandboxClient) -> None:
    page = opened.page
    await opened.command("/list open")
    await page.locator(".message.ephemeral", has_text="Only you can see this").wait_for()
    await opened.say("for all to read")
    await become(page, "Mo")
    await opened.shown("for all to read")
    await expect(page.locator(".message.ephemeral")).to_have_count(0)


async def test_slash_command_options_are_written_with_tab_and_completed(opened: Visit, bot: ShowBot) -> None:
    page = opened.page
    await page.focus("#composer")
    await page.keyboard.type("/ord")
    await page.locator(".suggest-item", has_text="/order").wait_for()
    await page.keyboard.press("Tab")
    await page.keyboard.type("shie")
    await page.locator(".suggest-item", has_text="Iron shield").wait_for()
    await page.keyboard.press("Enter")
    await page.keyboard.type("3")
    await page.keyboard.press("Tab")
    await page.locator(".suggest-item", has_text="Large").wait_for()
    await page.keyboard.type("La")
    await page.keyboard.press("Enter")
    await page.keyboard.press("Enter")
    answer = await opened.shown("iron shield")
    await expect(answer).to_contain_text('"value": "l"')
    await expect(answer).to_contain_text('"value": 3')


async def test_a_missing_option_is_named_and_nothing_is_sent(opened: Visit, bot: ShowBot) -> None:
    page = opened.page
    await page.fill("#composer", "/order iron sword")
    await page.locator(".pill", has_text="item").wait_for()
    await page.keyboard.press("Enter")
    await page.locator(".form-note", has_text="amount is needed").wait_for()
    assert not [i for i in bot.seen if i["type"] == 2]


async def test_buttons_selects_and_modals_work(opened: Visit, bot: ShowBot) -> None:
    page = opened.page
    channel = await page.evaluate("location.hash.split('/').at(-1)")
    await showcase(bot, channel)
    await page.click("text=Count: 0")
    await page.locator("text=Count: 1").wait_for()
    await page.locator(".select", has_text="Pick colours").click()
    await page.click('.option:has-text("Red")')
    await page.click('.option:has-text("Blue")')
    await page.click(".select-foot button")
    await opened.shown("pick: ['red', 'blue']")
    await page.locator(".select", has_text="Pick a person").click()
    await page.click('.select-list .option:has-text("Mo")')
    await opened.shown("who: ['")
    await page.click("text=Claim")
    await page.fill('.modal [data-custom-id="hours"]', "4")
    await page.click(".modal .primary")
    await page.locator(".modal .form-note", has_text="Material").wait_for()
    await page.click(".modal .select")
    await page.click('.select-list .option:has-text("Iron")')
    await page.click(".modal .primary")
    await opened.shown("Claimed:")
    await page.locator(".modal").wait_for(state="detached")


async def test_an_application_that_does_not_answer_is_said_so(opened: Visit, bot: ShowBot) -> None:
    page = opened.page
    channel = await page.evaluate("location.hash.split('/').at(-1)")
    await showcase(bot, channel)
    await page.click("text=Never answers")
    await page.locator(".component-failure", has_text="did not respond").wait_for()


async def test_message_and_user_commands_are_in_the_menus(opened: Visit, bot: ShowBot) -> None:
    page = opened.page
    await opened.say("quote me")
    await (await opened.shown("quote me")).click(button="right")
    await page.click('.menu-item:has-text("Quote")')
    await page.locator(".message blockquote", has_text="quote me").wait_for()
    await page.click('.member:has-text("Mo")')
    await page.click('.profile button:has-text("Greet")')
    await opened.shown("Hello @Mo!")


async def test_files_are_sent_and_pictures_shown(opened: Visit, bot: ShowBot) -> None:
    page = opened.page
    files: list[FilePayload] = [
        {"name": "blue.png", "mimeType": "image/png", "buffer": png()},
        {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"hello"},
    ]
    await page.set_input_files(".composer input[type=file]", files)
    await opened.say("two files")
    message = await opened.shown("two files")
    await message.locator(".picture img").wait_for()
    await message.locator(".file-card", has_text="notes.txt").wait_for()
    await message.locator(".picture").click()
    await page.locator(".lightbox img").wait_for()
    await page.keyboard.press("Escape")


async def test_at_phone_width_one_can_walk_and_write(opened_phone: Visit, bot: ShowBot) -> None:
    page = opened_phone.page
    await opened_phone.say("from a phone")
    await opened_phone.shown("from a phone")
    await page.click('button[aria-label="Channels"]:visible')
    await page.click('.channel:has-text("music")')
    await page.locator(".chat-title", has_text="music").wait_for()
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    box = await page.locator(".composer-row").bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390


async def test_a_person_sees_what_another_writes_at_once(browser: Browser, server: Sandbox) -> None:
    first = await visit(browser, server.url)
    second = await visit(browser, server.url, person="Olivia")
    await first.say("Is anybody here?")
    await second.shown("Is anybody here?")
    assert first.complaints == second.complaints == []


async def test_the_newest_stays_in_sight_while_pictures_come_and_the_composer_grows(
    opened_phone: Visit, control: SandboxClient
) -> None:
    page = opened_phone.page
    for number in range(12):
        await control.say("owner", "general", f"line {number}\n" * 4)
        await control.upload("owner", "general", f"{number}.png", png(), "image/png")
    await control.say("owner", "general", "the newest")
    await page.reload()
    await opened_phone.shown("the newest")
    loaded = "(() => { const all = [...document.querySelectorAll('.picture img')];"
    loaded += " return all.length > 0 && all.every(i => i.complete); })()"
    await opened_phone.until(loaded)
    at_end = "(() => { const s = document.querySelector('.scroller');"
    at_end += " return s.scrollHeight - s.clientHeight - s.scrollTop < 2; })()"
    await opened_phone.until(at_end)
    await page.fill("#composer", "one\ntwo\nthree\nfour\nfive")
    await opened_phone.until(at_end)
    # Who reads further up is left there.
    await page.evaluate("document.querySelector('.scroller').scrollTop -= 300")
    await page.locator(".to-newest").wait_for()
    await control.say("owner", "general", "later still")
    await opened_phone.shown("later still")
    assert not await page.evaluate(at_end)
    await page.fill("#composer", "")
