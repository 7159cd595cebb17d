"""Compiles intents about invitations, webhooks, emoji, events, AutoMod and the server; pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from services.executor.plans import schema
from services.executor.plans.choosing import Thing, plain, quoted
from services.executor.plans.draft import EMOJI_BYTES, Draft
from services.executor.plans.snapshot import CHANNEL_KINDS

_EVENT_STAGE, _EVENT_VOICE, _EVENT_EXTERNAL = 1, 2, 3
_KEYWORD, _SPAM, _PRESET, _MENTIONS = 1, 3, 4, 5
_PRESETS = {"profanity": 1, "sexual_content": 2, "slurs": 3}
_LEVELS = {"none": 0, "low": 1, "medium": 2, "high": 3, "very_high": 4}
_NOTIFICATIONS = {"all_messages": 0, "only_mentions": 1}
_FILTERS = {"disabled": 0, "members_without_roles": 1, "all_members": 2}


def create_invite(draft: Draft, intent: schema.CreateInvite) -> None:
    """A new code each."""
    for thing in draft.channels(intent.channel):
        body = {"max_age": intent.max_age_hours * 3600, "max_uses": intent.max_uses, "unique": True}
        draft.add("invite.create", {"channel_id": thing.id}, body, label=draft.label("to_channel", channel=thing.name))


def delete_invites(draft: Draft, intent: schema.DeleteInvites) -> None:
    """By code, by channel, or all."""
    channels = {thing.id for thing in draft.channels(intent.channels)} if intent.channels else None
    wanted = set(intent.codes)
    chosen = [
        (code, invite)
        for code, invite in draft.snapshot.invites.items()
        if (not wanted or code in wanted)
        and (channels is None or str((invite.raw.get("channel") or {}).get("id")) in channels)
    ]
    if not chosen:
        raise draft.fail("NOT_FOUND", "no_such_invitation")
    for code, _ in chosen:
        draft.add("invite.delete", {"code": code}, label=code, touches=[f"invite/{code}"])


def create_webhook(draft: Draft, intent: schema.CreateWebhook) -> None:
    """Its address is shown to nobody here."""
    for thing in draft.channels(intent.channel):
        path = {"channel_id": thing.id}
        draft.add(
            "webhook.create",
            path,
            {"name": intent.name},
            label=draft.label("in_channel", name=intent.name, channel=thing.name),
            risky=True,
        )


def delete_webhooks(draft: Draft, intent: schema.DeleteWebhooks) -> None:
    """By channel and name."""
    channels = {thing.id for thing in draft.channels(intent.channels)}
    wanted = {plain(name) for name in intent.names}
    chosen = [
        hook
        for hook in draft.snapshot.webhooks.values()
        if str(hook.raw.get("channel_id")) in channels and (not wanted or plain(hook.name) in wanted)
    ]
    if not chosen:
        raise draft.fail("NOT_FOUND", "no_such_webhook")
    for hook in chosen:
        draft.add("webhook.delete", {"webhook_id": str(hook.id)}, label=hook.name, touches=[str(hook.id)])


def create_emoji(draft: Draft, intent: schema.CreateEmoji) -> None:
    """From the picture that came with the request; an address in words is never fetched."""
    if draft.picture is None:
        raise draft.fail("PICTURE_MISSING", "picture_missing")
    if not draft.picture:
        raise draft.fail("PICTURE_UNFIT", "picture_unfit", kib=EMOJI_BYTES // 1024)
    body = {"name": intent.name, "image": draft.picture}
    made = draft.add("emoji.create", {"guild_id": draft.guild_id}, body, label=f":{intent.name}:")
    draft.makes(intent.id, [draft.created(made, intent.name)])


def edit_emoji(draft: Draft, intent: schema.EditEmoji) -> None:
    """A new name."""
    targets = schema.Targets(select=schema.Select(names=(intent.emoji.strip(":"),)))
    for thing in draft.named(targets, draft.snapshot.emojis, "emoji"):
        _set_named(
            draft,
            "emoji.edit",
            "emoji_id",
            thing,
            fields={"name": intent.name},
            label=f":{thing.name}: → :{intent.name}:",
        )


def delete_emoji(draft: Draft, intent: schema.DeleteEmoji) -> None:
    """Gone with its picture."""
    for thing in draft.named(intent.targets, draft.snapshot.emojis, "emoji"):
        path = {"guild_id": draft.guild_id, "emoji_id": thing.id}
        draft.add("emoji.delete", path, label=f":{thing.name}:", touches=[thing.id])


def create_event(draft: Draft, intent: schema.CreateEvent) -> None:
    """In a voice or stage channel, or elsewhere."""
    start, end = _moment(draft, intent.start), _moment(draft, intent.end) if intent.end else None
    body: dict[str, Any] = {"name": intent.name, "privacy_level": 2, "scheduled_start_time": start}
    if intent.description:
        body["description"] = intent.description
    if end:
        body["scheduled_end_time"] = end
    if intent.channel is not None:
        thing = draft.channels(intent.channel)[0]
        if thing.type not in (CHANNEL_KINDS["voice"], CHANNEL_KINDS["stage"]):
            raise draft.fail("NOT_A_VOICE_CHANNEL", "no_voice", name=quoted(thing.name))
        stage = thing.type == CHANNEL_KINDS["stage"]
        body |= {"channel_id": thing.id, "entity_type": _EVENT_STAGE if stage else _EVENT_VOICE}
    else:
        if not intent.location or not end:
            raise draft.fail("LOCATION_MISSING", "location_missing")
        body |= {"entity_type": _EVENT_EXTERNAL, "entity_metadata": {"location": intent.location}}
    made = draft.add("event.create", {"guild_id": draft.guild_id}, body, label=intent.name)
    draft.makes(intent.id, [draft.created(made, intent.name)])


def edit_event(draft: Draft, intent: schema.EditEvent) -> None:
    """Changes only what is named."""
    fields: dict[str, Any] = {"name": intent.name, "description": intent.description}
    if intent.start:
        fields["scheduled_start_time"] = _moment(draft, intent.start)
    if intent.end:
        fields["scheduled_end_time"] = _moment(draft, intent.end)
    given = {name: value for name, value in fields.items() if value is not None}
    for thing in draft.named(intent.targets, draft.snapshot.events, "event"):
        _set_named(draft, "event.edit", "guild_scheduled_event_id", thing, fields=given, label=thing.name)


def delete_event(draft: Draft, intent: schema.DeleteEvent) -> None:
    """Gone, with who was interested."""
    for thing in draft.named(intent.targets, draft.snapshot.events, "event"):
        path = {"guild_id": draft.guild_id, "guild_scheduled_event_id": thing.id}
        draft.add("event.delete", path, label=thing.name, touches=[thing.id], before={"raw": dict(thing.raw)})


def create_automod(draft: Draft, intent: schema.CreateAutomod) -> None:
    """One trigger a rule: that is how AutoMod works."""
    exempt = [draft.roles(schema.Targets(select=schema.Select(names=(name,))))[0].id for name in intent.exempt_roles]
    triggers: list[tuple[int, dict[str, Any]]] = []
    if intent.keywords:
        triggers.append((_KEYWORD, {"keyword_filter": list(intent.keywords)}))
    if intent.preset:
        triggers.append((_PRESET, {"presets": [_PRESETS[intent.preset]]}))
    if intent.mention_limit:
        triggers.append((_MENTIONS, {"mention_total_limit": intent.mention_limit}))
    if intent.spam:
        triggers.append((_SPAM, {}))
    if len(triggers) != 1:
        raise draft.fail("ONE_TRIGGER", "one_trigger")
    trigger, metadata = triggers[0]
    body: dict[str, Any] = {
        "name": intent.name,
        "event_type": 1,
        "trigger_type": trigger,
        "trigger_metadata": metadata,
        "actions": [{"type": 1}],
        "enabled": True,
        "exempt_roles": exempt,
    }
    made = draft.add("automod.create", {"guild_id": draft.guild_id}, body, label=intent.name)
    draft.makes(intent.id, [draft.created(made, intent.name)])


def edit_automod(draft: Draft, intent: schema.EditAutomod) -> None:
    """On, off, or another name."""
    given = {"enabled": intent.enabled, "name": intent.name}
    fields = {name: value for name, value in given.items() if value is not None}
    for thing in draft.named(intent.targets, draft.snapshot.rules, "rule"):
        _set_named(draft, "automod.edit", "rule_id", thing, fields=fields, label=thing.name)


def delete_automod(draft: Draft, intent: schema.DeleteAutomod) -> None:
    """Gone, but known well enough to come back."""
    for thing in draft.named(intent.targets, draft.snapshot.rules, "rule"):
        path = {"guild_id": draft.guild_id, "rule_id": thing.id}
        draft.add("automod.delete", path, label=thing.name, touches=[thing.id], before={"raw": dict(thing.raw)})


def edit_guild(draft: Draft, intent: schema.EditGuild) -> None:
    """The settings that are named."""
    fields: dict[str, Any] = {"name": intent.name, "description": intent.description}
    fields["verification_level"] = _LEVELS.get(intent.verification_level or "")
    fields["default_message_notifications"] = _NOTIFICATIONS.get(intent.notifications or "")
    fields["explicit_content_filter"] = _FILTERS.get(intent.explicit_content_filter or "")
    fields["afk_timeout"] = intent.afk_timeout_seconds
    if intent.system_channel:
        wanted = schema.Targets(select=schema.Select(names=(intent.system_channel,), types=("text",)))
        fields["system_channel_id"] = draft.channels(wanted)[0].id
    given = {name: value for name, value in fields.items() if value is not None}
    before = {name: draft.snapshot.guild.get(name) for name in given}
    changed = {name: value for name, value in given.items() if before[name] != value}
    if not changed:
        raise draft.fail("NOTHING_TO_DO", "settings_already")
    labels = ", ".join(name.replace("_", " ") for name in changed)
    draft.add(
        "guild.edit",
        {"guild_id": draft.guild_id},
        changed,
        label=labels,
        touches=["guild"],
        before={name: before[name] for name in changed},
    )


def _set_named(draft: Draft, kind: str, parameter: str, thing: Thing, *, fields: Mapping[str, Any], label: str) -> None:
    before = {name: thing.raw.get(name) for name in fields}
    changed = {name: value for name, value in fields.items() if thing.existing is None or before[name] != value}
    if not changed:
        draft.note("that_way_already", name=quoted(thing.name))
        return
    draft.add(
        kind,
        {"guild_id": draft.guild_id, parameter: thing.id},
        changed,
        label=label,
        touches=[thing.id],
        before={name: before[name] for name in changed},
    )


def _moment(draft: Draft, text: str) -> str:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise draft.fail("NOT_A_TIME", "not_a_time", name=quoted(text)) from None
    if moment.tzinfo is None or moment.timestamp() <= draft.now:
        raise draft.fail("NOT_IN_THE_FUTURE", "not_future", name=quoted(text))
    return moment.isoformat()
