"""Old and new llms side by side: each reads the conversations that the other has stored.

The hash below was recorded from the first release and stays as it is.
"""

from __future__ import annotations

import json
from typing import Any

from services.llm.chat import ToolCall, Usage
from services.llm.conversation import Conversation, ConversationTurn, Input, ToolExchange
from services.llm.conversation_codec import decode, encode_meta, encode_turn

META = {"guild": 3, "channel": 9, "created": 1790000000.0, "expires": 1790600000.0, "forked_from": ""}
TURN = {
    "inputs": [["What is a lighthouse?", 7, "Ada", "06FbWm1cQz3nJxKe0aVtRs"]],
    "created": 1790000000.5,
    "answer": "A tower.",
    "model": "demo",
    "complete": True,
    "exchanges": [
        {"calls": [["c1", "draw", "{}"]], "results": [["c1", "done"]], "text": "", "thinking": [{"type": "thinking"}]}
    ],
    "usage": [12, 3, 4, 0, False, 1500],
}
READ = Conversation(
    "c",
    3,
    9,
    1790000000.0,
    1790600000.0,
    turns=(
        ConversationTurn(
            "t1",
            (Input("What is a lighthouse?", 7, "Ada", ("06FbWm1cQz3nJxKe0aVtRs",)),),
            1790000000.5,
            "A tower.",
            "demo",
            True,
            (ToolExchange((ToolCall("c1", "draw", "{}"),), (("c1", "done"),), "", ({"type": "thinking"},)),),
            Usage(12, 3, 4, 0, False, 1500),
        ),
    ),
)


def stored(meta: dict[str, Any], turn: dict[str, Any]) -> dict[bytes, bytes]:
    return {b"meta": json.dumps(meta).encode(), b"t:t1": json.dumps(turn).encode()}


def test_what_the_last_release_stored_is_read() -> None:
    assert decode("c", stored(META, TURN)) == READ


def test_what_the_next_release_adds_is_passed_over() -> None:
    exchange = TURN["exchanges"][0]  # type: ignore[index]
    turn = TURN | {
        "from_tomorrow": 1,
        "usage": [*TURN["usage"], 8],  # type: ignore[misc]
        "exchanges": [{**exchange, "calls": [["c1", "draw", "{}", "?"]], "from_tomorrow": 1}],
    }
    assert decode("c", {**stored(META | {"from_tomorrow": 1}, turn), b"from_tomorrow": b"?"}) == READ


def test_the_last_release_finds_all_that_it_knows_in_what_is_stored_now() -> None:
    assert META.items() <= json.loads(encode_meta(READ, READ.expires)).items()
    assert TURN.items() <= json.loads(encode_turn(READ.turns[0], READ.cleared)).items()
