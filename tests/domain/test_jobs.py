"""Labels of backups: which can be read back, and which only runs may use."""

import pytest

from bot.domain.jobs import MAX_LABEL, is_label, is_reserved


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("before-launch", True),
        ("v1.3.0", True),
        ("a" * MAX_LABEL, True),
        ("a" * (MAX_LABEL + 1), False),
        ("", False),
        ("-x", False),
        (".x", False),
        ("two words", False),
        ("a_b", False),
        ("nightly\n", False),
    ],
)
def test_a_label_has_letters_digits_dots_and_dashes(text: str, *, good: bool) -> None:
    assert is_label(text) is good


@pytest.mark.parametrize(
    ("label", "reserved"),
    [
        ("pre-rollback-027-rk3f9a", True),
        ("PRE-restore-x", True),
        ("drill-1", True),
        ("drills", False),
        ("pre-launch", False),
    ],
)
def test_labels_of_runs_are_reserved(label: str, *, reserved: bool) -> None:
    assert is_reserved(label) is reserved
