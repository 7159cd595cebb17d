"""How the service is put together."""

from __future__ import annotations

import random

from guildhall.llm.v1 import (
    attachment_pb2_grpc,
    conversation_pb2_grpc,
    generation_pb2_grpc,
    image_pb2_grpc,
    model_pb2_grpc,
    plan_pb2_grpc,
    recommendation_pb2_grpc,
    usage_pb2_grpc,
)
from redis.asyncio import Redis

from chassis import person_data
from chassis.clock import Clock
from chassis.problems import StartupError
from chassis.runtime import Runtime
from chassis.scoped import ScopedSettings
from chassis.settings import Live
from chassis.telemetry import meter, tracer
from services.llm import scoped
from services.llm.access import Access
from services.llm.accounts import Accounts
from services.llm.asking import Desk
from services.llm.cache import ResponseCache
from services.llm.conversations import Conversations
from services.llm.counting import EncodingsMissingError, load_encodings
from services.llm.delivery import Delivery
from services.llm.generation import Generator
from services.llm.health import Health
from services.llm.listing import Listing
from services.llm.lru import LruCache
from services.llm.materials import Materials
from services.llm.measures import Measures
from services.llm.music.asking import SongFinder
from services.llm.music.memory import Keywords, Level, Opinions
from services.llm.music.recommending import Recommender
from services.llm.music.spotify import Spotify
from services.llm.person import WordsOfPerson
from services.llm.personas import RedisPersonas
from services.llm.pictures import Pictures
from services.llm.planning import Planner
from services.llm.plans import Documents
from services.llm.pool import ProviderPool
from services.llm.preferences import Preferences
from services.llm.provider_watch import ProviderWatch
from services.llm.ratelimit_limits import RatelimitLimits
from services.llm.redis_batches import RedisBatches
from services.llm.redis_cache import RedisCache
from services.llm.redis_conversations import RedisConversations
from services.llm.redis_ledger import RedisLedger
from services.llm.redis_materials import RedisMaterials
from services.llm.redis_measures import RedisMeasures
from services.llm.router import Router
from services.llm.servicers.attachments import AttachmentServicer
from services.llm.servicers.conversations import ConversationServicer
from services.llm.servicers.generation import GenerationServicer
from services.llm.servicers.images import ImageServicer
from services.llm.servicers.models import ModelServicer
from services.llm.servicers.plans import PlanServicer
from services.llm.servicers.recommendations import RecommendationServicer
from services.llm.servicers.usage import UsageServicer
from services.llm.settings import LlmSettings
from services.llm.tasks import Background
from services.llm.telemetry import CallTelemetry
from services.llm.titles import Titles

EXECUTOR = frozenset({"executor"})
BOTH = frozenset({"executor", "gateway"})


