"""Which errors of Redis say that it is no use just now, as opposed to refusing what it was asked for.

A server may be away, and it may be there and take nothing: its memory is full (`maxmemory` with `noeviction`), its
disk is full (every write is answered with MISCONF after a failed snapshot or append), or it has just become a replica.
Each passes without anything being wrong with the command, so whoever wrote waits and tries again.
https://redis.io/docs/latest/develop/reference/eviction/
https://redis.io/docs/latest/operate/oss_and_stack/management/persistence/
"""

from __future__ import annotations

import re

from redis import exceptions

_PASSING = (
    exceptions.ConnectionError,
    exceptions.TimeoutError,
    exceptions.OutOfMemoryError,
    exceptions.ReadOnlyError,
    exceptions.ClusterDownError,
    exceptions.MasterDownError,
)
# redis-py has no class for this one, and puts what failed in front of it where it was one command of several.
_MISCONF = re.compile(r"(?:^|caused error: \W*)MISCONF ")


def is_outage(error: BaseException) -> bool:
    """Whether an error passes by itself once the server is back, or has room again."""
    if isinstance(error, exceptions.ResponseError) and _MISCONF.search(str(error)):
        return True
    return isinstance(error, _PASSING)
