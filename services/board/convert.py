"""Between the contract's messages and the board's values; nothing else."""

from collections.abc import Iterable, Mapping

from google.protobuf.timestamp_pb2 import Timestamp
from guildhall.board.v1 import request_pb2 as pb

from services.board.drafts import RawDraft
from services.board.machine import Command
from services.board.model import Action, Materials, Refused, Request, State, Why
from services.board.problems import Problem
from services.board.store.listing import Filter
from services.board.text import clean_line

_NAME_LENGTH = 100
_REASON_LENGTH = 200

STATES = {state: pb.RequestState.Value(f"REQUEST_STATE_{state.name}") for state in State}
ACTIONS = {action: pb.RequestAction.Value(f"REQUEST_ACTION_{action.name}") for action in Action}
MATERIALS = {materials: pb.Materials.Value(f"MATERIALS_{materials.name}") for materials in Materials}
REASONS = {why: pb.RefusalReason.Value(f"REFUSAL_REASON_{why.name}") for why in Why}
ORDERS = {
    pb.REQUEST_ORDER_UNSPECIFIED: "newest",
    pb.REQUEST_ORDER_NEWEST: "newest",
    pb.REQUEST_ORDER_OLDEST: "oldest",
    pb.REQUEST_ORDER_DUE: "due",
}
_STATE_OF: dict[int, State] = {number: state for state, number in STATES.items()}
_ACTION_OF: dict[int, Action] = {number: action for action, number in ACTIONS.items()}
_MATERIALS_OF: dict[int, Materials] = {number: materials for materials, number in MATERIALS.items()}


def timestamp(milliseconds: int | None) -> Timestamp | None:
    """A moment as the contract says it; None stays absent."""
    if milliseconds is None:
        return None
    moment = Timestamp()
    moment.FromMilliseconds(milliseconds)
    return moment


def milliseconds(message: Timestamp) -> int:
    """A moment in Unix milliseconds."""
    return message.ToMilliseconds()


def request_message(request: Request, names: Mapping[str, str] | None = None) -> pb.Request:
    """A request for the outside. `names` are characters' names by id, where they were looked up."""
    known = names or {}
    message = pb.Request(
        request_id=request.request_id,
        guild_id=request.guild_id,
        number=request.number,
        part=request.part,
        item=request.item,
        quantity=request.quantity,
        profession=request.profession,
        quality=request.quality,
        materials=MATERIALS[request.materials],
        note=request.note,
        tip=request.tip,
        requester_id=request.requester_id,
        requester_name=request.requester_name,
        character_id=request.character_id,
        state=STATES[request.state],
        version=request.version,
        due_time=timestamp(request.due_at),
        expire_time=timestamp(request.expires_at),
        create_time=timestamp(request.created_at),
        update_time=timestamp(request.updated_at),
        close_time=timestamp(request.closed_at),
        parent_id=request.parent_id,
        character_name=known.get(request.character_id, ""),
    )
    claim = request.claim
    if claim is not None:
        message.claim.CopyFrom(
            pb.Claim(
                crafter_id=claim.crafter_id,
                crafter_name=claim.crafter_name,
                character_id=claim.character_id,
                character_name=known.get(claim.character_id, ""),
                claim_time=timestamp(claim.claimed_at),
                nudge_time=timestamp(claim.nudged_at),
                release_time=timestamp(claim.release_at),
            )
        )
    return message


def refusal_message(refused: Refused) -> pb.Refusal:
    """A no, with what helps the person on."""
    message = pb.Refusal(
        reason=REASONS[refused.why],
        allowed=[ACTIONS[action] for action in refused.allowed],
        limit=refused.limit,
        detail=refused.detail,
    )
    if isinstance(refused.detail, Problem):
        message.problem.CopyFrom(pb.Problem(code=refused.detail.code, values=refused.detail.values))
    if refused.request is not None:
        message.request.CopyFrom(request_message(refused.request))
    if refused.faster is not None:
        message.holder_id = refused.faster.crafter_id
        message.holder_name = refused.faster.crafter_name
        message.since_time.FromMilliseconds(refused.faster.claimed_at)
    return message


def raw_draft(message: pb.RequestDraft) -> RawDraft:
    """What was asked for, unchecked."""
    return RawDraft(
        item=message.item,
        quantity=message.quantity or 1,
        profession=message.profession,
        quality=message.quality,
        materials=_MATERIALS_OF.get(message.materials, Materials.CRAFTER),
        note=message.note,
        tip=message.tip,
        due_at=milliseconds(message.due_time) if message.HasField("due_time") else None,
        character_id=message.character_id,
    )


def list_filter(message: pb.RequestFilter) -> Filter:
    """What a list is narrowed to. States that this version does not know are no states."""
    return Filter(
        states=states(message.states),
        profession=message.profession,
        requester_id=message.requester_id,
        crafter_id=message.crafter_id,
        query=message.query,
        number=message.number,
    )


def states(numbers: Iterable[int]) -> frozenset[State]:
    """States from the wire."""
    return frozenset(_STATE_OF[number] for number in numbers if number in _STATE_OF)


def action_of(number: int) -> Action | None:
    """An action from the wire; None for one that is not given or not known."""
    return _ACTION_OF.get(number)


def command(message: pb.TransitionRequestRequest, action: Action) -> Command:
    """What is to be done, unchecked."""
    return Command(
        action=action,
        expected_version=message.expected_version,
        quantity=message.quantity,
        heir_id=message.heir_id,
        heir_name=clean_line(message.heir_name)[:_NAME_LENGTH],
        character_id=message.character_id,
        due_at=milliseconds(message.due_time) if message.HasField("due_time") else None,
        expires_at=milliseconds(message.expire_time) if message.HasField("expire_time") else None,
        reason=clean_line(message.reason)[:_REASON_LENGTH],
    )
