"""What runs: the processes of the platform, with the addresses and secrets that each is given.

Least privilege holds here too: a secret reaches only the services that need it. Everything else of the operator's
environment is passed on, so that any setting can be overridden for one run.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from dotenv import dotenv_values

from local import redis_servers
from local.paths import ROOT, RunFolder
from local.ports import Ports
from local.process import Program
from local.readiness import Check, grpc_serving, http_ok
from local.redis_servers import RedisUrls
from local.secrets_files import SERVICES, kept, make_caller_keys
from local.supervisor import Unit

_DISCORD = {"DISCORD_TOKEN", "DISCORD_TOKEN_FILE"}
_MODELS = {
    f"{name}{suffix}"
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "SPOTIFY_CLIENT_ID", "SPOTIFY_CLIENT_SECRET")
    for suffix in ("", "_FILE")
}
_SANDBOX = {"SANDBOX_BOT_TOKEN", "SANDBOX_CONTROL_TOKEN"}
_DATABASE = {"DATABASE_URL", "DATABASE_URL_FILE"}
SECRETS = _DISCORD | _MODELS | _SANDBOX | _DATABASE
_NEEDED = {"gateway": _DISCORD, "executor": _DISCORD, "llm": _MODELS, "board": _DATABASE, "sandbox": _SANDBOX}
# What names a secret without our knowing it, such as the key of a provider that only the configuration names.
_SECRET_WORDS = ("_API_KEY", "_TOKEN", "_SECRET", "_PASSWORD")


@dataclass(frozen=True)
class Platform:
    """Everything needed to start it once."""

    folder: RunFolder
    ports: Ports
    redis: RedisUrls
    embedded_redis: bool
    environment: dict[str, str]

    @classmethod
    def prepare(cls, operator: dict[str, str], folder: RunFolder) -> Platform:
        """Work out addresses and keys from the operator's environment and `.env`. Raises Problem."""
        ports = Ports.from_environment(operator)
        folder.create()
        external = RedisUrls.external(operator)
        sandbox_token = kept(folder.keys / "sandbox-bot-token")
        page = f"http://{ports.address('sandbox')}"
        redis_urls = external or RedisUrls.embedded(folder)
        defaults = {
            "REDIS_DURABLE_URL": redis_urls.durable,
            "REDIS_LIMITS_URL": redis_urls.limits,
            "REDIS_CACHE_URL": redis_urls.cache,
            "DATABASE_URL": f"sqlite+aiosqlite:///{folder.data / 'board.sqlite3'}",
            "GUILDHALL_CALLERS__KEYS_DIR": str(make_caller_keys(folder)),
            "OTEL_EXPORTER_OTLP_ENDPOINT": page,
            "SANDBOX_BOT_TOKEN": sandbox_token,
            "SANDBOX_CONTROL_TOKEN": kept(folder.keys / "sandbox-control-token"),
            "TRACE_UI_URL": f"{page}/#/traces/{{trace_id}}",
            # On one machine nothing balances load, so there is nobody to wait for; what was taken over is durable.
            "GUILDHALL_RPC__DRAIN": "0.1",
            "GUILDHALL_RPC__GRACE": "1",
        }
        for name in SERVICES:
            defaults[f"GUILDHALL_RPC__PORTS__{name.upper()}"] = str(getattr(ports, name))
        if not in_real_discord(operator):
            defaults |= {"DISCORD_TOKEN": sandbox_token, "DISCORD_API_BASE": f"{page}/api/v10"}
        if not has_real_model(operator):
            defaults |= {"OPENAI_BASE_URL": f"{page}/v1", "OPENAI_API_KEY": "demo"}
        return cls(folder, ports, redis_urls, external is None, {**defaults, **operator})

    def environment_of(self, name: str) -> dict[str, str]:
        """What one process is given: everything but the secrets of others."""
        needed = _NEEDED.get(name, set())
        own = {}
        for key, value in self.environment.items():
            known_secret = key in SECRETS
            looks_secret = any(word in key for word in _SECRET_WORDS)
            if (key in needed) or not (known_secret or (looks_secret and name != "llm")):
                own[key] = value
        own["PYTHONPATH"] = str(ROOT / "gen")
        own["PYTHONUNBUFFERED"] = "1"
        return own

    def units(self) -> list[Unit]:
        """The processes, in the stages in which they start."""
        units = []
        if self.embedded_redis:
            binary = redis_servers.find_server()
            for role in redis_servers.ROLES:
                url = getattr(self.redis, role)
                units.append(
                    Unit(
                        redis_servers.program(role, binary, self.folder, self.environment_of("redis")),
                        _redis_answers(url),
                        stage=0,
                    )
                )
        state = self.folder.data / "sandbox.json"
        sandbox = ["sandbox", "--port", str(self.ports.sandbox), "--state", str(state)]
        healthy = http_ok(f"http://{self.ports.address('sandbox')}/control/health")
        units.append(self._unit("sandbox", sandbox, healthy, stage=1))
        # gateway stops first and executor next, so that nothing new comes in while the others finish.
        stages = {"gateway": 3, "executor": 2}
        for name in SERVICES:
            ready = grpc_serving(self.ports.address(name))
            units.append(self._unit(name, [f"services.{name}"], ready, stage=stages.get(name, 1)))
        return units

    def _unit(self, name: str, module: list[str], ready: Check, *, stage: int) -> Unit:
        return Unit(Program(name, [sys.executable, "-m", *module], self.environment_of(name)), ready, stage)


def operators_environment(environment: dict[str, str], dotenv: Path = ROOT / ".env") -> dict[str, str]:
    """The environment, completed by `.env`; a variable that is set but empty counts as not set."""
    from_file = {key: value for key, value in dotenv_values(dotenv).items() if value}
    return {**from_file, **{key: value for key, value in environment.items() if value}}


def in_real_discord(environment: dict[str, str]) -> bool:
    """Whether the operator gave a bot's token."""
    return bool(_DISCORD & environment.keys())


def has_real_model(environment: dict[str, str]) -> bool:
    """Whether the operator named a model provider; otherwise the sandbox's demo model answers."""
    return bool({*_MODELS, "OPENAI_BASE_URL", "ANTHROPIC_BASE_URL"} & environment.keys())


def _redis_answers(url: str) -> Check:
    async def check() -> bool:
        return await redis_servers.answers(url)

    return check
