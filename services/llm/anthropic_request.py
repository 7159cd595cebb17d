"""A request in the words of Anthropic's Messages.

Thinking is asked for in the way a model's profile says: by a budget, adaptively with an effort, or not at all.
"""

from __future__ import annotations

import base64
import json
from typing import Any

from services.llm.catalogue import Model
from services.llm.chat import ChatRequest, JSONObject, Message

SMALLEST_BUDGET = 1_024
"""Anthropic refuses smaller budgets for thinking."""


def body_of(model: Model, request: ChatRequest) -> dict[str, Any]:
    """The request in Anthropic's words."""
    profile = model.profile
    system = "\n\n".join(message.text for message in request.messages if message.role == "system")
    body: dict[str, Any] = {
        "messages": _messages(request.messages),
        "max_tokens": request.max_output_tokens,
    }
    if system:
        body["system"] = system
    thinking = _think(body, model, request)
    # Thinking and a temperature of one's own exclude each other.
    if request.temperature is not None and profile.temperature and not thinking:
        body["temperature"] = min(1.0, request.temperature)
    if request.tools:
        body["tools"] = [
            {"name": tool.name, "description": tool.description, "input_schema": tool.parameters}
            for tool in request.tools
        ]
    if request.document is not None and request.document.mode == "tool":
        tool = {
            "name": request.document.name,
            "description": "Gives the document.",
            "input_schema": request.document.schema,
        }
        body["tools"], body["tool_choice"] = [tool], {"type": "tool", "name": request.document.name}
    elif request.document is not None and request.document.mode == "json_schema":
        form = {"type": "json_schema", "schema": request.document.schema}
        body["output_config"] = {**body.get("output_config", {}), "format": form}
    return body | profile.extra_body


def _think(body: dict[str, Any], model: Model, request: ChatRequest) -> bool:
    """Asks for thinking as the model wants it; says whether it will think."""
    profile = model.profile
    # A forced tool and thinking exclude each other.
    forced = request.document is not None and request.document.mode == "tool"
    wanted = request.effort != "off" and not forced
    if profile.thinking == "budget":
        budget = min(profile.budgets.get(request.effort, 0), profile.max_output_tokens - request.max_output_tokens)
        if wanted and budget >= SMALLEST_BUDGET:
            body["thinking"] = {"type": "enabled", "budget_tokens": budget}
            body["max_tokens"] = request.max_output_tokens + budget  # the budget is part of what max_tokens caps
            return True
        return False
    if profile.thinking == "adaptive":
        # An effort for "off" marks a model whose thinking can only be kept short.
        if not wanted and "off" not in profile.efforts:
            body["thinking"] = {"type": "disabled"}
            return False
        body["thinking"] = {"type": "adaptive"}
        if effort := profile.efforts.get(request.effort):
            body["output_config"] = {"effort": effort}
        return True
    return False


def _messages(messages: tuple[Message, ...]) -> list[JSONObject]:
    """The messages without instructions, neighbours of one role joined."""
    entries: list[JSONObject] = []
    for message in messages:
        if message.role == "system":
            continue
        role = "assistant" if message.role == "assistant" else "user"
        blocks = _blocks(message)
        if entries and entries[-1]["role"] == role:
            entries[-1]["content"].extend(blocks)
        elif blocks:
            entries.append({"role": role, "content": blocks})
    return entries


def _blocks(message: Message) -> list[JSONObject]:
    if message.role == "tool":
        return [{"type": "tool_result", "tool_use_id": message.tool_call_id, "content": message.text}]
    blocks: list[JSONObject] = list(message.thinking_blocks) if message.tool_calls else []
    blocks += [
        {
            "type": "image",
            "source": {"type": "base64", "media_type": image.media_type, "data": base64.b64encode(image.data).decode()},
        }
        for image in message.images
    ]
    if message.text.strip():
        blocks.append({"type": "text", "text": message.text})
    blocks += [
        {"type": "tool_use", "id": call.id, "name": call.name, "input": json.loads(call.arguments)}
        for call in message.tool_calls
    ]
    return blocks
