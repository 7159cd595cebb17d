"""Numbers on hand-computed data, and files out and in."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from guildhall.board.v1 import character_pb2, history_pb2, statistics_pb2
from guildhall.board.v1 import request_pb2 as pb

from chassis.errors import from_rpc_error
from tests.board.conftest import GUILD, Client, Start, World
from tests.board.test_requests import TIMEOUT, create, transition

MONDAY = int(datetime(2027, 1, 4, tzinfo=UTC).timestamp())
DAY = 86_400


async def take(client: Client, rows: list[dict[str, Any]] | str, **header: Any) -> history_pb2.ImportResponse:
    is_csv = isinstance(rows, str)
    data = rows.encode() if isinstance(rows, str) else json.dumps(rows).encode()

    async def messages() -> AsyncIterator[history_pb2.ImportRequest]:
        form = history_pb2.FILE_FORMAT_CSV if is_csv else history_pb2.FILE_FORMAT_JSON
        yield history_pb2.ImportRequest(header=history_pb2.ImportHeader(guild_id=GUILD, format=form, **header))
        for start in range(0, len(data), 1000):
            yield history_pb2.ImportRequest(piece=data[start : start + 1000])

    answer: history_pb2.ImportResponse = await client.history.Import(messages(), timeout=60)
    return answer


async def give(client: Client, **which: Any) -> str:
    data = b""
    async for answer in client.history.Export(history_pb2.ExportRequest(guild_id=GUILD, **which), timeout=60):
        data += answer.piece
    return data.decode()


def row(crafter: int, requester: int, created: int, closed: int, **more: Any) -> dict[str, Any]:
    return {
        "item": "Flask of Power", "profession": "alchemy", "state": "completed",
        "requester_id": str(requester), "requester_name": f"R{requester}",
        "crafter_id": str(crafter), "crafter_name": f"C{crafter}",
        "created": datetime.fromtimestamp(created, UTC).isoformat(),
        "closed": datetime.fromtimestamp(closed, UTC).isoformat(),
        **more,
    }  # fmt: skip


async def test_numbers_by_hand(world: World) -> None:
    world.clock.step(MONDAY + 20 * DAY - world.clock.now())
    rows = [
        # Crafter 11 completes three, 12 one: Gini |3-1| * 2 / (2 * 4 * 2) = 0.25.
        # Requester 21 waits 1 and 3 days (mean 2), 22 waits 2 and 10 (mean 6): Gini |6-2| * 2 / (2 * 4 * 4) = 0.25.
        row(11, 21, MONDAY, MONDAY + DAY, quantity=5),
        row(11, 21, MONDAY, MONDAY + 3 * DAY),
        row(11, 22, MONDAY + DAY, MONDAY + 3 * DAY),
        row(12, 22, MONDAY + 5 * DAY, MONDAY + 15 * DAY, profession="cooking"),
        {"item": "Soup", "profession": "cooking", "requester_id": "21", "state": "cancelled",
         "created": datetime.fromtimestamp(MONDAY + 8 * DAY, UTC).isoformat(),
         "closed": datetime.fromtimestamp(MONDAY + 8 * DAY, UTC).isoformat()},
        {"item": "Soup", "profession": "cooking", "requester_id": "21",
         "created": datetime.fromtimestamp(MONDAY + 9 * DAY, UTC).isoformat()},
    ]  # fmt: skip
    async with world.person(9, officer=True) as officer:
        assert (await take(officer, rows)).created == 6

        async def numbers(**which: Any) -> statistics_pb2.GetStatisticsResponse:
            answer: statistics_pb2.GetStatisticsResponse = await officer.statistics.GetStatistics(
                statistics_pb2.GetStatisticsRequest(guild_id=GUILD, **which), timeout=TIMEOUT
            )
            return answer

        all_of_it = await numbers()
        assert (all_of_it.created, all_of_it.completed, all_of_it.cancelled) == (6, 4, 1)
        assert (all_of_it.expired, all_of_it.quantity) == (0, 8)
        assert [(one.user_id, one.requests, one.quantity) for one in all_of_it.crafters] == [(11, 3, 7), (12, 1, 1)]
        assert [(one.user_id, one.requests) for one in all_of_it.requesters] == [(21, 2), (22, 2)]
        # Waits of 1, 2, 3 and 10 days: the median lies at 2.5, the ninetieth percentile at 3 + 0.7 * 7 = 7.9.
        assert all_of_it.wait_median.seconds == 2.5 * DAY
        assert all_of_it.wait_p90.seconds == pytest.approx(7.9 * DAY, abs=1)
        fair = {one.profession: one for one in all_of_it.fairness}
        assert set(fair) == {"", "alchemy", "cooking"}
        assert fair[""].completions_gini == pytest.approx(0.25)
        assert fair[""].wait_gini == pytest.approx(0.25)
        assert (fair["alchemy"].completions_gini, fair["alchemy"].crafters) == (0.0, 1)
        assert fair["alchemy"].wait_gini == 0.0, "both waited two days on average"
        weeks = [((week.start_time.seconds - MONDAY) // DAY, week.created, week.completed) for week in all_of_it.weeks]
        assert weeks == [(0, 4, 3), (7, 2, 0), (14, 0, 1)]
        cooking = await numbers(profession="cooking")
        assert (cooking.created, cooking.completed) == (3, 1)
        second = await numbers(
            start_time=Timestamp(seconds=MONDAY + 7 * DAY), end_time=Timestamp(seconds=MONDAY + 14 * DAY)
        )
        assert (second.created, second.completed, second.cancelled) == (2, 0, 1)
        await transition(officer, (await create(officer)).request_id, "CANCEL")
        assert (await numbers()).cancelled == 2, "what was counted is counted anew after a change"


async def test_a_year_of_days(world: World) -> None:
    world.clock.step(MONDAY + 364 * DAY - world.clock.now())
    rows = [
        row(11 + day % 3, 21 + day % 5, MONDAY + day * DAY, MONDAY + day * DAY + (1 + day % 4) * 3600)
        for day in range(364)
    ]
    async with world.person(9, officer=True) as officer:
        assert (await take(officer, rows)).created == 364
        year = await officer.statistics.GetStatistics(
            statistics_pb2.GetStatisticsRequest(guild_id=GUILD, end_time=Timestamp(seconds=MONDAY + 364 * DAY)),
            timeout=TIMEOUT,
        )
        assert (year.created, year.completed) == (364, 364)
        assert [week.completed for week in year.weeks] == [7] * 52
        assert sorted(one.requests for one in year.crafters) == [121, 121, 122]
        assert year.fairness[0].completions_gini < 0.01
        # A quarter each waits 1, 2, 3 and 4 hours, 91 of each: the middle lies between a 2 and a 3.
        assert year.wait_median.seconds == 2.5 * 3600
        assert year.wait_p90.seconds == 4 * 3600


async def test_gaps(world: World) -> None:
    async with world.person(1) as ann:
        await ann.characters.PutCharacter(
            character_pb2.PutCharacterRequest(
                guild_id=GUILD,
                character=character_pb2.Character(
                    name="Thrall", skills=[character_pb2.Skill(profession="alchemy", level=60, recipes=["Odd Draught"])]
                ),
            ),
            timeout=TIMEOUT,
        )
        for item in ("Odd Draught", "Iron Sword", "Iron Sword", "Strange Hat"):
            await create(ann, item=item, profession="" if item == "Iron Sword" else "alchemy")
        coverage = await ann.statistics.GetCoverage(statistics_pb2.GetCoverageRequest(guild_id=GUILD), timeout=TIMEOUT)
        found = [(gap.profession, gap.item, gap.open_requests, gap.best_level) for gap in coverage.gaps]
        assert found == [
            ("smithing", "", 2, 0),
            ("smithing", "Iron Sword", 2, 0),
            ("alchemy", "Living Steel", 0, 60),
            ("cooking", "", 0, 0),
        ], "having alchemy suffices for what nobody listed"


async def test_what_goes_out_comes_back_in(start: Start, database_url: str, tmp_path: Path) -> None:
    async with start(database_url) as world, world.person(1, "Ann") as ann, world.person(9, officer=True) as officer:
        await create(ann, item="=1+1", profession="cooking", note='a "quoted", note\nof two lines', tip="-5g")
        claimed = await create(ann, quantity=3)
        async with world.person(2, "Bob") as bob:
            await transition(bob, claimed.request_id, "CLAIM", quantity=2)
        with pytest.raises(grpc.aio.AioRpcError):
            await give(ann)
        as_csv, as_json = await give(officer, format=history_pb2.FILE_FORMAT_CSV), await give(officer)
        assert "'=1+1" in as_csv and "'-5g" in as_csv
        entries = json.loads(as_json)
        assert [(one["number"], one["part"], one["item"]) for one in entries] == [
            (1, 0, "=1+1"), (2, 0, "Flask of Power"), (2, 1, "Flask of Power"),
        ]  # fmt: skip
        before = {key: value for key, value in entries[0].items() if key != "number"}
        for file in (as_csv, [{**entry, "number": str(entry["number"]), "part": "0"} for entry in entries]):
            assert (await take(officer, file)).created == 3
        after = json.loads(await give(officer))
        assert [one["number"] for one in after] == [1, 2, 2, 3, 4, 5, 6, 7, 8]
        assert {key: value for key, value in after[3].items() if key != "number"} == before


async def test_a_file_with_a_wrong_line_changes_nothing(world: World) -> None:
    async with world.person(9, officer=True) as officer:
        good = {"item": "Soup", "profession": "cooking", "requester_id": "21"}
        for bad, column, code in (
            ({**good, "quantity": "0"}, "quantity", "number"),
            ({**good, "quantity": "10001"}, "quantity", "range"),
            ({**good, "requester_id": "x"}, "requester_id", "number"),
            ({**good, "state": "completed"}, "crafter_id", "by_whom"),
            ({**good, "state": "open", "crafter_id": "7"}, "crafter_id", "by_nobody"),
            ({**good, "state": "lost"}, "state", "one_of"),
            ({**good, "materials": "nobody"}, "materials", "one_of"),
            ({**good, "created": "2099-01-01"}, "closed", "times"),
            ({**good, "due": "soon"}, "due", "moment"),
            ({**good, "profession": "necromancy"}, "profession", "unknown_profession"),
        ):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await take(officer, [good, bad])
            error = from_rpc_error(caught.value)
            assert error.reason == "IMPORT_INVALID"
            assert error.fields["line 2"].startswith(f"{column}: "), (bad, error.fields)
            assert [(one["column"], one["code"]) for one in json.loads(error.metadata["problem.line 2"])] == [
                (column, code)
            ]
        for file, place, code in (
            ("item,what\nx,y\n", "line 1", "columns"),
            ("item,tip\nx\n", "line 2", "cells"),
            ('item\n"x', "file", "not_csv"),
        ):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await take(officer, file)
            error = from_rpc_error(caught.value)
            assert (error.reason, list(error.fields)) == ("IMPORT_INVALID", [place])
            assert json.loads(error.metadata[f"problem.{place}"])[0]["code"] == code
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await take(officer, [{**good, "profession": "x" * 200, "state": "y"} for _ in range(3_000)])
        error = from_rpc_error(caught.value)
        assert error.metadata["wrong"] == "3000" and 1 <= len(error.fields) <= 50, "as many as an error may carry"
        assert json.loads(await give(officer)) == []
        assert (await take(officer, [good], idempotency_key="k")).created == 1
        again = await take(officer, [good], idempotency_key="k")
        assert (again.created, again.duplicate) == (0, True)


async def test_a_preview_says_what_a_file_would_do_and_does_nothing(world: World) -> None:
    async with world.person(9, officer=True) as officer, world.person(1) as ann:
        rows = [
            {"item": "Soup", "profession": "cooking", "requester_id": "21"},
            {"item": "Stew", "profession": "cooking", "requester_id": "21", "state": "cancelled"},
            {"item": "Flask of Power", "quantity": "2", "requester_id": "22"},
        ]
        seen = await take(officer, rows, preview=True, idempotency_key="k")
        assert (seen.created, seen.duplicate) == (3, False)
        assert {(one.profession, pb.RequestState.Name(one.state), one.count) for one in seen.counts} == {
            ("cooking", "REQUEST_STATE_OPEN", 1),
            ("cooking", "REQUEST_STATE_CANCELLED", 1),
            ("alchemy", "REQUEST_STATE_OPEN", 1),
        }
        assert json.loads(await give(officer)) == []
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await take(officer, rows[:2], expected_digest=seen.digest, idempotency_key="k")
        assert from_rpc_error(caught.value).reason == "IMPORT_CHANGED"
        taken = await take(officer, rows, expected_digest=seen.digest, idempotency_key="k")
        again = await take(officer, rows, expected_digest=seen.digest, idempotency_key="k")
        assert (taken.created, again.created, again.duplicate) == (3, 0, True)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await take(ann, rows, preview=True)
        assert from_rpc_error(caught.value).reason == "OFFICERS_ONLY"


@pytest.mark.parametrize("content", [history_pb2.FILE_CONTENT_REQUESTS, history_pb2.FILE_CONTENT_CHARACTERS])
async def test_a_file_given_several_times_at_once_is_taken_in_once(world: World, content: Any) -> None:
    requests = [{"item": f"Soup {count}", "profession": "cooking", "requester_id": "21"} for count in range(20)]
    characters = [{"owner_id": "1", "name": f"Ann{count}"} for count in range(20)]
    rows = requests if content == history_pb2.FILE_CONTENT_REQUESTS else characters
    async with world.person(9, officer=True) as officer:
        for key in ("first", "second"):
            named = [
                {name: f"{value} {key}" if name in ("item", "name") else value for name, value in one.items()}
                for one in rows
            ]
            taken = await asyncio.gather(
                *(take(officer, named, content=content, idempotency_key=key) for _ in range(6))
            )
            assert sorted((one.created, one.duplicate) for one in taken) == [(0, True)] * 5 + [(20, False)]


async def test_lines_are_counted_as_people_see_them(world: World) -> None:
    async with world.person(9, officer=True) as officer:
        characters = {"content": history_pb2.FILE_CONTENT_CHARACTERS}
        sheet = "owner_id,name,profession,level\n1,Ann,alchemy,5\n1,Ann,cooking,0\n2,Bob,alchemy,101\n"
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await take(officer, sheet, **characters)
        assert list(from_rpc_error(caught.value).fields) == ["line 4"], "the sheet's fourth row"
        rows = [{"owner_id": "1", "name": "Ann"}, {"owner_id": "2", "name": "ANN"}]
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await take(officer, rows, **characters)
        assert "that name" in from_rpc_error(caught.value).fields["line 2"]
        assert (await take(officer, rows[:1], **characters)).created == 1
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await take(officer, rows[:1], preview=True, **characters)
        assert "that name" in from_rpc_error(caught.value).fields["line 1"]
