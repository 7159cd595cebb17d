"""What runs: the processes of the platform, with the addresses and secrets that each is given.

Least privilege holds here too: a secret reaches only the services that need it. Everything else of the operator's
environment is passed on, so that any setting can be overridden for one run.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from dotenv import dotenv_values

from chassis.caller_keys import ensure_keys
from chassis.secret_files import kept
from chassis.settings.shared import SERVICES
from local import redis_servers
from local.paths import ROOT, RunFolder
from local.ports import Ports
from local.process import Program
from local.readiness import Check, grpc_serving, http_ok
from local.redis_servers import RedisUrls
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
# Nothing new comes in once gateway has stopped; what was taken over has executor; traces end in the sandbox.
_STOPS = {"gateway": 0, "executor": 1, "others": 2, "sandbox": 3, "redis": 4}


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
        caller_keys = folder.keys / "callers"
        ensure_keys(caller_keys, SERVICES)
        sandbox_token = kept(folder.keys / "sandbox-bot-token")
        page = f"http://{ports.address('sandbox')}"
        redis_urls = external or RedisUrls.embedded(folder)
        defaults = {
            "REDIS_DURABLE_URL": redis_urls.durable,
            "REDIS_LIMITS_URL": redis_urls.limits,
            "REDIS_CACHE_URL": redis_urls.cache,
            "DATABASE_URL": f"sqlite+aiosqlite:///{folder.data / 'board.sqlite3'}",
            "GUILDHALL_CALLERS__KEYS_DIR": str(caller_keys),
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
            # A setting of ours is named by its last word: GUILDHALL_EXECUTOR__REPLIES__TOKEN_SECONDS is no token.
            looks_secret = any(
                key.endswith(word) if key.startswith("GUILDHALL_") else word in key for word in _SECRET_WORDS
            )
            if (key in needed) or not (known_secret or (looks_secret and name != "llm")):
                own[key] = value
        own["PYTHONPATH"] = str(ROOT / "gen")
        own["PYTHONUNBUFFERED"] = "1"
        # Whatever the locale: folders and what people write have names in any script.
        own["PYTHONUTF8"] = "1"
        return own

    def units(self) -> list[Unit]:
        """The processes: Redis first, then everything else side by side, as each waits for whom it needs."""
        units = []
        if self.embedded_redis:
            binary = redis_servers.find_server()
            for role in redis_servers.ROLES:
                program = redis_servers.program(role, binary, self.folder, self.environment_of("redis"))
                ready = partial(redis_servers.answers, getattr(self.redis, role))
                units.append(Unit(program, ready, stage=0, stops=_STOPS["redis"]))
        state = self.folder.data / "sandbox.json"
        sandbox = ["sandbox", "--port", str(self.ports.sandbox), "--state", str(state)]
        units.append(self._unit("sandbox", sandbox, http_ok(f"http://{self.ports.address('sandbox')}/control/health")))
        units += [self._unit(n, [f"services.{n}"], grpc_serving(self.ports.address(n))) for n in SERVICES]
        return units

    def _unit(self, name: str, module: list[str], ready: Check) -> Unit:
        program = Program(name, [sys.executable, "-m", *module], self.environment_of(name))
        return Unit(program, ready, stage=1, stops=_STOPS.get(name, _STOPS["others"]))


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
