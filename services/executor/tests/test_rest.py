"""The REST client against a local server: what is repeated, what is not, what is reported, when it stops."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from pydantic import SecretStr

from services.executor.discord.bodies import File
from services.executor.discord.errors import NotPermitted, OutcomeUnknown, Refused, Unauthorized, Unreachable
from services.executor.discord.rest import Call
from services.executor.discord.routes import Route
from services.executor.tests.rest_server import Setup, setup

__all__ = ["setup"]

SEND = Route.of("POST", "/channels/{channel_id}/messages", channel_id=5)
EDIT = Route.of("PATCH", "/channels/{channel_id}", channel_id=5)
ORIGINAL = Route.of(
    "PATCH", "/webhooks/{webhook_id}/{webhook_token}/messages/@original", webhook_id=1, webhook_token="secret/token"
)


async def test_a_call_has_its_permit_its_token_and_its_reason(setup: Setup) -> None:
    setup.discord.answers = [(200, {"id": "1"})]
    assert await setup.rest.call(Call(EDIT, {"name": "ä"}, reason="for Zoë\nop=1")) == {"id": "1"}
    _, path, headers, body = setup.discord.seen[0]
    assert (path, body) == ("/channels/5", {"name": "ä"})
    assert headers["Authorization"] == "Bot token"
    assert headers["X-Audit-Log-Reason"] == "for Zo%C3%AB%0Aop=1"
    assert setup.permits.asked[0].route.major == "channels/5"
    assert setup.permits.reports == [(200, 0.0, False)]


async def test_another_token_is_used_from_the_next_call_on(setup: Setup) -> None:
    await setup.rest.call(Call(EDIT, {}))
    setup.rest.use_token(SecretStr("renewed"))
    await setup.rest.call(Call(EDIT, {}))
    assert [headers["Authorization"] for *_, headers, _ in setup.discord.seen] == ["Bot token", "Bot renewed"]


@pytest.mark.parametrize("answer", [(500, {}), (503, {}), "cut"])
async def test_what_does_nothing_twice_is_repeated(setup: Setup, answer: Any) -> None:
    setup.discord.answers = [answer, answer, (200, {"ok": 1})]
    assert await setup.rest.call(Call(EDIT, {})) == {"ok": 1}
    assert len(setup.discord.seen) == 3
    assert len(setup.permits.reports) == 3


@pytest.mark.parametrize("answer", [(500, {}), (504, {}), "cut", "hang"])
async def test_what_could_be_done_twice_is_not_repeated(setup: Setup, answer: Any) -> None:
    setup.discord.answers = [answer]
    with pytest.raises(OutcomeUnknown):
        await setup.rest.call(Call(SEND, {"content": "x"}))
    assert len(setup.discord.seen) == 1


async def test_with_a_nonce_a_send_is_repeated(setup: Setup) -> None:
    setup.discord.answers = ["cut", (200, {"id": "9"})]
    assert await setup.rest.call(Call(SEND, {"content": "x"}, repeatable=True)) == {"id": "9"}


async def test_repeats_end(setup: Setup) -> None:
    setup.discord.answers = [(500, {})] * 10
    with pytest.raises(Unreachable):
        await setup.rest.call(Call(EDIT, {}))
    assert len(setup.discord.seen) == 4


async def test_a_429_is_reported_and_made_again_under_a_new_permit(setup: Setup) -> None:
    setup.discord.answers = [(429, {"retry_after": 0.25, "global": True}), (200, {})]
    await setup.rest.call(Call(EDIT, {}))
    assert setup.permits.reports == [(429, 0.25, True), (200, 0.0, False)]
    assert len(setup.permits.asked) == 2


async def test_a_429_of_hours_is_said_and_not_waited_for(setup: Setup) -> None:
    setup.discord.answers = [(429, {"retry_after": 7200.0})]
    with pytest.raises(NotPermitted) as refused:
        await setup.rest.call(Call(EDIT, {}))
    assert refused.value.quota
    assert refused.value.retry_after == 7200.0


async def test_a_call_is_aborted_when_its_permit_ends(setup: Setup) -> None:
    setup.permits.ttl = 0.1
    setup.discord.answers = ["hang"]
    with pytest.raises(OutcomeUnknown):
        async with asyncio.timeout(1.0):
            await setup.rest.call(Call(SEND, {}))
    assert setup.permits.reports == [(0, 0.0, False)]


async def test_while_ratelimit_is_away_a_call_waits(setup: Setup) -> None:
    setup.permits.away = 3
    await setup.rest.call(Call(EDIT, {}))
    assert len(setup.permits.asked) == 4


async def test_a_preview_does_not_wait(setup: Setup) -> None:
    setup.permits.refusal = NotPermitted("limited", 3.0)
    with pytest.raises(NotPermitted):
        await setup.rest.call(Call(EDIT, {}, max_wait=0.0))
    assert not setup.discord.seen


async def test_interactions_need_no_permit_and_show_no_token(setup: Setup) -> None:
    await setup.rest.call(Call(ORIGINAL, {"content": "x"}))
    _, path, headers, _ = setup.discord.seen[0]
    assert path == "/webhooks/1/secret%2Ftoken/messages/@original"
    assert "Authorization" not in headers
    assert not setup.permits.asked


async def test_a_dead_interaction_is_no_dead_bot(setup: Setup) -> None:
    setup.discord.answers = [(401, {"code": 50027, "message": "Invalid Webhook Token"}), (401, {})]
    with pytest.raises(Refused) as refused:
        await setup.rest.call(Call(ORIGINAL, {}))
    assert refused.value.token_dead
    with pytest.raises(Unauthorized):
        await setup.rest.call(Call(EDIT, {}))


async def test_what_is_wrong_with_a_form_is_told(setup: Setup) -> None:
    errors = {"name": {"_errors": [{"code": "BASE_TYPE_BAD_LENGTH", "message": "Must be 1 to 100."}]}}
    setup.discord.answers = [(400, {"code": 50035, "message": "Invalid Form Body", "errors": errors})]
    with pytest.raises(Refused, match="name: Must be 1 to 100"):
        await setup.rest.call(Call(EDIT, {}))


async def test_files_travel_beside_their_json(setup: Setup) -> None:
    await setup.rest.call(Call(SEND, {"content": "x"}, files=[File("a.txt", b"inside")]))
    _, _, headers, body = setup.discord.seen[0]
    assert headers["Content-Type"].startswith("multipart/form-data")
    assert '{"content":"x"}' in body
    assert 'name="files[0]"' in body
    assert "inside" in body


@pytest.mark.parametrize(
    ("body", "aspect"),
    [({"name": "new"}, "name_or_topic"), ({"topic": None, "nsfw": True}, "name_or_topic"), ({"nsfw": True}, "")],
)
async def test_what_a_call_changes_is_told_where_it_is_counted_apart(
    setup: Setup, body: dict[str, Any], aspect: str
) -> None:
    await setup.rest.call(Call(EDIT, body))
    await setup.rest.call(Call(SEND, body))
    assert [ask.aspect for ask in setup.permits.asked] == [aspect, ""]


async def test_a_refused_credential_is_not_asked_for_again(setup: Setup) -> None:
    setup.permits.refusal = NotPermitted("stopped", 0.1, stopped=True)
    with pytest.raises(NotPermitted):
        await setup.rest.call(Call(EDIT, {}))
    assert len(setup.permits.asked) == 1


async def test_where_nobody_queues_the_time_told_is_waited(setup: Setup) -> None:
    setup.permits.refusal = NotPermitted("the budget of invalid requests", 0.9, queued=False)
    with pytest.raises(NotPermitted):
        await setup.rest.call(Call(EDIT, {}))
    # Within a patience of two seconds, where a place in the queue would be asked for forty times.
    assert len(setup.permits.asked) == 3
