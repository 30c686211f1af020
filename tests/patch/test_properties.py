"""What holds for every domain, however it is written: over the goldens with generated formatting."""

from __future__ import annotations

import itertools
from collections import Counter
from functools import cache
from random import Random

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from lxml import etree

from lab.consumers.roots import Root
from lab.documents import BY_HAND
from optimux.emit.domain_xml import domain_xml
from optimux.errors import InvalidInput
from optimux.patch.concerns import PASSTHROUGH as CONCERNS
from optimux.plan.model import DomainPlan
from tests.golden_cases import CASES
from tests.patch.accounted import unaccounted
from tests.patch.checker import problems
from tests.patch.noise import noisy
from tests.patch.passthrough import patch_domain
from tests.patch.spans import damage, quotes_kept, tokens

# Plans for a libvirt that is newer than the schema of the tests are left out.
NEWER = ("future-libvirt", "newest-libvirt")
# A domain shrinks for minutes and is no easier to read after it.
PHASES = (Phase.explicit, Phase.reuse, Phase.generate)
MANY = settings(max_examples=30, deadline=None, phases=PHASES, suppress_health_check=list(HealthCheck))
FEW = settings(max_examples=15, deadline=None, phases=PHASES, suppress_health_check=list(HealthCheck))


@cache
def plans() -> tuple[DomainPlan, ...]:
    return tuple(domain for case in CASES if case.name not in NEWER for domain in case.plan().domains)


@cache
def documents() -> tuple[str, ...]:
    return tuple(domain_xml(plan) for plan in plans())


@pytest.fixture(scope="module")
def schema(trixie: Root) -> etree.RelaxNG:
    return etree.RelaxNG(file=str(trixie.path / "usr/share/libvirt/schemas/domain.rng"))


def pair_of(document: str, plan: str) -> tuple[bytes, DomainPlan]:
    """The golden domain of one name for the plan of another."""
    named = {each.name: each for each in plans()}
    return domain_xml(named[document]).encode(), named[plan]


pairs = st.tuples(st.sampled_from(documents()).flatmap(noisy), st.sampled_from(plans()))
chosen = st.sets(st.sampled_from(sorted(CONCERNS)), min_size=1)


@MANY
@given(pairs)
def test_untouched_bytes_survive(pair: tuple[bytes, DomainPlan]) -> None:
    document, plan = pair
    before, after = document.decode(), patch_domain(document, plan).document.decode()
    assert damage(before, after) == []
    assert quotes_kept(before, after) == []
    assert ("\r\n" in after) == ("\r\n" in before)
    if "\r\n" in before:
        assert "\n" not in after.replace("\r\n", "")


@MANY
@given(pairs, chosen)
def test_each_concern_gets_its_due_once(pair: tuple[bytes, DomainPlan], concerns: set[str]) -> None:
    document, plan = pair
    patched = patch_domain(document, plan, only=concerns)
    # pci judges the whole layout, which --only gpu has to leave sound as well.
    assert problems(patched.document, plan, concerns, [str(left) for left in (*patched.left, *patched.unpatched)]) == []
    again = patch_domain(patched.document, plan, only=concerns)
    assert again.document == patched.document
    assert again.changes == ()
    assert (patched.document == document) == (not patched.changes)


@MANY
@given(pairs)
@example(pair_of("maximum", "nospice"))  # a sound card on USB, which the domain has switched off
def test_everything(pair: tuple[bytes, DomainPlan]) -> None:
    document, plan = pair
    patched = patch_domain(document, plan)
    assert problems(patched.document, plan, CONCERNS, [str(left) for left in (*patched.left, *patched.unpatched)]) == []
    assert patch_domain(patched.document, plan).document == patched.document


@MANY
@given(pairs, chosen)
def test_every_change_is_in_the_summary(pair: tuple[bytes, DomainPlan], concerns: set[str]) -> None:
    document, plan = pair
    patched = patch_domain(document, plan, only=concerns)
    assert unaccounted(document, patched.document, [str(change) for change in patched.changes]) == []


@pytest.mark.parametrize("plan", [plans()[0], plans()[-1]], ids=["first", "last"])
def test_no_line_of_the_summary_is_idle(plan: DomainPlan) -> None:
    """Without any one line of it some change of a domain of a person's would not be spoken of."""
    document = BY_HAND.encode()
    patched = patch_domain(document, plan)
    lines = [str(change) for change in patched.changes]
    assert unaccounted(document, patched.document, lines) == []
    assert unaccounted(document, patched.document, []) != []


@FEW
@given(pairs, st.permutations(sorted(CONCERNS)))
def test_order_does_not_matter(pair: tuple[bytes, DomainPlan], order: list[str]) -> None:
    document, plan = pair
    step = document
    for name in order:
        step = patch_domain(step, plan, only=[name]).document
    step = patch_domain(step, plan).document
    at_once = patch_domain(document, plan).document
    assert canonical(step) == canonical(at_once)


def canonical(document: bytes) -> str:
    """Elements by content, whatever the order and the white space between them. QEMU keeps the arguments of each option
    in their order, and reads one option's after another's.
    """
    root = etree.fromstring(document, etree.XMLParser(remove_comments=True, remove_blank_text=True))
    return _canonical(root)


def _canonical(element: etree._Element) -> str:
    attributes = sorted((str(key), str(value)) for key, value in element.attrib.items())
    children = [_canonical(child) for child in element]
    if str(element.tag).endswith("commandline"):
        words = [str(child.get("value")) for child in element]
        order = sorted(range(0, len(words), 2), key=lambda number: words[number])  # an option and its value
        children = [text for number in order for text in children[number : number + 2]]
    else:
        children.sort()
    return f"<{element.tag} {attributes} {(element.text or '').strip()} {children}>"


