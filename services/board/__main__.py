"""Starts the board."""

import asyncio
import sys

from guildhall.board.v1 import request_pb2_grpc

from chassis.service import Runtime, run
from services.board.composition import Board
from services.board.servicer import Acting, RequestServicer
from services.board.settings import BoardSettings

PEOPLE = ("gateway", "executor")


async def build(runtime: Runtime[BoardSettings]) -> None:
    """Opens the database, brings it up to date, and serves."""
    board = await Board.open(runtime)
    acting = Acting(board.rules, runtime.settings)
    runtime.serve(
        request_pb2_grpc.add_RequestServiceServicer_to_server,
        RequestServicer(board.requests, acting),
        callers=dict.fromkeys(("CreateRequest", "GetRequest", "ListRequests"), PEOPLE),
    )


if __name__ == "__main__":
    sys.exit(asyncio.run(run("board", BoardSettings, build)))
