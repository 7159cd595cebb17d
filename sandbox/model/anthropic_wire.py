"""Anthropic's wire format: Messages requests to `Ask`, answers to message objects and events.

Source: the public API reference, https://docs.anthropic.com/en/api/messages and its page on streaming.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sandbox.model.dialogue import Ask, RequestError, Tool, ToolCall, Turn

ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    529: "overloaded_error",
}
STOP_REASONS = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"}
SIGNATURE = base64.b64encode(b"a demo's thinking is signed by nobody").decode()


def error_body(error: RequestError) -> dict[str, Any]:
    """The error in Anthropic's shape."""
    return {"type": "error", "error": {"type": ERROR_TYPES.get(error.status, "api_error"), "message": error.message}}


def parse(body: Any) -> Ask:
    """Reads a Messages request; RequestError says what a provider would refuse."""
    if not isinstance(body, Mapping):
        raise RequestError("The request body is no JSON object.")
    model, limit, messages = body.get("model"), body.get("max_tokens"), body.get("messages")
    if not isinstance(model, str) or not model:
        raise RequestError("model: Field required", param="model")
    if not isinstance(limit, int) or isinstance(limit, bool) or limit < 1:
        raise RequestError("max_tokens: Field required, a whole number of at least 1", param="max_tokens")
    if not isinstance(messages, list) or not messages:
        raise RequestError("messages: at least one message is required", param="messages")
    thinking = _thinking(body, limit)
    tools, choice = _tools(body, thinking=thinking)
    return Ask(
        model=model,
        turns=_turns(messages),
        system=_text_of(body.get("system"), "system"),
        schema=_schema(body),
        tools=tools,
        tool_choice=choice,
        max_tokens=limit,
        stop=tuple(str(sign) for sign in body.get("stop_sequences") or ()),
        thinking=thinking,
    )


def _thinking(body: Mapping[str, Any], limit: int) -> bool:
    thinking = body.get("thinking") or {}
    kind = thinking.get("type", "disabled") if isinstance(thinking, Mapping) else None
    if kind not in ("enabled", "adaptive", "disabled"):
        raise RequestError("thinking.type: must be enabled, adaptive or disabled", param="thinking")
    if kind == "enabled":
        budget = thinking.get("budget_tokens")
        if not isinstance(budget, int) or budget < 1024:
            raise RequestError("thinking.enabled.budget_tokens: must be at least 1024", param="thinking")
        if budget >= limit:
            raise RequestError("`max_tokens` must be greater than `thinking.budget_tokens`", param="max_tokens")
        if body.get("temperature") not in (None, 1, 1.0):
            raise RequestError("`temperature` may only be set to 1 when thinking is enabled", param="temperature")
    return bool(kind != "disabled")


def _schema(body: Mapping[str, Any]) -> Mapping[str, Any] | None:
    form = (body.get("output_config") or {}).get("format") or body.get("output_format")
    if form is None:
        return None
    if form.get("type") != "json_schema" or not isinstance(form.get("schema"), Mapping):
        raise RequestError("output_config.format: must be a json_schema with its schema", param="output_config")
    schema: Mapping[str, Any] = form["schema"]
    return schema


def _tools(body: Mapping[str, Any], *, thinking: bool) -> tuple[tuple[Tool, ...], str]:
    tools = []
    for index, tool in enumerate(body.get("tools") or ()):
        if not isinstance(tool, Mapping) or not tool.get("name") or not isinstance(tool.get("input_schema"), Mapping):
            raise RequestError(f"tools.{index}: name and input_schema are required", param="tools")
        tools.append(Tool(str(tool["name"]), str(tool.get("description", "")), tool["input_schema"]))
    choice = body.get("tool_choice") or {"type": "auto"}
    kind = choice.get("type") if isinstance(choice, Mapping) else None
    if kind not in ("auto", "none", "any", "tool"):
        raise RequestError("tool_choice.type: must be auto, any, tool or none", param="tool_choice")
    if kind in ("any", "tool") and thinking:
        raise RequestError("Thinking may not be enabled when tool_choice forces tool use.", param="tool_choice")
    if kind == "tool":
        if choice.get("name") not in {tool.name for tool in tools}:
            raise RequestError(f"Tool {choice.get('name')!r} not found in provided tools", param="tool_choice")
        return tuple(tools), str(choice["name"])
    return tuple(tools), {"auto": "auto", "none": "none", "any": "required"}[str(kind)]


