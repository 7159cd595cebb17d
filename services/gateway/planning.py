"""What all that is pressed about plans asks executor with."""

from typing import Any

from guildhall.executor.v1 import plan_pb2, plan_pb2_grpc, reply_pb2

from chassis.enums import short_name
from services.gateway.context import Context

FEATURE = "plan"
GRANTED = plan_pb2.PLAN_REFUSAL_UNSPECIFIED


def plans(context: Context) -> Any:
    """executor's contract of plans."""
    return context.services.stub(plan_pb2_grpc.PlanServiceStub, "executor")


def origin(context: Context) -> reply_pb2.InteractionOrigin:
    """The interaction whose answer a plan takes the place of."""
    interaction = context.interaction
    return reply_pb2.InteractionOrigin(
        application_id=interaction.application_id,
        interaction_id=interaction.interaction_id,
        token=interaction.token,
    )


async def refuse(context: Context, refusal: plan_pb2.PlanRefusal.ValueType) -> None:
    """Says why not, to whoever asked alone."""
    await context.respond(context.text(f"plan.refusal.{short_name(plan_pb2.PlanRefusal.DESCRIPTOR, refusal)}"))
