"""How a sandbox is started: options of the command line, with the same names in the environment."""

import argparse
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class SandboxOptions:
    """What `python -m sandbox --help` explains."""

    host: str = "127.0.0.1"
    port: int = 8100
    public_url: str = ""
    state: Path | None = None
    state_seconds: float = 3.0
    state_dir: Path = Path(".run/sandbox")
    bot_token: str = ""
    control_token: str = ""
    latency_ms: float = 0.0
    strict: bool = True
    rate_limits: bool = True
    max_concurrency: int = 1
    shards: int = 1
    identify_limit: bool = True
    openapi: Path | None = None
    with_extras: bool = True


def read_options(arguments: Sequence[str], environment: Mapping[str, str] = os.environ) -> SandboxOptions:
    """Options from the command line, else from the environment, else the defaults."""
    parser = argparse.ArgumentParser(
        prog="python -m sandbox",
        description="A local Discord: REST and gateway v10, a page, a control API, a demo model, an OTLP receiver.",
    )
    parser.add_argument(
        "--host", default="127.0.0.1", help="a loopback address; others are refused (default 127.0.0.1)"
    )
    parser.add_argument(
        "--port", type=int, default=int(environment.get("SANDBOX_PORT", "8100")), help="0 chooses a free one"
    )
    parser.add_argument("--state", type=Path, help="a file that keeps the state across restarts")
    parser.add_argument(
        "--state-seconds", type=float, default=3.0, help="how soon after a change that file is written (default 3)"
    )
    parser.add_argument(
        "--state-dir",
        type=Path,
        default=Path(environment.get("SANDBOX_STATE_DIR", ".run/sandbox")),
        help="where tokens made at random are written",
    )
    parser.add_argument("--latency-ms", type=float, default=0.0, help="added to every REST answer")
    parser.add_argument(
        "--lenient", action="store_true", help="report what the OpenAPI description forbids instead of refusing it"
    )
    parser.add_argument("--no-rate-limits", action="store_true", help="answer no 429")
    parser.add_argument(
        "--no-identify-limit", action="store_true", help="allow more than one IDENTIFY per five seconds and key"
    )
    parser.add_argument("--max-concurrency", type=int, default=1, help="IDENTIFYs allowed at once per five seconds")
    parser.add_argument("--shards", type=int, default=1, help="the number of shards that GET /gateway/bot recommends")
    parser.add_argument("--openapi", type=Path, help="Discord's openapi.json (default: DISCORD_OPENAPI)")
    parser.add_argument("--discord-only", action="store_true", help="without page, demo model and trace receiver")
    given = parser.parse_args(arguments)
    return SandboxOptions(
        host=given.host,
        port=given.port,
        public_url=environment.get("SANDBOX_PUBLIC_URL", "").rstrip("/"),
        state=given.state,
        state_seconds=given.state_seconds,
        state_dir=given.state_dir,
        bot_token=environment.get("SANDBOX_BOT_TOKEN", ""),
        control_token=environment.get("SANDBOX_CONTROL_TOKEN", ""),
        latency_ms=given.latency_ms,
        strict=not given.lenient,
        rate_limits=not given.no_rate_limits,
        max_concurrency=given.max_concurrency,
        shards=given.shards,
        identify_limit=not given.no_identify_limit,
        openapi=given.openapi,
        with_extras=not given.discord_only,
    )


def token_in(folder: Path, name: str, make: Callable[[], str]) -> str:
    """The token in a file of the state folder; made anew, readable by its owner alone, where there is none."""
    path = folder / name
    try:
        return path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        folder.mkdir(parents=True, exist_ok=True)
    token = make()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(token)
    return token
