import dataclasses
from pathlib import Path
from typing import Any

import grpc
import pytest
from guildhall.caller.v1 import caller_pb2
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from chassis.caller import Caller, Person, acting_for, current_caller, current_person
from chassis.caller_keys import FolderKeyRing, ensure_keys
from chassis.caller_signing import MAX_LIFETIME, METADATA_KEY, Signer, Verifier
from chassis.clock import SystemClock
from chassis.errors import PermissionDenied, Unauthenticated, from_rpc_error
from chassis.testing import TestKeys, channel_to, serve_in_process
from chassis.tests.echo import SERVICE, Echo, EchoStub, add_to_server, text
from tests.support import ManualClock

METHOD = "/guildhall.llm.v1.GenerationService/Generate"
PERSON = Person(1, 2, (3, 4), 1 << 40, "Ada 🦉", "en-GB", 5)


def reason_of(verifier: Verifier, signed: bytes | None, method: str = METHOD, *, once: bool = True) -> str:
    with pytest.raises(Unauthenticated) as caught:
        verifier.verify(signed, method, once=once)
    return caught.value.reason


@pytest.fixture
def signer(clock: ManualClock) -> Signer:
    return Signer("gateway", TestKeys(), clock)


@pytest.fixture
def verifier(clock: ManualClock) -> Verifier:
    return Verifier("llm", TestKeys(), clock, clock_skew=5.0)


@pytest.mark.parametrize("person", [PERSON, Person(7), None])
def test_a_caller_arrives_as_it_was_signed(signer: Signer, verifier: Verifier, person: Person | None) -> None:
    assert verifier.verify(signer.sign("llm", METHOD, person, 10), METHOD, once=True) == Caller("gateway", person)


def test_what_is_made_for_another_is_refused(signer: Signer, verifier: Verifier) -> None:
    assert reason_of(verifier, signer.sign("board", METHOD, None, 10)) == "CALLER_WRONG_AUDIENCE"
    assert reason_of(verifier, signer.sign("llm", "/x.Y/Z", None, 10)) == "CALLER_WRONG_METHOD"
    assert reason_of(verifier, None) == "CALLER_MISSING"
    assert reason_of(verifier, b"") == "CALLER_MISSING"


def test_a_caller_expires(signer: Signer, verifier: Verifier, clock: ManualClock) -> None:
    signed = signer.sign("llm", METHOD, PERSON, 10)
    clock.advance(14.9)
    verifier.verify(signed, METHOD, once=False)
    clock.advance(0.2)
    assert reason_of(verifier, signed, once=False) == "CALLER_EXPIRED"


def test_no_caller_lives_long_however_long_its_call_may_take(
    signer: Signer, verifier: Verifier, clock: ManualClock
) -> None:
    signed = signer.sign("llm", METHOD, PERSON, 3600)
    clock.advance(MAX_LIFETIME + 5.1)
    assert reason_of(verifier, signed) == "CALLER_EXPIRED"


def test_one_from_a_clock_far_ahead_is_refused(verifier: Verifier, clock: ManualClock) -> None:
    ahead = ManualClock(clock.now() + 3600)
    assert reason_of(verifier, Signer("gateway", TestKeys(), ahead).sign("llm", METHOD, None, 60)) == "CALLER_EXPIRED"


def test_a_replay_is_refused_until_it_expires_anyway(signer: Signer, verifier: Verifier, clock: ManualClock) -> None:
    signed = signer.sign("llm", METHOD, PERSON, 10)
    verifier.verify(signed, METHOD, once=True)
    for _ in range(3):
        clock.advance(4)
        assert reason_of(verifier, signed) == "CALLER_REPLAYED"
    clock.advance(4)
    assert reason_of(verifier, signed) == "CALLER_EXPIRED"


def test_gRPC_may_try_an_idempotent_call_again(signer: Signer, verifier: Verifier) -> None:
    signed = signer.sign("llm", METHOD, PERSON, 10)
    for _ in range(3):
        assert verifier.verify(signed, METHOD, once=False).person == PERSON


