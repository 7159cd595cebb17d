"""Brings the composed system up under a name of its own, and speaks to it as a person would."""

import itertools
import json
import os
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from tests.support import free_port

T = TypeVar("T")
ROOT = Path(__file__).parents[2]
SERVICES = ("gateway", "llm", "executor", "ratelimit", "board")
PROJECT = "guildhall-tests"


def waited(condition: Callable[[], T], timeout: float, what: str) -> T:
    """What a condition gives once it is truthy; an AssertionError with `what` where it never is."""
    deadline = time.monotonic() + timeout
    last: object = None
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        last = value
        time.sleep(0.25)
    raise AssertionError(f"{what}: not within {timeout} s; last: {last!r}")


class Composed:
    """The system while it runs."""

    def __init__(self) -> None:
        self.port = free_port()
        self.seconds_to_healthy = 0.0
        files = [ROOT / "docker-compose.yaml", ROOT / "tests" / "containers" / "standins.yaml"]
        self.environment = {
            key: value for key, value in os.environ.items() if not key.startswith(("DISCORD_", "OPENAI_", "ANTHROPIC_"))
        } | {
            "COMPOSE_FILE": os.pathsep.join(map(str, files)),
            "COMPOSE_PROJECT_NAME": PROJECT,
            "SANDBOX_PORT": str(self.port),
        }
        self._token = ""
        self._numbers = itertools.count(1)

    def run(self, *arguments: str, timeout: float = 600) -> str:
        """The output of a `docker` command."""
        command = ["docker", *arguments]
        done = subprocess.run(
            command, cwd=ROOT, env=self.environment, timeout=timeout, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"docker {' '.join(arguments)}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
        return done.stdout

    def compose(self, *arguments: str, timeout: float = 600) -> str:
        """The output of a `docker compose` command."""
        return self.run("compose", *arguments, timeout=timeout)

    def up(self, *arguments: str) -> float:
        """Starts everything, or what changed, and gives the seconds until all of it was healthy."""
        began = time.monotonic()
        self.compose("up", "-d", "--no-build", "--wait", "--wait-timeout", "180", *arguments)
        return time.monotonic() - began

    def down(self) -> None:
        """Ends it with everything that it kept."""
        self.compose("down", "-v", "--remove-orphans", "-t", "5")

    def containers(self, service: str) -> list[str]:
        """The ids of a service's containers."""
        return self.compose("ps", "-q", service).split()

    def inspected(self, service: str) -> list[dict[str, Any]]:
        """What the engine knows of a service's containers."""
        found: list[dict[str, Any]] = json.loads(self.run("inspect", *self.containers(service)))
        return found

    def call(self, method: str, path: str, body: object = None) -> Any:
        """One call of the sandbox's API, with its token."""
        if not self._token:
            self._token = self.compose("exec", "-T", "sandbox", "cat", "/run/guildhall/control-token").strip()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def joined(self) -> str:
        """A new member of the first guild, whom nobody else plays: limits are counted for each person."""
        (guild, *_) = self.call("GET", "/control/as/owner/guilds")
        person = {"username": f"member{next(self._numbers)}", "guilds": [{"id": guild["id"]}]}
        return str(self.call("POST", "/control/people", person)["id"])

    def ask(self, prompt: str, patience: float = 60) -> str:
        """Has a new member ask in #general until the question is taken over; gives the thread of the answer.

        A person who is told privately that it did not work has been told so, and asks again.
        """
        command = {"name": "ask", "options": {"prompt": prompt}}
        person = self.joined()

        def taken() -> Any:
            try:
                made = self.call("POST", f"/control/as/{person}/channels/general/commands?wait=5", command)
            except urllib.error.HTTPError:
                return None  # No command is registered until gateway is there.
            return made if made["state"] == "acknowledged" and not made["ephemeral"] else None

        return str(waited(taken, patience, "a question that was taken over")["message_id"])

    def answer(self, thread: str, timeout: float = 60) -> str:
        """The bot's whole answer in a thread, once its footer stands under it."""

        def complete() -> str:
            try:
                messages = self.call("GET", f"/control/as/owner/api/channels/{thread}/messages")
            except urllib.error.HTTPError:
                return ""  # The thread is not opened yet.
            texts = [message["content"] for message in messages if message["content"]]
            return texts[0] if texts and any(message["components"] for message in messages) else ""

        try:
            return waited(complete, timeout, f"an answer in {thread}")
        except AssertionError as error:
            shown = self.compose("logs", "--no-color", "--since", "5m", "executor", "gateway")
            told = [line[:400] for line in shown.splitlines() if '"level": "info"' not in line]
            raise AssertionError("\n".join([str(error), *told[-40:]])) from None
