"""The edge to the running machine: folders, libvirt's schema."""
