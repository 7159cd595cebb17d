"""How the service is put together."""

from __future__ import annotations

import random

from guildhall.llm.v1 import conversation_pb2_grpc, generation_pb2_grpc

from chassis.problems import StartupError
from chassis.runtime import Runtime
from chassis.telemetry import meter, tracer
from services.llm.access import Access, NoGrants
from services.llm.asking import Desk
from services.llm.counting import EncodingsMissingError, load_encodings
from services.llm.generation import Generator
from services.llm.health import Health
from services.llm.limits import NoLimits
from services.llm.materials import Materials, NoMaterials
from services.llm.pool import ProviderPool
from services.llm.preferences import NothingChosen, Preferences
from services.llm.redis_conversations import RedisConversations
from services.llm.redis_ledger import RedisLedger
from services.llm.router import Router
from services.llm.servicer import ConversationServicer, GenerationServicer
from services.llm.settings import LlmSettings
from services.llm.tasks import Background
from services.llm.telemetry import CallTelemetry
from services.llm.titles import Titles


async def build(runtime: Runtime[LlmSettings]) -> None:
    """Makes every part and says what is served."""
    try:
        load_encodings()
    except EncodingsMissingError as error:
        raise StartupError(str(error), "run `python -m services.llm.encodings`") from error
    settings, clock = runtime.settings, runtime.clock
    durable = runtime.redis("durable")
    background = Background()
    pool = ProviderPool(settings, clock)
    telemetry = CallTelemetry(settings, tracer(), meter())
    router = Router(settings, pool, Health(clock), clock, telemetry, random.Random())  # noqa: S311 - spreads waits
    access = Access(settings, NoGrants())
    limits, ledger = NoLimits(), RedisLedger(durable)
    store = RedisConversations(durable, settings, clock)
    nothing = NothingChosen()
    generator = Generator(
        settings,
        clock,
        store=store,
        router=router,
        limits=limits,
        ledger=ledger,
        access=access,
        preferences=Preferences(settings, clock, access, nothing, nothing),
        materials=Materials(NoMaterials()),
        background=background,
    )
    titles = Titles(settings, Desk(settings, clock, router, limits, ledger, background))
    runtime.serve(
        generation_pb2_grpc.add_GenerationServiceServicer_to_server,
        GenerationServicer(settings, pool, generator, titles),
        callers={"Generate": {"executor"}, "Title": {"executor"}},
    )
    runtime.serve(
        conversation_pb2_grpc.add_ConversationServiceServicer_to_server,
        ConversationServicer(store),
        callers={"GetConversation": {"executor", "gateway"}},
    )
    runtime.background("discovery", pool.discover_forever)
    runtime.status(
        "models", lambda: {"offered": [model.name for model in pool.catalogue.all()], "problems": pool.problems()}
    )
    runtime.on_stop(pool.aclose)
    runtime.on_stop(background.drain)
