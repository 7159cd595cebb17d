"""How replies look and how patient they are."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from chassis.settings import Section


class AttachmentSettings(Section):
    """What is fetched of what people attach."""

    hosts: tuple[str, ...] = ("cdn.discordapp.com", "media.discordapp.net")
    """The hosts that Discord serves files from; beside them only the API's own origin is asked."""
    max_bytes: int = Field(default=8 * 2**20, ge=1)
    """The size of one file."""
    fetch_seconds: float = Field(default=15.0, gt=0)
    """How long fetching one file may take."""
    hand_over_seconds: float = Field(default=15.0, gt=0)
    """How long handing one file over may take."""
    chunk_bytes: int = Field(default=262_144, ge=1_024, le=2**20)
    """The size of the pieces in which a file is handed over."""


class Persona(Section):
    """How a prompt appears in Discord where its answers are spoken by a webhook."""

    name: str = Field(min_length=1, max_length=80)
    """The name over its messages."""
    avatar_url: str = ""
    """Where its picture is, as https; empty for the webhook's own."""


class ReplySettings(Section):
    """Everything about replies that may differ between installations."""

    attachments: AttachmentSettings = AttachmentSettings()
    """What is fetched of what people attach."""
    personas: dict[str, Persona] = {}
    """Prompts whose answers are spoken by a webhook under a name of their own, by the prompt's name; `default` is for
    where none is set.
    """
    max_prompt_chars: int = Field(default=8_000, ge=1)
    """The longest question that is taken over, in characters; a slash command's option holds 6,000."""
    message_limit: int = Field(default=2_000, ge=100, le=2_000)
    """Characters a message; Discord's own limit."""
    max_messages: int = Field(default=15, ge=1, le=99)
    """Messages one answer may take; what is beyond them comes as a file."""
    first_preview_chars: int = Field(default=20, ge=1)
    """Characters before the first text is shown, so that a notification means something."""
    edit_interval_seconds: float = Field(default=1.2, gt=0)
    """The pause between two edits of a streaming answer."""
    title_wait_seconds: float = Field(default=0.6, ge=0)
    """How long a thread waits for its title before it is opened under the question's first words."""
    title_timeout_seconds: float = Field(default=20.0, gt=0)
    """How long the title may take in all."""
    title_chars: int = Field(default=80, ge=10, le=100)
    """The longest title asked for; Discord's limit is 100."""
    thread_archive_minutes: Literal[60, 1440, 4320, 10080] = 1440
    """When Discord archives a quiet thread."""
    ack_wait_seconds: float = Field(default=5.0, gt=0)
    """How long an interaction's acknowledgement may take to arrive before its token counts as dead."""
    ack_poll_seconds: float = Field(default=0.05, gt=0)
    """The pause before the original response is tried again; it grows up to half a second."""
    token_seconds: float = Field(default=840.0, gt=0)
    """How long an interaction's token is used; Discord kills it after 15 minutes."""
    generate_timeout_seconds: float = Field(default=600.0, gt=0)
    """How long one answer may take."""
    llm_patience_seconds: float = Field(default=300.0, gt=0)
    """How long a reply waits for a language service that is away, before it says so and ends."""
    llm_retry_seconds: float = Field(default=0.5, gt=0)
    """The pause before the language service is tried again; it grows up to five seconds."""
    nonce_trust_seconds: float = Field(default=120.0, gt=0)
    """How long Discord is trusted to know a nonce; an older send is looked up in the channel instead."""
    pictures_per_answer: int = Field(default=2, ge=1, le=10)
    """The most pictures that a model may make for one answer."""
    history_messages: int = Field(default=50, ge=1, le=100)
    """How many of a channel's last messages a conversation is read from that the language service does not know."""
    history_attachments: int = Field(default=5, ge=0, le=50)
    """The most attachments of such a conversation that are fetched again, the newest first."""
    burst_messages: int = Field(default=10, ge=1)
    """The most messages that are answered together when they came while an answer was given."""
    typing_delay_seconds: float = Field(default=1.0, gt=0)
    """How long there is no text before typing is shown."""
    typing_seconds: float = Field(default=8.0, gt=0)
    """The pause between two signs of typing while there is no text yet; Discord shows one for ten seconds."""
    thinking_chars: int = Field(default=900, ge=50, le=1_500)
    """How much of the thinking is shown."""
    copy_chars: int = Field(default=1_900, ge=100, le=2_000)
    """The longest answer that is given as a message to be copied; a longer one comes as a file."""
    thread_alias_days: int = Field(default=90, ge=1)
    """How long it is remembered which conversation stands in a thread."""
    quote_chars: int = Field(default=300, ge=20, le=1_500)
    """How much of the question the opening message shows."""
