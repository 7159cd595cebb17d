"""Notices that the terminal was closed.

The kernel tells the leader of a session alone, and where `make` is the leader (a terminal that was opened for it,
`ssh -t host make run`) it keeps that to itself and waits for us.
"""

from __future__ import annotations

import asyncio
import os
import select

_LOOK_SECONDS = 1.0


async def closed(descriptor: int) -> None:
    """Returns once the terminal behind a descriptor is gone, if this process was in its foreground; else never."""
    in_foreground = False
    poll = select.poll()
    poll.register(descriptor, 0)
    while not (in_foreground and any(event & (select.POLLHUP | select.POLLERR) for _, event in poll.poll(0))):
        try:
            in_foreground = os.tcgetpgrp(descriptor) == os.getpgrp()
        except OSError:
            if not in_foreground:
                await asyncio.Event().wait()
            return
        await asyncio.sleep(_LOOK_SECONDS)
