"""A request in the words of OpenAI's Chat Completions, with what its model is known to refuse left out."""

from __future__ import annotations

import base64
from typing import Any

from services.llm.catalogue import Model
from services.llm.chat import ChatRequest, JSONObject, Message


def body_of(model: Model, request: ChatRequest) -> dict[str, Any]:
    """The request in OpenAI's words, with what this model is known to refuse left out."""
    profile = model.profile
    body: dict[str, Any] = {
        "messages": [_message(message, profile.system_role) for message in request.messages],
        profile.max_tokens_parameter: request.max_output_tokens,
    }
    if profile.stream_options:
        body["stream_options"] = {"include_usage": True}
    if request.temperature is not None and profile.temperature:
        body["temperature"] = request.temperature
    if profile.thinking == "effort" and (effort := profile.efforts.get(request.effort)):
        body["reasoning_effort"] = effort
    if request.tools:
        body["tools"] = [
            {
                "type": "function",
                "function": {"name": tool.name, "description": tool.description, "parameters": tool.parameters},
            }
            for tool in request.tools
        ]
    if request.document is not None:
        _ask_for_document(body, request)
    return body | profile.extra_body


def _ask_for_document(body: dict[str, Any], request: ChatRequest) -> None:
    document = request.document
    assert document is not None
    if document.mode == "json_schema":
        schema = {"name": document.name, "schema": document.schema, "strict": True}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    elif document.mode == "tool":
        function = {"name": document.name, "description": "Gives the document.", "parameters": document.schema}
        body["tools"] = [{"type": "function", "function": function}]
        body["tool_choice"] = {"type": "function", "function": {"name": document.name}}
    elif document.mode == "json_object":
        body["response_format"] = {"type": "json_object"}


def _message(message: Message, system_role: str) -> JSONObject:
    if message.role == "tool":
        return {"role": "tool", "tool_call_id": message.tool_call_id, "content": message.text}
    role = system_role if message.role == "system" else message.role
    if message.images:
        parts: list[JSONObject] = [{"type": "text", "text": message.text}] if message.text else []
        parts += [
            {
                "type": "image_url",
                "image_url": {"url": f"data:{image.media_type};base64,{base64.b64encode(image.data).decode()}"},
            }
            for image in message.images
        ]
        return {"role": role, "content": parts}
    entry: JSONObject = {"role": role, "content": message.text}
    if message.tool_calls:
        entry["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in message.tool_calls
        ]
        entry["content"] = message.text or None
    return entry
