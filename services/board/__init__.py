"""The request board: requests, characters, professions and their history, in SQL."""
