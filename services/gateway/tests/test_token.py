"""A token that was reset is used for what begins from then on, without a restart."""

import json

import disnake
from aiohttp import web
from pydantic import SecretStr

from services.gateway import client as discord_client

ME = {"id": "5", "username": "bot", "discriminator": "0", "avatar": None, "bot": True}
GATEWAY = {
    "url": "ws://127.0.0.1:1",
    "shards": 1,
    "session_start_limit": {"total": 1, "remaining": 1, "reset_after": 0, "max_concurrency": 1},
}


async def test_calls_take_the_new_token_from_the_next_one_on() -> None:
    seen: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append(request.headers["Authorization"])
        content = json.dumps(GATEWAY if request.path.endswith("/gateway/bot") else ME)
        # disnake reads JSON under exactly this type.
        return web.Response(body=content, headers={"Content-Type": "application/json"})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    client = discord_client.create(f"http://127.0.0.1:{runner.addresses[0][1]}/api/v10", disnake.Intents.none())
    try:
        await discord_client.login(client, "the-old")
        await discord_client.recommended(client)
        discord_client.use_token(client, SecretStr("the-new"))
        await discord_client.recommended(client)
        assert set(seen[:-1]) == {"Bot the-old"}
        assert seen[-1] == "Bot the-new"
    finally:
        await client.http.close()
        await runner.cleanup()
