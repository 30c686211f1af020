"""Levels of proof, each with its checks and their judgement."""
