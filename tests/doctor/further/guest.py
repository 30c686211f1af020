"""What the guests need: shared memory, memory, firmware, libvirt, its hook, the client, images, files, loaders."""

from __future__ import annotations

import tarfile

from tests.doctor.cases import (
    CLIENT,
    DEFINED,
    DMESG,
    NETWORKS,
    ON_DEMAND,
    PAGES,
    RUNS,
    SHM,
    SOCKETS,
    STORE,
    Edits,
    qemu,
)
from tests.doctor.further import NIXOS, Further
from tests.doctor.hook import HOOK, LIBVIRTD, OUR_HOOK, hook_of
from tests.doctor.machine import GUEST, HIDDEN, Members, Node, link
from tests.stores import CA_2023, trusting

NO_USER: Edits = (('user = "alice"\n', ""),)
NO_DEV: Members = dict.fromkeys(("/dev", "/dev/kvm", "/dev/kvmfr0", "/dev/null"))
MEMORY: dict[str, Further] = {
    "no /sys": ("kvmfr.module", {"/sys/module": None}, (), "unseen: this tree has no /sys"),
    "no kvmfr wanted": ("kvmfr.module", {}, SHM, ""),
    "no /dev": ("kvmfr.device", NO_DEV, (), "unseen"),
    "a folder": ("kvmfr.device", {"/dev/kvmfr0": link("x"), "/dev/x/y": ""}, (), "broken: folder"),
    "a size, and no device": ("kvmfr.size", {"/dev/kvmfr0": None}, (), ""),
    "a size, not loaded": ("kvmfr.size", {"/sys/module/kvmfr": None}, (), ""),
    "access to nothing": ("memory.access", {"/dev/kvmfr0": None}, (), ""),
    "access by a group": ("memory.access", {"/dev/kvmfr0": Node(gid=104)}, (), "holds: 0660 root:kvm: alice is in kvm"),
    "access of the owner": (
        "memory.access",
        {"/dev/kvmfr0": Node(mode=0o600, uid=1000)},
        (),
        "holds: 0600 alice:root: alice owns it",
    ),
    "access of everybody": ("memory.access", {"/dev/kvmfr0": Node(mode=0o666)}, (), "holds: 0666 root:root: alice may"),
    "an owner who may only read": (
        "memory.access",
        {"/dev/kvmfr0": Node(mode=0o460, uid=1000)},
        (),
        "broken: 0460 alice:root: not for alice",
    ),
    "a group that may only read": ("memory.access", {"/dev/kvmfr0": Node(mode=0o640, gid=104)}, (), "broken: 0640"),
    "everybody may only read": ("memory.access", {"/dev/kvmfr0": Node(mode=0o664)}, (), "broken: 0664"),
    "numbers without names": (
        "memory.access",
        {"/dev/kvmfr0": Node(uid=77, gid=78, acl="user::rw-,user:79:rw-,user:1000:rw-,mask::rw-,other::---")},
        (),
        "holds: 0660 77:78, and by list 79, alice",
    ),
    "a list of others": (
        "memory.access",
        {"/dev/kvmfr0": Node(acl="user::rw-,user:79:rw-,mask::rw-,other::---")},
        (),
        "broken: 0660 root:root, and by list 79: not for alice",
    ),
    "nobody says who": ("memory.access", {"/etc/passwd": "root:x:0:0::/root:/bin/sh\n"}, NO_USER, "unseen: 0660"),
    "no /dev/shm": (
        "shm.file",
        NO_DEV,
        SHM,
        "unseen",
    ),
    "a file in its size": ("shm.file", {"/dev/shm/looking-glass": bytes(32 << 20)}, SHM, "holds: a file"),
    "an empty file": ("shm.file", {"/dev/shm/looking-glass": ""}, SHM, "holds: a file"),
    "a folder of that name": ("shm.file", {"/dev/shm/looking-glass/x": ""}, SHM, "broken: folder"),
    "an empty list": (
        "qemuConf.devices",
        {"/etc/libvirt/qemu.conf": "cgroup_device_acl = []\n"},
        (),
        "broken: without",
    ),
    "the last list wins": (
        "qemuConf.devices",
        {"/etc/libvirt/qemu.conf": 'cgroup_device_acl = ["/dev/full"]\ncgroup_device_acl = ["/dev/null"]\n'},
        (),
        "broken: without /dev/full, /dev/zero",
    ),
    "a list with a comment": (
        "qemuConf.devices",
        {"/etc/libvirt/qemu.conf": ' cgroup_device_acl=[ # ours "/dev/full"\n"/dev/kvmfr0" ]\n'},
        (),
        "broken: without /dev/null, /dev/full",
    ),
    "no such file": ("qemuConf.devices", {"/etc/libvirt/qemu.conf": None}, (), "broken: no such file"),
    "a file for root": ("qemuConf.devices", {"/etc/libvirt/qemu.conf": HIDDEN}, (), "unseen: only root may read it"),
    "no /etc": ("qemuConf.devices", {"/etc": None}, (), "unseen: this tree has no /etc"),
    "of NixOS": ("qemuConf.devices", {}, NIXOS, "broken: no such file"),
}

