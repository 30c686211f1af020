"""What is known of a host, and where it was seen."""

from optimux.facts.model import Facts, PciDevice, load_facts

__all__ = ["Facts", "PciDevice", "load_facts"]
