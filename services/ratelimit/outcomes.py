"""From what the script decided to what is answered."""

from chassis.errors import AlreadyExists
from services.ratelimit.algorithms import FORCED
from services.ratelimit.answers import Answer, LimitAnswer, denied_by
from services.ratelimit.asks import Ask
from services.ratelimit.decider import Mode, Outcome, Status
from services.ratelimit.demands import Demand
from services.ratelimit.holds import handle_of


def limits_of(demands: list[Demand], outcome: Outcome) -> list[LimitAnswer]:
    """How each limit stands."""
    answers = []
    for demand, (fits, wait, x, y) in zip(demands, outcome.counters, strict=True):
        algorithm = demand.variant.algorithm
        remaining, reset_us = algorithm.standing(x, y)
        allowed = fits == 1.0
        answers.append(
            LimitAnswer(
                demand.limit,
                allowed,
                remaining,
                algorithm.capacity,
                reset_us,
                int(wait),
                demand.policy.mode == "shadow",
                not allowed and demand.flags == FORCED,
            )
        )
    return answers


def refused(limits: list[LimitAnswer], keys: list[str]) -> Answer:
    """The answer where a limit denied; `keys` are their counters."""
    retry, blocking, key = denied_by(limits, keys)
    return Answer(False, limits, retry, blocking, blocking_key=key)


def granted(ask: Ask, outcome: Outcome, limits: list[LimitAnswer], tags: list[str]) -> Answer:
    """The answer where all allowed; `tags` are where something is held."""
    repeated = outcome.status is Status.REPEATED
    answer = Answer(True, limits, repeated=repeated)
    if ask.holds:
        answer.handle = handle_of(ask.kind, ask.identifier, tags)
    if ask.mode is Mode.HOLD:
        answer.expires_us = outcome.now_us + round(ask.hold_ttl * 1e6)
    return answer


def conflict() -> AlreadyExists:
    """The id was used for something else."""
    return AlreadyExists(
        "this id belongs to another request", reason="REQUEST_ID_REUSED", fields={"request_id": "was used otherwise"}
    )
