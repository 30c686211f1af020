"""Each wrapper of a real consumer takes a good input and notices a bad one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lab.consumers.apparmor import apparmor_parser, virt_aa_helper
from lab.consumers.host_files import modprobe_showconfig, nix_instantiate_parse, systemd_tmpfiles, udevadm_verify
from lab.consumers.initramfs import dracut
from lab.consumers.libvirt_schema import libvirt_schema_validate
from lab.consumers.libvirtd import Libvirtd, qemu_conf
from lab.consumers.looking_glass import looking_glass_client
from lab.consumers.survival import lost
from lab.errors import Refused

if TYPE_CHECKING:
    from lab.consumers.initramfs import Image
    from lab.consumers.roots import Root

UUID = "5c2e5b3e-9f0e-4c0a-8f5e-0d3c1f1a7b11"
IDS = "10de:249d,10de:228b"
RULE = 'SUBSYSTEM=="kvmfr", GROUP="kvm", MODE="0660", TAG+="uaccess"\n'
VFIO = ("vfio_pci", "vfio", "vfio_iommu_type1")


def domain(inside: str, devices: str = "", *, name: str = "consumers") -> str:
    """A small KVM domain."""
    return f"""<domain type='kvm'>
  <name>{name}</name><uuid>{UUID}</uuid><memory unit='GiB'>2</memory><vcpu>2</vcpu>
  <os><type arch='x86_64' machine='q35'>hvm</type>{inside}</os>
  <features><acpi/></features>
  <devices><emulator>/usr/bin/qemu-system-x86_64</emulator>{devices}</devices>
