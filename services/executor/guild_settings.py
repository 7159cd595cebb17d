"""What guilds and channels set of executor: how the bot speaks there, and where it says what went wrong."""

from __future__ import annotations

from chassis.scoped import ScopeKind, Setting, ValueKind

LOG_CHANNEL = "log_channel"
ERROR_POLICY = "error_policy"
REACTIONS = "reactions"
FOOTER = "footer"
THINKING_SHOWN = "thinking_shown"

_IN_GUILDS = (ScopeKind.GUILD, ScopeKind.CATEGORY, ScopeKind.CHANNEL, ScopeKind.THREAD)

SETTINGS = (
    Setting(
        LOG_CHANNEL,
        ValueKind.TEXT,
        "The channel that reports and quiet errors go to, by its snowflake; empty for none.",
        default="",
        scopes=(ScopeKind.GUILD,),
        maximum=20,
    ),
    Setting(
        ERROR_POLICY,
        ValueKind.TEXT,
        "What people see of an answer that failed: a reply, a reaction only, or nothing (then the log channel does).",
        default="reply",
        scopes=_IN_GUILDS,
        choices=("reply", "reaction", "silent"),
    ),
    Setting(
        REACTIONS,
        ValueKind.BOOL,
        "Whether a message that is being answered carries a reaction that says how far it is.",
        default=False,
        scopes=_IN_GUILDS,
    ),
    Setting(FOOTER, ValueKind.BOOL, "Whether a line under each answer says model, tokens and cost.", default=True),
    Setting(
        THINKING_SHOWN,
        ValueKind.TEXT,
        "Whether a model's thinking is shown behind a spoiler.",
        default="collapsed",
        choices=("collapsed", "hidden"),
    ),
)
