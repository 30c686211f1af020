"""Input that cannot be used: every refusal, with the nearest input that is taken."""
