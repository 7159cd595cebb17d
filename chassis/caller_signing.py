"""Signs the Caller of an outgoing call and checks that of an incoming one.

A Caller is bound to one audience and one method, expires soon, and is authenticated by HMAC-SHA256 (RFC 2104) with the
calling service's key. Replays are met by a nonce, remembered until its Caller expires.
docs/adr/chassis-0001-signed-callers.md says why so.
"""

import hmac
import secrets
from collections import OrderedDict

from google.protobuf.message import DecodeError
from guildhall.caller.v1 import caller_pb2

from chassis.caller import Caller, Person
from chassis.caller_keys import KeyRing, MissingKeyError, valid_service_name
from chassis.clock import Clock
from chassis.errors import Unauthenticated

METADATA_KEY = "guildhall-caller-bin"
NONCE_BYTES = 16
# A call's own timeout bounds how long its attempts may arrive, within these.
MIN_LIFETIME = 5.0
MAX_LIFETIME = 60.0
# More than a process serves within the longest lifetime; the oldest are forgotten first.
_REMEMBERED = 200_000


class Signer:
    """Vouches for the calls of one service."""

    def __init__(self, service: str, keys: KeyRing, clock: Clock) -> None:
        self._service = service
        self._keys = keys
        self._clock = clock

    def sign(self, audience: str, method: str, person: Person | None, timeout: float) -> bytes:
        """The metadata value for one call. `method` is the full name with its leading slash, `timeout` in seconds."""
        keys = self._keys.keys(self._service)
        if not keys:
            raise MissingKeyError(f"there is no key for {self._service}")
        caller = caller_pb2.Caller(
            service=self._service, audience=audience, method=method, nonce=secrets.token_bytes(NONCE_BYTES)
        )
        lifetime = min(max(timeout, MIN_LIFETIME), MAX_LIFETIME)
        seconds, fraction = divmod(self._clock.now() + lifetime, 1)
        caller.expire_time.seconds, caller.expire_time.nanos = int(seconds), int(fraction * 1e9)
        if person is not None:
            caller.person.CopyFrom(
                caller_pb2.Person(
                    user_id=person.user_id,
                    guild_id=person.guild_id,
                    role_ids=person.role_ids,
                    permissions=person.permissions,
                    display_name=person.display_name,
                    locale=person.locale,
                    channel_id=person.channel_id,
                )
            )
        body = caller.SerializeToString()
        return caller_pb2.SignedCaller(caller=body, mac=_mac(keys[0], body)).SerializeToString()


class Verifier:
    """Checks who calls one service."""

    def __init__(self, audience: str, keys: KeyRing, clock: Clock, clock_skew: float) -> None:
        self._audience = audience
        self._keys = keys
        self._clock = clock
        self._skew = clock_skew
        self._seen: OrderedDict[bytes, float] = OrderedDict()

    def verify(self, signed: bytes | None, method: str, *, once: bool) -> Caller:
        """The Caller of an incoming call; Unauthenticated where nobody can be believed.

        `once` refuses a Caller that was seen before; idempotent methods, which gRPC itself may try again, do without.
        """
        if not signed:
            raise Unauthenticated("the call carries no caller", reason="CALLER_MISSING")
        caller = self._authentic(signed)
        if caller.audience != self._audience:
            raise Unauthenticated("the caller was made for another service", reason="CALLER_WRONG_AUDIENCE")
        if caller.method != method:
            raise Unauthenticated("the caller was made for another method", reason="CALLER_WRONG_METHOD")
        expires = caller.expire_time.seconds + caller.expire_time.nanos / 1e9
        now = self._clock.now()
        if not now - self._skew <= expires <= now + MAX_LIFETIME + self._skew:
            raise Unauthenticated("the caller has expired, or the clocks differ", reason="CALLER_EXPIRED")
        if len(caller.nonce) != NONCE_BYTES:
            raise Unauthenticated("the caller has no nonce", reason="CALLER_FORGED")
        if once:
            self._remember(caller.nonce, expires + self._skew, now)
        return Caller(caller.service, _person(caller.person) if caller.HasField("person") else None)

    def _authentic(self, signed: bytes) -> caller_pb2.Caller:
        forged = Unauthenticated("the caller is not authentic", reason="CALLER_FORGED")
        try:
            envelope = caller_pb2.SignedCaller.FromString(signed)
            caller = caller_pb2.Caller.FromString(envelope.caller)
        except DecodeError:
            raise forged from None
        keys = self._keys.keys(caller.service) if valid_service_name(caller.service) else ()
        if not any(hmac.compare_digest(_mac(key, envelope.caller), envelope.mac) for key in keys):
            raise forged
        return caller

    def _remember(self, nonce: bytes, until: float, now: float) -> None:
        while self._seen:
            oldest, expires = next(iter(self._seen.items()))
            if expires > now and len(self._seen) < _REMEMBERED:
                break
            del self._seen[oldest]
        if nonce in self._seen:
            raise Unauthenticated("this call was made before", reason="CALLER_REPLAYED")
        self._seen[nonce] = until


def _mac(key: bytes, body: bytes) -> bytes:
    return hmac.digest(key, body, "sha256")


def _person(person: caller_pb2.Person) -> Person:
    return Person(
        user_id=person.user_id,
        guild_id=person.guild_id,
        role_ids=tuple(person.role_ids),
        permissions=person.permissions,
        display_name=person.display_name,
        locale=person.locale,
        channel_id=person.channel_id,
    )
