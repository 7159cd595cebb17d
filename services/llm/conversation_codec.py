"""How conversations are written in Redis: the fields of their hash."""

from __future__ import annotations

import json
from typing import Any

from services.llm.chat import ToolCall, Usage
from services.llm.conversation import Conversation, ConversationTurn, Input, ToolExchange

META, CLEARED = "meta", "cleared"
TURN = "t:"
"""What the field of a turn begins with."""


def encode_meta(conversation: Conversation, expires: float) -> str:
    """What is known of a conversation besides its turns. `expires` in Unix seconds."""
    meta = {
        "guild": conversation.guild_id,
        "channel": conversation.channel_id,
        "created": conversation.created,
        "expires": expires,
        "forked_from": conversation.forked_from,
    }
    return json.dumps(meta)


def encode_turn(turn: ConversationTurn, cleared: int) -> str:
    """A turn that was begun after its conversation had been cleared so often."""
    entry: dict[str, Any] = {
        "inputs": [[each.text, each.author_id, each.author_name, *each.attachment_ids] for each in turn.inputs],
        "created": turn.created,
        "answer": turn.answer,
        "model": turn.model,
        "complete": turn.complete,
    }
    if cleared:
        entry["cleared"] = cleared
    if turn.rebuilt:
        entry["rebuilt"] = True
    if turn.exchanges:
        entry["exchanges"] = [
            {
                "calls": [[call.id, call.name, call.arguments] for call in exchange.calls],
                "results": exchange.results,
                "text": exchange.text,
                "thinking": exchange.thinking_blocks,
            }
            for exchange in turn.exchanges
        ]
    if turn.usage is not None:
        usage = turn.usage
        entry["usage"] = [
            usage.input_tokens, usage.output_tokens, usage.cached_input_tokens, usage.reasoning_tokens, usage.estimated,
            usage.cost_nanos,
        ]  # fmt: skip
    return json.dumps(entry, ensure_ascii=False)


def decode(conversation_id: str, fields: dict[Any, Any]) -> Conversation:
    """A conversation from its hash, without the turns that were begun before it was last cleared."""
    texts = {_text(key): _text(value) for key, value in fields.items()}
    meta = json.loads(texts.pop(META, "{}"))
    cleared = int(texts.pop(CLEARED, 0))
    entries = {key.removeprefix(TURN): json.loads(value) for key, value in texts.items() if key.startswith(TURN)}
    turns = [_decode_turn(turn_id, entry) for turn_id, entry in entries.items() if entry.get("cleared", 0) == cleared]
    return Conversation(
        conversation_id,
        meta.get("guild", 0),
        meta.get("channel", 0),
        meta.get("created", 0.0),
        meta.get("expires", 0.0),
        meta.get("forked_from", ""),
        cleared,
        tuple(sorted(turns, key=lambda turn: turn.order)),
    )


def _decode_turn(turn_id: str, entry: dict[str, Any]) -> ConversationTurn:
    exchanges = tuple(
        ToolExchange(
            tuple(ToolCall(*call[:3]) for call in each["calls"]),
            tuple((call_id, result) for call_id, result in each["results"]),
            each["text"],
            tuple(each["thinking"]),
        )
        for each in entry.get("exchanges", ())
    )
    return ConversationTurn(
        turn_id,
        tuple(Input(text, author, name, tuple(ids)) for text, author, name, *ids in entry["inputs"]),
        entry["created"],
        entry["answer"],
        entry["model"],
        entry["complete"],
        exchanges,
        Usage(*entry["usage"][:6]) if "usage" in entry else None,
        entry.get("rebuilt", False),
    )


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
