"""Each word of the tables by which a domain is refused because it cannot be understood, with what is said of it."""

from __future__ import annotations

import pytest

from optimux.errors import InvalidInput
from optimux.patch import patch_domain
from optimux.patch.concerns import CONCERNS
from tests.patch.plans import domain, plan

ALL = "hyperv,memory,gpu,pci,battery,video,input,audio,cpu"
# What each option may speak to, and a value of it that nobody can read.
SPEAKS_TO = {
    "acpitable": ("battery", "file='"),
    "cpu": ("hyperv,cpu", ""),
    "device": ("memory,gpu,pci,video,input,audio", "x,y='"),
    "blockdev": ("disks", "driver=file,node-name='"),
    "drive": ("disks,firmware", "file='"),
    "global": ("gpu", "x"),
    "M": (ALL, "q35,x='"),
    "machine": (ALL, "q35,x='"),
    "object": ("memory,input", "x,y='"),
    "readconfig": (ALL, "/x"),
    "set": ("gpu", "x"),
}


def refusals(text: str) -> list[str]:
    """What is wrong with a domain: found, allowed, remedy."""
    try:
        patch_domain(text.encode(), plan())
    except InvalidInput as error:
        problems = [problem for problem in error.problems if problem.path == "domain"]
        return [f"{problem.found}; {problem.allowed}; {problem.remedy}" for problem in problems]
    return []


@pytest.mark.parametrize("option", SPEAKS_TO)
def test_what_an_unreadable_option_may_speak_to(option: str) -> None:
    concerns, value = SPEAKS_TO[option]
    text = domain("", (f"-{option}", value, "-no-reboot"))
    (told,) = refusals(text)
    assert told.startswith(f"the argument -{option} {value}")
    assert told.endswith(f"what QEMU reads as -{option}; Correct it, or leave out what it may speak to: "
                         f"--except {concerns}.")  # fmt: skip
    assert patch_domain(text.encode(), plan(), except_=concerns.split(","))
    only = next(name for name in CONCERNS if name not in concerns.split(","))
    assert patch_domain(text.encode(), plan(), only=[only])


@pytest.mark.parametrize("option", ["netdev", "chardev", "audiodev"])
def test_what_speaks_to_nothing_may_be_anything(option: str) -> None:
    assert refusals(domain("", (f"-{option}", "x,y='"))) == []


@pytest.mark.parametrize(
    "name",
    ["os", "features", "cpu", "clock", "devices", "memory", "currentMemory", "vcpu", "memoryBacking", "cputune",
     "iothreads", "pm", "qemu:override"],
)  # fmt: skip
def test_what_a_domain_has_once(name: str) -> None:
    once = f"<{name}/>" if f"<{name}" not in domain("") else ""
    assert refusals(domain("", (), once)) == []
    assert refusals(domain("", (), once + f"<{name}/>")) == [
        f"<{name}> 2 times; each once; Put what they say into one of them."
    ]


def test_what_it_may_have_twice() -> None:
    assert refusals(domain("", (), "<metadata/><metadata/><x:os xmlns:x='y'/>")) == []


@pytest.mark.parametrize("name", ["commandline", "override", "capabilities", "deprecation"])
def test_what_needs_qemus_namespace(name: str) -> None:
    (told,) = refusals(domain("", (), f"<{name}/>"))
    assert told == (
        f"<{name}> without a namespace; <qemu:{name}> with xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'; "
        "libvirt drops it in silence: give it the prefix, or remove it."
    )
    assert refusals(domain("", (), f"<qemu:{name}/>")) == []


@pytest.mark.parametrize(
    ("option", "what", "value"),
    [
        ("device", "devices", "usb-kbd"),
        ("object", "objects", "rng-random"),
        ("chardev", "character devices", "null"),
        ("netdev", "network back ends", "user"),
        ("audiodev", "sound back ends", "none"),
    ],
)
def test_ids_that_are_given_twice(option: str, what: str, value: str) -> None:
    word = f"{value},id=a"
    assert refusals(domain("", (f"-{option}", word, f"-{option}", word))) == [
        f'the id "a" for 2 {what} of qemu:commandline; each id once; QEMU refuses it too: rename or remove one.'
    ]
    assert refusals(domain("", (f"-{option}", word, f"-{option}", f"{value},id=b"))) == []
    assert refusals(domain("", (f"-{option}", value, f"-{option}", value))) == []


ALIASED = "<{0}><alias name='ua-a'/></{0}>"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (domain("", ("-cpu", "host", "-cpu", "host")),
         "2 times -cpu in qemu:commandline; -cpu once; "
         "QEMU takes the last: remove the others, or --except hyperv,cpu."),
        (domain(ALIASED.format("rng") + ALIASED.format("sound")),
         'the alias "ua-a" for 2 devices; each alias once; libvirt refuses it too: rename or remove one.'),
        (domain(ALIASED.format("rng"), ("-device", "usb-kbd,id=ua-a")),
         "the argument -device usb-kbd,id=ua-a with the id of <rng>; each id once; "
         "QEMU refuses it too: give the argument another id."),
        (domain("", ("-machine", "pc")),
         "the argument -machine pc; a q35 machine; "
         "Remove it: it wins over the domain's own machine, and only q35 has PCI Express ports."),
        (domain("", ("-M", "pc-i440fx-8.0")), "the argument -M pc-i440fx-8.0; a q35 machine"),
        (domain("", ("-device", "usb-kbd,addr=5,bus=pcie.0", "-device", "pci-testdev,addr=5.0")),
         "the arguments -device usb-kbd,addr=5,bus=pcie.0 and -device pci-testdev,addr=5.0 at one place; "
         "one device a function; QEMU refuses it too: move or remove one."),
        (domain("", ("-nonsense",)), "the argument -nonsense; an option of QEMU's; "
         "QEMU ends at it: correct or remove it; each word of an option is an argument of its own."),
        (domain("", ("-device",)), "the argument -device at the end; an option with its value; "
         "QEMU ends at it, and would take what is added behind it for its value: complete or remove it."),
        (domain("", ("-no-reboot",) * 4097), "4097 arguments; at most 4096; Is it the right file?"),
    ],
    ids=range(9),
)  # fmt: skip
def test_what_else_is_refused(text: str, told: str) -> None:
    assert any(each.startswith(told) for each in refusals(text)), refusals(text)


@pytest.mark.parametrize(
    "text",
    [
        domain("", ("-cpu", "host")),
        domain(ALIASED.format("rng")),
        domain(ALIASED.format("rng"), ("-device", "usb-kbd,id=ua-b")),
        domain("", ("-machine", "q35", "-M", "pc-q35-8.2", "-machine", "vmport=off")),
        domain("", ("-device", "usb-kbd,addr=5", "-device", "pci-testdev,addr=5.1")),
        domain("", ("-device", "vfio-pci,host=09:00.0,addr=5", "-device", "vfio-pci,host=09:00.1,addr=5")),
        domain("", ("-no-reboot",) * 4096),
    ],
    ids=range(7),
)
def test_the_twins(text: str) -> None:
    assert refusals(text) == []
