"""The names of executor's keys in Redis.

Everything that one transaction touches carries the partition's hash tag, so it stands in one slot of a cluster.
"""

from __future__ import annotations

PREFIX = "executor:"


def stream(partition: int) -> str:
    """Jobs that are not done, oldest first."""
    return f"{PREFIX}{{p{partition}}}:jobs"


def dead(partition: int) -> str:
    """Jobs that were given up, with the reason."""
    return f"{PREFIX}{{p{partition}}}:dead"


def lease(partition: int) -> str:
    """Who owns the partition; gone when nobody does."""
    return f"{PREFIX}{{p{partition}}}:lease"


def epoch(partition: int) -> str:
    """How many owners the partition has had. Changes with the owner alone, so it is what a fenced write watches."""
    return f"{PREFIX}{{p{partition}}}:epoch"


def event(partition: int, event_id: int) -> str:
    """The job that an event of Discord's became."""
    return f"{PREFIX}{{p{partition}}}:event:{event_id}"


def journal(partition: int, job_id: str) -> str:
    """What a job has done."""
    return f"{PREFIX}{{p{partition}}}:job:{job_id}"


def thread(thread_id: int) -> str:
    """The conversation that stands in a thread."""
    return f"{PREFIX}thread:{thread_id}"


def answer(message_id: int) -> str:
    """The conversation that an answer belongs to which stands in no thread."""
    return f"{PREFIX}answer:{message_id}"


def reply(job_id: str) -> str:
    """What is remembered of an answer."""
    return f"{PREFIX}reply:{job_id}"


def question(message_id: int) -> str:
    """The answer that a message asked for."""
    return f"{PREFIX}question:{message_id}"


def changed(message_id: int) -> str:
    """What a message was changed to after it was written."""
    return f"{PREFIX}changed:{message_id}"


def offered(message_id: int) -> str:
    """The change for which it was offered to answer a message again; gone once somebody took the offer."""
    return f"{PREFIX}offered:{message_id}"


def replies_of(user_id: int) -> str:
    """The answers that are remembered of a person's questions, scored by when they were last kept."""
    return f"{PREFIX}person:{user_id}:replies"


def plans_of(user_id: int) -> str:
    """The plans that a person asked for, scored by when they began."""
    return f"{PREFIX}person:{user_id}:plans"


def stop(job_id: str) -> str:
    """Set where an answer is to end early."""
    return f"{PREFIX}stop:{job_id}"


def settings_checked(channel_id: int) -> str:
    """Set once a channel was searched for announcements of settings."""
    return f"{PREFIX}settings-checked:{channel_id}"


STOPS = f"{PREFIX}stops"
"""The channel on which every executor hears which answer is to end early."""

MEMBERS = f"{PREFIX}members"
"""The executors that are alive, scored by their last sign of life."""

HEALTH_PROBE = f"{PREFIX}health-probe"
"""Written now and then, to see whether the store takes anything."""

BUDGETS_TOLD = f"{PREFIX}budgets-told"
"""A hash: how far each guild was told of its budget."""

HEALTH_TOLD = f"{PREFIX}health-told"
"""What guilds were told last of each part's health."""
