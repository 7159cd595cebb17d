"""What is said when there can be no answer: a status, a reason for programs, and a sentence for people."""

from __future__ import annotations

from chassis.errors import FailedPrecondition, GuildhallError, InvalidArgument, NotFound, PermissionDenied, Unavailable
from services.llm.catalogue import Model
from services.llm.chat import FailureKind
from services.llm.context import PromptTooLongError
from services.llm.router import NoModelAnsweredError


def empty_prompt() -> GuildhallError:
    """Nothing was asked."""
    return InvalidArgument(
        "There is nothing to answer: the message is empty.", reason="EMPTY_PROMPT", fields={"inputs": "empty"}
    )


def prompt_too_long(length: int, allowed: int) -> GuildhallError:
    """More was said than is taken at all."""
    return InvalidArgument(
        f"That is too long: {length:,} characters, where {allowed:,} are taken.",
        reason="PROMPT_TOO_LONG",
        fields={"inputs": "too long"},
        metadata={"length": str(length), "allowed": str(allowed)},
    )


def too_many_attachments(count: int, allowed: int) -> GuildhallError:
    """More is attached than one turn takes."""
    return InvalidArgument(
        f"Too much is attached: {count} files, where {allowed} are taken.",
        reason="TOO_MANY_ATTACHMENTS",
        fields={"inputs": "too many attachments"},
    )


def too_long_for(model: Model, error: PromptTooLongError) -> GuildhallError:
    """More was said than the model's window holds."""
    return InvalidArgument(
        f"That is too long for {model.label}: about {error.tokens:,} tokens, where {error.room:,} fit.",
        reason="PROMPT_TOO_LONG",
        fields={"inputs": "too long for the model"},
        metadata={"model": model.name, "tokens": str(error.tokens), "allowed": str(error.room)},
    )


def model_unknown(name: str) -> GuildhallError:
    """There is no such model."""
    return NotFound(
        f"There is no model called {name[:100]!r} here.", reason="MODEL_UNKNOWN", metadata={"model": name[:100]}
    )


def no_model() -> GuildhallError:
    """No provider is set up, or none offers a model."""
    return Unavailable(
        "No language model is available: no provider is set up, or none could be reached.", reason="NO_MODEL"
    )


def model_forbidden(name: str) -> GuildhallError:
    """The person's roles don't include the model."""
    return PermissionDenied(
        f"Your roles don't include the model {name}.", reason="MODEL_FORBIDDEN", metadata={"model": name}
    )


def prompt_forbidden(name: str) -> GuildhallError:
    """The person's roles don't include the prompt."""
    return PermissionDenied(
        f"Your roles don't include the persona {name}.", reason="PROMPT_FORBIDDEN", metadata={"prompt": name}
    )


def feature_forbidden(name: str) -> GuildhallError:
    """The person's roles don't include the feature."""
    return PermissionDenied(
        f"Your roles don't include this ({name}).", reason="FEATURE_FORBIDDEN", metadata={"feature": name}
    )


def prompt_unknown(name: str) -> GuildhallError:
    """There is no such prompt."""
    return NotFound(
        f"There is no persona called {name[:100]!r} here.", reason="PROMPT_UNKNOWN", metadata={"prompt": name[:100]}
    )


def unknown_conversation(conversation_id: str) -> GuildhallError:
    """It expired or never was."""
    return NotFound(
        "This conversation is not remembered any more.",
        reason="CONVERSATION_UNKNOWN",
        metadata={"conversation_id": conversation_id[:100]},
    )


def from_search(error: NoModelAnsweredError) -> GuildhallError:
    """No model answered; the last failure says why."""
    label, last = error.model.label, error.last
    metadata = {"model": error.model.name, "failure": last.kind.value}
    match last.kind:
        case FailureKind.AUTHENTICATION:
            return FailedPrecondition(
                f"The provider of {label} does not accept our key. Whoever runs this bot has to renew it.",
                reason=last.kind.value,
                metadata=metadata,
            )
        case FailureKind.QUOTA:
            return FailedPrecondition(
                f"The account with the provider of {label} is used up. Whoever runs this bot has to top it up.",
                reason=last.kind.value,
                metadata=metadata,
            )
        case FailureKind.MODEL_UNKNOWN:
            return NotFound(f"The provider does not know the model {label}.", reason=last.kind.value, metadata=metadata)
        case FailureKind.PROMPT_TOO_LONG:
            return InvalidArgument(f"That is too long for {label}.", reason=last.kind.value, metadata=metadata)
        case FailureKind.CONTENT_REFUSED:
            return FailedPrecondition(
                f"The provider of {label} refuses this by its content rules.", reason=last.kind.value, metadata=metadata
            )
        case FailureKind.BAD_REQUEST:
            return FailedPrecondition(
                f"{label} could not take this request.", reason=last.kind.value, metadata=metadata
            )
        case FailureKind.RATE_LIMITED:
            return Unavailable(
                f"{label} is asked too often right now.",
                reason=last.kind.value,
                retry_after=error.retry_after,
                metadata=metadata,
            )
        case _:
            return Unavailable(
                f"{label} does not answer right now.",
                reason="PROVIDER_UNAVAILABLE",
                retry_after=error.retry_after,
                metadata=metadata,
            )
