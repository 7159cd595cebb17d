"""Channels to single replicas of a service, kept from one round of questions to the next.

Whoever asks every replica does so again and again; a connection anew for each question costs both ends more than the
question. Which replicas there are is told with each round: channels to those that are gone are closed.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping

from chassis.rpc.channel import Channel

_GRACE_SECONDS = 5.0
"""How long a call to a replica that is gone, made in another round, may still take."""


class ReplicaChannels:
    """The channels of one process. `connect` opens one to an address of a service."""

    def __init__(self, connect: Callable[[str, str], Channel]) -> None:
        self._connect = connect
        self._channels: dict[str, dict[str, Channel]] = {}
        self._closing: set[asyncio.Task[None]] = set()

    def only(self, service: str, addresses: Collection[str]) -> Mapping[str, Channel]:
        """A channel to each of these replicas, by address; a service has no others from now on."""
        known = self._channels.get(service, {})
        self._channels[service] = {
            address: known.get(address) or self._connect(address, service) for address in addresses
        }
        for address in known.keys() - set(addresses):
            closing = asyncio.create_task(known[address].close(_GRACE_SECONDS))
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)
        return self._channels[service]

    def renew(self) -> None:
        """Has new calls made on new connections, for new certificates."""
        for channels in self._channels.values():
            for channel in channels.values():
                channel.renew()

    async def close(self) -> None:
        """Closes all of them; calls under way end."""
        for closing in self._closing:
            closing.cancel()
        await asyncio.gather(*self._closing, return_exceptions=True)
        channels = [channel for of_service in self._channels.values() for channel in of_service.values()]
        self._channels.clear()
        await asyncio.gather(*(channel.close() for channel in channels))
