"""A question as executor keeps it: what came from Discord, who asked, and the conversation that it belongs to; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict

from chassis.caller import Person
from chassis.scoped import Place


class _Kept(BaseModel):
    model_config = ConfigDict(frozen=True)


class Interaction(_Kept):
    """The interaction by which a question came."""

    application_id: int
    interaction_id: int
    token: str
    ephemeral: bool = False
    token_only: bool = False
    """Whether the bot can speak there by the token alone, because it is no member."""


class Attached(_Kept):
    """Something attached to a question."""

    attachment_id: int = 0
    filename: str
    content_type: str = ""
    size: int = 0
    url: str = ""

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> Attached:
        """From Discord's attachment object."""
        return cls(
            attachment_id=int(raw["id"]),
            filename=str(raw["filename"]),
            content_type=str(raw.get("content_type") or ""),
            size=int(raw["size"]),
            url=str(raw["url"]),
        )


class Asker(_Kept):
    """Who asked, with what Discord said of them then."""

    user_id: int
    guild_id: int = 0
    role_ids: tuple[int, ...] = ()
    permissions: int = 0
    display_name: str = ""
    locale: str = ""

    @classmethod
    def of(cls, person: Person) -> Asker:
        """From a call's Caller."""
        return cls(
            user_id=person.user_id,
            guild_id=person.guild_id,
            role_ids=person.role_ids,
            permissions=person.permissions,
            display_name=person.display_name,
            locale=person.locale,
        )

    def person(self) -> Person:
        """For calls on their behalf."""
        return Person(**self.model_dump())


class Said(_Kept):
    """What somebody said in a burst behind the first question."""

    message_id: int
    asker: Asker
    text: str
    attachment_ids: tuple[str, ...] = ()


class Question(_Kept):
    """One question, the payload of a reply job."""

    event_id: int
    interaction: Interaction | None = None
    message_id: int = 0
    guild_id: int = 0
    channel_id: int
    in_conversation: bool = False
    prompt: str
    attachments: tuple[Attached, ...] = ()
    model: str = ""
    event_time: float
    asker: Asker
    conversation_id: str
    parent_channel_id: int = 0
    """The channel above, where it was asked in a thread; 0 otherwise."""
    prompt_name: str = ""
    """The persona that answers; empty for the setting in force."""
    quoted_author: str = ""
    """Who wrote the message that the question is about."""
    quoted_text: str = ""
    """What that message says; people's text."""
    quoted_message_id: int = 0
    """That message, where what is attached to it is still to be looked up."""
    attachment_ids: tuple[str, ...] = ()
    """Attachments that llm holds for the model."""
    replies_to: str = ""
    """The answer that this one takes the place of, by its first job; empty for a question of its own."""
    replaces_turn: str = ""
    """The turn of the conversation that this one takes the place of."""
    reply_to: int = 0
    """The message that its own replies to; 0 for none."""
    chained: bool = False
    """Whether it goes on with an answer by replying to it, in a channel that is no conversation as a whole."""
    command_prefix: str = ""
    """What text commands begin with where it was asked."""
    pictures: bool = False
    """Whether the model may answer with a picture."""
    burst: tuple[Said, ...] = ()
    """What was said behind it and is answered with it."""

    @property
    def by_token(self) -> bool:
        """Whether the answer is one message that the interaction's token alone can reach."""
        return self.interaction is not None and (self.interaction.ephemeral or self.interaction.token_only)

    @property
    def opens_thread(self) -> bool:
        """Whether the answer gets a thread of its own."""
        return not (self.in_conversation or self.by_token or self.parent_channel_id) and self.guild_id != 0

    @property
    def answered_beside(self) -> bool:
        """Whether it is a message whose answer replies to it, where that stands among what others say."""
        return bool(self.messages) and (self.chained or not self.in_conversation)

    @property
    def unseen(self) -> bool:
        """Whether the answer has to say what was asked: Discord shows of a command only that it was used, and no
        opening of a thread says more.
        """
        return not (self.message_id or self.by_token or self.opens_thread)

    @property
    def place(self) -> Place:
        """Where it was asked, as far as settings go."""
        return Place(
            guild_id=self.guild_id,
            channel_id=self.parent_channel_id or self.channel_id,
            thread_id=self.channel_id if self.parent_channel_id else 0,
            user_id=self.asker.user_id,
        )

    def with_burst(self, more: Iterable[Question]) -> Question:
        """The question with those that came behind it and are answered with it."""
        said = tuple(
            Said(
                message_id=other.message_id,
                asker=other.asker,
                text=other.text_for_model(),
                attachment_ids=other.attachment_ids,
            )
            for other in more
        )
        return self.model_copy(update={"burst": (*self.burst, *said)})

    def changed(self, message_id: int, text: str) -> Question:
        """The question after one of its messages was changed."""
        if message_id == self.message_id:
            return self.model_copy(update={"prompt": text})
        burst = tuple(
            each.model_copy(update={"text": text}) if each.message_id == message_id else each for each in self.burst
        )
        return self.model_copy(update={"burst": burst})

    def said_in(self, message_id: int) -> str:
        """What one of its messages says; empty for another message."""
        if message_id == self.message_id:
            return self.prompt
        return next((each.text for each in self.burst if each.message_id == message_id), "")

    @property
    def messages(self) -> tuple[int, ...]:
        """The messages that it was asked in; none for a command."""
        if self.interaction is not None or not self.message_id:
            return ()
        return (self.message_id, *(each.message_id for each in self.burst))

    def problem(self, max_prompt_chars: int) -> str:
        """The reason for which this cannot be asked; empty where it can."""
        attached = self.attachments or self.attachment_ids
        return prompt_problem(self.prompt, max_prompt_chars, may_be_empty=bool(attached))

    def text_for_model(self) -> str:
        """The prompt, with what it is about and a line for each attachment that the model does not get to see."""
        quoted = [f"[a message by {self.quoted_author or 'somebody'}:]\n{self.quoted_text}"] if self.quoted_text else []
        lines = [
            f"[attached, not shown to you: {a.filename} ({a.content_type or 'unknown type'})]" for a in self.attachments
        ]
        return "\n".join([*quoted, self.prompt, *lines])


def prompt_problem(prompt: str, max_chars: int, *, may_be_empty: bool = False) -> str:
    """The reason for which a prompt cannot be asked; empty where it can."""
    if len(prompt) > max_chars:
        return "PROMPT_TOO_LONG"
    return "" if may_be_empty or visible(prompt) else "EMPTY_PROMPT"


def visible(text: str) -> str:
    """A text without white space and control characters: empty where there is nothing to read in it."""
    return "".join(
        character
        for character in text
        if character.isprintable() and not character.isspace() and character not in _INVISIBLE
    )


_INVISIBLE = frozenset("\u200b\u200c\u200d\u2060\ufeff\u2800\u3164\u115f\u1160")


def first_words(text: str, limit: int) -> str:
    """The beginning of a text as one line of at most `limit` characters, cut between words; never empty."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    if len(line) > limit:
        head = line[: limit - 1]
        line = (head.rsplit(" ", 1)[0] if " " in head[limit // 2 :] else head).rstrip() + "…"
    return line or "Conversation"
