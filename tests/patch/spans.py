"""What of a document did not survive a patch, seen by comparing tokens: it knows nothing of how edits are made."""

from __future__ import annotations

import difflib
import itertools
import re

_TOKEN = re.compile(
    r"""<!--.*?-->|<!\[CDATA\[.*?\]\]>|<\?.*?\?>|<!DOCTYPE[^>]*>"""
    r"""|</?[^\s/>]+(?:[^>"']|"[^"]*"|'[^']*')*>|[ \t\r\n]+|[^<]+""",
    re.DOTALL,
)
_NAME = re.compile(r"</?([^\s/>]+)")
_ATTRIBUTE = re.compile(r"""\s*([^\s=]+)\s*=\s*("[^"]*"|'[^']*')""")

# Elements that a concern may add, remove or change; every other tag has to stay as it is, byte for byte.
_SPOKEN_OF = """
    domain os features cpu clock devices commandline vcpu acpi table hyperv kvm hidden vmport timer topology cache
    maxphysaddr feature model vendor hostdev driver source address rom alias controller target memballoon stats video
    acceleration resolution input tpm backend graphics listen image channel sound audio codec output settings shmem
    size server msi arg override device frontend property
    relaxed vapic spinlocks vpindex runtime synic stimer direct reset vendor_id frequencies reenlightenment tlbflush
    pcihole64 watchdog pstore ipi evmcs avic emsr_bitmap xmm_input extended
"""
SPOKEN_OF = frozenset(_SPOKEN_OF.split())


def tokens(document: str) -> list[str]:
    """Tags, comments, instructions, white space and other text; joined they are the document."""
    found = _TOKEN.findall(document)
    assert "".join(found) == document
    return found


def damage(before: str, after: str) -> list[str]:
    """Tokens that were lost or altered without a reason, readable; empty when only changes changed something."""
    old, new = _pieces(before), _pieces(after)
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    found = []
    for kind, a1, a2, b1, b2 in matcher.get_opcodes():
        if kind != "equal":
            found += _damage(old[a1:a2], new[b1:b2], old[max(0, a1 - 1)])
    # The comparison may match what is around a remark with what is like it elsewhere, and the remark with nothing.
    unmoved = _remarks(old) == _remarks(new)
    return [line for line in found if not (unmoved and line.startswith(("lost", "added")))]


def _remarks(pieces: list[str]) -> list[tuple[str, str]]:
    """Comments and instructions, with the white space before them and what is before that."""
    return [pair for pair in itertools.pairwise(["", *pieces]) if pair[1].lstrip().startswith(("<!", "<?"))]


def _pieces(document: str) -> list[str]:
    """Tokens with the white space before them: few are alike, so that the comparison is quick and exact."""
    pieces, space = [], ""
    for token in tokens(document):
        if token.isspace():
            space += token
        else:
            pieces.append(space + token)
            space = ""
    return [*pieces, space]


def _damage(gone: list[str], come: list[str], left: str) -> list[str]:
    lines = []
    added = [piece.strip() for piece in come]
    # White space may change beside a tag that goes or comes, and only there.
    moved = sorted(piece.strip() for piece in gone) != sorted(added)
    # The comparison may cut one of two like elements in its middle: it starts below the level that it ends on.
    levels = [0, *itertools.accumulate(map(_step, gone))]
    ground = min(levels) if levels[-1] == 0 else 0
    for piece, level in zip(gone, levels, strict=False):
        token = piece.strip()
        inside = level > ground  # of a removed element: it goes with it
        if token in added:
            if not moved:
                lines.append(f"changed white space before {token!r}")
        elif token.startswith(("<!", "<?")):
            lines += [] if inside else [f"lost {token!r}"]
        elif _is_tag(token):
            lines += [] if _local(token) in SPOKEN_OF else [f"changed the tag {token!r}"]
        elif _local(left.strip()) not in SPOKEN_OF and not inside:
            lines.append(f"changed the text {token!r}")
        left = piece
    held = [piece.strip() for piece in gone]
    return lines + [f"added {token!r}" for token in added if token.startswith(("<!", "<?")) and token not in held]


def _step(piece: str) -> int:
    token = piece.strip()
    return 0 if not _is_tag(token) or token.endswith("/>") else -1 if token.startswith("</") else 1


def _is_tag(token: str) -> bool:
    return token.startswith("<") and not token.startswith(("<!", "<?"))


def _local(tag: str) -> str:
    match = _NAME.match(tag)
    return match[1].rpartition(":")[2] if match else ""


def quotes_kept(before: str, after: str) -> list[str]:
    """Attributes of tags that are there before and after under other quotes: a change stays within its own."""
    styles: dict[tuple[str, str, str], set[str]] = {}
    for token in filter(_is_tag, tokens(before)):
        for name, value in _ATTRIBUTE.findall(token[len(_local(token)) :]):
            styles.setdefault((_local(token), name, value[1:-1]), set()).add(value[0])
    lines = []
    for token in filter(_is_tag, tokens(after)):
        for name, value in _ATTRIBUTE.findall(token[len(_local(token)) :]):
            known = styles.get((_local(token), name, value[1:-1]))
            if known and len(known) == 1 and value[0] not in known and _local(token) not in SPOKEN_OF:
                lines.append(f"{name} of {token!r} had other quotes")
    return lines
