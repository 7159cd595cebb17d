"""The tool by which a model answers with a picture where it thinks that one is wished for."""

from __future__ import annotations

import json

import structlog
from guildhall.llm.v1 import generation_pb2

from chassis.errors import GuildhallError
from services.executor.discord.bodies import File
from services.executor.replies.pictures import PictureDenied, Pictures

_log = structlog.get_logger(__name__)

NAME = "make_picture"
TOOL = generation_pb2.Tool(
    name=NAME,
    description=(
        "Makes one picture and shows it to the person. Call it only where a picture is what they wish for; "
        "answer in words everywhere else."
    ),
    parameters_json=json.dumps(
        {
            "type": "object",
            "properties": {"prompt": {"type": "string", "description": "What the picture shows, in detail."}},
            "required": ["prompt"],
            "additionalProperties": False,
        }
    ),
)


class Drawing:
    """The pictures of one answer."""

    def __init__(self, pictures: Pictures, *, guild_id: int, turn_id: str, at_most: int) -> None:
        self._pictures = pictures
        self._guild_id = guild_id
        self._turn_id = turn_id
        self._at_most = at_most
        self.made: list[File] = []

    async def call(self, call: generation_pb2.ToolCall) -> generation_pb2.ToolResult:
        """Does what the model asks for; what stands against it is told to the model, which tells the person."""
        return generation_pb2.ToolResult(call_id=call.id, content=await self._outcome(call))

    async def _outcome(self, call: generation_pb2.ToolCall) -> str:
        prompt = _prompt(call)
        if call.name != NAME or not prompt:
            return "There is no such tool, or its prompt is missing."
        if len(self.made) >= self._at_most:
            return "No more pictures can be made for this answer."
        try:
            self.made.append(
                await self._pictures.make(
                    prompt, size="", guild_id=self._guild_id, request_id=f"{self._turn_id}-{len(self.made)}"
                )
            )
        except PictureDenied:
            return "The picture was not made: the person has reached a limit of pictures."
        except GuildhallError as error:
            _log.info("reply.no_picture", turn_id=self._turn_id, reason=error.reason)
            return f"The picture was not made: {error.reason}."
        return "The picture was made and is shown under your answer. Say one short sentence about it."


def _prompt(call: generation_pb2.ToolCall) -> str:
    try:
        arguments = json.loads(call.arguments_json)
    except ValueError:
        return ""
    prompt = arguments.get("prompt") if isinstance(arguments, dict) else None
    return prompt.strip() if isinstance(prompt, str) else ""
