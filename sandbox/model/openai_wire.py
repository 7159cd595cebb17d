"""OpenAI's wire format: chat completions requests to `Ask`, answers to completion objects and chunks.

Source: the public API reference, https://platform.openai.com/docs/api-reference/chat.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from typing import Any

from sandbox.model.dialogue import Ask, RequestError, Tool, ToolCall, Turn

_TYPES = {401: "invalid_request_error", 404: "invalid_request_error", 429: "rate_limit_error", 529: "server_error"}


def error_body(error: RequestError) -> dict[str, Any]:
    """The error in OpenAI's shape."""
    kind = _TYPES.get(error.status, "server_error" if error.status >= 500 else "invalid_request_error")
    return {"error": {"message": error.message, "type": kind, "param": error.param, "code": error.code}}


def parse(body: Any, *, default_max_tokens: int) -> Ask:
    """Reads a chat completions request; RequestError says what a provider would refuse."""
    if not isinstance(body, Mapping):
        raise RequestError("We could not parse the JSON body of your request: it is no object.")
    model, messages = body.get("model"), body.get("messages")
    if not isinstance(model, str) or not model:
        raise RequestError("you must provide a model parameter", param="model")
    if not isinstance(messages, list) or not messages:
        raise RequestError("Invalid 'messages': expected an array with minimum length 1.", param="messages")
    if body.get("n", 1) not in (1, None):
        raise RequestError("The demo model gives one choice: 'n' must be 1.", param="n", code="unsupported_value")
    system, turns = _turns(messages)
    schema = _schema(body.get("response_format"))
    tools, choice = _tools(body)
    limit = body.get("max_completion_tokens") or body.get("max_tokens") or default_max_tokens
    if not isinstance(limit, int) or isinstance(limit, bool) or limit < 1:
        raise RequestError("max_tokens must be a whole number of at least 1", param="max_tokens")
    stop = body.get("stop") or []
    return Ask(
        model=model,
        turns=turns,
        system=system,
        schema=schema,
        tools=tools,
        tool_choice=choice,
        max_tokens=limit,
        stop=(stop,) if isinstance(stop, str) else tuple(str(s) for s in stop),
        thinking="thinking" in model or "r1" in model or body.get("reasoning_effort") not in (None, "none"),
    )


def _turns(messages: Sequence[Any]) -> tuple[str, tuple[Turn, ...]]:
    system: list[str] = []
    turns: list[Turn] = []
    open_calls: set[str] = set()
    for index, message in enumerate(messages):
        where = f"messages[{index}]"
        if not isinstance(message, Mapping):
            raise RequestError(f"Invalid type for '{where}': expected an object.", param=where)
        role = message.get("role")
        text, images = _content(message.get("content"), f"{where}.content")
        if role in ("system", "developer"):
            system.append(text)
        elif role == "user":
            _answered(open_calls, where)
            turns.append(Turn("user", text, images))
        elif role == "assistant":
            _answered(open_calls, where)
            calls = tuple(_call(call, where) for call in message.get("tool_calls") or ())
            open_calls.update(call.id for call in calls)
            turns.append(Turn("assistant", text, tool_calls=calls))
        elif role == "tool":
            call_id = str(message.get("tool_call_id", ""))
            if call_id not in open_calls:
                raise RequestError(
                    "messages with role 'tool' must be a response to a preceding message with 'tool_calls'.",
                    param=f"{where}.role",
                )
            open_calls.discard(call_id)
            turns.append(Turn("tool", text, answers_call=call_id))
        else:
            raise RequestError(
                f"Invalid value: {role!r}. Supported values are 'system', 'developer', 'user', 'assistant', 'tool'.",
                param=f"{where}.role",
                code="invalid_value",
            )
    return "\n\n".join(system), tuple(turns)


def _answered(open_calls: set[str], where: str) -> None:
    if open_calls:
        raise RequestError(
            "An assistant message with 'tool_calls' must be followed by tool messages responding to each "
            f"'tool_call_id'. These did not have response messages: {', '.join(sorted(open_calls))}",
            param=where,
        )


def _call(call: Any, where: str) -> ToolCall:
    try:
        arguments = json.loads(call["function"]["arguments"] or "{}")
        return ToolCall(str(call["id"]), str(call["function"]["name"]), arguments)
    except (KeyError, TypeError, ValueError):
        raise RequestError(f"Invalid tool call in '{where}'.", param=f"{where}.tool_calls") from None


def _content(content: Any, where: str) -> tuple[str, tuple[bytes, ...]]:
    if content is None:
        return "", ()
    if isinstance(content, str):
        return content, ()
    if not isinstance(content, list):
        raise RequestError(f"Invalid type for '{where}': expected a string or an array.", param=where)
    texts: list[str] = []
    images: list[bytes] = []
    for part in content:
        kind = part.get("type") if isinstance(part, Mapping) else None
        if kind == "text":
            texts.append(str(part.get("text", "")))
        elif kind == "refusal":
            texts.append(str(part.get("refusal", "")))
        elif kind == "image_url":
            images.append(data_url(str((part.get("image_url") or {}).get("url", "")), where))
        else:
            raise RequestError(f"Invalid value: {kind!r}. Supported values are: 'text' and 'image_url'.", param=where)
    return "\n".join(texts), tuple(images)


