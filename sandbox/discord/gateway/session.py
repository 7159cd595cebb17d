"""One gateway session of a bot: what it asked for, what it got, what is kept for a resume. No sockets here."""

import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sandbox.discord.limits import GATEWAY

Send = Callable[[str], None]


@dataclass(slots=True)
class SessionFaults:
    """Failures to inject; times are monotonic seconds."""

    silent_until: float = 0.0
    unacknowledged_until: float = 0.0
    drop: int = 0
    repeat: int = 0
    only: str | None = None
    delay: float = 0.0

    def meant(self, name: str) -> bool:
        """Whether dropping and repeating is about events of that name."""
        return self.only is None or self.only == name


@dataclass(slots=True)
class Session:
    """`send` is None while no socket is connected."""

    id: str
    bot_id: int
    token: str
    intents: int
    shard: tuple[int, int]
    large_threshold: int
    send: Send | None = None
    close: Callable[[int, str], None] | None = None
    cut: Callable[[], None] | None = None
    later: Callable[[float, Send, str], None] | None = None
    sequence: int = 0
    connected: bool = False
    ready: bool = False
    awaiting_resume: bool = False
    disconnected_at: float = 0.0
    delivered: int = 0
    replay: deque[tuple[int, str]] = field(default_factory=lambda: deque(maxlen=GATEWAY.replay_events))
    faults: SessionFaults = field(default_factory=SessionFaults)

    def dispatch(self, name: str, data: str, now: float) -> None:
        """Numbers an event, keeps it for a resume, and sends it; `data` is JSON already."""
        self.sequence += 1
        frame = f'{{"t":"{name}","s":{self.sequence},"op":0,"d":{data}}}'
        self.replay.append((self.sequence, frame))
        if self.send is None or now < self.faults.silent_until:
            return
        if self.faults.drop > 0 and self.faults.meant(name):
            self.faults.drop -= 1
            return
        copies = 1
        if self.faults.repeat > 0 and self.faults.meant(name):
            self.faults.repeat -= 1
            copies = 2
        for _ in range(copies):
            if self.faults.delay > 0 and self.later is not None:
                self.later(self.faults.delay, self.send, frame)
            else:
                self.send(frame)
            self.delivered += 1

    def operate(self, op: int, data: Any, now: float) -> None:
        """Sends a frame that is no event."""
        if self.send is not None and now >= self.faults.silent_until:
            self.send(json.dumps({"t": None, "s": None, "op": op, "d": data}))

    def can_replay(self, sequence: int) -> bool:
        """Whether everything after that number is still kept."""
        if sequence >= self.sequence:
            return sequence == self.sequence
        return bool(self.replay) and self.replay[0][0] <= sequence + 1

    def shown(self) -> dict[str, Any]:
        """As the control API shows it."""
        return {
            "id": self.id,
            "user": str(self.bot_id),
            "shard": list(self.shard),
            "intents": self.intents,
            "connected": self.connected,
            "ready": self.ready,
            "seq": self.sequence,
            "delivered": self.delivered,
        }
