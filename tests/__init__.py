"""Optimux's tests."""
