"""The battery table and its encoder."""
