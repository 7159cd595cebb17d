"""`python -m operate.cluster_secrets [--redis-cluster]`: prints the secrets that an installation on Kubernetes needs.

What the operator has is taken from the environment: DISCORD_TOKEN, the keys and addresses of model providers, and
DATABASE_URL where PostgreSQL is their own. Everything else is made at random, so each run makes others: it is run once,
and what it printed is kept where secrets are. Needs nothing but Python.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import secrets
import sys
from collections.abc import Mapping, Sequence

from deploy.docker.setup import CALLERS, acl

PROVIDERS = ("OPENAI_API_KEY", "OPENAI_BASE_URL", "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL")


def made(given: Mapping[str, str], *, redis_cluster: bool = False) -> dict[str, dict[str, str]]:
    """Every secret by its name, each with its files. KeyError where the bot's token was not given.

    A `redis_cluster` has a user besides who introduces its nodes to one another.
    """
    token = given["DISCORD_TOKEN"]
    keys, redis = ({service: secrets.token_hex(32) for service in CALLERS} for _ in range(2))
    database, administrator = secrets.token_hex(32), secrets.token_hex(32) if redis_cluster else ""
    found = {service: {"redis-password": redis[service]} for service in CALLERS}
    found |= {
        f"{service}-callers": {f"{caller}.key": keys[caller] for caller in (service, *callers)}
        for service, callers in CALLERS.items()
    }
    for service in ("gateway", "executor"):
        found[service]["discord-token"] = token
    found["llm"] |= {name.lower().replace("_", "-"): given.get(name, "") for name in PROVIDERS}
    own = given.get("DATABASE_URL")
    found["board"]["database-url"] = own or f"postgresql://board:{database}@postgres:5432/board"
    if not own:
        found["postgres"] = {"password": database}
    found["redis-users"] = {"users.acl": acl(redis, administrator=administrator)}
    if administrator:
        found["redis-admin"] = {"password": administrator}
    return found


def manifests(found: Mapping[str, Mapping[str, str]]) -> str:
    """The secrets as Kubernetes takes them."""
    items = [
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name, "namespace": "guildhall"},
            "type": "Opaque",
            "data": {file: base64.b64encode(text.encode()).decode() for file, text in files.items()},
        }
        for name, files in found.items()
    ]
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": items}, indent=2)


def main(arguments: Sequence[str]) -> int:
    """Prints them; gives the exit code."""
    parser = argparse.ArgumentParser(description="Prints the secrets of an installation on Kubernetes.")
    parser.add_argument("--redis-cluster", action="store_true", help="with those of the overlay `large`")
    chosen = parser.parse_args(arguments)
    if not os.environ.get("DISCORD_TOKEN"):
        sys.stderr.write("Set DISCORD_TOKEN: the bot's token, from Discord's developer portal (docs/discord.md).\n")
        return 2
    if not any(os.environ.get(name) for name in PROVIDERS):
        sys.stderr.write("No model's provider is given, so llm answers nobody: set OPENAI_API_KEY or another.\n")
    sys.stdout.write(manifests(made(os.environ, redis_cluster=chosen.redis_cluster)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
