"""Who may use which model, persona and feature; what guilds set in Discord; personas of their own; what is listed."""

from pathlib import Path
from typing import Any

import grpc
import pytest
from guildhall.llm.v1 import generation_pb2, model_pb2, model_pb2_grpc
from guildhall.settings.v1 import settings_pb2

from chassis.caller import Caller, Person
from chassis.testing import channel_to
from services.llm.tests.harness import (
    ADMIN,
    ALICE,
    TIMEOUT,
    Llm,
    change_settings,
    config,
    reason,
    running,
    texts,
    variables,
)
from services.llm.tests.upstream import fails, says, upstream

TIERS: dict[str, Any] = {
    "everyone": {"models": ["openai/small"], "prompts": ["assistant"], "features": ["ask"], "grantable": False},
    "supporter": {
        "inherits": ["everyone"], "models": ["openai/*", "!openai/huge"], "features": ["attachments"],
        "discord_roles": [77],
    },
    "admin": {
        "models": ["*"], "prompts": ["*"], "features": ["*"], "permissions": ["ADMINISTRATOR"], "grantable": False,
    },
}  # fmt: skip
MODELS = ["small", "big", "huge"]
SUPPORTER = Person(user_id=20, guild_id=7, role_ids=(5, 77))


def tiered(tmp_path: Path) -> str:
    prompts = {"assistant": {"text": "Be kind."}, "pirate": {"text": "Be a pirate in {language}."}}
    return config(tmp_path, roles=TIERS, prompts=prompts)


async def ask_as(llm: Llm, person: Person, **fields: Any) -> Any:
    async with channel_to(llm.address, Caller("executor", person), audience="llm") as channel:
        return await Llm(channel, llm.address, llm.runtime).ask(**fields)


async def models(llm: Llm, person: Person | None, method: str, request: Any) -> Any:
    async with channel_to(llm.address, Caller("gateway", person), audience="llm") as channel:
        return await getattr(model_pb2_grpc.ModelServiceStub(channel), method)(request, timeout=TIMEOUT)


def guild() -> settings_pb2.Scope:
    return settings_pb2.Scope(kind=settings_pb2.SCOPE_KIND_GUILD, guild_id=7, id=7)


async def test_models_by_tier(redis_url: str, tmp_path: Path) -> None:
    environment = variables(redis_url, "", GUILDHALL_CONFIG=tiered(tmp_path))
    async with upstream(models=MODELS) as provider, running({**environment, "OPENAI_BASE_URL": provider.url}) as llm:
        assert (await ask_as(llm, ALICE)).started.model == "openai/small"
        for person, name in ((ALICE, "openai/big"), (SUPPORTER, "openai/huge")):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await ask_as(llm, person, model=name)
            assert (caught.value.code(), reason(caught.value)) == (grpc.StatusCode.PERMISSION_DENIED, "MODEL_FORBIDDEN")
        assert (await ask_as(llm, SUPPORTER, model="openai/big", turn_id="t2")).started.model == "openai/big"
        assert (await ask_as(llm, ADMIN, model="huge", turn_id="t3")).started.model == "openai/huge"
        listed = await models(llm, ALICE, "ListModels", model_pb2.ListModelsRequest())
        assert [(each.name, each.allowed, each.is_default) for each in listed.models] == [
            ("openai/small", True, True), ("openai/big", False, False), ("openai/huge", False, False),
        ]  # fmt: skip


async def test_prompts_and_features_by_tier(redis_url: str, tmp_path: Path) -> None:
    environment = variables(redis_url, "", GUILDHALL_CONFIG=tiered(tmp_path))
    async with upstream(models=MODELS) as provider, running({**environment, "OPENAI_BASE_URL": provider.url}) as llm:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await ask_as(llm, ALICE, prompt="pirate")
        assert reason(caught.value) == "PROMPT_FORBIDDEN"
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await ask_as(llm, ADMIN, prompt="nobody")
        assert reason(caught.value) == "PROMPT_UNKNOWN"
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await ask_as(llm, ALICE, inputs=[generation_pb2.Input(text="x", author_id=11, attachment_ids=["a"])])
        assert reason(caught.value) == "FEATURE_FORBIDDEN"
        await ask_as(llm, ADMIN, prompt="pirate")
        assert texts(provider.requests[-1]["messages"])[0] == "system: Be a pirate in the language of the question."


async def test_a_guild_maps_its_own_roles_within_the_ceiling(redis_url: str, tmp_path: Path) -> None:
    environment = variables(redis_url, "", GUILDHALL_CONFIG=tiered(tmp_path))
    member = Person(user_id=30, guild_id=7, role_ids=(900, 901))
    async with upstream(models=MODELS) as provider, running({**environment, "OPENAI_BASE_URL": provider.url}) as llm:
        await change_settings(llm, ADMIN, guild(), role_tiers=["900=supporter", "901=admin", "nonsense"])
        assert (await ask_as(llm, member, model="openai/big")).started.model == "openai/big"
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await ask_as(llm, member, model="openai/huge")
        assert reason(caught.value) == "MODEL_FORBIDDEN"


