"""Whatever a client sends, it is answered or refused: no body, path or query makes a handler fail otherwise."""

import copy
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandbox.discord.core import people
from sandbox.discord.core.access import Actor
from sandbox.discord.errors import DiscordError
from sandbox.discord.events import Event
from sandbox.discord.rest.router import Call, Reply, Route
from sandbox.discord.rest.routes import ROUTER
from sandbox.discord.seed import APPLICATION_ID, BOT_ID, GUILD_ID, MEMBER_ID, OWNER_ID, seed
from sandbox.discord.store import encode
from sandbox.discord.world import World
from sandbox.tests.discord.examples import ANSWERS, BODIES, COMMANDS
from tests.support import ManualClock

ROUTES = {route.key: route for route in ROUTER.routes}
BOT = Actor(BOT_ID, APPLICATION_ID)
IDS = st.sampled_from([OWNER_ID, MEMBER_ID, BOT_ID, GUILD_ID, GUILD_ID + 1, GUILD_ID + 5, GUILD_ID + 21, GUILD_ID + 26])
JUNK = st.one_of(
    st.sampled_from([None, True, False, 0, -1, 5, 1 << 70, 1.5, "", "x", "x" * 5000, [], {}, [None], [[]], {"a": 1}]),
    st.sampled_from(["2026-01-01", "0001-01-01", "attachment://x", {"type": 1}, {"type": 2}, {"id": "1"}, 17, 9]),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
    IDS.map(str),
)
PARAMETERS = st.one_of(IDS.map(str), st.sampled_from(["@me", "0", "abc", "", "9" * 30, "\N{FIRE}", "a:1"]))
CASES = [*BODIES, *(("callback", {}, body) for body in ANSWERS)]
QUICK = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


def perform(world: World, actor: Actor, route: Route, params: dict[str, str], body: Any, **query: str) -> None:
    """One call; whatever it answers, refuses or tells must be JSON, and what is left must be storable."""
    world.subscribe(_must_travel)
    try:
        answer = route.handler(Call(world, actor, route, params, {"with_response": "true", **query}, body))
        json.dumps(answer.body if isinstance(answer, Reply) else answer, ensure_ascii=False).encode()
    except DiscordError as refusal:
        assert refusal.status in range(400, 500)
        json.dumps(refusal.body(), ensure_ascii=False).encode()
    json.dumps(encode(world.guilds))


def _must_travel(event: Event) -> None:
    json.dumps(event.data, ensure_ascii=False).encode()


def paths(body: Any, so_far: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a body."""
    inner = body.items() if isinstance(body, dict) else enumerate(body) if isinstance(body, list) else ()
    return [so_far, *(path for key, value in inner for path in paths(value, (*so_far, key)))]


def spoil(body: Any, path: tuple[Any, ...], junk: Any, *, remove: bool) -> Any:
    """A body with something else, or nothing, at one place."""
    if not path:
        return junk
    place = body
    for step in path[:-1]:
        place = place[step]
    if remove:
        del place[path[-1]]
    else:
        place[path[-1]] = junk
    return body


@pytest.mark.parametrize(("key", "params", "valid"), CASES, ids=[f"{n}-{case[0]}" for n, case in enumerate(CASES)])
@settings(QUICK, max_examples=60)
@given(data=st.data())
def test_spoilt_bodies(key: str, params: dict[str, str], valid: Any, data: st.DataObject) -> None:
    body = copy.deepcopy(valid)
    for _ in range(data.draw(st.integers(0, 3))):
        path = data.draw(st.sampled_from(paths(body)))
        body = spoil(body, path, copy.deepcopy(data.draw(JUNK)), remove=data.draw(st.booleans()))
    world = World(ManualClock())
    seed(world, "token")
    if key == "callback":
        commands = ROUTES["PUT /applications/{application_id}/commands"]
        commands.handler(Call(world, BOT, commands, {"application_id": str(APPLICATION_ID)}, {}, COMMANDS))
        ask = next(c for c in world.commands.values() if c.definition["name"] == "ask")
        made = people.use_command(
            world, MEMBER_ID, world.channels[GUILD_ID + 21], ask, path=[], options={"prompt": "x"}
        )
        key = "POST /interactions/{interaction_id}/{interaction_token}/callback"
        params = {"interaction_id": str(made.id), "interaction_token": made.token}
    perform(world, BOT, ROUTES[key], params, body)


@pytest.mark.parametrize("route", ROUTER.routes, ids=lambda route: route.key)
@settings(QUICK, max_examples=12)
@given(data=st.data())
def test_any_path_and_query(route: Route, data: st.DataObject) -> None:
    world = World(ManualClock())
    seed(world, "token")
    names = [part[1:-1] for part in route.template.split("/") if part.startswith("{")]
    sensible = {"guild_id": str(GUILD_ID), "channel_id": str(GUILD_ID + 21), "application_id": str(APPLICATION_ID)}
    params = {
        name: sensible[name] if name in sensible and data.draw(st.booleans()) else data.draw(PARAMETERS)
        for name in names
    }
    words = st.sampled_from(["limit", "before", "after", "around", "query", "days", "name", "tag", "thread_id"])
    query = data.draw(st.dictionaries(words, st.one_of(st.text(max_size=4), IDS.map(str)), max_size=3))
    actor = data.draw(st.sampled_from([BOT, Actor(OWNER_ID), Actor(MEMBER_ID)]))
    perform(world, actor, route, params, data.draw(JUNK), **query)
