"""Facts, perhaps beside a plan, turned into findings: what holds, what is broken, what cannot be seen."""
