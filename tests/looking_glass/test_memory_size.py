"""How much memory a mode takes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optimux.options.looking_glass import Display, Release, SizeRule
from optimux.plan.memory_size import frame_memory, needed_mib

# width, height, two frames, B7 SDR, B7 HDR, IDD: MiB, worked out from the releases' formulas by hand
TABLE = (
    (1920, 1080, 16, 32, 64, 32),
    (1920, 1200, 32, 32, 64, 32),
    (2560, 1440, 32, 64, 128, 64),
    (2560, 1600, 32, 64, 128, 64),
    (2880, 1800, 64, 64, 128, 64),
    (3440, 1440, 64, 64, 128, 64),
    (3072, 1920, 64, 64, 128, 128),
    (3840, 1600, 64, 64, 128, 128),
    (3840, 2160, 64, 128, 256, 128),
    (3840, 2400, 128, 128, 256, 128),
    (5120, 1440, 64, 128, 128, 128),
    (5120, 2880, 128, 128, 256, 256),
    (7680, 4320, 256, 512, 1024, 512),
)
SIDES = st.integers(1, 16384)
Rule = tuple[Release, SizeRule]
ALL: tuple[Rule, ...] = (("b7", "release"), ("idd", "release"), ("b7", "two-frames"), ("idd", "two-frames"))
RULES = st.sampled_from(ALL)


@pytest.mark.parametrize(("width", "height", "two_frames", "sdr", "hdr", "idd"), TABLE)
def test_sizes_of_common_modes(width: int, height: int, two_frames: int, sdr: int, hdr: int, idd: int) -> None:
    mode = Display(width=width, height=height)
    wide = mode.replace(hdr=True)
    assert frame_memory(mode, "b7", "two-frames").mib == frame_memory(wide, "idd", "two-frames").mib == two_frames
    assert frame_memory(mode, "b7").mib == sdr
    assert frame_memory(wide, "b7").mib == hdr
    assert frame_memory(mode, "idd").mib == frame_memory(wide, "idd").mib == idd


def test_what_a_mode_needs_before_rounding() -> None:
    assert needed_mib(Display(width=1920, height=1080), "b7") == pytest.approx(25.82, abs=0.005)
    tight = needed_mib(Display(width=2880, height=1800), "idd")
    assert tight == pytest.approx(63.33, abs=0.005)
    assert (64 - tight) / 64 < 0.02


def test_rows_of_the_display_driver_are_aligned() -> None:
    aligned, odd = (needed_mib(Display(width=width, height=1000), "idd") for width in (1984, 1921))
    assert aligned == odd < needed_mib(Display(width=1985, height=1000), "idd")


@given(SIDES, SIDES, st.booleans(), RULES)
def test_a_power_of_two_that_holds_what_is_needed(width: int, height: int, hdr: bool, rule: Rule) -> None:
    mode = Display(width=width, height=height, hdr=hdr)
    size = frame_memory(mode, *rule)
    assert size.is_power_of_two
    if rule[1] == "release":
        assert size.mib >= needed_mib(mode, rule[0]) > size.mib / 2
    else:
        assert size.mib >= width * height / 131072


@given(SIDES, SIDES, st.integers(0, 512), st.integers(0, 512), RULES)
def test_a_larger_mode_never_takes_less(width: int, height: int, wider: int, higher: int, rule: Rule) -> None:
    small = Display(width=width, height=height)
    large = Display(width=width + wider, height=height + higher)
    assert frame_memory(small, *rule).bytes <= frame_memory(large, *rule).bytes
    assert needed_mib(small, rule[0]) <= needed_mib(large, rule[0])
