"""Plans: plain words become operations that are previewed, confirmed, run, and undone."""
