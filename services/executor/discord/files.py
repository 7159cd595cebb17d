"""Files that people gave to Discord, fetched from where Discord keeps them.

Only the hosts that Discord serves files from are asked, only over https, without following redirects, and no more is
read than may be taken: an address comes from Discord's own event, yet nothing is fetched on its word alone. The one
exception is the very origin of the configured API, so that a Discord elsewhere serves its own files.
"""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import urlsplit

import aiohttp


class NotFetched(Exception):
    """The file can't be had; `reason` is UPPER_SNAKE."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class FileFetcher:
    """Fetches."""

    def __init__(self, *, hosts: Collection[str], seconds: float, api_base: str) -> None:
        self._hosts = hosts
        self._seconds = seconds
        api = urlsplit(api_base)
        self._origin = (api.scheme, api.netloc)
        self._session: aiohttp.ClientSession | None = None

    async def fetch(self, url: str, max_bytes: int) -> bytes:
        """A file's bytes. NotFetched: ATTACHMENT_FOREIGN, ATTACHMENT_GONE, ATTACHMENT_TOO_LARGE."""
        self._require_allowed(url)
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=self._seconds))
        try:
            async with self._session.get(url, allow_redirects=False) as response:
                if response.status != 200:
                    raise NotFetched("ATTACHMENT_GONE")
                content = await response.content.read(max_bytes + 1)
                while len(content) <= max_bytes:
                    more = await response.content.read(max_bytes + 1 - len(content))
                    if not more:
                        return content
                    content += more
        except (aiohttp.ClientError, TimeoutError) as error:
            raise NotFetched("ATTACHMENT_GONE") from error
        raise NotFetched("ATTACHMENT_TOO_LARGE")

    async def close(self) -> None:
        """Closes connections."""
        if self._session is not None:
            await self._session.close()

    def _require_allowed(self, url: str) -> None:
        try:
            address = urlsplit(url)
            port = address.port
        except ValueError as error:
            raise NotFetched("ATTACHMENT_FOREIGN") from error
        if (address.scheme, address.netloc) == self._origin:
            return
        if address.scheme != "https" or address.hostname not in self._hosts or port not in (None, 443):
            raise NotFetched("ATTACHMENT_FOREIGN")
