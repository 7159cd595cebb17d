"""Who uses which command, when, and how it ends: counted at the source, kept for some weeks, without a word of text."""
