"""The control API: acting as people, looking inside, waiting, injecting faults. README.md beside this file documents it exactly."""
