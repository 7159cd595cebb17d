"""What Discord said of somebody's language is kept for a while, found by every gateway, and forgotten when they ask."""

from redis.asyncio import Redis

from chassis.redis_connections import cancellable
from services.gateway.languages import LocaleOfPerson, LocaleStore
from services.gateway.settings import GatewaySettings


class Now:
    """Settings that stay as they are."""

    current = GatewaySettings.model_construct(locale_days=2)


async def test_a_language_is_found_by_another_gateway_and_forgotten(redis_url: str) -> None:
    async with cancellable(Redis.from_url(redis_url)) as redis:
        here, there = (LocaleStore(redis, Now()) for _ in range(2))  # type: ignore[arg-type]
        assert await there.find(7) == ""
        await here.keep(7, "de")
        assert await here.find(7) == "de"
        # Whoever found nothing before looks again.
        assert await there.find(7) == "de"
        assert 0 < await redis.ttl("gateway:locale:{7}") <= 2 * 86_400

        part = LocaleOfPerson(here)
        assert await part.of_person(7) == {"language_of_discord": "de"}
        assert (await part.forget_person(7)).counts == {"language_of_discord": 1}
        assert await part.of_person(7) == {}
        assert (await part.forget_person(7)).counts == {"language_of_discord": 0}
