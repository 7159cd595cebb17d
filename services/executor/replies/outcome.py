"""What became of a question: the final text with what stands around it, its record and its buttons."""

from __future__ import annotations

from typing import Any

from chassis.telemetry import current_trace_id
from services.executor.guild_settings import FOOTER, THINKING_SHOWN
from services.executor.replies.attempt import Attempt
from services.executor.replies.generation import Generation
from services.executor.replies.record import ReplyRecord, Version
from views.markdown import escaped
from views.reply_controls import footer, thinking, when_done


def settle(attempt: Attempt, generation: Generation) -> None:
    """Takes the final text with what stands around it into the state."""
    state, settings, text = attempt.state, attempt.tools.settings, attempt.text
    state.text, state.failed, state.model = generation.text, generation.failed, generation.facts.model
    state.time_up = generation.time_up
    around = [generation.text]
    if generation.failed:
        if trace_id := current_trace_id():
            around.append(text("error.trace", trace_id=trace_id))
    else:
        if attempt.in_force.get(THINKING_SHOWN) == "collapsed":
            around.insert(0, thinking(generation.thinking, settings.thinking_chars, text))
        around += [f"-# {escaped(remark)}" for remark in (*attempt.remarks, *generation.remarks)]
        if attempt.in_force.get(FOOTER):
            around.append(footer(generation.facts, text))
    state.shown_text = attempt.head + "\n".join(piece for piece in around if piece)


def record(attempt: Attempt) -> ReplyRecord:
    """What is remembered of the answer as it stands now."""
    state = attempt.state
    version = Version(
        job_id=attempt.job.job_id,
        text=state.text or "",
        shown_text=state.shown_text or state.text or "",
        model=state.model,
        created=attempt.tools.clock.now(),
        failed=state.failed,
    )
    ids = [part.message_id for part in state.parts if not part.removed]
    if state.in_original and ids:
        ids[0] = ids[0] or state.opening.message_id
    before = attempt.before or ReplyRecord(
        job_id=attempt.name,
        question=attempt.question,
        channel_id=state.channel_id,
        message_ids=[],
        versions=[],
        persona=state.persona,
        hook_channel_id=state.hook_channel_id,
    )
    asked = before.question.model_copy(
        update={"prompt": attempt.question.prompt, "burst": attempt.question.burst, "model": attempt.question.model}
    )
    placed = before.model_copy(
        update={"question": asked, "message_ids": [each for each in ids if each] or before.message_ids}
    )
    return placed.with_version(version)


def controls(attempt: Attempt, kept: ReplyRecord) -> list[dict[str, Any]]:
    """The buttons under the answer."""
    if attempt.plain_notice:
        return []
    return when_done(
        attempt.named,
        attempt.text,
        failed=attempt.state.failed,
        versions=len(kept.versions),
        shown=kept.shown,
        private=attempt.question.by_token,
        goes_on_privately=_can_go_on_privately(attempt),
    )


def _can_go_on_privately(attempt: Attempt) -> bool:
    """Whether a private answer that ran out of time can go on in a thread: the bot has to be a member there."""
    interaction = attempt.question.interaction
    return (
        attempt.state.time_up
        and interaction is not None
        and interaction.ephemeral
        and not interaction.token_only
        and attempt.question.guild_id != 0
    )
