"""Facts, perhaps beside a plan, turned into findings: what holds, what is broken, what cannot be seen."""

from optimux.judge.finding import Finding
from optimux.judge.gpus import Verdict, verdicts

__all__ = ["Finding", "Verdict", "verdicts"]
