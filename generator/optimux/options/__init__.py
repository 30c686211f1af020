"""The option set: the model, loading, cross-field rules, schema and reference."""
