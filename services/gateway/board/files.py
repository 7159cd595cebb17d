"""The board as a file: `/board export|import`. A file is shown for what it would do before it does anything."""

import asyncio
from dataclasses import replace

from guildhall.board.v1 import history_pb2
from guildhall.executor.v1 import board_pb2, board_pb2_grpc

from chassis.errors import GuildhallError
from services.gateway.board.answers import put
from services.gateway.board.desk import FEATURE, Desk
from services.gateway.callbacks import File
from services.gateway.command import Command, Option, OptionKind
from services.gateway.context import Context
from services.gateway.registry import Registry
from views.board import imports
from views.messages import message

_MIB = 1024 * 1024
_TIMEOUT = 60.0


async def export(context: Context) -> None:
    """Gives the board as a file."""
    desk = Desk(context)
    await context.defer(private=True)
    as_json = context.options.get("format") == "json"
    characters = context.options.get("content") == "characters"
    pieces = bytearray()
    limit = context.interaction.attachment_size_limit
    call = desk.history.Export(
        history_pb2.ExportRequest(
            guild_id=desk.guild_id,
            format=history_pb2.FILE_FORMAT_JSON if as_json else history_pb2.FILE_FORMAT_CSV,
            content=history_pb2.FILE_CONTENT_CHARACTERS if characters else history_pb2.FILE_CONTENT_REQUESTS,
        ),
        timeout=_TIMEOUT,
    )

    async def collect() -> None:
        async for answer in call:
            pieces.extend(answer.piece)
            if len(pieces) > limit:
                return

    await desk.ask(asyncio.ensure_future(collect()))
    if len(pieces) > limit:
        call.cancel()
        await context.respond(context.text("board.export.too_large", size=limit // _MIB))
        return
    name = f"{'characters' if characters else 'requests'}.{'json' if as_json else 'csv'}"
    await context.respond(message(context.text("board.export.done")), files=(File(name, bytes(pieces)),))


async def given(context: Context) -> None:
    """Says what a file would put on the board."""
    desk = Desk(context)
    file = context.attached("file")
    assert file is not None
    await context.defer(private=True)
    characters = context.options.get("content") == "characters"
    try:
        shown = imports.Import(file.filename, file.url, not file.filename.lower().endswith(".json"), characters)
        answer = await _taken(desk, shown, preview=True)
    except GuildhallError as error:
        await context.respond(_wrong(desk, error))
        return
    professions = await desk.professions()
    what = replace(shown, digest=answer.digest, key=desk.key)
    await context.respond(imports.preview(what, answer, context.text, professions))


async def confirmed(context: Context) -> None:
    """Takes in the file that was shown, once however often it is pressed."""
    desk = Desk(context)
    what = imports.read(context.custom_id, context.interaction.message)
    await context.defer_update()
    try:
        answer = await _taken(desk, what, preview=False)
    except GuildhallError as error:
        said = _wrong(desk, error)
    else:
        said = context.text("board.import.twice" if answer.duplicate else "board.import.done", count=answer.created)
    await context.respond({**message(said), "embeds": [], "components": []})


async def dropped(context: Context) -> None:
    """Leaves the file alone."""
    await put(context, message(context.text("board.import.dropped")))


async def _taken(desk: Desk, what: imports.Import, *, preview: bool) -> board_pb2.ImportFileResponse:
    stub = desk.context.services.stub(board_pb2_grpc.BoardMessageServiceStub, "executor")
    return await desk.ask(
        stub.ImportFile(
            board_pb2.ImportFileRequest(
                guild_id=desk.guild_id,
                url=what.url,
                csv=what.csv,
                characters=what.characters,
                preview=preview,
                expected_digest=what.digest,
                idempotency_key="" if preview else f"import {what.key}",
            ),
            timeout=_TIMEOUT,
        )
    )


def _wrong(desk: Desk, error: GuildhallError) -> str:
    """Why a file was not taken, line by line where its lines are wrong."""
    text = desk.context.text
    match error.reason:
        case "IMPORT_INVALID":
            return imports.wrong(error.fields, error.metadata, text)
        case "IMPORT_CHANGED" | "IDEMPOTENCY_KEY_REUSED":
            return text("board.import.changed")
        case "ATTACHMENT_TOO_LARGE":
            return text("board.import.too_large", size=int(error.metadata.get("limit", 0)) // _MIB)
        case "ATTACHMENT_GONE" | "ATTACHMENT_FOREIGN":
            return text("board.import.unreachable")
    raise error


COMMANDS = (
    Command(
        "export",
        export,
        options=(Option("format", choices=("csv", "json")), Option("content", choices=("requests", "characters"))),
    ),
    Command(
        "import",
        given,
        options=(
            Option("file", OptionKind.ATTACHMENT, required=True),
            Option("content", choices=("requests", "characters")),
        ),
    ),
)


def register(registry: Registry) -> None:
    """Adds the answers to the preview."""
    registry.component(imports.CONFIRM, confirmed, FEATURE)
    registry.component(imports.DROP, dropped, FEATURE)
