"""Serves uploaded files at the addresses that attachments carry, and plain pictures for avatars."""

from aiohttp import web

from sandbox.discord.checks.fields import as_snowflake
from sandbox.discord.world import World


def add_routes(app: web.Application, world: World) -> None:
    """Mounts `/attachments/{channel}/{attachment}/{filename}`."""

    async def attachment(request: web.Request) -> web.Response:
        number = as_snowflake(request.match_info["attachment"]) or 0
        data = world.files.get(number)
        if data is None:
            return web.Response(status=404, text="This content is no longer available.")
        kind = _kind(world, number)
        headers = {"X-Content-Type-Options": "nosniff", "Cross-Origin-Resource-Policy": "same-origin"}
        if not kind.startswith(("image/", "audio/", "video/")) or "svg" in kind:
            headers["Content-Disposition"] = "attachment"
        return web.Response(body=data, headers={**headers, "Content-Type": kind})

    app.router.add_get("/attachments/{channel}/{attachment}/{filename}", attachment)


def _kind(world: World, number: int) -> str:
    return world.file_kinds.get(number, "application/octet-stream")
