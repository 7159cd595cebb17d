"""Checks requests and answers against Discord's own OpenAPI description, where it is there to check against."""

from sandbox.conformance.checker import Checker, Finding, Verdict, checker_for, find_description

__all__ = ["Checker", "Finding", "Verdict", "checker_for", "find_description"]
