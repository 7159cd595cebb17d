"""Serves the page's files under a strict Content-Security-Policy, all of them from this machine.

The control token stands in the page itself: a reader of another origin cannot see it, and a request whose Host is no
loopback name (a name that was rebound to this machine) does not get the page at all.
"""

from __future__ import annotations

import hashlib
import mimetypes
from dataclasses import dataclass
from html import escape
from ipaddress import ip_address
from pathlib import Path

from aiohttp import web
from yarl import URL

STATIC = Path(__file__).parent / "static"
TOKEN_MARK = "%CONTROL_TOKEN%"  # noqa: S105 - the place for it, not the token
PRELOAD_MARK = "<!-- %PRELOAD% -->"
# `style-src 'self'` leaves styles set by script through the CSSOM alone and refuses inline style attributes in markup.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; "
    "connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",
}


@dataclass(frozen=True)
class Asset:
    """A file as it is sent."""

    body: bytes
    content_type: str
    etag: str


class PageRoutes:
    """Serves the page; files are read anew when they change, so an edit shows on reload."""

    def __init__(self, control_token: str, folder: Path = STATIC) -> None:
        self._token = control_token
        self._folder = folder
        self._assets: dict[str, tuple[int, Asset]] = {}

    def add_to(self, app: web.Application) -> None:
        """Mounts the page and its files."""
        app.router.add_get("/", self.index)
        app.router.add_get("/page/{path:.+}", self.file)
        app.router.add_get("/favicon.ico", self.icon)

    async def index(self, request: web.Request) -> web.Response:
        """The page with the token and the list of its modules, so that the browser fetches them at once."""
        if not is_loopback(request):
            raise web.HTTPForbidden(text="The sandbox's page is served to this machine alone.")
        source = (self._folder / "index.html").read_text("utf-8")
        modules = sorted(path.relative_to(self._folder).as_posix() for path in (self._folder / "js").rglob("*.js"))
        links = "\n".join(f'<link rel="modulepreload" href="/page/{module}">' for module in modules)
        text = source.replace(PRELOAD_MARK, links).replace(TOKEN_MARK, escape(self._token, quote=True))
        return web.Response(text=text, content_type="text/html", headers={**HEADERS, "Cache-Control": "no-store"})

    async def icon(self, request: web.Request) -> web.StreamResponse:
        """The icon, for browsers that ask where they always asked."""
        return self._answer(request, "icon.svg")

    async def file(self, request: web.Request) -> web.StreamResponse:
        """One of the page's files."""
        return self._answer(request, request.match_info["path"])

    def _answer(self, request: web.Request, name: str) -> web.Response:
        asset = self._asset(name)
        if asset is None:
            raise web.HTTPNotFound
        headers = {**HEADERS, "ETag": asset.etag}
        if request.headers.get("If-None-Match") == asset.etag:
            return web.Response(status=304, headers=headers)
        return web.Response(body=asset.body, content_type=asset.content_type, charset="utf-8", headers=headers)

    def _asset(self, name: str) -> Asset | None:
        path = (self._folder / name).resolve()
        if not path.is_relative_to(self._folder.resolve()) or not path.is_file() or path.name == "index.html":
            return None
        changed = path.stat().st_mtime_ns
        known = self._assets.get(name)
        if known and known[0] == changed:
            return known[1]
        body = path.read_bytes()
        kind = "text/javascript" if path.suffix == ".js" else mimetypes.guess_type(path.name)[0]
        asset = Asset(body, kind or "application/octet-stream", f'"{hashlib.sha256(body).hexdigest()[:20]}"')
        self._assets[name] = (changed, asset)
        return asset


def is_loopback(request: web.Request) -> bool:
    """Whether the request names this machine by a loopback name or address."""
    try:
        host = URL(f"http://{request.host}").host or ""
    except ValueError:
        return False
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def add_routes(app: web.Application, *, control_token: str) -> None:
    """Mounts the page at `/` and its files under `/page/`."""
    PageRoutes(control_token).add_to(app)
