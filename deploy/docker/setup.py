"""Makes the secrets of a composed system, once: each service gets a folder with what it needs and nothing else.

Runs as a container of its own before everything else, with one volume for each of the others under /secrets. What the
operator gave (a bot's token, keys of model providers) arrives in this container's environment alone and is handed on
as files; what nobody gave is made at random and kept across restarts.
"""

import hashlib
import os
import secrets
from pathlib import Path

ROOT = Path("/secrets")
DATA = Path("/volumes")
OWNER = 10001
# Which services call a service, and whose keys it must therefore know beside its own.
CALLERS = {
    "gateway": ("executor",),
    "llm": ("gateway", "executor"),
    "executor": ("gateway", "board"),
    "ratelimit": ("gateway", "executor", "llm"),
    "board": ("gateway", "executor"),
}
SANDBOX = "http://sandbox:8100"
# What each Redis user may do: its own keys only; scripts for ratelimit alone; nothing that looks at other users' data.
COMMANDS = "+@all -@admin -@dangerous -@scripting +info +keys -keys +cluster|slots +cluster|shards +client|setinfo"
SCRIPTING = "+@scripting"


def main() -> None:
    """Writes everything that is missing, and renews what the operator gave."""
    keys = {service: kept("setup", f"{service}.key") for service in CALLERS}
    redis = {service: kept("setup", f"{service}.redis") for service in CALLERS}
    database = os.environ.get("POSTGRES_PASSWORD") or kept("setup", "postgres")
    bot_token = os.environ.get("DISCORD_TOKEN") or kept("setup", "sandbox-bot-token")
    for service, callers in CALLERS.items():
        for caller in (service, *callers):
            write(service, f"keys/{caller}.key", keys[caller])
        write(service, "redis-password", redis[service])
    for service in ("gateway", "executor"):
        write(service, "discord-token", bot_token)
        write(service, "discord-api-base", discord_api_base())
    for name, value in models().items():
        write("llm", name, value)
    write("board", "database-url", f"postgresql://board:{database}@postgres:5432/board")
    write("postgres", "password", database, readable=True)
    write("redis", "users.acl", acl(redis), readable=True)
    write("sandbox", "bot-token", kept("setup", "sandbox-bot-token"))
    write("sandbox", "control-token", kept("setup", "sandbox-control-token"))
    for volume in DATA.iterdir() if DATA.exists() else ():
        os.chown(volume, OWNER, OWNER)


def discord_api_base() -> str:
    """The real Discord with a bot's token, the sandbox without."""
    given = os.environ.get("DISCORD_API_BASE")
    return given or ("https://discord.com/api/v10" if os.environ.get("DISCORD_TOKEN") else f"{SANDBOX}/api/v10")


def models() -> dict[str, str]:
    """The providers that the operator named; the sandbox's demo model where there is none."""
    names = ("OPENAI_API_KEY", "OPENAI_BASE_URL", "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL")
    given = {name.lower().replace("_", "-"): os.environ.get(name, "") for name in names}
    if any(given.values()):
        return given
    return given | {"openai-api-key": "demo", "openai-base-url": f"{SANDBOX}/v1"}


def acl(passwords: dict[str, str], *, administrator: str = "") -> str:
    """The users file of Redis. Passwords stand in it as SHA-256 only. `administrator` is the password of who may do
    everything, for the nodes of a Redis Cluster; without one there is no such user."""
    # Nobody is the default user, who is off and has no password. But what was written is read again in its name when a
    # server starts, and a transaction that it may not run is left out, with no more than a line in the log.
    lines = ["user default off resetpass ~* &* +@all", "user health on nopass -@all +ping"]
    for service, password in passwords.items():
        scripting = SCRIPTING if service == "ratelimit" else ""
        lines.append(f"user {service} on {digest(password)} ~{service}:* &{service}:* {COMMANDS} {scripting}".rstrip())
    if administrator:
        lines.append(f"user admin on {digest(administrator)} ~* &* +@all")
    return "\n".join(lines) + "\n"


def digest(password: str) -> str:
    """A password as Redis' users file has it."""
    return f"#{hashlib.sha256(password.encode()).hexdigest()}"


def kept(folder: str, name: str) -> str:
    """A secret that is made once."""
    path = ROOT / folder / name
    if not path.exists():
        write(folder, name, secrets.token_hex(32))
    return path.read_text().strip()


def write(folder: str, name: str, value: str, *, readable: bool = False) -> None:
    """Writes one file, readable by the services' user alone unless another program's user has to read it."""
    path = ROOT / folder / name
    for parent in (path.parent, ROOT / folder):
        parent.mkdir(parents=True, exist_ok=True)
        os.chown(parent, OWNER, OWNER)
    fresh = path.with_name(f".{path.name}")
    fresh.write_text(value if value.endswith("\n") else value + "\n")
    fresh.chmod(0o444 if readable else 0o400)
    os.chown(fresh, OWNER, OWNER)
    fresh.replace(path)


if __name__ == "__main__":
    main()
