"""Discord's limits in the store: which keys a call touches, and the scripts that decide and learn.

All that belongs to one credential stands in one slot of a cluster. Which bucket a route has is learned, so the service
keeps what it saw last and the script says when that is no longer so: a second call then uses the right key.
"""

import json
import struct
from dataclasses import dataclass
from hashlib import blake2b

from services.ratelimit.demands import PREFIX
from services.ratelimit.discord.answers import RestAnswer
from services.ratelimit.discord.routes import Route
from services.ratelimit.discord.settings import DiscordLimits
from services.ratelimit.scripts import Script, Scripts

_MICRO = 1_000_000
_ACQUIRE, _REPORT = struct.Struct("<16d"), struct.Struct("<19d")
_HEAD = struct.Struct("<4d")
_LEASE_LIFE_MS = 7 * 86_400_000
_NO_BUCKET = "-"
PERMIT, LIMITED, STALE, REMAPPED, STOPPED = range(5)
GLOBAL_SHORT, BUCKET_SHORT, TRAVELLING, SUB_SHORT = 1, 2, 3, 4


@dataclass(frozen=True, slots=True)
class Taker:
    """Who wants a permit, as the script needs to know."""

    credential: str
    route: Route
    global_kept: int
    bucket_kept: float
    ttl_us: int
    lease_key: str
    epoch: int
    egress: str


@dataclass(frozen=True, slots=True)
class Decision:
    """What the script said. `resource` is the key that is short."""

    status: int
    wait_us: int
    resource: str
    short: int = 0


@dataclass(frozen=True, slots=True)
class PermitNotes:
    """What is kept with a permit for its report."""

    route: str
    sub_field: str
    bucket_key: str
    sub_key: str
    webhook: bool
    credential: str
    egress: str


