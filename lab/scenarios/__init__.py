"""Scenarios: what is proven by booting it. Plain Python, so that pytest and other harnesses run the same code.

Each module proves one thing and holds the twins that must fail.
"""
