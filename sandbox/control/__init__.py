"""The control API: acting as people, looking inside, waiting, injecting faults. README.md documents it exactly."""
