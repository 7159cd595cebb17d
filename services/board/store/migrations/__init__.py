"""The database's versions, applied when the service starts."""
