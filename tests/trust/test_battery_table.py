"""What ``define`` replaces at ``battery.path``: a battery table of ours, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from optimux.acpi.battery import battery_table
from optimux.acpi.recognise import is_battery_table
from optimux.acpi.table import Header, build_table
from optimux.errors import OptimuxError
from optimux.files.root import Root
from optimux.libvirt.binding import LibvirtError
from optimux.libvirt.define import Step, carry_out, tables_for
from optimux.plan.battery import BATTERY_ONLY, FULL, Battery
from optimux.plan.model import DomainPlan
from tests.golden_cases import case

EARLIER = FULL.with_capacity(50_000).replace(name="BAT3", adapter_name="AC00", serial="7", oem_id="MINE")
OURS = {"full": FULL, "battery only": BATTERY_ONLY, "other figures and names": EARLIER}
WALLET = b"wallet: do not lose\n"


@pytest.mark.parametrize("battery", OURS.values(), ids=OURS)
def test_ours(battery: Battery) -> None:
    assert is_battery_table(battery_table(battery))


def _changed(table: bytes) -> bytes:
    return table[:-1] + bytes([table[-1] ^ 1])


NOT_OURS = {
    "nothing": b"",
    "text": WALLET,
    "a wrong checksum": _changed(battery_table(FULL)),
    "more behind it": battery_table(FULL) + WALLET,
    "cut short": battery_table(FULL)[:-10],
    "another table": build_table(Header("SSDT", 2, "OPTMUX", "BATTERY", 1, "OPTX", 1), b"\x08ABCD\x00"),
    "another device": build_table(
        Header("SSDT", 2, "OPTMUX", "BATTERY", 1, "OPTX", 1),
        battery_table(FULL)[36:].replace(b"ACPI0003", b"ACPI0004"),
    ),
}


@pytest.mark.parametrize("data", NOT_OURS.values(), ids=NOT_OURS)
def test_not_ours(data: bytes) -> None:
    assert not is_battery_table(data)


@pytest.fixture
def domain() -> DomainPlan:
    return case("omen-17").plan().domains[0]


@pytest.fixture
def place(tmp_path: Path, domain: DomainPlan) -> Path:
    """Where the table must lie, below another root."""
    path = tmp_path / domain.battery_path.lstrip("/")
    path.parent.mkdir(parents=True)
    return path


def test_a_file_of_the_users_stays(domain: DomainPlan, place: Path, tmp_path: Path) -> None:
    place.write_bytes(WALLET)
    place.chmod(0o600)
    with Root(tmp_path) as root, pytest.raises(OptimuxError, match=r"no battery table of Optimux. Nothing was changed"):
        tables_for([domain], root)
    assert (place.read_bytes(), place.stat().st_mode & 0o777) == (WALLET, 0o600)


def test_a_link_stays(domain: DomainPlan, place: Path, tmp_path: Path) -> None:
    place.symlink_to("elsewhere")
    with Root(tmp_path) as root, pytest.raises(OptimuxError, match="is a link"):
        tables_for([domain], root)


def test_a_folder_stays(domain: DomainPlan, place: Path, tmp_path: Path) -> None:
    place.mkdir()
    with Root(tmp_path) as root, pytest.raises(OptimuxError, match=r"Run as root, or set battery.path"):
        tables_for([domain], root)


class Refusing:
    """A libvirt that refuses every definition."""

    def define(self, xml: str) -> None:
        raise LibvirtError("no")

    def undefine(self, name: str) -> None:
        raise AssertionError(name)


@pytest.mark.parametrize("before", [None, battery_table(EARLIER)], ids=["absent", "earlier"])
def test_what_is_placed_comes_back(before: bytes | None, domain: DomainPlan, place: Path, tmp_path: Path) -> None:
    assert domain.battery is not None
    if before is None:
        place.parent.rmdir()
    else:
        place.write_bytes(before)
        place.chmod(0o640)
    step = Step("v", "v", None, "<domain/>", False, None)
    with Root(tmp_path) as root:
        tables = tables_for([domain], root)
        assert [table.after for table in tables] == [battery_table(domain.battery)]
        with pytest.raises(LibvirtError, match=r"vms.v: libvirt refuses v: no. Nothing was changed"):
            carry_out([step], tables, Refusing(), root)  # type: ignore[arg-type]
        if before is None:
            assert not place.parent.exists()
        else:
            assert (place.read_bytes(), place.stat().st_mode & 0o777) == (before, 0o640)
        carry_out([], tables, Refusing(), root)  # type: ignore[arg-type]
        assert (place.read_bytes(), place.stat().st_mode & 0o777) == (battery_table(domain.battery), 0o644)
        assert tables_for([domain], root) == ()


def test_a_table_that_changed_after_it_was_looked_at(domain: DomainPlan, place: Path, tmp_path: Path) -> None:
    with Root(tmp_path) as root:
        tables = tables_for([domain], root)
        place.write_bytes(battery_table(EARLIER))
        with pytest.raises(OptimuxError, match="was changed meanwhile"):
            carry_out([], tables, Refusing(), root)  # type: ignore[arg-type]
    assert place.read_bytes() == battery_table(EARLIER)
