"""Decisions of the plan."""