GIB = "MemTotal: {} kB\nHugepagesize: {} kB\n"
HOST_TPM: Edits = (('memory = "8GiB"', 'memory = "8GiB"\ntpm.backend = "passthrough"'),)
GUESTS: dict[str, Further] = {
    "a GiB for the host": ("memory.fits", {"/proc/meminfo": GIB.format(9 << 20, 2048)}, (), "holds: 8GiB of 9.0GiB"),
    "less for the host": ("memory.fits", {"/proc/meminfo": GIB.format((9 << 20) - 1, 2048)}, (), "broken: 8GiB of 9.0"),
    "just enough pages": ("memory.hugepages", {f"{PAGES}/free_hugepages": "4096\n"}, (), "holds: 4096 of 2MiB free"),
    "a page too few": ("memory.hugepages", {f"{PAGES}/free_hugepages": "4095\n"}, (), "broken: 4095 of 2MiB free"),
    "it runs already": ("memory.hugepages", {**RUNS, f"{PAGES}/free_hugepages": "0\n"}, (), ""),
    "pages of the kernel's default": (
        "memory.hugepages",
        {
            "/proc/meminfo": GIB.format(32 << 20, 1 << 20),
            "/sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages": "9\n",
            "/sys/kernel/mm/hugepages/hugepages-1048576kB/free_hugepages": "7\n",
        },
        (),
        "broken: 7 of 1GiB free, 8 needed",
    ),
    "no huge pages wanted": ("memory.hugepages", {}, (("memoryBacking.hugepages = true\n", ""),), ""),
    "a limit as high as the guest": (
        "memory.locked",
        {**RUNS, "/proc/77/limits": f"Max locked memory {8 << 30} {8 << 30} bytes\n"},
        (),
        "holds: 8589934592 bytes",
    ),
    "a byte below": (
        "memory.locked",
        {**RUNS, "/proc/77/limits": f"Max locked memory {(8 << 30) - 1} {8 << 30} bytes\n"},
        (),
        "broken: 8589934591 bytes",
    ),
    "a limit that is hidden": ("memory.locked", {**RUNS, "/proc/77/comm": "q"}, (), "unseen: its process' limits"),
    "a process that is gone": ("memory.locked", RUNS, (), "holds: no complaint"),
    "no log": ("memory.locked", {DMESG: None}, (), "unseen: no journal"),
    "twenty lines later": (
        "tpm.state",
        {"/var/log/swtpm/libvirt/qemu/win11-swtpm.log": "CMD_INIT: 0x101\n" + "fine\n" * 20},
        (),
        "holds: no complaint",
    ),
    "nineteen lines later": (
        "tpm.state",
        {"/var/log/swtpm/libvirt/qemu/win11-swtpm.log": "CMD_INIT: 0x101\n" + "fine\n" * 19},
        (),
        "broken: CMD_INIT: 0x101",
    ),
    "a long line": (
        "tpm.state",
        {"/var/log/swtpm/libvirt/qemu/win11-swtpm.log": f"Xfailed{'x' * 4090}"},
        (),
        "broken: failedx",
    ),
    "a log that is hidden": (
        "tpm.state",
        {"/var/log/swtpm/libvirt/qemu/win11-swtpm.log": HIDDEN},
        (),
        "unseen: root's alone",
    ),
    "no logs": ("tpm.state", {"/var/log/swtpm": None}, (), ""),
    "never started": (
        "tpm.state",
        {"/var/log/swtpm/libvirt/qemu/win11-swtpm.log": None, "/var/log/swtpm/libvirt/qemu/x.log": ""},
        (),
        "holds: no complaint",
    ),
    "a guest that does not run": ("guest.report", {GUEST: "gpuDriver lacks it"}, (), ""),
    "a device that is not there": (
        "guest.report",
        {**RUNS, GUEST: "device -1 NVIDIA"},
        (),
        "broken: NVIDIA: not there",
    ),
    "a device that works": ("guest.report", {**RUNS, GUEST: "device 0 NVIDIA"}, (), ""),
}

