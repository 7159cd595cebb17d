"""Tests of the board on real databases."""
