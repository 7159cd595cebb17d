"""The composed system, on a real container engine."""
