"""A folder of artifacts, complete or untouched, and its manifest."""
