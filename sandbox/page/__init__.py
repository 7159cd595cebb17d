"""The page: a Discord to look at and to use in the browser, made of plain HTML, CSS and ES modules.

`add_routes(app, control_token=…)` serves it at `/`. Everything it shows comes from the control API, the trace API and
the demo model's control, by the same rules as for any other client.
"""

from sandbox.page.routes import add_routes

__all__ = ["add_routes"]