def _turns(messages: Sequence[Any]) -> tuple[Turn, ...]:
    turns: list[Turn] = []
    open_calls: set[str] = set()
    for index, message in enumerate(messages):
        where = f"messages.{index}"
        role = message.get("role") if isinstance(message, Mapping) else None
        if role not in ("user", "assistant"):
            raise RequestError(f"{where}.role: must be user or assistant", param=where)
        content = message.get("content")
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        if not isinstance(blocks, list) or not blocks:
            raise RequestError(f"{where}: all messages must have non-empty content", param=where)
        turns.extend(_message(role, blocks, open_calls, where))
    if open_calls:
        raise RequestError(
            f"`tool_use` ids were found without `tool_result` blocks: {', '.join(sorted(open_calls))}", param="messages"
        )
    return tuple(turns)


def _message(role: str, blocks: Sequence[Any], open_calls: set[str], where: str) -> Iterator[Turn]:
    texts: list[str] = []
    images: list[bytes] = []
    calls: list[ToolCall] = []
    results: list[Turn] = []
    for number, block in enumerate(blocks):
        kind = block.get("type") if isinstance(block, Mapping) else None
        place = f"{where}.content.{number}"
        match kind, role:
            case "text", _:
                if not str(block.get("text", "")).strip():
                    raise RequestError(f"{place}: text content blocks must be non-empty", param=place)
                texts.append(str(block["text"]))
            case "image", "user":
                images.append(_image(block, place))
            case "tool_use", "assistant":
                calls.append(ToolCall(str(block.get("id")), str(block.get("name")), block.get("input") or {}))
            case "tool_result", "user":
                results.append(_result(block, open_calls, place))
            case "thinking", "assistant":
                if block.get("signature") != SIGNATURE:
                    raise RequestError(f"{place}: Invalid `signature` in `thinking` block", param=place)
            case _:
                raise RequestError(f"{place}.type: {kind!r} is not expected here", param=place)
    yield from results
    if role == "assistant":
        open_calls.update(call.id for call in calls)
        yield Turn("assistant", "\n".join(texts), tool_calls=tuple(calls))
        return
    if open_calls:
        missing = ", ".join(sorted(open_calls))
        raise RequestError(
            f"{where}: `tool_use` ids were found without `tool_result` blocks immediately after: {missing}", param=where
        )
    if texts or images:
        yield Turn("user", "\n".join(texts), tuple(images))


def _result(block: Mapping[str, Any], open_calls: set[str], where: str) -> Turn:
    call_id = str(block.get("tool_use_id"))
    if call_id not in open_calls:
        raise RequestError(f"{where}: unexpected `tool_use_id` found in `tool_result` blocks", param=where)
    open_calls.discard(call_id)
    return Turn("tool", _text_of(block.get("content"), where), answers_call=call_id)


def _image(block: Mapping[str, Any], where: str) -> bytes:
    source = block.get("source") or {}
    if source.get("type") != "base64":
        raise RequestError(f"{where}: the demo model takes images as base64 alone", param=where)
    try:
        return base64.b64decode(str(source.get("data", "")), validate=True)
    except binascii.Error:
        raise RequestError(f"{where}: invalid base64 data", param=where) from None


def _text_of(content: Any, where: str) -> str:
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "\n".join(str(b.get("text", "")) for b in content if isinstance(b, Mapping) and b.get("type") == "text")
    raise RequestError(f"{where}: must be a string or a list of blocks", param=where)


def usage(prompt: int, output: int) -> dict[str, Any]:
    """Anthropic's usage object; thinking counts as output."""
    return {
        "input_tokens": prompt,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "output_tokens": output,
        "service_tier": "standard",
    }


def message(
    *, message_id: str, model: str, text: str, thinking: str, calls: Sequence[ToolCall], finish: str,
    counts: Mapping[str, Any],
) -> dict[str, Any]:  # fmt: skip
    """A whole message."""
    content: list[dict[str, Any]] = []
    if thinking:
        content.append({"type": "thinking", "thinking": thinking, "signature": SIGNATURE})
    if text:
        content.append({"type": "text", "text": text})
    content += [{"type": "tool_use", "id": c.id, "name": c.name, "input": dict(c.arguments)} for c in calls]
    return {
        "id": message_id,
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": content,
        "stop_reason": STOP_REASONS[finish],
        "stop_sequence": None,
        "usage": counts,
    }


def event(name: str, **data: Any) -> bytes:
    """One event of a stream."""
    return f"event: {name}\ndata: {json.dumps({'type': name, **data}, ensure_ascii=False)}\n\n".encode()


MALFORMED = b'event: content_block_delta\ndata: {"type": "content_block_delta", "index": \n\n'
