"""How far a reply has come: what its journal keeps. An intent stands here before each send, its id after it."""

from __future__ import annotations

from pydantic import BaseModel

from services.executor.jobs.model import Journal

_FIELD = "state"


class Part(BaseModel):
    """One message of the answer."""

    message_id: int = 0
    """0 while it is only intended."""
    intended: float = 0.0
    """When it was first about to be sent, in Unix seconds."""
    head: str = ""
    """How it was to begin, to find it again by."""
    removed: bool = False
    """Somebody deleted it; it is not sent again."""


class ReplyState(BaseModel):
    """Everything that must survive the process."""

    started: float = 0.0
    """When the first attempt began, in Unix seconds."""
    opening: Part = Part()
    """The message that shows the question and carries the thread, or the original response."""
    token_dead: bool = False
    """The interaction's token cannot be used (any more)."""
    channel_id: int = 0
    """Where the answer goes; 0 while that is not decided."""
    in_original: bool = False
    """Whether the original response is the answer's first message."""
    titled: bool = False
    """Whether the thread has its final name."""
    persona: str = ""
    """The prompt whose persona speaks; empty for the bot itself."""
    hook_channel_id: int = 0
    """The channel whose webhook it speaks by; 0 for the bot itself."""
    parts: list[Part] = []
    """The answer's messages."""
    left: list[int] = []
    """Messages of a webhook that is gone, which are to be deleted: what they said is said anew."""
    text: str | None = None
    """The final text, once there is one."""
    shown_text: str = ""
    """The final text with what stands around it: thinking, footer."""
    model: str = ""
    """The model that gave it."""
    failed: bool = False
    """Whether it is a notice in place of an answer."""
    time_up: bool = False
    """Whether it ended because a private answer can't be changed any longer."""


async def load(journal: Journal) -> ReplyState:
    """The state as the journal has it; a fresh one for a new job."""
    raw = (await journal.read()).get(_FIELD)
    return ReplyState.model_validate_json(raw) if raw else ReplyState()


async def save(journal: Journal, state: ReplyState) -> None:
    """Writes the state, on disk when it returns."""
    await journal.write({_FIELD: state.model_dump_json()})
