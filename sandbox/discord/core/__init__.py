"""What may change and how, one module per resource; no HTTP and no JSON parsing of requests here.

Each function checks permissions, changes the world and tells what happened. People (through the control API) and bots
(through REST) go the same way; `Actor` says who it is.
"""
