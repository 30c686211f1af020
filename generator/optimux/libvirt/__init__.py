"""The edge to libvirt: connection, schema, definition."""
