"""What people do with conversations besides going on with them: list, clear, fork, export, and have themselves
forgotten.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, Protocol

from chassis.clock import Clock
from chassis.errors import InvalidArgument, NotFound, PermissionDenied
from services.llm.chat import Usage
from services.llm.conversation import Conversation, ConversationStore, ConversationTurn, authors
from services.llm.limits import Asker
from services.llm.problems import unknown_conversation

ADMINISTRATOR, MANAGE_GUILD, MANAGE_MESSAGES = 1 << 3, 1 << 5, 1 << 13
LARGEST_PAGE = 100
FORGETTING_PAGE = 100


class PersonalData(Protocol):
    """Something else that remembers people."""

    async def forget_person(self, user_id: int) -> None:
        """Forgets one."""
        ...


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a list."""

    conversations: list[tuple[Conversation, float]]
    """Conversations with when each last changed, in Unix seconds."""
    next_token: str


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What was deleted of a person."""

    turns: int
    conversations: int


class Conversations:
    """Operations on conversations, for those who may."""

    def __init__(self, store: ConversationStore, clock: Clock, others: tuple[PersonalData, ...] = ()) -> None:
        self._store = store
        self._clock = clock
        self._others = others

    async def get(self, conversation_id: str, asker: Asker) -> Conversation:
        """A conversation. Raises NotFound, PermissionDenied."""
        conversation = await self._store.load(conversation_id)
        if conversation is None or not conversation.turns:
            raise unknown_conversation(conversation_id)
        if not may_touch(conversation, asker):
            raise PermissionDenied(
                "That is a conversation of other people.",
                reason="CONVERSATION_FORBIDDEN",
                metadata={"id": conversation_id},
            )
        return conversation

    async def list(self, user_id: int, guild_id: int, page_size: int, token: str, asker: Asker) -> Page:
        """A person's conversations, or a guild's."""
        own = bool(user_id) and user_id == asker.user_id
        if asker.user_id and not own and not (guild_id and guild_id == asker.guild_id and manages(asker)):
            raise PermissionDenied("Those are conversations of other people.", reason="CONVERSATIONS_FORBIDDEN")
        if not user_id and not guild_id:
            raise InvalidArgument(
                "Name a person or a guild.", reason="INVALID_PAGE_TOKEN", fields={"user_id": "missing"}
            )
        before = _moment(token)
        size = min(page_size or 20, LARGEST_PAGE)
        found: list[tuple[Conversation, float]] = []
        more = True
        while more and len(found) < size:
            recent = await self._store.recent(user_id=user_id, guild_id=guild_id, before=before, limit=size)
            more = len(recent) == size
            loaded = await self._store.load_many([conversation_id for conversation_id, _ in recent])
            for (_, changed), conversation in zip(recent, loaded, strict=True):
                before = changed
                if (
                    conversation is not None
                    and conversation.turns
                    and (not guild_id or conversation.guild_id == guild_id)
                ):
                    found.append((conversation, changed))
                if len(found) == size:
                    more = True
                    break
        return Page(found, repr(before) if more and before is not None else "")

    async def clear(self, conversation_id: str, asker: Asker) -> int:
        """Forgets all turns of a conversation; says how many.

        The conversation stays known, so that a follow-up does not have it read again in Discord. An answer that is
        being given goes on to whoever waits for it, and is not kept.
        """
        await self.get(conversation_id, asker)
        return await self._store.clear(conversation_id)

    async def fork(
        self, conversation_id: str, turn_id: str, new_id: str, channel_id: int, asker: Asker
    ) -> Conversation:
        """A new conversation of the turns up to one. Raises NotFound (TURN_UNKNOWN)."""
        conversation = await self.get(conversation_id, asker)
        existing = await self._store.load(new_id)
        if existing is not None:
            if existing.forked_from != conversation_id:
                raise InvalidArgument("That id belongs to another conversation.", reason="INVALID_ID")
            return existing
        last = conversation.turn(turn_id) if turn_id else (conversation.turns or (None,))[-1]
        if last is None:
            raise NotFound(
                "There is no such turn in this conversation.", reason="TURN_UNKNOWN", metadata={"id": turn_id}
            )
        turns = tuple(turn for turn in conversation.turns if turn.order <= last.order)
        forked = Conversation(
            new_id, conversation.guild_id, channel_id, self._clock.now(), forked_from=conversation_id, turns=turns
        )
        await self._store.save(forked, turns)
        return await self._store.load(new_id) or forked

    async def forget_person(self, user_id: int, asker: Asker) -> Forgotten:
        """Forgets what a person said, what answered it, and whatever else is known of them."""
        if asker.user_id and asker.user_id != user_id:
            raise PermissionDenied("People can only have themselves forgotten.", reason="PERSON_FORBIDDEN")
        if not user_id:
            raise InvalidArgument("There is no such person.", reason="INVALID_ID", fields={"user_id": "missing"})
        # First, so that an answer that ends meanwhile, or a thread that is read again, brings nothing back.
        await self._store.bury(user_id, self._clock.now())
        turns = conversations = 0
        while recent := await self._store.recent(user_id=user_id, guild_id=0, before=None, limit=FORGETTING_PAGE):
            ids = [conversation_id for conversation_id, _ in recent]
            for conversation in await self._store.load_many(ids):
                if conversation is None or not conversation.turns:
                    continue
                theirs = [
                    turn.turn_id
                    for turn in conversation.turns
                    if any(entry.author_id == user_id for entry in turn.inputs)
                ]
                await self._store.remove(conversation, theirs)
                turns += len(theirs)
                conversations += len(theirs) == len(conversation.turns)
            await self._store.forget(user_id, ids)
        for other in self._others:
            await other.forget_person(user_id)
        return Forgotten(turns, conversations)


def may_touch(conversation: Conversation, asker: Asker) -> bool:
    """Whether somebody may read or change a conversation: who took part, who moderates its guild, the system itself."""
    if not asker.user_id or asker.user_id in authors(conversation.turns):
        return True
    moderates = asker.permissions & (ADMINISTRATOR | MANAGE_GUILD | MANAGE_MESSAGES)
    return bool(moderates) and conversation.guild_id == asker.guild_id != 0


def manages(asker: Asker) -> bool:
    """Whether somebody manages the guild they act in."""
    return bool(asker.permissions & (ADMINISTRATOR | MANAGE_GUILD))


def total_usage(conversation: Conversation) -> Usage:
    """What all turns used together; the cost is unknown where that of any is."""
    total = Usage(cost_nanos=0)
    for turn in conversation.turns:
        if (used := turn.usage) is None:
            continue
        unknown = total.cost_nanos is None or used.cost_nanos is None
        total = Usage(
            total.input_tokens + used.input_tokens,
            total.output_tokens + used.output_tokens,
            total.cached_input_tokens + used.cached_input_tokens,
            total.reasoning_tokens + used.reasoning_tokens,
            total.estimated or used.estimated,
            None if unknown else (total.cost_nanos or 0) + (used.cost_nanos or 0),
        )
    return total


def export(conversation: Conversation, form: Literal["markdown", "json"]) -> tuple[bytes, str, str]:
    """A conversation as a file: its content, its name and its media type."""
    name = f"conversation-{conversation.conversation_id}"
    if form == "json":
        content = json.dumps(_plain(conversation), ensure_ascii=False, indent=2).encode()
        return content, f"{name}.json", "application/json"
    parts = [f"# Conversation of {_day(conversation.created)}"]
    for turn in conversation.turns:
        parts += [
            f"**{entry.author_name or 'Somebody'}** ({_day(turn.created)})\n\n{entry.text}" for entry in turn.inputs
        ]
        if turn.answer:
            broken = "" if turn.complete else ", not complete"
            parts.append(f"**{turn.model}**{broken}\n\n{turn.answer}")
    return ("\n\n---\n\n".join(parts) + "\n").encode(), f"{name}.md", "text/markdown"


def _plain(conversation: Conversation) -> dict[str, object]:
    return {
        "conversation_id": conversation.conversation_id,
        "created": _day(conversation.created),
        "forked_from": conversation.forked_from,
        "turns": [_plain_turn(turn) for turn in conversation.turns],
    }


def _plain_turn(turn: ConversationTurn) -> dict[str, object]:
    return {
        "turn_id": turn.turn_id,
        "created": _day(turn.created),
        "inputs": [
            {"author": entry.author_name, "author_id": str(entry.author_id), "text": entry.text}
            for entry in turn.inputs
        ],
        "model": turn.model,
        "answer": turn.answer,
        "complete": turn.complete,
    }


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def _moment(token: str) -> float | None:
    if not token:
        return None
    try:
        return float(token)
    except ValueError as error:
        raise InvalidArgument(
            "That is no page token.", reason="INVALID_PAGE_TOKEN", fields={"page_token": "unknown"}
        ) from error