</domain>"""


def table(path: str) -> str:
    return f"<acpi><table type='raw'>{path}</table></acpi>"


class TestRoot:
    def test_a_session_leaves_no_trace(self, trixie: Root) -> None:
        with trixie.session() as session:
            session.put("/etc/optimux-was-here", "yes")
            assert session.read("/etc/optimux-was-here") == b"yes"
            session.put("/usr/bin/true", "#!/bin/sh\nexit 1\n", 0o755)
            assert session.run(["true"], check=False).returncode == 1
        assert trixie.run(["cat", "/etc/optimux-was-here"], check=False).returncode == 1
        assert trixie.run(["true"], check=False).returncode == 0

    def test_processes_end_with_the_session(self, trixie: Root) -> None:
        with trixie.session() as session:
            session.run(["sh", "-c", "sleep 600 >/dev/null 2>&1 &"])
            assert "sleep" in session.run(["sh", "-c", "cat /proc/[0-9]*/comm"]).stdout
            process = session._init
        assert process.poll() is not None

    def test_the_machine_is_not_visible(self, trixie: Root, tmp_path_factory: pytest.TempPathFactory) -> None:
        secret = tmp_path_factory.mktemp("host") / "file"
        secret.write_text("from the machine")
        assert trixie.run(["cat", str(secret)], check=False).returncode == 1
        assert trixie.run(["cat", "/in/file"], binds={secret: "/in/file"}).stdout == "from the machine"
        write = trixie.run(["sh", "-c", "echo no >/in/file"], binds={secret: "/in/file"}, check=False)
        assert write.returncode
        assert secret.read_text() == "from the machine"

    def test_a_failing_command_speaks(self, trixie: Root) -> None:
        with pytest.raises(Refused, match=r"exited with 3: words"):
            trixie.run(["sh", "-c", "echo words >&2; exit 3"])


class TestLibvirtd:
    @pytest.mark.parametrize("release", ["bookworm", "trixie"])
    def test_define_and_dump(self, release: str, request: pytest.FixtureRequest) -> None:
        libvirtd: Libvirtd = request.getfixturevalue(f"libvirtd_{release}")
        assert libvirtd.version() == {"bookworm": "9.0.0", "trixie": "11.3.0"}[release]
        video = "<video><model type='qxl'/></video><graphics type='spice'/>"
        xml = domain("", video)
        assert lost(xml.replace("'q35'", f"'{self.machine(release)}'"), libvirtd.kept(xml, "consumers")) == []

    @staticmethod
    def machine(release: str) -> str:
        return {"bookworm": "pc-q35-7.2", "trixie": "pc-q35-10.0"}[release]

    def test_refuses_in_its_own_words(self, libvirtd_trixie: Libvirtd) -> None:
        with pytest.raises(Refused, match="voodoo2"):
            libvirtd_trixie.define(domain("", "<video><model type='voodoo2'/></video>"))

    def test_native(self, libvirtd_trixie: Libvirtd) -> None:
        libvirtd_trixie.define(domain(table("/var/lib/libvirt/acpi/ssdt1.aml")))
        try:
            assert "file=/var/lib/libvirt/acpi/ssdt1.aml" in libvirtd_trixie.domxml_to_native("consumers")
        finally:
            libvirtd_trixie.undefine("consumers")

    def test_the_older_release_drops_silently(self, libvirtd_bookworm: Libvirtd, libvirtd_trixie: Libvirtd) -> None:
        cpu = "<cpu mode='host-passthrough'><maxphysaddr mode='passthrough' limit='39'/></cpu>"
        xml = domain("").replace("<features>", f"{cpu}<features>").replace("'q35'", "'pc-q35-7.2'")
        assert lost(xml, libvirtd_trixie.kept(xml, "consumers")) == []
        assert lost(xml, libvirtd_bookworm.kept(xml, "consumers")) == [
            "/domain/cpu/maxphysaddr: attribute limit='39' is gone"
        ]

    def test_without_kvm(self, trixie: Root) -> None:
        with trixie.session() as session:
            session.run(["rm", "-f", "/dev/kvm"])
            with Libvirtd(session) as libvirtd:
                assert not libvirtd.has_kvm
                kept = libvirtd.kept(domain(""), "consumers")
                libvirtd.define(domain(""))
                assert "<domain type='qemu'" in libvirtd.dumpxml("consumers")
        assert kept.startswith("<domain type='kvm'")

    def test_with_kvm(self, libvirtd_trixie: Libvirtd) -> None:
        # Only root can make the node that every user may open.
        assert libvirtd_trixie.has_kvm == (Path("/dev/kvm").exists() and os.geteuid() == 0)

    def test_qemu_conf(self, trixie: Root) -> None:
        qemu_conf(trixie, 'cgroup_device_acl = [ "/dev/null", "/dev/kvmfr0" ]\n')
        with pytest.raises(Refused, match="expecting a separator in list"):
            qemu_conf(trixie, 'cgroup_device_acl = [ "/dev/null" "/dev/kvmfr0" ]\n')


class TestSchema:
    def test_each_release_has_its_own(self, bookworm: Root, trixie: Root) -> None:
        libvirt_schema_validate(bookworm, domain(""))
        libvirt_schema_validate(trixie, domain(table("/ssdt1.aml")))
        with pytest.raises(Refused, match="element os"):
            libvirt_schema_validate(bookworm, domain(table("/ssdt1.aml")))


class TestHostFiles:
    def test_udev(self, trixie: Root) -> None:
        udevadm_verify(trixie, {"70-kvmfr.rules": RULE})

    @pytest.mark.parametrize(
        ("old", "new", "words"),
        [("==", "=", "Invalid operator"), ('"kvm"', '"nobodys"', "Unknown group"), (", ", ",", "style")],
    )
    def test_udev_refuses(self, trixie: Root, old: str, new: str, words: str) -> None:
        with pytest.raises(Refused, match=words):
            udevadm_verify(trixie, {"70-kvmfr.rules": RULE.replace(old, new)})

    def test_tmpfiles(self, trixie: Root) -> None:
        done = systemd_tmpfiles(trixie, "f /dev/shm/looking-glass 0660 root kvm -\n")
        assert done == ["Would create file /dev/shm/looking-glass"]

    @pytest.mark.parametrize(
        ("line", "words"),
        [
            ("f /a 0660 nosuchuser kvm -", "resolve user"),
            ("f /a 0990 root kvm -", "mode"),
            ("!? /a", "Unknown command type"),
        ],
    )
    def test_tmpfiles_refuses(self, trixie: Root, line: str, words: str) -> None:
        with pytest.raises(Refused, match=words):
            systemd_tmpfiles(trixie, f"{line}\n")

    def test_modprobe(self, trixie: Root) -> None:
        done = modprobe_showconfig(trixie, {"optimux.conf": f"options vfio-pci ids={IDS}\nblacklist nouveau\n"})
        assert f"options vfio_pci ids={IDS}" in done
        assert "blacklist nouveau" in done

    @pytest.mark.parametrize("line", ["optons vfio-pci ids=x", "softdep nouveau", "blacklist"])
    def test_modprobe_refuses(self, trixie: Root, line: str) -> None:
        with pytest.raises(Refused, match="ignoring bad line"):
            modprobe_showconfig(trixie, {"optimux.conf": f"{line}\n"})

    def test_nix(self, trixie: Root) -> None:
        assert nix_instantiate_parse(trixie, "{ lib, ... }: { a = 1; }").strip()
        with pytest.raises(Refused, match="syntax error"):
            nix_instantiate_parse(trixie, "{ lib, ... }: { a = 1 }")


class TestAppArmor:
    def test_drop_in_of_the_newer_release(self, bookworm: Root, trixie: Root) -> None:
        drop_in = {"/etc/apparmor.d/abstractions/libvirt-qemu.d/optimux": "/dev/kvmfr0 rw,\n"}
        assert "/dev/kvmfr0 rw," in apparmor_parser(trixie, drop_in)
        assert "/dev/kvmfr0 rw," not in apparmor_parser(bookworm, drop_in)

    def test_local_file(self, bookworm: Root) -> None:
        local = "/etc/apparmor.d/local/abstractions/libvirt-qemu"
        assert "/dev/kvmfr0 rw," in apparmor_parser(bookworm, {local: "/dev/kvmfr0 rw,\n"})
        with pytest.raises(Refused, match="syntax error"):
            apparmor_parser(bookworm, {local: "/dev/kvmfr0 rw\n"})

    def test_virt_aa_helper(self, trixie: Root) -> None:
        shmem = "<shmem name='looking-glass'><model type='ivshmem-plain'/><size unit='M'>32</size></shmem>"
        path = "/var/lib/libvirt/acpi/ssdt1.aml"
        rules = virt_aa_helper(trixie, domain(table(path), shmem), existing=[path])
        assert f'"{path}" r,' in rules
        assert '"/dev/shm/looking-glass" rw,' in rules
        with pytest.raises(Refused, match="skipped restricted file"):
            virt_aa_helper(trixie, domain(table("/etc/ssdt1.aml"), shmem), existing=["/etc/ssdt1.aml"])


class TestLookingGlass:
    def test_reads_the_ini(self, sid: Root) -> None:
        reading = looking_glass_client(sid, "[app]\nshmFile=/dev/kvmfr0\n[win]\nfullScreen=yes\n")
        assert reading.complaints == ()
        assert reading.values["app:shmFile"] == "/dev/kvmfr0"
        assert reading.values["win:fullScreen"] == "yes"
        assert reading.values["spice:enable"] == "yes"

    def test_complains(self, sid: Root) -> None:
        reading = looking_glass_client(sid, "[lgmp]\nshmDevice=/dev/kvmfr0\n[input]\nescapeKey=KEY_NONE\n")
        assert reading.complaints[0] == "Ignored unknown option lgmp:shmDevice"
        assert "Failed to set the option value" in reading.complaints


class TestInitramfs:
    files = {  # noqa: RUF012 - never changed
        "/etc/modprobe.d/optimux.conf": f"options vfio-pci ids={IDS}\nsoftdep bochs pre: vfio-pci\n",
        "/etc/initramfs-tools/modules": "\n".join(VFIO),
        "/etc/dracut.conf.d/optimux.conf": f'force_drivers+=" {" ".join(VFIO)} "\n',
    }

    @pytest.mark.xdist_group("initramfs")
    def test_update_initramfs_alone(self, plain_initramfs: Image) -> None:
        assert not {"vfio_pci", "vfio"} & plain_initramfs.modules()
        assert plain_initramfs.loads["bochs"][-1] == "bochs"
        assert not [line for line in plain_initramfs.loads["bochs"] if line.startswith("vfio")]

    def test_dracut(self, trixie: Root) -> None:
        image = dracut(trixie, self.files, hostonly=True)
        assert {"bochs", *VFIO} <= image.modules()
        assert "rd.driver.pre=vfio_pci" in image.texts["etc/cmdline.d/20-force_drivers.conf"]
        assert image.loads["bochs"][-2:] == (f"vfio_pci ids={IDS}", "bochs")

    def test_dracut_generic_lacks_modprobe_d(self, trixie: Root) -> None:
        image = dracut(trixie, self.files)
        assert "etc/modprobe.d/optimux.conf" not in image.texts
        assert image.loads["vfio_pci"][-1] == "vfio_pci"