async def test_the_nearest_setting_holds_and_a_request_stands_above_it(redis_url: str, tmp_path: Path) -> None:
    path = config(tmp_path, prompts={"assistant": {"text": "Kind."}, "pirate": {"text": "Arr."}})
    environment = variables(redis_url, "", GUILDHALL_CONFIG=path)
    async with upstream(models=MODELS) as provider, running({**environment, "OPENAI_BASE_URL": provider.url}) as llm:
        await change_settings(
            llm, ADMIN, guild(), model="openai/big", prompt="pirate", temperature=0.5, language="German"
        )
        thread = settings_pb2.Scope(kind=settings_pb2.SCOPE_KIND_THREAD, guild_id=7, id=99)
        await change_settings(llm, ADMIN, thread, model="openai/huge")
        await llm.ask(turn_id="t1", channel_id=5)
        await llm.ask(turn_id="t2", channel_id=5, thread_id=99)
        await llm.ask(
            turn_id="t3", channel_id=5, thread_id=99, model="openai/small", temperature=0.0, prompt="assistant"
        )
        sent = [
            (each["model"], each["temperature"], each["messages"][0]["content"].split("\n")[0])
            for each in provider.requests
        ]
        assert sent == [("big", 0.5, "Arr."), ("huge", 0.5, "Arr."), ("small", 0.0, "Kind.")]
        assert "Answer in German" in provider.requests[0]["messages"][0]["content"]


async def test_personas_of_a_guild(redis_url: str) -> None:
    async with upstream() as provider, running(variables(redis_url, provider.url)) as llm:
        prompt = model_pb2.Prompt(name="bard", text="You sing.", label="The Bard")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await models(llm, ALICE, "PutPrompt", model_pb2.PutPromptRequest(prompt=prompt))
        assert reason(caught.value) == "FEATURE_FORBIDDEN"
        await models(llm, ADMIN, "PutPrompt", model_pb2.PutPromptRequest(prompt=prompt))
        await llm.ask(prompt="bard")
        assert provider.requests[-1]["messages"][0]["content"] == "You sing."
        listed = await models(llm, ALICE, "ListPrompts", model_pb2.ListPromptsRequest())
        assert [(each.name, each.own, each.text) for each in listed.prompts][:2] == [
            ("bard", True, ""),
            ("assistant", False, ""),
        ]
        elsewhere = Person(user_id=1, guild_id=8, permissions=8)
        assert "bard" not in [
            each.name for each in (await models(llm, elsewhere, "ListPrompts", model_pb2.ListPromptsRequest())).prompts
        ]
        for wrong in (
            model_pb2.Prompt(name="Bad Name", text="x"),
            model_pb2.Prompt(name="a", text=" "),
            model_pb2.Prompt(name="a", text="x" * 4_001),
        ):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await models(llm, ADMIN, "PutPrompt", model_pb2.PutPromptRequest(prompt=wrong))
            assert reason(caught.value) == "INVALID_PERSONA"
        await models(llm, ADMIN, "DeletePrompt", model_pb2.DeletePromptRequest(name="bard"))
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await llm.ask(prompt="bard", turn_id="t2")
        assert reason(caught.value) == "PROMPT_UNKNOWN"


async def test_models_are_listed_with_their_health_and_price(redis_url: str, tmp_path: Path) -> None:
    path = config(
        tmp_path,
        models={"openai/demo": {"price": {"input": 1.5, "output": 6}, "label": "Demo", "encoding": "o200k_base"}},
    )
    more = {"GUILDHALL_CONFIG": path, "GUILDHALL_LLM__RETRY__ATTEMPTS": "1"}
    async with (
        upstream(fails(429, retry_after="50")) as provider,
        running(variables(redis_url, provider.url, **more)) as llm,
    ):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await llm.ask()
        assert reason(caught.value) == "PROVIDER_RATE_LIMITED"
        listed = await models(llm, ALICE, "ListModels", model_pb2.ListModelsRequest())
        demo = listed.models[0]
        assert (demo.label, demo.input_price_nanos, demo.output_price_nanos, demo.exact_counts) == (
            "Demo",
            1_500_000_000,
            6_000_000_000,
            True,
        )
        assert demo.health == model_pb2.MODEL_HEALTH_COOLING
        assert 40 < demo.back_in.seconds <= 50


async def test_tokens_are_counted_for_a_model(redis_url: str) -> None:
    async with (
        upstream(says("x"), models=["demo", "mystery"]) as provider,
        running(variables(redis_url, provider.url)) as llm,
    ):

        def request(**fields: str) -> model_pb2.CountTokensRequest:
            return model_pb2.CountTokensRequest(**fields)

        exact = await models(llm, ALICE, "CountTokens", request(text="<|endoftext|>", model="openai/demo"))
        assert (exact.tokens, exact.estimated) == (7, False)
        guess = await models(llm, ALICE, "CountTokens", request(text="hello world", model="openai/mystery"))
        assert (guess.tokens, guess.estimated) == (3, True)
        long = await models(llm, ALICE, "CountTokens", request(text="a" * 500_000))
        assert (long.tokens, long.model) == (62_500, "openai/demo")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await models(llm, ALICE, "CountTokens", request(text="x", model="none"))
        assert reason(caught.value) == "MODEL_UNKNOWN"
