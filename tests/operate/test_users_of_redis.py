"""The users file of Redis: nobody in without a password, and nothing lost of what those who are in have written."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from deploy.docker.setup import acl
from tests.support.redis_process import RedisProcess

PASSWORD = "correct-horse"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisProcess]:
    """A server as the composed system has it, which writes through at every change."""
    users = tmp_path / "users.acl"
    # A command of Redis 7.2, which stops an older one from starting; the composed system has 8.
    users.write_text(acl({"executor": PASSWORD}).replace("+client|setinfo", ""))
    process = RedisProcess("--aclfile", str(users), "--appendonly", "yes", "--appendfsync", "always", "--save", "")
    process.url = f"redis://executor:{PASSWORD}@127.0.0.1:{process.port}/0"
    process.start()
    yield process
    process.close()


def test_what_a_transaction_wrote_is_there_after_a_restart(server: RedisProcess) -> None:
    with redis.Redis.from_url(server.url) as client, client.pipeline(transaction=True) as transaction:
        transaction.set("executor:{p0}:alone", "1")
        transaction.rpush("executor:{p0}:list", "a", "b")
        transaction.execute()
    server.kill()
    server.start()
    with redis.Redis.from_url(server.url) as client:
        assert client.get("executor:{p0}:alone") == b"1"
        assert client.lrange("executor:{p0}:list", 0, -1) == [b"a", b"b"]


@pytest.mark.parametrize("credentials", ["", "default:x@", "default:@"], ids=["none", "a password", "an empty one"])
def test_nobody_is_the_default_user(server: RedisProcess, credentials: str) -> None:
    with (
        redis.Redis.from_url(f"redis://{credentials}127.0.0.1:{server.port}/0") as client,
        pytest.raises(redis.exceptions.AuthenticationError),
    ):
        client.get("executor:{p0}:alone")