async def build(runtime: Runtime[LlmSettings]) -> None:
    """Makes every part and says what is served."""
    try:
        load_encodings()
    except EncodingsMissingError as error:
        raise StartupError(str(error), "run `python -m services.llm.encodings`") from error
    settings, clock, background = runtime.settings, runtime.clock, Background()
    durable, volatile = runtime.redis("durable"), runtime.redis("cache")

    guilds = scoped.GuildSettings(ScopedSettings.serve(runtime, scoped.DECLARATIONS, remembered=True))
    access = Access(settings, guilds)
    personas, batches = RedisPersonas(durable, settings, clock), RedisBatches(durable)
    preferences = Preferences(settings, clock, access, guilds, personas)

    pool, health = ProviderPool(settings, clock), Health(clock)
    measures = Measures(settings, clock, RedisMeasures(volatile))
    telemetry = CallTelemetry(settings, tracer(), measures)
    router = Router(
        settings,
        pool=pool,
        health=health,
        clock=clock,
        telemetry=telemetry,
        jitter=random.Random(),  # noqa: S311 - it spreads waits
    )
    limits = RatelimitLimits(runtime.channel("ratelimit"), settings)
    ledger = RedisLedger(durable, batches, settings, clock)
    accounts = Accounts(settings, clock, limits=limits, ledger=ledger, background=background)
    cache = ResponseCache(settings, clock, RedisCache(volatile, "answers"), meter())

    store, attachments = RedisConversations(durable, batches, settings, clock), RedisMaterials(durable, settings)
    planner = Planner(settings, clock, store, preferences=preferences, materials=Materials(attachments))
    generator = Generator(
        settings,
        clock,
        planner=planner,
        preferences=preferences,
        access=access,
        accounts=accounts,
        router=router,
        cache=cache,
        delivery=Delivery(settings, clock, store=store, planner=planner, accounts=accounts, background=background),
    )
    desk = Desk(settings, clock, accounts=accounts, router=router, cache=cache, background=background)
    documents = Documents(settings, clock, desk)
    pictures = Pictures(
        settings,
        clock,
        pool=pool,
        health=health,
        access=access,
        limits=limits,
        ledger=ledger,
        background=background,
        tracer=tracer(),
    )
    opinions, spotify = Opinions(durable, settings, clock), Spotify(settings, clock)
    recommender = Recommender(
        settings,
        clock,
        finder=SongFinder(clock, documents, spotify),
        results=_level(settings, clock, volatile, "results"),
        words=Keywords(_level(settings, clock, volatile, "keywords"), settings),
        opinions=opinions,
        spotify=spotify,
    )
    listing = Listing(
        settings,
        generator=generator,
        access=access,
        preferences=preferences,
        health=health,
        personas=personas,
        measures=measures,
    )

    conversations = Conversations(store, clock, (opinions, ledger))
    runtime.serve(
        generation_pb2_grpc.add_GenerationServiceServicer_to_server,
        GenerationServicer(settings, pool, generator, Titles(settings, desk), access),
        callers=dict.fromkeys(("Generate", "Title"), EXECUTOR),
    )
    runtime.serve(
        conversation_pb2_grpc.add_ConversationServiceServicer_to_server,
        ConversationServicer(conversations),
        callers=dict.fromkeys(
            (
                "GetConversation", "ListConversations", "ClearConversation", "ForkConversation", "ExportConversation",
                "DeletePersonData",
            ),
            BOTH,
        ),
    )  # fmt: skip
    person_data.serve(runtime, WordsOfPerson(conversations, opinions, ledger))
    runtime.serve(
        attachment_pb2_grpc.add_AttachmentServiceServicer_to_server,
        AttachmentServicer(settings, attachments, access),
        callers={"PutAttachment": EXECUTOR},
    )
    runtime.serve(
        model_pb2_grpc.add_ModelServiceServicer_to_server,
        ModelServicer(settings, pool, listing, generator),
        callers=dict.fromkeys(("ListModels", "ListPrompts", "PutPrompt", "DeletePrompt", "CountTokens"), BOTH),
    )
    runtime.serve(
        plan_pb2_grpc.add_PlanServiceServicer_to_server,
        PlanServicer(settings, pool, generator, documents, access),
        callers={"Plan": EXECUTOR},
    )
    runtime.serve(
        image_pb2_grpc.add_ImageServiceServicer_to_server,
        ImageServicer(settings, pictures, guilds),
        callers={"GenerateImage": EXECUTOR},
    )
    runtime.serve(
        usage_pb2_grpc.add_UsageServiceServicer_to_server,
        UsageServicer(ledger),
        callers={"GetUsage": BOTH, "WatchEvents": EXECUTOR},
    )
    runtime.serve(
        recommendation_pb2_grpc.add_RecommendationServiceServicer_to_server,
        RecommendationServicer(
            settings,
            pool=pool,
            generator=generator,
            recommender=recommender,
            opinions=opinions,
            access=access,
            guilds=guilds,
        ),
        callers=dict.fromkeys(("Recommend", "RecordFeedback", "ListFeedback"), BOTH),
    )
    runtime.background("discovery", pool.discover_forever)
    runtime.background("ledger", ledger.fold_forever)
    runtime.background("measures", measures.flush_forever)
    watch = ProviderWatch(settings, pool, health, runtime.health("providers", critical=False))
    runtime.background("providers", watch.watch_forever)
    runtime.status("models", watch.facts)
    runtime.status("cache", cache.facts)
    runtime.status("recommendations", recommender.facts)
    runtime.on_stop(pool.aclose)
    runtime.on_stop(spotify.aclose)
    runtime.on_stop(measures.flush)
    runtime.on_stop(background.drain)


def _level(settings: Live[LlmSettings], clock: Clock, redis: Redis, name: str) -> Level:
    """A cache of its own of what recommendations are made of."""
    bounds = settings.current.cache
    local = LruCache(clock, entries=bounds.entries, max_bytes=bounds.max_bytes)
    settings.subscribe(lambda _, new: local.resize(entries=new.cache.entries, max_bytes=new.cache.max_bytes))
    return Level(local, RedisCache(redis, name))
