"""The packages that a plan needs, by the real apt from an archive of its own: installed, kept, removed, refused."""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING

import pytest

from lab import CHECKOUT
from lab.consumers.applied import CONFIG, FACTS, optimux
from tests.host.plans import config

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.consumers.roots import Root
    from lab.consumers.session import Session

CODE = "/opt/generator"
ARCHIVE = "/opt/archive"
APPLY = ("apply", CONFIG, "--facts", FACTS, "--yes", "--only", "packages,tables")
TABLE = "/var/lib/optimux/acpi"

pytestmark = pytest.mark.xdist_group("apply_apt")


@pytest.fixture
def debian(trixie: Root) -> Iterator[Session]:
    """Its apt knows one archive, which is empty."""
    with trixie.session({CHECKOUT / "generator": CODE}) as session:
        session.put(CONFIG, json.dumps(config()))
        session.put(FACTS, "{}")
        session.run(["sh", "-c", "rm -rf /etc/apt/sources.list* && mkdir -p /etc/apt"])
        session.put("/etc/apt/sources.list", f"deb [trusted=yes] file:{ARCHIVE} ./\n")
        publish(session)
        yield session


def publish(session: Session, *names: str, postinst: str = "", conffile: str = "") -> None:
    """Packages of these names and nothing in them; a script, and in the first one a configuration file, where given."""
    session.run(["rm", "-rf", ARCHIVE, "/tmp/built"])
    session.run(["mkdir", "-p", ARCHIVE])
    index = ""
    for name in names:
        fields = {"Package": name, "Version": "1", "Architecture": "all", "Maintainer": "Nobody <nobody@example.org>"}
        control = "".join(f"{key}: {value}\n" for key, value in (fields | {"Description": "empty"}).items())
        session.put(f"/tmp/built/{name}/DEBIAN/control", control)
        if postinst:
            session.put(f"/tmp/built/{name}/DEBIAN/postinst", f"#!/bin/sh\n{postinst}\n", 0o755)
        if conffile and name == names[0]:
            session.put(f"/tmp/built/{name}{conffile}", "the package's\n")
            session.put(f"/tmp/built/{name}/DEBIAN/conffiles", f"{conffile}\n")
        file = f"{ARCHIVE}/{name}.deb"
        session.run(["dpkg-deb", "--root-owner-group", "-b", f"/tmp/built/{name}", file])
        data = session.read(file)
        index += f"{control}Filename: ./{name}.deb\nSize: {len(data)}\nSHA256: {hashlib.sha256(data).hexdigest()}\n\n"
    session.put(f"{ARCHIVE}/Packages", index)
    session.run(["apt-get", "-q", "update"])


def lacking(session: Session) -> list[str]:
    """What apply would install."""
    shown = optimux(session, CODE, *APPLY, "--dry-run").stdout
    (names,) = re.findall(r"^ *\$ apt-get install -y (.*)$", shown, re.MULTILINE)
    return str(names).split()


def installed(session: Session, names: list[str]) -> set[str]:
    done = session.run(["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n", *names], check=False)
    return {line.split()[0] for line in done.stdout.splitlines() if line.endswith(" installed")}


def test_installed_kept_and_removed(debian: Session) -> None:
    names = lacking(debian)
    assert names
    publish(debian, *names)
    said = optimux(debian, CODE, *APPLY).stderr
    assert f"$ apt-get install -y {' '.join(names)}" in said
    assert installed(debian, names) == set(names)
    assert "nothing to do" in optimux(debian, CODE, *APPLY).stderr
    optimux(debian, CODE, "rollback", "--yes")
    assert installed(debian, names) == set(names)
    optimux(debian, CODE, *APPLY)
    debian.run(["apt-get", "-q", "remove", "-y", *names])
    optimux(debian, CODE, *APPLY)
    optimux(debian, CODE, "rollback", "--yes", "--packages")
    assert installed(debian, names) == set()


def refused(session: Session) -> str:
    """What is said; nothing but packages was touched, and there is nothing to undo."""
    done = optimux(session, CODE, *APPLY, check=False)
    assert done.returncode == 1
    assert re.search(r"`apt-get install -y .*` ended with 100\. Nothing else was changed", done.stderr), done.stderr
    assert "Run it by hand, then this again" in done.stderr
    assert session.run(["test", "-e", TABLE], check=False).returncode
    assert "nothing to undo" in optimux(session, CODE, "rollback", "--yes").stderr
    return done.stderr


def test_a_package_that_is_not_to_be_had(debian: Session) -> None:
    names = lacking(debian)
    publish(debian, *names[1:])
    said = refused(debian)
    assert re.search(f"Unable to locate package {names[0]}|'{names[0]}' has no installation candidate", said), said
    assert installed(debian, names) == set()


def test_a_package_whose_script_fails(debian: Session) -> None:
    publish(debian, *lacking(debian), postinst="exit 1")
    assert "returned error exit status 1" in refused(debian)


def test_a_package_that_asks(debian: Session) -> None:
    """dpkg would ask whose configuration file is to stay: nobody is there to answer, and nothing waits for one."""
    names = lacking(debian)
    debian.put("/etc/asked.conf", "the user's\n")
    publish(debian, *names, conffile="/etc/asked.conf")
    assert "end of file on stdin at conffile prompt" in refused(debian)
    assert debian.read("/etc/asked.conf") == b"the user's\n"


def test_a_script_that_asks_reads_nothing(debian: Session) -> None:
    """The twin: it is answered with an end of file, and what it does with that is its own."""
    names = lacking(debian)
    publish(debian, *names, postinst='if read -r answer; then exit 1; fi; [ "$DEBIAN_FRONTEND" = noninteractive ]')
    optimux(debian, CODE, *APPLY)
    assert installed(debian, names) == set(names)
