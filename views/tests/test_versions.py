"""Old and new versions side by side: what a newer service answers is drawn, though some of its values are not known."""

from __future__ import annotations

from functools import partial

import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from guildhall.board.v1 import character_pb2, event_pb2
from guildhall.board.v1 import request_pb2 as pb
from guildhall.executor.v1 import plan_pb2

from chassis.enums import full_name, short_name
from views.board import cards, menus, people
from views.board.lines import line
from views.board.notices import notice
from views.catalogue import texts
from views.plans import preview, progress

LANGUAGES = texts().languages
PROFESSIONS = {"alchemy": "Alchemy"}
OF_TOMORROW = 99


def grown(message: Message, depth: int = 4) -> Message:
    """A message with something in each of its messages, all of whose enum values are known to nobody."""
    for field in message.DESCRIPTOR.fields:
        several = field.is_repeated
        if field.type == FieldDescriptor.TYPE_ENUM and several:
            getattr(message, field.name).append(OF_TOMORROW)
        elif field.type == FieldDescriptor.TYPE_ENUM:
            setattr(message, field.name, OF_TOMORROW)
        elif field.message_type is not None and depth and not field.message_type.GetOptions().map_entry:
            inner = getattr(message, field.name)
            grown(inner.add() if several else inner, depth - 1)
            if not several:
                inner.SetInParent()
    return message


def test_names_are_without_their_types() -> None:
    names = set()
    for file in (pb, event_pb2, character_pb2, plan_pb2):
        for enum in file.DESCRIPTOR.enum_types_by_name.values():
            names |= {short_name(enum, number) for number in enum.values_by_number}
            assert short_name(enum, OF_TOMORROW) == "unspecified" == short_name(enum, 0)
            assert full_name(enum, OF_TOMORROW) == enum.values_by_number[0].name
    assert {"open", "claim", "already_claimed", "subscriber", "running", "needs_approval"} <= names


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_board_is_drawn(language: str) -> None:
    text = partial(texts().text, language)
    request = pb.Request(request_id="0350nV8eaCzXhWn8o2OvLZ", number=4, item="Flask", quantity=2, profession="alchemy")
    grown(request)
    known = (pb.REQUEST_ACTION_CLAIM, OF_TOMORROW)
    unknown = text("board.state.unspecified")
    assert unknown in str(cards.card(request, known, text, PROFESSIONS))  # type: ignore[arg-type]
    assert unknown in str(cards.post(request, text, PROFESSIONS))
    assert unknown in line(request, text, PROFESSIONS)
    refusal = pb.Refusal(reason=OF_TOMORROW, request=request, allowed=known)  # type: ignore[arg-type]
    said = cards.refused(refusal, text)
    assert said.startswith(text("board.refused.unspecified"))
    # It offers what it can, and not what it has no word for.
    assert said.endswith(text("board.allowed", actions=text("board.action.claim")))
    assert menus.front([pb.StateCount(profession="alchemy", state=OF_TOMORROW, count=3)], text, PROFESSIONS)  # type: ignore[arg-type]
    crafter = character_pb2.Crafter()
    grown(crafter)
    assert text("board.match.unspecified") in str(people.crafters("Flask", [crafter], text, PROFESSIONS))


def test_of_an_event_that_has_no_words_yet_nothing_is_told() -> None:
    text = partial(texts().text, "en")
    event = event_pb2.BoardEvent(action=pb.REQUEST_ACTION_CLAIM, actor_id=1, actor_name="Ann")
    event.request.number = 4
    assert notice(event, event_pb2.CONCERN_REQUESTER, text)
    assert not notice(event, OF_TOMORROW, text)  # type: ignore[arg-type]
    event.action = OF_TOMORROW  # type: ignore[assignment]
    assert not notice(event, event_pb2.CONCERN_REQUESTER, text)


@pytest.mark.parametrize("language", LANGUAGES)
def test_plans_are_drawn(language: str) -> None:
    text = partial(texts().text, language)
    plan = plan_pb2.Plan(plan_id="0350nV8eaCzXhWn8o2OvLZ")
    grown(plan)
    assert text("plan.status.unspecified") in str(progress.runs([plan], text))
    assert preview.preview(plan, text)
    assert preview.refused(plan, text)
    assert progress.progress(plan, text, remaining=1.0)
    assert progress.report(plan, text)
    assert text("plan.refusal.unspecified")
