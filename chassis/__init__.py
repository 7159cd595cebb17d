"""What every service is built on: configuration, the server and its channels, errors, callers, telemetry, settings.

Nothing here knows a service by more than its name. A service begins in `service.run`.
"""
