"""Serves uploaded files at the signed addresses that attachments carry, for as long as they are valid."""

import hmac
from itertools import chain

from aiohttp import web

from sandbox.discord.checks.fields import as_snowflake
from sandbox.discord.world import World

_GONE = "This content is no longer available."


def add_routes(app: web.Application, world: World) -> None:
    """Mounts `/attachments/{channel}/{attachment}/{filename}` and `/emojis/{id}.{extension}`."""

    async def attachment(request: web.Request) -> web.Response:
        number = as_snowflake(request.match_info["attachment"]) or 0
        data = world.files.get(number)
        if data is None or not _valid(world, request):
            return web.Response(status=404, text=_GONE)
        kind = world.file_kinds.get(number, "application/octet-stream")
        headers = {
            "Content-Type": kind,
            "X-Content-Type-Options": "nosniff",
            "Cross-Origin-Resource-Policy": "same-origin",
        }
        if not kind.startswith(("image/", "audio/", "video/")) or "svg" in kind:
            headers["Content-Disposition"] = "attachment"
        return web.Response(body=data, headers=headers)

    async def emoji(request: web.Request) -> web.Response:
        number = as_snowflake(request.match_info["file"].partition(".")[0]) or 0
        kept = chain((g.emojis for g in world.guilds.values()), (a.emojis for a in world.applications.values()))
        if not any(number in emojis for emojis in kept):
            return web.Response(status=404, text=_GONE)
        headers = {"Content-Type": world.file_kinds[number], "X-Content-Type-Options": "nosniff"}
        return web.Response(body=world.files[number], headers=headers)

    app.router.add_get("/attachments/{channel}/{attachment}/{filename}", attachment)
    app.router.add_get("/emojis/{file}", emoji)


def _valid(world: World, request: web.Request) -> bool:
    try:
        expires = int(request.query.get("ex", ""), 16)
    except ValueError:
        return False
    shown = request.query.get("hm", "")
    return world.now() < expires and hmac.compare_digest(world.cdn_signature(request.path, expires), shown)