STATED: Edits = (
    ("cpu.topology", 'firmware = { loader = "/fw/CODE.fd", nvramTemplate = "/fw/VARS.fd" }\ncpu.topology'),
)
FIRMWARE: dict[str, Further] = {
    "stated, there": ("firmware.image", {"/fw/CODE.fd": "x"}, STATED, "holds: there"),
    "stated, not there": ("firmware.image", {}, STATED, "unseen: not in this tree"),
    "keys of 2023": ("firmware.keys", {**DEFINED, STORE: trusting(CA_2023)}, (), "holds: keys of 2023"),
    "no keys": ("firmware.keys", {**DEFINED, STORE: trusting()}, (), "holds: no keys"),
    "a store that is hidden": ("firmware.keys", {**DEFINED, STORE: HIDDEN}, (), "unseen: root's alone"),
    "no store yet": ("firmware.keys", DEFINED, (), ""),
    "no such VM": ("firmware.keys", {"/etc/libvirt/qemu/win11.xml": None}, (), ""),
    "no XML": ("firmware.keys", {"/etc/libvirt/qemu/win11.xml": "<domain"}, (), ""),
    "a store of another place": (
        "firmware.keys",
        {"/etc/libvirt/qemu/win11.xml": "<domain><os><nvram>vars.fd</nvram></os></domain>", "/vars.fd": trusting()},
        (),
        "",
    ),
}

LIBVIRTS: dict[str, Further] = {
    "sockets that are not shown": ("libvirt.daemon", {"/proc/net": None}, (), "holds: there"),
    "of the modular daemon": (
        "libvirt.daemon",
        {
            "/run/libvirt/libvirt-sock": None,
            "/run/libvirt/virtqemud-sock": "",
            "/proc/net/unix": SOCKETS.format("00010000", "/run/libvirt/virtqemud-sock"),
        },
        (),
        "holds: somebody listens",
    ),
    "no VM": ("libvirt.daemon", {}, None, ""),
    "networks that are hidden": ("libvirt.networks", {NETWORKS: HIDDEN}, (), "unseen: only root may look there"),
    "networks, and no /run": ("libvirt.networks", {"/run": None}, (), "holds: "),
    "a definition for root": ("domain.plan", {"/etc/libvirt/qemu/win11.xml": HIDDEN}, (), "unseen: root's alone"),
    "definitions for root": ("domain.plan", {"/etc/libvirt/qemu": HIDDEN}, (), "unseen: only root may look there"),
    "many differences": (
        "domain.plan",
        {"/etc/libvirt/qemu/win11.xml": "<domain type='kvm'><name>win11</name><os><type>hvm</type></os></domain>"},
        (),
        "broken: ",
    ),
    "of NixOS, the definition": (
        "domain.plan",
        {"/etc/os-release": "ID=nixos\n", "/var/lib/libvirt/qemu/x": ""},
        NIXOS,
        "broken: libvirt does not know",
    ),
    "no log": ("domain.log", {"/var/log/libvirt/qemu/win11.log": None}, (), ""),
    "a log for root": ("domain.log", {"/var/log/libvirt/qemu/win11.log": HIDDEN}, (), "unseen: root's alone"),
    "a log without a start": (
        "domain.log",
        {"/var/log/libvirt/qemu/win11.log": "vfio 0000:01:00.0: group 1 is not viable\n"},
        (),
        "broken: vfio 0000:01:00.0: group 1 is not viable",
    ),
    "a line of its own command": (
        "domain.log",
        qemu("x\n-device group 1 is not viable\ngroup 2 is not viable \\"),
        (),
        "holds",
    ),
    "a line of 300": ("domain.log", qemu("group 1 is not viable" + "x" * 279), (), "broken: group 1 is not viable"),
    "a line of 301": ("domain.log", qemu("group 1 is not viable" + "x" * 280), (), "broken: group 1 is not viable"),
    "the same twice": (
        "domain.log",
        qemu("group 1 is not viable\n2026-11-02T10:00:06.1Z qemu-system-x86_64: group 2 is not viable"),
        (),
        "broken: group 2 is not viable",
    ),
}

