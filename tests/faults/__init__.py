"""Faults under load, on local processes: `make test-faults`."""
