"""What AutoMod does to a message that a person wants to send.

https://discord.com/developers/docs/resources/auto-moderation

Keywords, patterns and the number of mentions are looked at. Discord's own lists (presets), its spam model and profiles
are nothing that a server beside it could know: such rules are kept and find nothing here. Bots, webhooks and whoever
may manage the server are left alone.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from sandbox.discord.core import members
from sandbox.discord.core.posting import post
from sandbox.discord.entities import (
    JSON,
    AutomodAction,
    AutomodRule,
    AutomodTrigger,
    Channel,
    Guild,
    Message,
    MessageType,
)
from sandbox.discord.errors import DiscordError
from sandbox.discord.permissions import P
from sandbox.discord.world import World


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule that a message breaks."""

    rule: AutomodRule
    keyword: str | None = None
    content: str | None = None
    """The words that the keyword was found in."""


def moderate(world: World, channel: Channel, message: Message) -> None:
    """Acts on a message that is not posted yet, or on its new text; 200000 where a rule blocks it."""
    guild = world.guilds.get(message.guild_id or 0)
    if guild is None or not guild.automod or message.persona is not None or world.users[message.author_id].bot:
        return
    if world.guild_permissions(guild, message.author_id) & (P.ADMINISTRATOR | P.MANAGE_GUILD):
        return
    blocks: list[JSON] = []
    for finding in list(_findings(guild, channel, message)):
        blocking = [action for action in finding.rule.actions if action["type"] == AutomodAction.BLOCK]
        blocks += blocking
        for action in finding.rule.actions:
            told = _told(channel, message, finding, action)
            if not blocking:
                told["message_id"] = str(message.id)
            if action["type"] == AutomodAction.ALERT:
                told |= _alert(world, message, finding, int(action["metadata"]["channel_id"]))
            if action["type"] == AutomodAction.TIME_OUT:
                member = guild.members[message.author_id]
                member.timed_out_until = world.now() + action["metadata"]["duration_seconds"]
                members.announce(world, guild, member)
            world.emit("AUTO_MODERATION_ACTION_EXECUTION", told, guild_id=guild.id, needs=int(P.MANAGE_GUILD))
    if blocks:
        own_words = ((action.get("metadata") or {}).get("custom_message") for action in blocks)
        raise DiscordError(200000, message=next(filter(None, own_words), None))


def _findings(guild: Guild, channel: Channel, message: Message) -> Iterator[Finding]:
    roles = set(guild.members[message.author_id].roles)
    places = {channel.id, channel.parent_id}
    mentioned = len(set(message.mentions)) + len(set(message.mention_roles))
    for rule in guild.automod.values():
        if not rule.enabled or roles & set(rule.exempt_roles) or places & set(rule.exempt_channels):
            continue
        if rule.trigger is AutomodTrigger.KEYWORD:
            found = _keyword(rule.metadata, message.content)
            if found is not None:
                yield Finding(rule, *found)
        elif rule.trigger is AutomodTrigger.MENTION_SPAM and mentioned > rule.metadata["mention_total_limit"]:
            yield Finding(rule)


def _keyword(metadata: JSON, text: str) -> tuple[str, str] | None:
    allowed = [_matcher(word) for word in metadata["allow_list"]]
    wanted = [(word, _matcher(word)) for word in metadata["keyword_filter"]]
    wanted += [(pattern, re.compile(pattern, re.IGNORECASE)) for pattern in metadata["regex_patterns"]]
    for word, matcher in wanted:
        for match in matcher.finditer(text):
            spans = (other.span() for allow in allowed for other in allow.finditer(text))
            if not any(start <= match.start() and match.end() <= end for start, end in spans):
                return word, match.group()
    return None


def _matcher(keyword: str) -> re.Pattern[str]:
    """Whole words; a star at an end lets the word go on there (the page's "Keyword Matching Strategies")."""
    body = re.escape(keyword.strip("*"))
    start = "" if keyword.startswith("*") else r"(?<!\w)"
    end = "" if keyword.endswith("*") else r"(?!\w)"
    return re.compile(f"{start}{body}{end}", re.IGNORECASE)


def _told(channel: Channel, message: Message, finding: Finding, action: JSON) -> JSON:
    return {
        "guild_id": str(message.guild_id),
        "action": action,
        "rule_id": str(finding.rule.id),
        "rule_trigger_type": int(finding.rule.trigger),
        "user_id": str(message.author_id),
        "channel_id": str(channel.id),
        "content": message.content,
        "matched_keyword": finding.keyword,
        "matched_content": finding.content,
    }


def _alert(world: World, message: Message, finding: Finding, channel_id: int) -> JSON:
    """Posts the system message for moderators; nothing where its channel is gone."""
    target = world.channels.get(channel_id)
    if target is None:
        return {}
    facts = {
        "rule_name": finding.rule.name,
        "channel_id": str(message.channel_id),
        "decision_id": str(message.id),
        "keyword": finding.keyword or "",
        "keyword_matched_content": finding.content or "",
    }
    embed: JSON = {
        "type": "auto_moderation_message",
        "description": message.content,
        "fields": [{"name": name, "value": value, "inline": False} for name, value in facts.items()],
    }
    alert = Message(
        id=world.new_id(),
        channel_id=target.id,
        author_id=message.author_id,
        guild_id=message.guild_id,
        type=MessageType.AUTO_MODERATION_ACTION,
        sent_at=world.now(),
        content="",
        embeds=(embed,),
    )
    post(world, alert, target)
    return {"alert_system_message_id": str(alert.id)}
