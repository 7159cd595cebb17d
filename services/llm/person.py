"""What llm keeps about a person: what they said and what answered it, what they used, and what music they like."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime

from chassis.person_data import Forgotten
from chassis.runtime import JSON
from services.llm.conversation import Conversation
from services.llm.conversations import Conversations
from services.llm.limits import Asker
from services.llm.music.memory import Opinions
from services.llm.redis_ledger import RedisLedger

_PAGE = 100


class WordsOfPerson:
    """Gives and forgets it."""

    def __init__(self, conversations: Conversations, opinions: Opinions, ledger: RedisLedger) -> None:
        self._conversations = conversations
        self._opinions = opinions
        self._ledger = ledger

    async def of_person(self, user_id: int) -> Mapping[str, JSON]:
        """See PersonData. Of conversations with others it is what the person said, and what answered that."""
        asker = Asker(user_id=user_id)
        conversations: list[JSON] = []
        token = ""
        while True:
            page = await self._conversations.list(user_id, 0, _PAGE, token, asker)
            conversations += [_said(conversation, user_id) for conversation, _ in page.conversations]
            token = page.next_token
            if not token:
                break
        opinions = await self._opinions.of(user_id)
        return {
            "conversations": conversations,
            "usage": [
                {"guild_id": str(guild_id), "day": entry.day, "call": entry.operation, "model": entry.model}
                | asdict(entry.sums)
                for guild_id, entry in await self._ledger.of_person(user_id)
            ],
            "music": [
                {"title": each.track.title, "artist": each.track.artist, "opinion": each.kind, "at": _moment(each.at)}
                for each in opinions.values()
            ],
        }

    async def forget_person(self, user_id: int) -> Forgotten:
        """See PersonData. The sums of the usage stay, without the person's name; so do answers and music that are kept
        for whoever asks for the same, until they expire."""
        forgotten = await self._conversations.forget_person(user_id, Asker(user_id=user_id))
        counts = {"questions": forgotten.turns, "conversations": forgotten.conversations}
        return Forgotten(counts, ("cached_answers",))


def _said(conversation: Conversation, user_id: int) -> JSON:
    return {
        "conversation_id": conversation.conversation_id,
        "guild_id": str(conversation.guild_id),
        "channel_id": str(conversation.channel_id),
        "turns": [
            {
                "at": _moment(turn.created),
                "said": [each.text for each in turn.inputs if each.author_id == user_id],
                "answer": turn.answer,
                "model": turn.model,
            }
            for turn in conversation.turns
            if any(each.author_id == user_id for each in turn.inputs)
        ],
    }


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
