"""Why a process can't start, as one line that says what to do."""


class StartupError(Exception):
    """Something that a service needs is not there. Never holds a secret."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(f"{message}: {remedy}")
        self.message = message
        self.remedy = remedy
