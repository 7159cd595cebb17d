"""The request board's side of gateway: asking the board service, and answering people with what it says."""
