"""The mirror of guilds, channels, roles and members, fed by gateway's events."""
