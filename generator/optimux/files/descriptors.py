"""How many files may be open at once: a bundle is synced as a whole, so that each of its files is open until then."""

from __future__ import annotations

# Each file, and the folders that hold them, of the new and of the old bundle; and what is open beside them.
_EACH, _BESIDE = 4, 64


def make_room(files: int) -> None:
    """Allow this process what writing so many takes, as far as the hard limit goes (getrlimit(2)).

    The soft limit of a login is 1024 for the sake of programs with select(2), and this is none.
    """
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _EACH * files + _BESIDE
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, most), hard))
