"""Old and new services side by side: a Caller passes between those that know different fields, and stored documents do.

The bytes below were recorded from the first release and stay as they are.
"""

import hmac
from dataclasses import dataclass

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import Message
from guildhall.caller.v1 import caller_pb2

from chassis.caller import Caller, Person
from chassis.caller_signing import Signer, Verifier
from chassis.stored import as_known
from chassis.testing import TestKeys
from tests.support import ManualClock

METHOD = "/guildhall.llm.v1.GenerationService/Generate"
RECORDED = bytes.fromhex(
    "0a6b0a076761746577617912036c6c6d1a2c2f6775696c6468616c6c2e6c6c6d2e76312e47656e65726174696f6e5365"
    "72766963652f47656e65726174652206088aa4a7da062a13080710031a02040520082a03416461320264653210000102"
    "030405060708090a0b0c0d0e0f12204d2da5e7f70ccd049517e606b20a45bf43bfacaec47d104a72e013ffaeb7d369"
)
"""Signed by gateway for llm ten seconds before its end; of the last field of a person it knows nothing."""


@dataclass(frozen=True)
class Document:
    """Something stored."""

    name: str
    size: int = 0


UNKNOWN = b"\x9a\x06\x01?"
"""Field 99, a text, which no contract of today has."""
PERSON = Person(7, 3, (4, 5), 8, "Ada", "de")


def reader_of(known: type[Message], fields: int) -> type[Message]:
    """A reader of a message that knows only its first fields: the release before the others came."""
    file = descriptor_pb2.FileDescriptorProto(name="older.proto", package="older", syntax="proto3")
    message = file.message_type.add()
    known.DESCRIPTOR.CopyToProto(message)
    del message.field[fields:]
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"older.{message.name}"))


def test_a_caller_of_the_last_release_is_believed(clock: ManualClock) -> None:
    verifier = Verifier("llm", TestKeys(), clock, clock_skew=5.0)
    assert verifier.verify(RECORDED, METHOD, once=True) == Caller("gateway", PERSON)


def test_a_caller_of_the_next_release_is_believed_and_what_it_adds_is_passed_over(clock: ManualClock) -> None:
    body = caller_pb2.SignedCaller.FromString(RECORDED).caller + UNKNOWN
    key, *_ = TestKeys().keys("gateway")
    signed = caller_pb2.SignedCaller(caller=body, mac=hmac.digest(key, body, "sha256")).SerializeToString()
    verifier = Verifier("llm", TestKeys(), clock, clock_skew=5.0)
    assert verifier.verify(signed + UNKNOWN, METHOD, once=True) == Caller("gateway", PERSON)


def test_the_last_release_finds_all_that_it_knows_in_a_caller_of_today(clock: ManualClock) -> None:
    person = Person(7, 3, (4, 5), 8, "Ada", "de", channel_id=9)
    signed = caller_pb2.SignedCaller.FromString(Signer("gateway", TestKeys(), clock).sign("llm", METHOD, person, 10))
    read = reader_of(caller_pb2.Person, 6).FromString(
        caller_pb2.Caller.FromString(signed.caller).person.SerializeToString()
    )
    recorded = caller_pb2.Caller.FromString(caller_pb2.SignedCaller.FromString(RECORDED).caller).person
    assert {field.name: value for field, value in read.ListFields()} == {
        field.name: value for field, value in recorded.ListFields()
    }
    # Who passes it on without knowing it loses nothing of it.
    assert caller_pb2.Person.FromString(read.SerializeToString()).channel_id == 9


def test_a_stored_document_with_more_or_fewer_fields_is_read() -> None:
    assert as_known(Document, {"name": "a", "size": 2, "from_tomorrow": 1}) == Document("a", 2)
    assert as_known(Document, {"name": "a"}) == Document("a")
    with pytest.raises(TypeError):
        as_known(Document, {"size": 2})
