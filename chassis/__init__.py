"""What every service is built on: configuration, the server and its channels, errors, callers, telemetry, settings.

Nothing here knows a service by more than its name. A service begins in `service.run`.
"""

import os

# gRPC's core writes lines of its own to standard error, among our JSON, of what we report better.
# It reads this when it is first imported.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
