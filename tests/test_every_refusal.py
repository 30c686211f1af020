"""Every place that refuses has a case: found by looking at the syntax tree, known to be reached by what ran.

A place is a ``raise``, or a ``Problem`` that is made. ``bad_input/test_every_place.py`` asks the same of what judges
options, by the calls; here the rooms' own tests are run once more, and each place that they come to writes itself down.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from lab.refusals import Place, marked, of_room, places, reached

if TYPE_CHECKING:
    from pathlib import Path

# The tests that hold a room's refusals, as few as there must be: they run twice.
_UNREADABLE = "tests/bad_input/test_unreadable.py"
_FOLDERS = "tests/cli/test_folder"
_PLANTED = "tests/trust/test_races.py::test_what_a_card_was_is_believed_of_nobody_else"
_COMMAND = "tests/apply/test_command.py::test"
_BAD = "tests/vm/test_bad_cases.py::test"
_KINDS = ("empty", "utf-32")
CASES: dict[str, tuple[str, ...]] = {
    "cli": (
        *(
            "tests/cli/test_refused_words.py",
            "tests/cli/test_schema_refusal.py",
            "tests/patch/test_cli.py::test_which_vm",
        ),
        *(f"tests/cli/test_every_named_file.py::test_what_is_no_such_thing[init-vm_from-{kind}]" for kind in _KINDS),
        *(
            f"{_COMMAND}_{name}"
            for name in (
                *("what_cannot_be_meant", "another_plan_than_was_shown_is_refused", "the_kept_copy_is_the_default"),
                *("only_some_steps", "what_the_user_changed_since_is_kept"),
            )
        ),
        *(f"tests/vm/test_life.py::test_a_signal_ends_it[{times}]" for times in ("ctrl-c-1", "sigterm-1")),
        *(f"tests/acpi/test_ssdt.py::test_{name}" for name in ("bytes_are_kept_from_a_terminal", "bad_input")),
        *(f"tests/cli/test_verify_ends.py::test_{name}" for name in ("where_logs_are_kept", "the_reader_has_gone")),
        *(
            f"tests/patch/test_cli.py::TestTheSchemaAsJudge::test_{name}"
            for name in ("never_from_valid_to_invalid", "invalid_before_is_a_warning")
        ),
        "tests/patch/test_difference.py::TestJson::test_not_together_with_diff",
        *(
            "tests/handover/test_keep_free.py::test_the_verb",
            "tests/handover/test_status.py::test_without_a_configuration",
        ),
        *(
            f"tests/detect/test_init.py::test_{name}"
            for name in ("a_gpu_that_is_not_there", "a_file_that_is_there_stays")
        ),
        "tests/detect/test_init_terminal.py::test_a_wrong_answer_is_asked_again",
        *("tests/apply/test_terminal.py::test_a_configuration_that_changed_meanwhile", "tests/apply/test_rights.py"),
        "tests/apply/test_entries.py::test_without_an_entry_nothing_is_written_in_silence",
        "tests/cli/test_here.py::test_facts_and_here_exclude_each_other",
        "tests/vm/test_verb.py::test_an_unknown_vm_is_invalid_input",
        *("tests/cli/test_input.py::test_in_place_needs_a_file", "tests/doctor/test_command.py::test_exit_code"),
        f"{_UNREADABLE}::test_no_output_at_all",
    ),
    "vm": (
        *("tests/vm/test_broken_off.py", "tests/vm/test_failures.py"),
        *(
            f"{_BAD}_{name}"
            for name in (
                *(
                    "qemu_that_hangs_before_qmp",
                    "a_backing_file_that_is_too_small",
                    "no_qemu",
                    "a_guest_that_ends_early",
                ),
                *("no_uefi_firmware", "a_refused_command", "no_dev_shm", "a_cache_that_cannot_be", "no_static_busybox"),
                *("a_named_qemu_that_is_not_there", "more_shared_memory_than_there_is", "a_silent_guest"),
                "no_kernel_with_the_battery_driver",
            )
        ),
        "tests/vm/test_parts.py::test_an_archive_cannot_write_elsewhere",
        "tests/vm/test_accelerators.py::test_a_guest_that_dies_in_tcg_is_an_error",
        "tests/vm/test_debian_kernel.py::test_twin_the_empty_package_alone_has_none",
    ),
    "acpi": (
        *(f"tests/acpi/test_{name}.py" for name in ("battery", "decode", "recognise", "ssdt", "table", "terms")),
        "tests/acpi/test_text_forms.py",
    ),
    "patch": (
        *("tests/patch/test_wild.py::test_refusals", "tests/patch/test_wild.py::test_an_unknown_concern"),
        *("tests/patch/test_wild.py::test_bytes_of_no_encoding", "tests/patch/test_no_domain_of_ours.py"),
        "tests/patch/test_wild.py::test_bytes_that_an_encoding_spells_in_two_ways",
        "tests/patch/test_wild.py::test_utf_32",
        *(
            "tests/patch/test_arguments.py::TestDoubts",
            "tests/patch/test_cost.py::test_more_than_any_machine_has_is_refused_at_once",
        ),
    ),
    "libvirt": ("tests/define/test_libvirts_own_words.py", "tests/trust/test_battery_table.py"),
    "guest": (
        *("tests/guest/test_agent.py", "tests/guest/test_setup.py", "tests/guest/test_installation.py"),
        "tests/guest/test_media_check.py",
    ),
    "host": (
        *(f"tests/handover/test_{name}.py" for name in ("kernel", "take", "refused_steps", "start", "hook")),
        *("tests/apply/test_refuse.py", "tests/apply/test_rollback_commands.py", "tests/apply/test_rights.py"),
        "tests/apply/test_bad_hosts.py",
        "tests/apply/test_domains.py",
        *(
            f"tests/doctor/test_command.py::test_{name}"
            for name in (*("a_kept_configuration_that_is_wrong", "exit_code", "without_a_configuration"),)
        ),
        *(
            f"tests/doctor/test_initramfs_image.py::test_{name}"
            for name in (
                *("what_is_no_image", "a_program_that_is_missing", "an_image_that_unpacks_to_more_than_any"),
                *("more_files_than_any_image_has", "a_module_that_zstd_does_not_unpack"),
            )
        ),
        _PLANTED,
    ),
    "facts/detect": ("tests/detect/test_root.py",),
    "bundle": (
        *(f"{_FOLDERS}_users.py", f"{_FOLDERS}.py::TestPlaces", f"{_FOLDERS}_killed.py::test_no_room_at_every_call"),
        f"{_FOLDERS}_killed.py::test_a_lock_that_nobody_gives_up",
    ),
    "files": (
        *("tests/trust/test_what_the_system_refuses.py", "tests/trust/test_refusals.py"),
        *("tests/trust/test_single_file.py", "tests/cli/test_input.py::test_a_pipe_that_nobody_writes_to"),
        f"{_FOLDERS}_killed.py::test_no_room_at_every_call",
        *(f"{_UNREADABLE}::test_malformed", f"{_UNREADABLE}::test_no_path_at_all"),
        *(f"{_UNREADABLE}::test_no_readable_file", f"{_UNREADABLE}::test_closed_standard_input"),
    ),
}
# The rooms that have a few places each.
OTHERS = "others"
CASES[OTHERS] = (
    *("tests/test_small_parts.py", "tests/test_record.py", "tests/bad_input/test_every_place.py"),
    *(
        "tests/notation/test_qemu.py::test_spellings_of_an_object",
        "tests/notation/test_qemu.py::test_options_of_their_own",
    ),
    *("tests/acpi/test_battery.py::test_all_problems_at_once", "tests/options/test_kinds_in_words.py"),
    *(
        "tests/nixos/test_nix_text.py::test_nul_is_refused",
        "tests/options/test_renderer.py::test_a_kind_without_a_place",
    ),
    "tests/patch/test_stated_keys.py::test_every_key_has_a_concern_or_a_reason",
)
# What no test can reach, by file and the statement's first line as it is written, each with the reason.
_ABSTRACT = "Every term of AML has its own; a term without one is no case that a table could make."
_IN_A_ROOT = "Cases of tests/define/test_install.py come to it, in a Debian root, which has its own copy."
BEYOND: dict[tuple[str, str], str] = {
    ("optimux/acpi/aml.py", "raise NotImplementedError"): _ABSTRACT,
    ("optimux/cli/install.py", "raise"): _IN_A_ROOT,
}
# What takes long of these, and comes to no place that others do not.
_HOSTS = "tests/apply/test_bad_hosts.py"
_TAKE = "tests/handover/test_take.py"
DEAR = (
    *(f"{_HOSTS}::test_{name}" for name in ("a_link_that_was_planted", "two_at_once", "two_tools_for_the_initramfs")),
    *(f"{_HOSTS}::test_{name}" for name in ("links_of_another_root_stay_in_it", "grub_is_named_in_the_list")),
    *(f"{_HOSTS}::test_{name}" for name in ("a_generated_folder_is_not_trusted", "a_loader_that_nobody_knows")),
    *(f"{_HOSTS}::test_{name}" for name in ("a_refusal_as_json", "an_immutable_file")),
    *(f"{_TAKE}::test_{name}" for name in ("killed_at_each_step", "giving_that_is_killed_is_given_again")),
    *(f"{_TAKE}::test_{name}" for name in ("there_and_back", "the_order_of_what_is_done")),
    *(f"{_TAKE}::test_{name}" for name in ("a_kill_is_undone_by_the_next_take", "taking_twice_is_once")),
    *(f"tests/handover/test_start.py::test_{name}" for name in ("with_libvirts_own_binding",)),
    *(f"tests/handover/test_start.py::test_{name}" for name in ("a_start_with_everything_there",)),
    *(f"tests/acpi/test_battery.py::test_{name}" for name in ("acpica", "iasl", "disassembles")),
    *(f"{_TAKE}::test_{name}" for name in ("a_refusing_kernel", "nvidia_is", "a_function_that_goes")),
    "tests/handover/test_kernel.py::test_a_writer_has_none_of_our_descriptors",
    *(f"tests/handover/test_start.py::test_{name}" for name in ("a_start_of_what_is_not", "what_ends_a_start")),
    *(f"tests/handover/test_hook.py::test_{name}" for name in ("two_that_take_it", "one_that_has_it", "around_a_vm")),
    *(f"{_HOSTS}::test_{name}" for name in ("etc_that_cannot_be_written", "a_command_that_fails_takes")),
    "tests/guest/test_agent.py::test_qemus_agent_runs_programs",
    "tests/guest/test_media_check.py::test_an_image_is_made",
    "tests/guest/test_setup.py::test_through_qemus_own_agent",
    *("tests/detect/test_root.py::test_a_tar_says_what_its_tree_says", "tests/detect/test_root.py::test_nothing_wakes"),
    "tests/detect/test_root.py::test_descriptors_are_given_back",
    f"{_FOLDERS}_users.py::TestTheIndex::test_leads_outside[",
    *(f"tests/trust/test_single_file.py::test_{name}" for name in ("killed_at_every_call", "many_writers")),
    "tests/apply/test_rollback_commands.py::test_what_was_not_run_is_named",
)


@pytest.fixture(scope="module")
def come(tmpfs: Path | None) -> set[tuple[str, int]]:
    """The places that these tests come to: one run for all rooms."""
    tests = dict.fromkeys(test for tests in CASES.values() for test in tests)
    return reached([*tests, *(f"--deselect={test}" for test in DEAR)], tmpfs)


@pytest.mark.xdist_group("refusals")
@pytest.mark.parametrize("room", CASES)
def test_every_place_has_a_case(room: str, come: set[tuple[str, int]]) -> None:
    found = _of_others() if room == OTHERS else of_room(room)
    missing = [place for place in found if (place.file, place.line) not in come]
    beyond = {key for key in BEYOND if key[0].startswith(f"optimux/{room}/")}
    assert [str(place) for place in missing if (place.file, place.text) not in beyond] == []
    assert beyond - {(place.file, place.text) for place in missing} == set(), "these have a case, or are gone"
    assert len(found) > 5


def _of_others() -> list[Place]:
    rooms = tuple(f"optimux/{room}/" for room in CASES)
    return [place for place in of_room("") if not place.file.startswith(rooms)]


def test_only_what_is_run_writes_itself_down(tmp_path: Path) -> None:
    """A place in the branch that is not taken stays out, as do the lines around one; the lines keep their numbers."""
    source = '''"""Words."""
def f(wrong: bool, problems: list[object]) -> None:
    if wrong:
        raise ValueError("é")
    for text in "é", "b": problems.append(Problem("é", text))
    if text == "c": raise ValueError(Problem("c",
        "c"))
'''
    (tmp_path / "a.py").write_text(source, encoding="utf-8")
    assert {place.line for place in places(tmp_path / "a.py", "a.py")} == {4, 5, 6}
    text = marked(source, "a.py").replace('__import__("optimux._come")._come.come', "come")
    assert text.count("\n") == source.count("\n")
    seen: list[str] = []
    world: dict[str, Any] = {"come": seen.append, "Problem": lambda *words: words}
    exec(text, world)
    problems: list[object] = []
    world["f"](False, problems)
    assert (seen, problems) == (["a.py:5", "a.py:5"], [("é", "é"), ("é", "b")])
    with pytest.raises(ValueError, match="é"):
        world["f"](True, problems)
    assert seen[2:] == ["a.py:4"]
