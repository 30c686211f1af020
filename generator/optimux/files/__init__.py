"""Every file that the product reads or writes goes through here: bounded, whole, and by descriptor, never by name."""
