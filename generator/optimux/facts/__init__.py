"""What is known of a host, and where it was seen."""

from optimux.facts.devices import PciDevice
from optimux.facts.model import Facts, facts_from, load_facts

__all__ = ["Facts", "PciDevice", "facts_from", "load_facts"]