CALLS = "/etc/libvirt/hooks/qemu.d/win11/{}"
HOOKS: dict[str, Further] = {
    "no hook needed": ("hook.there", {}, (), ""),
    "NixOS' place": (
        "hook.there",
        {**HOOK, OUR_HOOK: None, "/var/lib/libvirt/hooks/qemu.d/optimux": "#!/bin/sh\n"},
        ON_DEMAND,
        "holds: there",
    ),
    "seen, not needed": ("hook.seen", hook_of(1360), (), ""),
    "seen, no hook": ("hook.seen", LIBVIRTD, ON_DEMAND, ""),
    "as old as the daemon": ("hook.seen", hook_of(1300), ON_DEMAND, "holds: libvirtd has looked since"),
    "a second later": ("hook.seen", hook_of(1301), ON_DEMAND, "broken: libvirtd is 1 s older than the hook"),
    "the other daemon": (
        "hook.seen",
        {**hook_of(1360), "/run/libvirtd.pid": None, "/run/virtqemud.pid": "812\n"},
        ON_DEMAND,
        "broken: virtqemud is 60 s older",
    ),
    "one of all, before the daemon": (
        "hook.seen",
        {**hook_of(1360), "/etc/libvirt/hooks/qemu": Node(tarfile.REGTYPE, 0o755, modified=1200)},
        ON_DEMAND,
        "holds: libvirtd has looked since, for /etc/libvirt/hooks/qemu\n",
    ),
    "no daemon": ("hook.seen", {**hook_of(1360), "/run/libvirtd.pid": None}, ON_DEMAND, "holds: no daemon runs"),
    "no time of its start": ("hook.seen", {**hook_of(1360), "/proc/812/stat": "812 (x) S 1 2"}, ON_DEMAND, "holds: no"),
    "no time of the boot": ("hook.seen", {**hook_of(1360), "/proc/stat": "cpu 1\n"}, ON_DEMAND, "holds: no daemon"),
    "a boolean for root": (
        "hook.selinux",
        {**HOOK, "/sys/fs/selinux/booleans/virt_hooks_unconfined": HIDDEN},
        ON_DEMAND,
        "unseen: only root may read it",
    ),
    "SELinux permissive": (
        "hook.selinux",
        {**HOOK, "/sys/fs/selinux/enforce": "0", "/sys/fs/selinux/booleans/virt_hooks_unconfined": "0 0"},
        ON_DEMAND,
        "",
    ),
    "no such boolean": (
        "hook.selinux",
        {**HOOK, "/sys/fs/selinux/booleans/virt_hooks_unconfined": None},
        ON_DEMAND,
        "",
    ),
    "another, not needed": ("hook.alone", {"/etc/libvirt/hooks/qemu": "rmmod nvidia\n"}, (), ""),
    "no hooks": ("hook.alone", {}, ON_DEMAND, ""),
    "one of NixOS'": (
        "hook.alone",
        {"/var/lib/libvirt/hooks/qemu": "modprobe -r nvidia\n"},
        ON_DEMAND,
        "broken: another hook with modprobe -r",
    ),
    "one that takes nothing": ("hook.alone", {CALLS.format("a"): "echo\n"}, ON_DEMAND, "holds: none"),
    "one for networks": ("hook.alone", {"/etc/libvirt/hooks/network": "rmmod x\n"}, ON_DEMAND, "holds: none"),
}

SETTINGS = "[app]\nshmFile=/dev/kvmfr0\n"
HOME = "/home/alice/.looking-glass-client.ini"
NO_CLIENT: Edits = (('memory = "kvmfr"', 'memory = "kvmfr"\ninstallClient = false'),)
CLIENTS: dict[str, Further] = {
    "no client wanted": ("client.there", {CLIENT: None}, NO_CLIENT, ""),
    "one built here": ("client.there", {"/usr/local/bin/looking-glass-client": ""}, (), "holds: there"),
    "one of NixOS'": (
        "client.there",
        {CLIENT: None, "/run/current-system/sw/bin/looking-glass-client": ""},
        (),
        "holds: there",
    ),
    "no release of none": ("client.release", {CLIENT: None}, (), ""),
    "no settings to see": ("client.settings", {"/etc": None}, (), "unseen: this tree has no /etc"),
    "the user's, right": ("client.settings", {HOME: SETTINGS}, (), "holds: app:shmfile=/dev/kvmfr0"),
    "the user's first file": ("client.settings", {HOME: "[app]\nshmFile=/x\n"}, (), "broken: /x"),
    "the user's last file wins": (
        "client.settings",
        {HOME: "[app]\nshmFile=/x\n", "/home/alice/.config/looking-glass/client.ini": SETTINGS},
        (),
        "holds",
    ),
    "the user's, hidden": ("client.settings", {HOME: HIDDEN}, (), "unseen: a file of the user's may say otherwise"),
    "a comment": ("client.settings", {HOME: "[ app ]\n;shmFile=/x\n#shmFile=/y\nshmFile : z\n"}, (), "holds"),
    "another user's": ("client.settings", {"/home/bob/.looking-glass-client.ini": "[app]\nshmFile=/x\n"}, (), "holds"),
}
