"""A Linux guest in which QEMU's own agent stands where Windows' would: what Optimux asks, it asks of the real program.

Linux takes Windows' paths for plain names: a program called ``C:\\Windows\\…\\powershell.exe`` lies in the path, the
report below ``/``. So what is asked is unchanged, and what of it PowerShell would do a shell's script does.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

from optimux.guest.provisioning import POWERSHELL, REPORT
from optimux.vm.errors import VmError
from optimux.vm.linux import cpio, debian_package
from optimux.vm.linux.kernel import read_module

# For the command line: what costs an emulated processor time is left out.
QUICK = (
    "console=ttyS0 quiet mitigations=off nokaslr random.trust_cpu=on tsc=reliable no_timer_check no5lvl audit=0 "
    "rodata=off initcall_blacklist=jent_mod_init,trace_eval_init,load_system_certificate_list"
)
_ZSTD = b"\x28\xb5\x2f\xfd"
MODULES = ("virtio_blk", "ahci", "sr_mod", "isofs")
_FOLDERS = ("bin", "dev", "lib", "lib64", "media", "modules", "proc", "run", "sbin", "sys", "var", "var/run", "tmp")
_APPLETS = ("sh", "mount", "umount", "insmod", "cat", "cp", "dd", "echo", "grep", "ls", "mkdir", "printf", "reboot")
_MORE_APPLETS = ("sleep", "sed", "sync", "tr", "uname", "sha256sum")
# Setup reads its answers first, and holds their medium when the agent comes.
_INIT = """#!/bin/sh
export PATH=/bin:/sbin
mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t sysfs sys /sys
for module in /modules/*; do insmod "$module"; done
while [ ! -e /dev/vda ] || [ ! -e /dev/sr0 ]; do sleep 1; done
for drive in /dev/sr*; do
    mount -t iso9660 -o ro "$drive" /media || continue
    if [ -e /media/Autounattend.xml ]; then sha256sum </media/Autounattend.xml >/answers; break; fi
    umount /media
done
for port in /sys/class/virtio-ports/*; do
    [ "$(cat "$port/name")" = org.qemu.guest_agent.0 ] && agent=/dev/${port##*/}
done
cd /
while :; do
    echo "agent $agent"
    qemu-ga -m virtio-serial -p "$agent" -t /run -f /run/agent.pid
    sleep 1
done
"""
# The labels of the media that are in the drives, by ECMA-119 §8.4.7.
_LABELS = """#!/bin/sh
for drive in /dev/sr*; do
    label=$(dd if="$drive" bs=1 skip=32808 count=32 2>/dev/null) && [ -n "$label" ] && echo $label
done
[ ! -e /answers ] || cat /answers
"""
# The disk keeps how often the setup ran: the first run asks for a restart.
_SHELL = """#!/bin/sh
export PATH=/bin
boot=$(cat /proc/sys/kernel/random/boot_id)
case "$*" in
*LastBootUpTime*) printf %s "$boot"; exit ;;
esac
umount /media 2>/dev/null
for drive in /dev/sr*; do
    label=$(dd if="$drive" bs=1 skip=32808 count=7 2>/dev/null)
    [ "$label" = OPTIMUX ] && mount -t iso9660 -o ro "$drive" /media
done
[ -e /media/OPTIMUX/SETUP.PS1 ] || [ -e /media/optimux/setup.ps1 ] || exit 87
runs=$(dd if=/dev/vda bs=4 count=1 2>/dev/null | tr -d '\\0')
code=0 outcome=holds
case "$*" in *"-Run "*) run=${*##*-Run }; run=${run%%;*} ;; esac
case "$*" in
*-TestOnly*) ;;
*) [ -n "$runs" ] || code=3010 outcome=restart; printf more | dd of=/dev/vda conv=notrunc 2>/dev/null; sync ;;
esac
cat >'@REPORT@' <<END
{"format": 1, "vm": "w", "release": "b7", "exit": $code, "boot": "$boot", "run": "$run", "devices": [],
 "steps": [{"step": "windows", "outcome": "$outcome", "found": "$(uname -s)", "next": ""}]}
END
case "$*" in *-Json*) cat '@REPORT@' ;; esac
exit $code
"""


def initrd(root: Path) -> bytes:
    """The guest's file system, for the kernel of a Debian ``root``. Raises ``VmError`` where no agent can be had."""
    if not debian_package.available():
        raise VmError("no apt to fetch qemu-guest-agent with", "")
    return cpio.archive(_entries(root))


def kernel(root: Path) -> bytes:
    """Its kernel, unpacked: an emulated processor would take as long for that as for a third of the boot.

    Raises ``VmError`` where nothing unpacks it.
    """
    (image,) = (root / "boot").glob("vmlinuz-*")
    data = image.read_bytes()
    try:
        # What follows the compressed kernel in the image is no frame, which zstd says with its exit status.
        packed = data[data.index(_ZSTD) :]
        unpacked = subprocess.run(["zstd", "-dcq"], input=packed, capture_output=True, timeout=30, check=False).stdout
    except (OSError, ValueError) as error:
        raise VmError(f"{image} cannot be unpacked: {error}", "Install zstd.") from None
    assert unpacked.startswith(b"\x7fELF")
    return unpacked


def _entries(root: Path) -> Iterator[cpio.Entry]:
    yield from (cpio.folder(name) for name in _FOLDERS)
    yield cpio.character_device("dev/console", 5, 1)
    yield cpio.file("bin/busybox", (root / "usr/bin/busybox").read_bytes())
    yield from (cpio.link(f"bin/{name}", "busybox") for name in (*_APPLETS, *_MORE_APPLETS))
    yield cpio.file("init", _INIT.encode())
    yield cpio.file("bin/labels", _LABELS.encode())
    yield cpio.file(f"bin/{POWERSHELL}", _SHELL.replace("@REPORT@", f"/{REPORT}").encode())
    yield cpio.file("sbin/shutdown", b"#!/bin/sh\nexec /bin/busybox reboot -f\n")
    for number, path in enumerate(_modules(root), 10):
        yield cpio.file(f"modules/{number}-{path.name.partition('.')[0]}.ko", read_module(path))
    program = debian_package.files_of("qemu-guest-agent", lambda path: path == "usr/sbin/qemu-ga") / "usr/sbin/qemu-ga"
    yield cpio.file("sbin/qemu-ga", program.read_bytes())
    for library in _libraries(program):
        yield cpio.file(f"{'lib64' if library.name.startswith('ld-') else 'lib'}/{library.name}", library.read_bytes())


def _modules(root: Path) -> list[Path]:
    """The files of ``MODULES`` and of what they need, each behind what it needs itself."""
    (folder,) = (root / "lib/modules").iterdir()
    needs = dict(line.split(":", 1) for line in (folder / "modules.dep").read_text().splitlines())
    found: dict[Path, None] = {}
    for name in MODULES:
        path = next(path for path in needs if path.rpartition("/")[2].startswith(f"{name}.ko"))
        # modprobe loads a line of modules.dep from its end.
        found |= dict.fromkeys(folder / each for each in (*reversed(needs[path].split()), path))
    return list(found)


def _libraries(program: Path) -> list[Path]:
    lines = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout.splitlines()
    words = [word for line in lines for word in line.split() if word.startswith("/")]
    return [Path(word) for word in dict.fromkeys(words)]
