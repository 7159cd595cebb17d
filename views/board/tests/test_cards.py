"""Cards and menus: within Discord's limits whatever people wrote, and harmless."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from guildhall.board.v1 import event_pb2
from guildhall.board.v1 import request_pb2 as pb
from hypothesis import given
from hypothesis import strategies as st

from views.board import cards, index, menus
from views.board.lines import label
from views.board.notices import digest, notice
from views.catalogue import texts
from views.custom_id import decode

TEXT = partial(texts().text, "en")
PROFESSIONS = {"alchemy": "Alchemy"}
EVERY_ACTION = [number for number in pb.RequestAction.values() if number]


def a_request(**more: Any) -> pb.Request:
    values: dict[str, Any] = {
        "request_id": "0350nV8eaCzXhWn8o2OvLZ", "guild_id": 2**62, "number": 2**40, "part": 12, "item": "Flask",
        "quantity": 10_000, "profession": "alchemy", "state": pb.REQUEST_STATE_OPEN, "version": 2**40,
        "requester_name": "Ann",
    }  # fmt: skip
    return pb.Request(**(values | more))


def custom_ids(message: dict[str, Any]) -> list[str]:
    return [component["custom_id"] for row in message["components"] for component in row["components"]]


def check(message: dict[str, Any]) -> None:
    assert len(message["content"]) <= 2000
    assert len(message["components"]) <= 5
    ids = custom_ids(message)
    assert len(set(ids)) == len(ids) and all(1 <= len(one) <= 100 for one in ids)
    for row in message["components"]:
        assert 1 <= len(row["components"]) <= 5
        for component in row["components"]:
            assert 1 <= len(component.get("label") or component["placeholder"]) <= 150
    for embed in message.get("embeds", ()):
        assert len(embed["title"]) <= 256 and len(embed.get("description", "")) <= 4096
        assert all(len(field["value"]) <= 1024 for field in embed.get("fields", ()))


@given(st.text(min_size=1, max_size=100), st.text(max_size=1000), st.text(max_size=100), st.integers(0, 2**62))
def test_a_card_fits_whatever_people_wrote(item: str, note: str, name: str, guild_id: int) -> None:
    request = a_request(item=item, note=note, tip=name, requester_name=name, quality=name[:50])
    check(cards.card(request, EVERY_ACTION, TEXT, PROFESSIONS, guild_id=guild_id))
    check(cards.confirmation(request, pb.REQUEST_ACTION_CANCEL, TEXT, PROFESSIONS, guild_id=guild_id))
    for state in pb.RequestState.values():
        check(cards.post(a_request(item=item, note=note, state=state), TEXT, PROFESSIONS))
    shown = str(cards.card(request, EVERY_ACTION, TEXT, PROFESSIONS))
    assert "@everyone" not in shown and "<@1>" not in shown


@given(st.text(max_size=100), st.integers(0, 1000), st.text(min_size=1, max_size=100))
def test_a_list_fits_and_its_buttons_lead_back_to_it(query: str, page: int, item: str) -> None:
    view = menus.View(menus.SEARCH, "a-profession-with-a-key-of-fifty-characters-or-so", page, query)
    requests = [a_request(request_id=f"{place:022d}", item=item) for place in range(10)]
    answer = pb.ListRequestsResponse(requests=requests, total_size=100_000)
    check(menus.listing(view, answer, TEXT, PROFESSIONS, chosen=[requests[3].request_id]))
    back = menus.view_of(decode(view.custom_id(menus.LIST)))
    assert (back.kind, back.profession, back.page) == (view.kind, view.profession, view.page)
    assert query.startswith(back.query)
    check(index.index("alchemy", [*requests] * 1, 10, TEXT, PROFESSIONS))


@pytest.mark.parametrize(
    "text", ["", "x", "board.list", "board.list:all:-:x", "board.list:all:-:-1:q:q", "a:b:c:99999999999"]
)
def test_any_custom_id_leads_somewhere(text: str) -> None:
    assert 0 <= menus.view_of(decode(text)).page <= 1000


def test_every_refusal_and_every_notice_has_its_words_in_every_language() -> None:
    request = a_request(claim=pb.Claim(crafter_id=2, crafter_name="Bob"))
    for language in texts().languages:
        say = partial(texts().text, language)
        for reason in pb.RefusalReason.values():
            refusal = pb.Refusal(reason=reason, request=request, allowed=EVERY_ACTION, limit=3, detail="why")
            assert cards.refused(refusal, say)
        told = [
            notice(event_pb2.BoardEvent(action=action, request=request, actor_id=1, actor_name="A"), concern, say)
            for action in EVERY_ACTION
            for concern in event_pb2.Concern.values()
            if concern
        ]
        said = [one for one in told if one]
        assert len(said) > 15
        check(digest(said * 20, say) | {"components": []})
    assert label(a_request(part=0)) == f"#{2**40}"


@pytest.mark.parametrize("many", [3, 24, 25, 60])
def test_professions_with_requests_are_always_among_the_choices(many: int) -> None:
    professions = {f"p{number:02}": f"Profession {number:02}" for number in range(many)}
    last = f"p{many - 1:02}"
    counts = [pb.StateCount(profession=last, state=pb.REQUEST_STATE_OPEN, count=3)]
    shown = menus.front(counts, TEXT, professions)
    check(shown)
    chosen = [one["value"] for one in shown["components"][0]["components"][0]["options"]]
    assert last in chosen
    assert chosen[1] == (last if many >= 25 else "p00")
    assert len(chosen) == min(many + 1, 25)
