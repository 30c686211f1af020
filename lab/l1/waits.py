"""A driver of our own whose removal waits for its users inside the kernel, as NVIDIA's does, and has its name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.consumers import roots
from lab.l1.kept import identity, kept

if TYPE_CHECKING:
    from pathlib import Path

    from lab.consumers.roots import Root

_BUILD_SECONDS = 300
NODE = "/dev/waits"
# The id is nobody's: only driver_override brings a function to it.
_SOURCE = """\
#include <linux/atomic.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/wait.h>

static DECLARE_WAIT_QUEUE_HEAD(left);
static atomic_t users = ATOMIC_INIT(0);

static int waits_open(struct inode *inode, struct file *file)
{
	atomic_inc(&users);
	return 0;
}

static int waits_release(struct inode *inode, struct file *file)
{
	atomic_dec(&users);
	wake_up(&left);
	return 0;
}

static const struct file_operations operations = {
	.owner = THIS_MODULE, .open = waits_open, .release = waits_release,
};
static struct miscdevice node = { .minor = MISC_DYNAMIC_MINOR, .name = "waits", .fops = &operations };

static int waits_probe(struct pci_dev *device, const struct pci_device_id *id)
{
	return 0;
}

static void waits_remove(struct pci_dev *device)
{
	wait_event(left, atomic_read(&users) == 0);
}

static const struct pci_device_id ids[] = { { PCI_DEVICE(0x1234, 0xffff) }, { } };
static struct pci_driver driver = {
	.name = "nvidia", .id_table = ids, .probe = waits_probe, .remove = waits_remove,
};

static int __init waits_init(void)
{
	int error = misc_register(&node);

	if (error)
		return error;
	error = pci_register_driver(&driver);
	if (error)
		misc_deregister(&node);
	return error;
}

static void __exit waits_exit(void)
{
	pci_unregister_driver(&driver);
	misc_deregister(&node);
}

module_init(waits_init);
module_exit(waits_exit);
MODULE_DESCRIPTION("A driver whose removal waits for its users");
MODULE_LICENSE("GPL");
"""


def waiting_module(root: Root) -> dict[str, str | bytes]:
    """The module as a file for ``build_image``. It is built once.

    Raises ``Unavailable`` and ``RuntimeError``, as ``kvmfr_module``.
    """
    (release,) = (entry.name for entry in (root.path / "lib/modules").iterdir())
    headers = roots.module_build_root(release)
    line = ["make", "-C", f"/lib/modules/{release}/build", "M=/tmp/module", "modules"]

    def fill(place: Path) -> None:
        with headers.session() as session:
            session.put("/tmp/module/nvidia.c", _SOURCE)
            session.put("/tmp/module/Makefile", "obj-m := nvidia.o\n")
            session.run(line, timeout=_BUILD_SECONDS)
            (place / "nvidia.ko").write_bytes(session.read("/tmp/module/nvidia.ko"))

    with kept("waits", (identity(headers), _SOURCE, line), fill) as place:
        return {f"/lib/modules/{release}/updates/nvidia.ko": (place / "nvidia.ko").read_bytes()}
