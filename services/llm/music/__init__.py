"""Music recommendations: what is wished for, what was found, and what people thought of it."""
