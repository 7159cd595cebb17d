"""The trace receiver and viewer: OTLP over HTTP in, one request across all services out.

It takes OpenTelemetry's protocol (https://opentelemetry.io/docs/specs/otlp/#otlphttp) as protobuf or JSON, keeps the
newest traces, metrics and log records in bounded memory, and answers questions about them under `/traces/api/`.
`add_routes(app)` mounts both.
"""

from sandbox.traces.routes import add_routes

__all__ = ["add_routes"]
