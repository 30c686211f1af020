"""Plan to artifacts: one module a consumer, none decides anything."""