class DiscordStore:
    """Buckets, permits and identifies of all credentials."""

    def __init__(self, scripts: Scripts) -> None:
        self._scripts = scripts
        self._acquire, self._report = Script("rest_acquire"), Script("rest_report")
        self._identify, self._identified = Script("identify_acquire"), Script("identify_report")
        self._permit_notes = Script("permit_notes")
        self._buckets: dict[tuple[str, str], str] = {}

    def bucket_key(self, credential: str, route: Route) -> str:
        """The key of the bucket that a route is taken to have."""
        return _bucket_key(credential, route, self._buckets.get((credential, route.name), ""))

    @staticmethod
    def global_key(credential: str) -> str:
        """The key of a credential's global limit."""
        return f"{_base(credential)}:global"

    async def acquire(self, settings: DiscordLimits, permit: str, taker: Taker) -> Decision:
        """Takes one permit, or says what is short. StoreAway, if the store is."""
        route, credential = taker.route, taker.credential
        known = route.known
        numbers = _ACQUIRE.pack(
            route.exempt,
            settings.global_limit,
            round((settings.global_window + settings.global_margin) * _MICRO),
            taker.global_kept,
            taker.bucket_kept,
            taker.ttl_us,
            round(settings.in_flight_patience * _MICRO),
            round(settings.unknown_window * _MICRO),
            round(settings.memory * 1000),
            bool(taker.lease_key),
            taker.epoch,
            _LEASE_LIFE_MS,
            known.limit if known else 0,
            round(known.window * _MICRO) if known else 0,
            route.noted,
            settings.global_reserve_least,
        )
        base = _base(credential)
        sub_key = f"{base}:s:{_short(route.sub_field)}:{route.major}"
        lease_key = f"{base}:l:{_short(taker.lease_key)}"
        for _ in range(3):
            bucket = self._buckets.get((credential, route.name), "")
            bucket_key = _bucket_key(credential, route, bucket)
            notes = PermitNotes(
                route.name, route.sub_field, bucket_key, sub_key, route.webhook, credential, taker.egress
            )
            answer = await self._scripts.run(
                self._acquire,
                [f"{base}:routes", f"{base}:global", bucket_key, sub_key, lease_key, f"{base}:p:{permit}"],
                (numbers, route.name, bucket, permit, _pack_notes(notes), route.sub_field),
            )
            _, status, short, wait = _HEAD.unpack_from(answer)
            if status != REMAPPED:
                resource = {GLOBAL_SHORT: f"{base}:global", SUB_SHORT: sub_key}.get(int(short), bucket_key)
                return Decision(int(status), int(wait), resource, int(short))
            self._buckets[credential, route.name] = answer[_HEAD.size :].decode()
        # The route's bucket changes faster than we can look: let it settle.
        return Decision(LIMITED, 10_000, bucket_key, TRAVELLING)

    async def notes(self, credential: str, permit: str) -> PermitNotes | None:
        """What is kept with a permit; None for one that is unknown or was reported."""
        raw = await self._scripts.run(self._permit_notes, [f"{_base(credential)}:p:{permit}"], ())
        return PermitNotes(*json.loads(raw)) if raw else None

    async def report(
        self, settings: DiscordLimits, permit: str, notes: PermitNotes, route_major: str, answer: RestAnswer
    ) -> tuple[bool, set[str]]:
        """Learns from an answer. Whether the permit was open, and the keys that may have become free."""
        base = _base(notes.credential)
        bucket = answer.bucket or (f"={_short(notes.route)}" if answer.has_headers else "")
        named = f"{base}:b:{bucket}:{route_major}" if bucket else notes.bucket_key
        numbers = _REPORT.pack(
            answer.status,
            answer.limit,
            answer.remaining,
            answer.reset_after_us,
            answer.retry_after_us,
            answer.is_global,
            answer.shared,
            answer.has_headers,
            notes.webhook,
            settings.webhook_misses,
            round(settings.webhook_pause * _MICRO),
            round(settings.unauthorized_pause * _MICRO),
            round(settings.unknown_window * _MICRO),
            round(settings.memory * 1000),
            answer.travel_us,
            round(settings.travel_memory * _MICRO),
            settings.travel_samples,
            round(settings.in_flight_patience * _MICRO),
            answer.named,
        )
        result = await self._scripts.run(
            self._report,
            [f"{base}:routes", f"{base}:global", notes.bucket_key, named, notes.sub_key, f"{base}:p:{permit}"],
            (numbers, notes.route, bucket, permit, notes.sub_field, round(settings.route_memory * 1000)),
        )
        if bucket:
            self._buckets[notes.credential, notes.route] = bucket
        elif 200 <= answer.status < 300:
            self._buckets[notes.credential, notes.route] = _NO_BUCKET
        return struct.unpack_from("<2d", result)[1] == 1.0, {notes.bucket_key, named}

    async def acquire_identify(
        self,
        settings: DiscordLimits,
        *,
        credential: str,
        slot: int,
        permit: str,
        remaining: int,
        reset_us: int,
        kept: int,
    ) -> tuple[bool, int]:
        """Takes a concurrency key; else the wait in microseconds. StoreAway, if the store is."""
        base = _base(credential)
        identify = settings.identify
        answer = await self._scripts.run(
            self._identify,
            [identify_key(credential, slot), f"{base}:i:day"],
            (
                permit,
                round(identify.permit_ttl * _MICRO),
                round(identify.spacing * _MICRO),
                reset_us,
                remaining,
                kept,
            ),
        )
        _, allowed, wait = struct.unpack("<3d", answer)
        return allowed == 1.0, int(wait)

    async def report_identify(self, settings: DiscordLimits, credential: str, slot: int, permit: str) -> bool:
        """Frees a concurrency key; whether the permit still held it."""
        answer = await self._scripts.run(
            self._identified,
            [identify_key(credential, slot)],
            (permit, round(settings.identify.spacing * _MICRO)),
        )
        return bool(struct.unpack("<2d", answer)[1])


def identify_key(credential: str, slot: int) -> str:
    """The key of a concurrency key."""
    return f"{_base(credential)}:i:{slot}"


def _base(credential: str) -> str:
    return f"{PREFIX}:{{d{credential}}}"


def _short(text: str) -> str:
    return blake2b(text.encode(), digest_size=8).hexdigest()


def _bucket_key(credential: str, route: Route, bucket: str) -> str:
    # While nothing is known of a route, and where it has no bucket, it counts by itself.
    name = bucket if bucket and bucket != _NO_BUCKET else f"?{_short(route.name)}"
    return f"{_base(credential)}:b:{name}:{route.major}"


def _pack_notes(notes: PermitNotes) -> bytes:
    return json.dumps(
        [
            notes.route,
            notes.sub_field,
            notes.bucket_key,
            notes.sub_key,
            notes.webhook,
            notes.credential,
            notes.egress,
        ],
        separators=(",", ":"),
    ).encode()