def data_url(url: str, where: str) -> bytes:
    """The bytes of a `data:` address; others are refused, for the sandbox fetches nothing."""
    head, separator, payload = url.partition(",")
    if not head.startswith("data:image/") or not head.endswith(";base64") or not separator:
        raise RequestError(
            "The demo model takes images as data: addresses alone.", param=where, code="invalid_image_url"
        )
    try:
        return base64.b64decode(payload, validate=True)
    except binascii.Error:
        raise RequestError("The image data is no valid base64.", param=where, code="invalid_base64") from None


def _schema(response_format: Any) -> Mapping[str, Any] | None:
    if response_format is None:
        return None
    kind = response_format.get("type") if isinstance(response_format, Mapping) else None
    if kind == "text":
        return None
    if kind == "json_object":
        return {}
    if kind == "json_schema":
        schema = (response_format.get("json_schema") or {}).get("schema")
        if isinstance(schema, Mapping):
            return schema
        raise RequestError("Missing required parameter: 'response_format.json_schema'.", param="response_format")
    raise RequestError(f"Invalid value: {kind!r} for response_format.type.", param="response_format.type")


def _tools(body: Mapping[str, Any]) -> tuple[tuple[Tool, ...], str]:
    tools = []
    for index, tool in enumerate(body.get("tools") or ()):
        function = tool.get("function") if isinstance(tool, Mapping) else None
        if not isinstance(function, Mapping) or not function.get("name"):
            raise RequestError(f"Missing required parameter: 'tools[{index}].function.name'.", param=f"tools[{index}]")
        tools.append(
            Tool(str(function["name"]), str(function.get("description", "")), function.get("parameters") or {})
        )
    choice = body.get("tool_choice") or "auto"
    if isinstance(choice, Mapping):
        choice = str((choice.get("function") or {}).get("name", ""))
        if choice not in {tool.name for tool in tools}:
            raise RequestError(f"Tool choice {choice!r} not found in 'tools' parameter.", param="tool_choice")
    return tuple(tools), str(choice)


def usage(prompt: int, thinking: int, answer: int) -> dict[str, Any]:
    """OpenAI's usage object."""
    return {
        "prompt_tokens": prompt,
        "completion_tokens": thinking + answer,
        "total_tokens": prompt + thinking + answer,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": thinking,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def tool_calls(calls: Sequence[ToolCall], *, indexed: bool) -> list[dict[str, Any]]:
    """Tool calls as a message or, with their index, as a chunk carries them."""
    return [
        {
            **({"index": n} if indexed else {}),
            "id": call.id,
            "type": "function",
            "function": {"name": call.name, "arguments": json.dumps(call.arguments, ensure_ascii=False)},
        }
        for n, call in enumerate(calls)
    ]


def completion(
    *, completion_id: str, created: int, model: str, text: str, thinking: str, calls: Sequence[ToolCall], finish: str,
    counts: Mapping[str, Any],
) -> dict[str, Any]:  # fmt: skip
    """A whole chat completion."""
    message: dict[str, Any] = {"role": "assistant", "content": text or (None if calls else ""), "refusal": None}
    if thinking:
        message["reasoning_content"] = thinking
    if calls:
        message["tool_calls"] = tool_calls(calls, indexed=False)
    return {
        "id": completion_id,
        "object": "chat.completion",
        "created": created,
        "model": model,
        "system_fingerprint": "fp_guildhall_demo",
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": finish}],
        "usage": counts,
    }


class Chunks:
    """Writes the lines of a stream; what all chunks share is serialised once."""

    def __init__(self, *, completion_id: str, created: int, model: str, with_usage: bool) -> None:
        shared = {"id": completion_id, "object": "chat.completion.chunk", "created": created, "model": model}
        self._head = json.dumps({**shared, "system_fingerprint": "fp_guildhall_demo"})[:-1]
        self._usage = ', "usage": null' if with_usage else ""

    def delta(self, delta: Mapping[str, Any], finish: str | None = None) -> bytes:
        """One chunk."""
        choice = json.dumps({"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}, ensure_ascii=False)
        return f'data: {self._head}, "choices": [{choice}]{self._usage}}}\n\n'.encode()

    def usage(self, counts: Mapping[str, Any]) -> bytes:
        """The chunk with the usage and no choice, the last but for the end."""
        return f'data: {self._head}, "choices": [], "usage": {json.dumps(counts)}}}\n\n'.encode()

    done = b"data: [DONE]\n\n"
    malformed = b'data: {"id": "chatcmpl-demo", "choices": [{"delta": {"content": \n\n'
