"""Who may drive the sandbox: this machine, with the token, and no web page from elsewhere.

Host must be a loopback name (DNS rebinding), Origin ours where there is one (cross-site requests), and the token shown.
"""

import secrets
from ipaddress import ip_address
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

GUARDED = ("/control/", "/traces/api/", "/model/api/")
OPEN = ("/control/health",)


def is_loopback_name(host: str) -> bool:
    """Whether a host name means this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def own_host(request: web.Request) -> bool:
    """Whether `Host` names this machine, and `Origin`, where sent, the same place."""
    try:
        host = urlsplit(f"//{request.host}")
        if not is_loopback_name(host.hostname or ""):
            return False
        origin = request.headers.get("Origin")
        if origin is None:
            return True
        asked = urlsplit(origin)
        return is_loopback_name(asked.hostname or "") and asked.scheme == "http" and asked.port == host.port
    except ValueError:
        return False


def shown_token(request: web.Request) -> str:
    """The token that a request carries: in its header, or in the query for a WebSocket."""
    header = request.headers.get("Authorization", "")
    if header.startswith("Bearer "):
        return header.removeprefix("Bearer ")
    if request.headers.get("Upgrade", "").lower() == "websocket":
        return request.query.get("token", "")
    return ""


def guard(token: str) -> Middleware:
    """Middleware that lets only permitted requests through to the guarded paths."""

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not request.path.startswith(GUARDED):
            return await handler(request)
        if not own_host(request):
            return web.json_response({"code": 0, "message": "Only this machine may use the control API."}, status=403)
        if request.path in OPEN:
            return await handler(request)
        if not secrets.compare_digest(shown_token(request).encode(), token.encode()):
            return web.json_response({"code": 0, "message": "The control token is missing or wrong."}, status=401)
        return await handler(request)

    return check
