"""What the page makes anew or keeps up to date by events: servers, and the card of a thread below its message."""

from __future__ import annotations

from playwright.async_api import expect

from sandbox.control.client import SandboxClient
from tests.page.bot import ShowBot
from tests.page.conftest import Visit, become


async def test_a_server_of_ones_own_with_the_bots(opened: Visit, bot: ShowBot, control: SandboxClient) -> None:
    page = opened.page
    await page.click('[aria-label="Add a server"]')
    await page.fill(".dialog input[type=text]", "Guild of Bakers")
    await page.click(".dialog .primary")
    await page.locator(".guild-name", has_text="Guild of Bakers").wait_for()
    await page.locator(".chat-title", has_text="general").wait_for()
    await opened.say("First!")
    await opened.shown("First!")
    await page.locator(".member", has_text="Guildhall").wait_for()
    made = next(g for g in await control.call("GET", "/control/as/member/guilds") if g["name"] == "Guild of Bakers")
    text = next(c for c in made["channels"] if c["type"] == 0)
    await bot.send(text["id"], {"content": "Glad to be here"})
    await opened.shown("Glad to be here")
    await become(page, "Cass")
    await expect(page.locator('[aria-label="Guild of Bakers"]')).to_have_count(0)


async def test_a_server_without_bots(opened: Visit) -> None:
    page = opened.page
    await page.click('[aria-label="Add a server"]')
    await page.fill(".dialog input[type=text]", "People alone")
    await page.locator(".dialog input[type=checkbox]").uncheck()
    await page.click(".dialog .primary")
    await page.locator(".guild-name", has_text="People alone").wait_for()
    await page.locator(".member", has_text="Mina").wait_for()
    await expect(page.locator(".member")).to_have_count(1)


async def test_a_threads_card_follows_its_thread(opened: Visit, bot: ShowBot) -> None:
    page = opened.page
    channel = await page.evaluate("location.hash.split('/').at(-1)")
    sent = await bot.send(channel, {"content": "A question was asked"})
    thread = await bot.rest("POST", f"/channels/{channel}/messages/{sent['id']}/threads", {"name": "provisional words"})
    card = page.locator(f"#m-{sent['id']} .thread-card")
    await card.get_by_text("provisional words").wait_for()
    await card.get_by_text("0 messages").wait_for()
    await bot.rest("PATCH", f"/channels/{thread['id']}", {"name": "A proper title"})
    first = await bot.send(thread["id"], {"content": "an answer"})
    await card.get_by_text("A proper title").wait_for()
    await card.get_by_text("1 message", exact=False).wait_for()
    await bot.send(thread["id"], {"content": "and more of it"})
    await card.get_by_text("2 messages").wait_for()
    await bot.rest("DELETE", f"/channels/{thread['id']}/messages/{first['id']}")
    await card.get_by_text("1 message", exact=False).wait_for()
    await page.reload()
    await page.wait_for_selector('html[data-ready="true"]')
    await card.get_by_text("A proper title").wait_for()
    await card.get_by_text("1 message ", exact=False).wait_for()


async def test_an_answer_names_the_command_it_answers(opened: Visit, bot: ShowBot) -> None:
    page = opened.page
    await opened.command("/list open")
    await page.locator(".reply-line", has_text="Mina used /list open").wait_for()


async def test_a_thread_says_how_it_began_as_the_message_looked(opened: Visit, bot: ShowBot) -> None:
    page = opened.page
    channel = await page.evaluate("location.hash.split('/').at(-1)")
    sent = await bot.send(channel, {"content": "**Mina** asks:\n> what is `a pier`?"})
    await bot.rest("POST", f"/channels/{channel}/messages/{sent['id']}/threads", {"name": "piers"})
    await page.locator(f"#m-{sent['id']} .thread-card").click()
    began = page.locator(".system-line", has_text="began this thread with")
    await began.locator("strong", has_text="Mina").wait_for()
    await expect(began.locator("blockquote code")).to_have_text("a pier")
    await expect(began).not_to_contain_text("**")
