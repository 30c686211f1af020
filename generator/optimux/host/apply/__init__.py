"""The host brought to the plan: what differs, what is done about it, and the journal of both."""
