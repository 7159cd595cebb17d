"""The usage ledger in Redis: a stream of calls, folded into sums.

A call is one append, cheap and never counted twice. Folding takes calls off the stream and adds them to the sums of
their day, in one transaction with the cursor that says how far it came: a crash between the two can't be. All keys
share one hash tag, so that a transaction may touch them together in a cluster.
"""

from __future__ import annotations

import json

from redis.asyncio import Redis

from services.llm.usage import CallRecord

CALLS = "llm:{ledger}:calls"


class RedisLedger:
    """Where calls are written down."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def record(self, record: CallRecord) -> None:
        """See Ledger."""
        await self._redis.xadd(CALLS, {"r": encode(record)})


def encode(record: CallRecord) -> str:
    """A call as it stands in the stream."""
    usage = record.usage
    return json.dumps(
        [
            record.call_id, record.at, record.guild_id, record.user_id, record.model, record.operation, usage.input_tokens,
            usage.output_tokens, usage.cached_input_tokens, usage.reasoning_tokens, usage.estimated, usage.cost_nanos,
            round(record.seconds, 3), record.outcome,
        ]
    )  # fmt: skip
