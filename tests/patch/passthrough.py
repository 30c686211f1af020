"""``patch_domain`` for domains of others: what passthrough needs, and no key that a plan states of its own VM."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from optimux.patch import Patched
from optimux.patch import patch_domain as every_concern
from optimux.patch.concerns import PASSTHROUGH
from optimux.plan.model import DomainPlan


def patch_domain(document: bytes, plan: DomainPlan, only: Collection[str] = (), **more: Any) -> Patched:
    """Patch with these concerns, or with all that passthrough needs."""
    return every_concern(document, plan, only or tuple(PASSTHROUGH), **more)
