"""Tests of the chassis, on real servers and a real Redis."""
