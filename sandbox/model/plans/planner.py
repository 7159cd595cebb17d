"""From a request to a plan document of the schema that the request gave."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from sandbox.model.dialogue import Ask
from sandbox.model.plans import adjust, change, people
from sandbox.model.plans.clauses import Clause, clauses
from sandbox.model.plans.conform import conform, operations
from sandbox.model.plans.create import block, create
from sandbox.model.plans.drafting import Declined, Draft
from sandbox.model.plans.words import tokens

Schema = Mapping[str, Any]

HANDLERS: dict[str, Callable[[Clause, Draft], None]] = {
    **dict.fromkeys(("create", "invite"), create),
    **dict.fromkeys(("delete", "revoke", "end"), change.delete),
    **dict.fromkeys(("lock", "unlock", "archive", "unarchive", "close"), change.channel_state),
    **dict.fromkeys(("enable", "disable"), adjust.switch),
    **dict.fromkeys(("allow", "deny", "hide", "show"), people.permission),
    **dict.fromkeys(("pin", "unpin"), people.pin),
    "block": block,
    "restrict": adjust.restrict,
    "reset": adjust.reset,
    "sync": adjust.sync,
    "rename": change.rename,
    "edit": change.edit,
    "notify": change.notify,
    "move": change.move,
    "sort": change.sort,
    "clone": change.clone,
    "give": people.give,
    "take": change.take,
    "nickname": people.nickname,
    "timeout": people.timeout,
    "untimeout": people.untimeout,
    "kick": people.kick,
    "ban": people.ban,
    "unban": people.unban,
    "prune": people.prune,
}
_EXCLUDE = re.compile(
    r"^\s*(?:but\s+)?(?:not|except|without|keep|leave|skip|exclude)\b\s*(?:out\s+)?(.+)$", re.I | re.S
)
_INSTEAD = re.compile(r"\binstead\b|^\s*no\b[,:]?\s", re.I)


def is_plan(schema: Schema) -> bool:
    """Whether a schema describes a plan: an object with a list of things that have an operation each."""
    return len(operations(schema)) > 1


def plan(ask: Ask) -> dict[str, Any]:
    """The plan for the last words, on top of the plan that was there before where the conversation has one."""
    schema = ask.schema or {}
    before = _earlier(ask)
    draft = _draft(_wish(ask.last), before)
    known = operations(schema)
    kept = []
    for intent in draft.intents:
        if intent["op"] in known:
            kept.append(intent)
        else:
            draft.unsupported.append(intent["op"].replace("_", " "))
    summary = "; ".join(_summary(intent) for intent in kept)[:190] or "Nothing that I can do"
    document = {
        "summary": summary,
        "intents": kept,
        "unsupported": draft.unsupported,
        "question": None if kept else draft.question,
    }
    result: dict[str, Any] = conform(document, schema, schema)
    return result


def _wish(text: str) -> str:
    """The words of the wish, without a name that a client puts before them."""
    return re.sub(r"^\s*(?:request|wish)\s*:\s*", "", text.strip(), flags=re.I)


def _earlier(ask: Ask) -> list[dict[str, Any]]:
    """The intents of the plan that stands, from the model's own last answer."""
    for turn in reversed(ask.turns):
        if turn.role != "assistant":
            continue
        try:
            document = json.loads(turn.text)
        except ValueError:
            continue
        if isinstance(document, dict) and isinstance(document.get("intents"), list):
            return [_without_nulls(intent) for intent in document["intents"] if isinstance(intent, dict)]
    return []


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_nulls(v) for k, v in value.items() if v is not None}
    return [_without_nulls(v) for v in value] if isinstance(value, list) else value


def _draft(wish: str, before: list[dict[str, Any]]) -> Draft:
    draft = Draft(intents=[dict(intent) for intent in before])
    draft.made = [(i["id"], _noun_of(i)) for i in before if i.get("id")]
    if before and _INSTEAD.search(wish):
        draft = Draft()
        wish = _INSTEAD.sub(" ", wish)
    excluded = _EXCLUDE.match(wish)
    if before and excluded:
        _leave_out(draft, excluded[1])
        return draft
    found, leftover = clauses(tokens(wish))
    draft.unsupported += leftover
    for clause in found:
        handler = HANDLERS.get(clause.verb)
        held = len(draft.intents)
        try:
            if handler is None:
                raise Declined("I know no such operation")  # noqa: TRY301 - declined like any other clause
            handler(clause, draft)
        except Declined as why:
            del draft.intents[held:]
            draft.unsupported.append(f"{clause.text} ({why})"[:200])
    if not found and not leftover and not before:
        draft.question = "What shall be done? Say for example “create a category called Games with two voice channels”."
    return draft


def _leave_out(draft: Draft, words: str) -> None:
    from sandbox.model.plans.phrases import names

    left_out, _ = names(tokens(words), 0)
    for intent in draft.intents:
        for key in ("targets", "members"):
            select = intent.get(key, {}).get("select")
            if isinstance(select, dict):
                select["exclude"] = [*select.get("exclude", []), *left_out]


def _noun_of(intent: Mapping[str, Any]) -> str:
    noun = str(intent["op"]).split("_")[-1]
    return "category" if noun == "channel" and intent.get("type") == "category" else noun


def _summary(intent: Mapping[str, Any]) -> str:
    words = str(intent["op"]).replace("_", " ")
    names = intent.get("names") or ([intent["name"]] if intent.get("name") else [])
    select = (intent.get("targets") or intent.get("members") or {}).get("select") or {}
    names = names or select.get("names") or [v for v in (select.get("name_glob"), select.get("with_role")) if v]
    count = intent.get("repeat") or 1
    spoken = ", ".join(str(name).replace("{i}", f"1 to {count}") for name in names[:3])
    return f"{words.capitalize()} {spoken}".strip()