@given(position=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_no_bit_of_it_can_be_changed(position: int, bit: int) -> None:
    clock = ManualClock()
    signed = bytearray(Signer("gateway", TestKeys(), clock).sign("llm", METHOD, PERSON, 10))
    signed[position % len(signed)] ^= 1 << bit
    assert reason_of(Verifier("llm", TestKeys(), clock, 5.0), bytes(signed)).startswith("CALLER_")


@given(st.binary(max_size=200))
def test_noise_is_refused(noise: bytes) -> None:
    with pytest.raises(Unauthenticated):
        Verifier("llm", TestKeys(), ManualClock(), 5.0).verify(noise, METHOD, once=True)


def test_a_name_from_outside_reaches_no_other_file(tmp_path: Path, clock: ManualClock) -> None:
    keys = tmp_path / "keys"
    ensure_keys(keys, ["gateway"])
    (tmp_path / "evil.key").write_text("00" * 32)
    forged = caller_pb2.Caller(service="../evil", audience="llm", method=METHOD, nonce=b"0" * 16)
    envelope = caller_pb2.SignedCaller(caller=forged.SerializeToString(), mac=b"")
    verifier = Verifier("llm", FolderKeyRing(keys), clock, 5.0)
    assert reason_of(verifier, envelope.SerializeToString()) == "CALLER_FORGED"


def test_a_service_cannot_speak_as_another(tmp_path: Path, clock: ManualClock) -> None:
    ensure_keys(tmp_path, ["gateway", "board"])
    (board_key,) = FolderKeyRing(tmp_path).keys("board")

    class Stolen:
        def keys(self, service: str) -> tuple[bytes, ...]:
            return (board_key,)

    verifier = Verifier("llm", FolderKeyRing(tmp_path), clock, 5.0)
    assert reason_of(verifier, Signer("gateway", Stolen(), clock).sign("llm", METHOD, None, 5)) == "CALLER_FORGED"
    verifier.verify(Signer("board", Stolen(), clock).sign("llm", METHOD, None, 5), METHOD, once=True)


def test_keys_rotate_by_file(tmp_path: Path, clock: ManualClock) -> None:
    path = tmp_path / "gateway.key"
    old, new = "11" * 32, "22" * 32

    def write(*lines: str) -> None:
        # As an editor or Kubernetes does: a new file in the place of the old one.
        fresh = tmp_path / "fresh"
        fresh.write_text("\n".join(lines) + "\n")
        fresh.replace(path)

    write(old)
    gateway, llm = FolderKeyRing(tmp_path, look_again=0), FolderKeyRing(tmp_path, look_again=0)
    signer, verifier = Signer("gateway", gateway, clock), Verifier("llm", llm, clock, 5.0)
    by_old = signer.sign("llm", METHOD, None, 10)
    write(new, old)
    by_new = signer.sign("llm", METHOD, None, 10)
    for signed in (by_old, by_new):
        verifier.verify(signed, METHOD, once=True)
    write(new)
    verifier.verify(signer.sign("llm", METHOD, None, 10), METHOD, once=True)
    assert reason_of(verifier, by_old) == "CALLER_FORGED"
    path.write_text("half a ke")
    with capture_logs() as said:
        for _ in range(3):
            verifier.verify(signer.sign("llm", METHOD, None, 10), METHOD, once=True)
    # Once by whoever signs and once by whoever checks.
    assert [line["event"] for line in said] == ["callers.key_refused"] * 2
    assert "half a ke" not in str(said)


def test_made_keys_are_their_owners_alone(tmp_path: Path) -> None:
    ensure_keys(tmp_path / "keys", ["gateway"])
    path = tmp_path / "keys" / "gateway.key"
    before = path.read_text()
    assert path.stat().st_mode & 0o077 == 0
    ensure_keys(tmp_path / "keys", ["gateway", "llm"])
    assert path.read_text() == before


async def test_a_servicer_knows_who_calls_and_passes_it_on() -> None:
    seen: list[Any] = []

    async def behaviour(request: Any, context: Any) -> Any:
        seen.append((current_caller(), current_person()))
        return request

    async with (
        serve_in_process((add_to_server, Echo(Unary=behaviour))) as address,
        channel_to(address, Caller("gateway", PERSON)) as channel,
    ):
        stub = EchoStub(channel)
        await stub.Unary(text(), timeout=5)
        with acting_for(None):
            await stub.Unary(text(), timeout=5)
        other = dataclasses.replace(PERSON, user_id=99)
        with acting_for(other):
            await stub.Unary(text(), timeout=5)
    assert seen == [
        (Caller("gateway", PERSON), PERSON),
        (Caller("gateway", None), None),
        (Caller("gateway", other), other),
    ]
    with pytest.raises(LookupError):
        current_caller()


async def test_methods_take_calls_of_the_services_named_for_them_alone() -> None:
    callers = {"Unary": ("gateway", "executor"), "Down": ("executor",)}
    async with (
        serve_in_process((add_to_server, Echo()), callers=callers) as address,
        channel_to(address, Caller("gateway")) as channel,
    ):
        stub = EchoStub(channel)
        await stub.Unary(text(), timeout=5)
        for refused in (stub.Down(text(), timeout=5).read(), stub.Again(text(), timeout=5)):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await refused
            error = from_rpc_error(caught.value)
            assert isinstance(error, PermissionDenied)
            assert error.reason == "CALLER_NOT_ALLOWED"


async def test_a_method_that_is_not_in_the_contract_is_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError, match="has no method Unarry"):
        async with serve_in_process((add_to_server, Echo()), callers={"Unarry": ("gateway",)}):
            pass


async def test_without_a_caller_nothing_is_served_and_a_captured_one_serves_once() -> None:
    signed = Signer("gateway", TestKeys(), SystemClock()).sign("test", f"/{SERVICE}/Unary", PERSON, 10)
    async with serve_in_process((add_to_server, Echo())) as address, grpc.aio.insecure_channel(address) as channel:
        stub = EchoStub(channel)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.Unary(text(), timeout=5)
        assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
        await stub.Unary(text(), timeout=5, metadata=((METADATA_KEY, signed),))
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.Unary(text(), timeout=5, metadata=((METADATA_KEY, signed),))
        assert from_rpc_error(caught.value).reason == "CALLER_REPLAYED"
