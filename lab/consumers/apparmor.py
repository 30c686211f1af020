"""AppArmor's parser and libvirt's virt-aa-helper, with the profile that libvirt makes for a guest."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lab.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lab.consumers.roots import Root

_PROFILE = "libvirt-00000000-0000-4000-8000-000000000001"
_PATH = f"/etc/apparmor.d/libvirt/{_PROFILE}"
# Said of every run on a kernel without AppArmor; the compiler needs no kernel.
_NO_KERNEL = re.compile(r"^Cache read/write disabled: interface file missing.*\n?", re.MULTILINE)


def apparmor_parser(root: Root, files: Mapping[str, str]) -> str:
    """Compile the profile that libvirt's own template gives a guest, with ``files`` (absolute path to text) in place.

    Nothing is loaded into a kernel. Returns the profile with every include written out, which shows whether
    the release reads a file at all. Raises ``Refused``.
    """
    with root.session() as session:
        for path, text in files.items():
            session.put(path, text)
        template = session.read("/etc/apparmor.d/libvirt/TEMPLATE.qemu").decode()
        session.put(_PATH, template.replace("LIBVIRT_TEMPLATE", _PROFILE))
        done = session.run(["apparmor_parser", "--skip-kernel-load", "--skip-cache", _PATH], check=False)
        if done.returncode:
            raise Refused(_NO_KERNEL.sub("", done.stderr).strip())
        return session.run(["apparmor_parser", "--preprocess", _PATH]).stdout


def virt_aa_helper(root: Root, domain_xml: str, existing: Iterable[str] = ()) -> str:
    """The rules that libvirt would add to the guest's profile for this domain, one a line.

    ``existing`` are files that lie on the host, such as the battery table: of a path that is not there
    virt-aa-helper does not check the type. Raises ``Refused`` for a path that it will not allow.
    """
    found = re.search(r"<uuid>(.*?)</uuid>", domain_xml)
    profile = f"libvirt-{found[1].strip()}" if found else _PROFILE
    with root.session() as session:
        for path in existing:
            session.put(path, "")
        command = ["/usr/lib/libvirt/virt-aa-helper", "--create", "--dryrun", "--uuid", profile]
        done = session.run(command, input=domain_xml, check=False)
    if done.returncode:
        raise Refused(done.stderr.strip())
    return done.stderr
