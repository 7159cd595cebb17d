"""A provider's key that is given as a file is replaced while the service runs."""

from pathlib import Path

from services.llm.tests.harness import config, running, variables
from services.llm.tests.upstream import upstream
from tests.support.waiting import eventually


async def test_a_key_rotates_by_its_file(redis_url: str, tmp_path: Path) -> None:
    key = tmp_path / "secrets" / "openai-api-key"
    key.parent.mkdir()
    key.write_text("the-old-key\n")
    async with upstream(models=["demo"]) as provider:
        path = config(
            tmp_path,
            providers={"openai": {"base_url": provider.url}},
            models={"openai/demo": {}},
            llm={"default_models": ["openai/demo"]},
        )
        environment = {**variables(redis_url), "GUILDHALL_CONFIG": path, "OPENAI_API_KEY_FILE": str(key)}
        async with running(environment) as llm:
            await llm.ask(turn_id="t1")
            assert provider.headers[-1]["Authorization"] == "Bearer the-old-key"
            fresh = key.with_name(".fresh")
            fresh.write_text("the-new-key\n")
            fresh.replace(key)  # as an editor or Kubernetes does: a new file in the place of the old one
            turns = iter(range(2, 1000))

            async def used() -> bool:
                await llm.ask(turn_id=f"t{next(turns)}")
                return provider.headers[-1]["Authorization"] == "Bearer the-new-key"

            await eventually(used, timeout=20, interval=0.2)
