"""The answer file against a grammar of its own, and mutants that the grammar must refuse."""

from __future__ import annotations

import base64
import re
from functools import cache
from pathlib import Path

import pytest
from lxml import etree

from optimux.emit.guest.answer_file import MOST_RUN, answer_file, encoded_password
from optimux.plan.guest import Unattended

PASSWORDS = ["plain", "&<>\"'", "密码-密碼", "a" * 127, "]]>", "p w "]
GOOD = Unattended(
    edition="Windows 11 Pro",
    language="en-US",
    locale="en-US",
    keyboard="0409:00000409",
    time_zone="China Standard Time",
    user="alice",
    computer="WIN11",
    password_file=None,
    product_key=None,
    bypass_requirements=False,
    disk="vda",
    drivers=("viostor", "NetKVM", "vioserial"),
)


@cache
def grammar() -> etree.RelaxNG:
    return etree.RelaxNG(etree.parse(Path(__file__).parent / "answer_file.rng"))


def complaints(text: bytes) -> str:
    """Empty for a file that Setup would take."""
    try:
        document = etree.fromstring(text)
    except etree.XMLSyntaxError as error:
        return str(error)
    return "" if grammar().validate(document) else str(grammar().error_log)


@pytest.mark.parametrize("bypass", [False, True])
@pytest.mark.parametrize("key", [None, "VK7JG-NPHTM-C97JM-9MPGT-3V66T"])
@pytest.mark.parametrize("password", PASSWORDS, ids=range(len(PASSWORDS)))
def test_it_is_of_the_grammar(password: str, key: str | None, bypass: bool) -> None:
    text = answer_file(GOOD.replace(product_key=key, bypass_requirements=bypass), password, "w11")
    assert complaints(text) == ""
    assert text.count(b"\n") == text.count(b"\r\n") > 100


MUTANTS = {
    "a misspelt leaf": (b"<ComputerName>WIN11</ComputerName>", b"<ComputerNam>WIN11</ComputerNam>"),
    "a wrong pass": (b"pass='specialize'", b"pass='generalize'"),
    "two dashes in a comment": (b"<settings pass='windowsPE'>", b"<!-- a -- b --><settings pass='windowsPE'>"),
    "a byte in front": (b"<?xml", b"x<?xml"),
    "no token": (b" publicKeyToken='31bf3856ad364e35'", b""),
    "another architecture": (b"'amd64'", b"'x86'"),
    "a component in a pass that has it not": (b"Microsoft-Windows-Setup'", b"Microsoft-Windows-Shell-Setup'"),
    "no action": (b"<Disk wcm:action='add'>", b"<Disk>"),
    "a letter of the host's disks": (b"<Path>D:", b"<Path>C:"),
    "a computer name too long": (b">WIN11<", b">WIN1123456789012<"),
    "a plain password": (b"<PlainText>false", b"<PlainText>true"),
    "a command too long": (b"wpeutil shutdown", b"wpeutil shutdown" + b" " * MOST_RUN),
    "a partition of no type": (b"<Type>MSR", b"<Type>MSRR"),
    "another namespace": (b"urn:schemas-microsoft-com:unattend", b"urn:schemas-microsoft-com:unattended"),
    "a user name too long": (b"<Name>alice", b"<Name>alicealicealicealicealice"),
}


@pytest.mark.parametrize(("old", "new"), MUTANTS.values(), ids=MUTANTS)
def test_the_twins_mutants_are_refused(old: bytes, new: bytes) -> None:
    text = answer_file(GOOD, "secret", "w11")
    assert old in text
    assert complaints(text.replace(old, new, 1)) != ""


def test_two_first_logon_commands_are_refused() -> None:
    text = answer_file(GOOD, "secret", "w11")
    start, end = text.index(b"<SynchronousCommand"), text.index(b"</FirstLogonCommands>")
    assert complaints(text[:end] + text[start:end] + text[end:]) != ""


@pytest.mark.parametrize("password", PASSWORDS, ids=range(len(PASSWORDS)))
def test_the_password_is_there_and_not_to_be_read(password: str) -> None:
    text = answer_file(GOOD, password, "w11")
    decoded = base64.b64decode(encoded_password(password)).decode("utf-16-le")
    assert decoded == f"{password}Password"
    assert encoded_password(password).encode() in text
    assert len(password) < 4 or password.encode() not in text


def test_a_disk_that_is_not_empty_is_guarded() -> None:
    """The guard runs before anything else of the pass, and only a disk that was seen to be empty passes it."""
    document = etree.fromstring(answer_file(GOOD.replace(bypass_requirements=True), "secret", "w11"))
    commands = list(document.iter("{*}RunSynchronousCommand"))
    texts = [command.findtext("{*}Path") or "" for command in commands]
    assert [command.findtext("{*}Order") for command in commands] == ["1", "2", "3", "4"]
    assert re.search(r"diskpart .*&&\(findstr .*\|\|exit 0\)\)&echo .*&wpeutil shutdown&pause$", texts[0])
    assert all("LabConfig" in text for text in texts[1:])


def test_every_letter_of_the_cd_is_tried() -> None:
    text = answer_file(GOOD, "secret", "w11").decode()
    assert all(rf"<Path>{letter}:\viostor\w11\amd64</Path>" in text for letter in "DEFGHI")
