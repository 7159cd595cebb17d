"""What is held until it is settled: how it is named, noted, settled and extended.

A handle names the request's id and the hash tags of its records, so that any replica finds them. The record's notes say
with which numbers each amount was held, so that a settlement is right even if the policy was changed meanwhile.
"""

import asyncio
import json
import re
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from chassis.errors import FailedPrecondition, InvalidArgument, NotFound
from services.ratelimit.algorithms import BUCKET, CONCURRENCY, FORCED, AnyAlgorithm
from services.ratelimit.answers import LimitAnswer, Settlement
from services.ratelimit.demands import PREFIX, Demand
from services.ratelimit.packing import Packer, from_plain, to_plain
from services.ratelimit.scripts import Script, Scripts

LOCAL_TAG = "-"
"""In a handle: nothing was kept, as the store was away."""
_ID = re.compile(r"[A-Za-z0-9._:/-]{1,128}")
_HANDLE = re.compile(r"(?P<kind>[ar])!(?P<id>[A-Za-z0-9._:/-]{1,128})(?P<tags>(~(\*|-|[gu]\d{1,20})){1,8})")
_TWO = struct.Struct("<2d")
_MISSING, _DONE, _BEFORE, _EXPIRED = 0, 1, 2, 3
STRICT = 1
"""Settle only if every hold is still there."""


@dataclass(frozen=True)
class Held:
    """One amount that is held, as its notes tell."""

    limit: str
    charge: str
    cost: int
    key: str
    algorithm: AnyAlgorithm
    shadow: bool


def check_id(identifier: str, field: str = "request_id") -> str:
    """The id, if it is one. InvalidArgument otherwise."""
    if not _ID.fullmatch(identifier):
        raise InvalidArgument(
            "not an id", reason="INVALID_REQUEST_ID", fields={field: "letters, digits and ._:/- only, 1 to 128"}
        )
    return identifier


def record_key(kind: str, identifier: str, tag: str) -> str:
    """Where a request's record stands. Kinds: `a` acquire, `r` reserve, `t` tentative."""
    return f"{PREFIX}:{{{tag}}}:q:{kind}:{identifier}"


def handle_of(kind: str, identifier: str, tags: Iterable[str]) -> str:
    """The handle of what is held under some tags."""
    return f"{kind}!{identifier}" + "".join(f"~{tag}" for tag in tags)


def parse_handle(handle: str, kind: str, field: str) -> tuple[str, list[str]]:
    """Id and tags of a handle. InvalidArgument for what never was one."""
    match = _HANDLE.fullmatch(handle)
    if match is None or match["kind"] != kind:
        raise InvalidArgument(
            "not something that this service gave out", reason="INVALID_HANDLE", fields={field: "unknown form"}
        )
    return match["id"], match["tags"].split("~")[1:]


def notes_of(demands: Sequence[Demand]) -> bytes:
    """What a record keeps of the demands of its tag."""
    rows = [
        [demand.limit, demand.charge, demand.cost, demand.key, to_plain(demand.variant.algorithm), demand.shadow]
        for demand in demands
    ]
    return json.dumps(rows, separators=(",", ":")).encode()


def read_notes(notes: bytes) -> list[Held]:
    """The notes of a record."""
    return [
        Held(limit, charge, cost, key, from_plain(plain), shadow)
        for limit, charge, cost, key, plain, shadow in json.loads(notes)
    ]


class Holds:
    """Settles and extends what the decide script holds."""

    def __init__(self, scripts: Scripts) -> None:
        self._scripts = scripts
        self._settle, self._extend, self._notes = Script("settle"), Script("extend"), Script("notes")

    async def settle(
        self,
        kind: str,
        identifier: str,
        tags: Sequence[str],
        used: Mapping[str, int] | None,
        *,
        now_us: int,
        retention: float,
        flags: int = 0,
    ) -> Settlement:
        """Charges what was used, by limit or by the name that was charged; what is not named as it was held.

        `used` of None frees everything. NotFound where a record is gone, FailedPrecondition where STRICT meets expiry.
        """
        parts = await asyncio.gather(
            *(
                self._settle_tag(
                    record_key(kind, identifier, tag), identifier, used, now_us=now_us, retention=retention, flags=flags
                )
                for tag in tags
            )
        )
        return Settlement(
            all(part.already_settled for part in parts),
            any(part.late for part in parts),
            [limit for part in parts for limit in part.limits],
        )

    async def extend(
        self,
        kind: str,
        identifier: str,
        tags: Sequence[str],
        ttl: float,
        *,
        now_us: int,
        retention: float,
        charge_at_expiry: bool = True,
    ) -> int:
        """Lets the holds last `ttl` seconds from now; gives the expiry in microseconds."""
        expiries = []
        for tag in tags:
            key = record_key(kind, identifier, tag)
            held = await self._held(key)
            packed = b"".join(_packed(one, one.cost, now_us) for one in held)
            answer = await self._scripts.run(
                self._extend,
                [key, *(one.key for one in held)],
                (identifier, round(ttl * 1e6), round(retention * 1000), packed, int(charge_at_expiry)),
            )
            _, status, expiry = struct.unpack("<3d", answer)
            if status == _MISSING:
                raise _unknown()
            if status != _DONE:
                reason = "RESERVATION_SETTLED" if status == _BEFORE else "RESERVATION_EXPIRED"
                raise FailedPrecondition("the reservation can't be extended any more", reason=reason)
            expiries.append(int(expiry))
        return min(expiries)

    async def _held(self, key: str) -> list[Held]:
        answer = await self._scripts.run(self._notes, [key], ())
        if not answer:
            raise _unknown()
        count = int(answer[0])
        indexes = answer[1 : 1 + count]
        rows = read_notes(answer[1 + count :])
        return [rows[index] for index in indexes]

    async def _settle_tag(
        self, key: str, identifier: str, used: Mapping[str, int] | None, *, now_us: int, retention: float, flags: int
    ) -> Settlement:
        held = await self._held(key)
        packed = []
        for one in held:
            amount = _amount(one, used)
            before = one.algorithm.numbers(one.cost, now_us)
            numerator = before[1] if one.algorithm.kind == BUCKET else 0
            packed.append(_packed(one, amount, now_us) + _TWO.pack(before[0], numerator))
        answer = await self._scripts.run(
            self._settle,
            [key, *(one.key for one in held)],
            (identifier, flags, round(retention * 1000), b"".join(packed)),
        )
        _, status, late = struct.unpack_from("<3d", answer)
        if status == _MISSING:
            raise _unknown()
        if status == _EXPIRED:
            raise FailedPrecondition("what was held has expired", reason="RESERVATION_EXPIRED")
        limits = [_standing(one, *_TWO.unpack_from(answer, 24 + 16 * index)) for index, one in enumerate(held)]
        return Settlement(status == _BEFORE, bool(late), limits)


def _amount(one: Held, used: Mapping[str, int] | None) -> int:
    if used is None or one.algorithm.kind == CONCURRENCY:
        return 0
    return used.get(one.limit, used.get(one.charge, one.cost))


def _packed(one: Held, amount: int, now_us: int) -> bytes:
    return Packer(one.algorithm).pack(FORCED, amount, now_us)


def _standing(one: Held, x: float, y: float) -> LimitAnswer:
    standing = one.algorithm.standing(x, y)
    return LimitAnswer(one.limit, True, standing.remaining, one.algorithm.capacity, standing.reset_us, 0, one.shadow)


def _unknown() -> NotFound:
    return NotFound("there is no such reservation, or it is no longer kept", reason="RESERVATION_NOT_FOUND")
