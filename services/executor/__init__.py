"""executor: everything that the bot does in Discord, as durable jobs."""