def test_an_options_own_order_does() -> None:
    def line(*words: str) -> str:
        arguments = "".join(f"<qemu:arg value='{word}'/>" for word in words)
        return canonical(f"<qemu:commandline xmlns:qemu='urn:q'>{arguments}</qemu:commandline>".encode())

    one, other, table = ("-device", "a"), ("-device", "b"), ("-acpitable", "file=t")
    assert line(*one, *table, *other) == line(*table, *one, *other) != line(*table, *other, *one)


@MANY
@given(pairs, chosen)
def test_validity_is_kept(schema: etree.RelaxNG, pair: tuple[bytes, DomainPlan], concerns: set[str]) -> None:
    document, plan = pair
    assert schema.validate(etree.fromstring(document))
    assert schema.validate(etree.fromstring(patch_domain(document, plan, only=concerns).document)), schema.error_log


def broken(document: bytes, random: Random) -> bytes:
    """A domain with some elements gone, doubled, or with other words in them."""
    root = etree.fromstring(document)
    for element in random.sample(list(root.iter(etree.Element))[1:], 5):
        parent = element.getparent()
        choice = random.randrange(4)
        if parent is None:
            continue
        if choice == 0:
            parent.remove(element)
        elif choice == 1:
            parent.insert(0, etree.fromstring(etree.tostring(element)))
        elif choice == 2 and element.attrib:
            element.set(random.choice(sorted(map(str, element.attrib))), random.choice(("", "0", "0xzz", "on", "99")))
        else:
            element.text = random.choice(("", "words", "\n"))
    return etree.tostring(root)


@MANY
@given(pairs, chosen, st.integers(0, 2**32))
def test_broken_domains_are_patched_or_refused(pair: tuple[bytes, DomainPlan], concerns: set[str], seed: int) -> None:
    document, plan = broken(pair[0], Random(seed)), pair[1]
    try:
        patched = patch_domain(document, plan, only=concerns).document
    except InvalidInput:
        return
    before, after = document.decode(), patched.decode()
    # Of two like elements the comparison may take the one for the other: then comments change places in it.
    old, new = Counter(tokens(before)), Counter(tokens(after))
    kept = {token for token, count in old.items() if new[token] == count}
    lines = [line for line in damage(before, after) if line.partition(" ")[2] not in map(repr, kept)]
    assert lines == []
    assert patch_domain(patched, plan, only=concerns).document == patched


def test_a_domain_in_two_blocks() -> None:
    """libvirt reads all command lines and all blocks of tables; of the rest it reads the first alone, or both."""
    domain = documents()[0]
    plan = plans()[0]
    with pytest.raises(InvalidInput, match="<os> 2 times"):
        patch_domain(domain.replace("</os>", "</os><os/>", 1).encode(), plan)
    line = "<qemu:commandline xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>{}</qemu:commandline>"
    pair = "<qemu:arg value='-acpitable'/><qemu:arg value='file=/x/ssdt1.dat'/>"
    two = domain.replace("</domain>", f"{line.format(pair)}{line.format(pair)}</domain>")
    two = two.replace("</os>", "<acpi><table type='raw'>/x/ssdt1.dat</table></acpi></os>", 1)
    after = patch_domain(two.encode(), plan).document
    assert b"ssdt1.dat" not in after
    assert patch_domain(after, plan).document == after


def test_every_golden_is_what_its_own_plan_wants() -> None:
    for document, plan in zip(documents(), plans(), strict=True):
        patched = patch_domain(document.encode(), plan)
        assert [str(change) for change in patched.changes] == []
        assert patched.document == document.encode()


@pytest.mark.parametrize("name", sorted(CONCERNS))
def test_the_checker_sees_what_is_missing(name: str) -> None:
    """Each check fails for some golden before the patch: none is blind."""
    every = itertools.product(documents(), plans())
    assert any(problems(document.encode(), plan, [name]) for document, plan in every)


def test_the_comparison_sees_damage() -> None:
    before = "<a>\n  <!-- c -->\n  <disk x='1'/>\n</a>"
    assert damage(before, before.replace("c", "d")) != []
    assert damage(before, before.replace("'1'", '"1"')) != []
    assert damage(before, before.replace("\n  <disk", "\n<disk")) != []
    assert damage(before, before.replace("<!-- c -->", "")) != []
    assert damage(before, before.replace("\n  <disk", "\n  <memballoon/>\n  <disk")) == []
    once = "<hostdev><source/><!-- c --><rom/></hostdev>"
    assert damage(f"<a>{once}{once}</a>", f"<a>{once}</a>") == []
    assert damage(f"<a>{once}</a>", f"<a>{once}</a>".replace("<!-- c -->", "")) == ["lost '<!-- c -->'"]


def test_the_comparison_is_not_misled_by_likeness() -> None:
    """A card goes to another bus, and one like it comes to the bus that it had, behind a comment."""
    after = f"{_card(1, 2)}{_card(2, 2)}<!-- c -->{_card(3, 1)}{_card(4, 1)}<memballoon/>"
    before = f"{_card(1, 1)}{_card(2, 1)}<!-- c --><memballoon/>"
    assert damage(before, after) == []
    assert damage(before, after.replace("<!-- c -->", "")) == ["lost '<!-- c -->'"]


def _card(host: int, bus: int) -> str:
    return f"<hostdev><source><address bus='{host}'/></source><address bus='{bus}'/></hostdev>"
