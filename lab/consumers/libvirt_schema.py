"""libvirt's own schema of a release."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lxml import etree

from lab.errors import Refused

if TYPE_CHECKING:
    from lab.consumers.roots import Root


def libvirt_schema_validate(root: Root, xml: str) -> None:
    """Validate a domain against the schema in the root, as ``virt-xml-validate`` does. Raises ``Refused``."""
    schema = etree.RelaxNG(etree.parse(str(root.path / "usr/share/libvirt/schemas/domain.rng")))
    if not schema.validate(etree.fromstring(xml.encode())):
        raise Refused("\n".join(f"line {error.line}: {error.message}" for error in schema.error_log))
