"""Options and facts to a plan: the place where every decision is made, without I/O."""
