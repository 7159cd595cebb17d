"""Starts the board."""

import asyncio
import sys

from guildhall.board.v1 import (
    character_pb2_grpc,
    event_pb2_grpc,
    history_pb2_grpc,
    member_pb2_grpc,
    profession_pb2_grpc,
    request_pb2_grpc,
    statistics_pb2_grpc,
)

from chassis import person_data
from chassis.service import Runtime, run
from services.board.composition import Board
from services.board.person import MemberEverywhere
from services.board.servicer import Acting, RequestServicer
from services.board.servicer_people import CharacterServicer, MemberServicer
from services.board.servicer_professions import ProfessionServicer
from services.board.servicer_records import EventServicer, HistoryServicer, StatisticsServicer
from services.board.settings import BoardSettings

BOTH = ("gateway", "executor")
REQUESTS = (
    "CreateRequest", "GetRequest", "ListRequests", "TransitionRequest", "BatchTransitionRequests", "SuggestItems",
    "GetOverview",
)  # fmt: skip
CHARACTERS = ("PutCharacter", "RemoveCharacter", "ListCharacters", "FindCrafters", "SetVacation")
MEMBERS = ("SetSubscription", "ListSubscriptions", "SetBlock", "ListBlocks")
PROFESSIONS = ("ListProfessions", "PutProfession", "ResetProfession")


async def build(runtime: Runtime[BoardSettings]) -> None:
    """Opens the database, brings it up to date, and serves."""
    board = await Board.open(runtime)
    acting = Acting(board.rules, runtime.settings, board.follower.left)
    runtime.serve(
        request_pb2_grpc.add_RequestServiceServicer_to_server,
        RequestServicer(board.requests, board.lookup, acting),
        callers=dict.fromkeys(REQUESTS, BOTH),
    )
    runtime.serve(
        character_pb2_grpc.add_CharacterServiceServicer_to_server,
        CharacterServicer(board.roster, board.memberships, acting),
        callers=dict.fromkeys(CHARACTERS, BOTH),
    )
    runtime.serve(
        member_pb2_grpc.add_MemberServiceServicer_to_server,
        MemberServicer(board.memberships, board.departures, acting),
        callers=dict.fromkeys(MEMBERS, BOTH) | {"ForgetMember": ("executor",)},
    )
    person_data.serve(runtime, MemberEverywhere(board.database, board.departures))
    runtime.serve(
        profession_pb2_grpc.add_ProfessionServiceServicer_to_server,
        ProfessionServicer(board.professions, acting),
        callers=dict.fromkeys(PROFESSIONS, BOTH),
    )
    runtime.serve(
        statistics_pb2_grpc.add_StatisticsServiceServicer_to_server,
        StatisticsServicer(board.statistics, board.professions, acting, runtime.clock),
        callers=dict.fromkeys(("GetStatistics", "GetCoverage"), BOTH),
    )
    runtime.serve(
        history_pb2_grpc.add_HistoryServiceServicer_to_server,
        HistoryServicer(board.audit, board.files, acting),
        callers=dict.fromkeys(("ListHistory", "Export", "Import"), BOTH),
    )
    runtime.serve(
        event_pb2_grpc.add_EventServiceServicer_to_server,
        EventServicer(board.watches),
        callers={"WatchEvents": ("executor",)},
    )


if __name__ == "__main__":
    sys.exit(asyncio.run(run("board", BoardSettings, build)))
