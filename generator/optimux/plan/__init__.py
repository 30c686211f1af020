"""Options and facts to a plan: the place where every decision is made, without I/O."""

from optimux.plan.model import Plan
from optimux.plan.resolve import plan_from, resolve

__all__ = ["Plan", "plan_from", "resolve"]
