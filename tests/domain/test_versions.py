"""Versions and the matrix."""

import pytest

from bot.domain.versions import AppVersion, CompatibilityRow, Matrix, is_pattern, label

MATRIX = Matrix(
    (
        CompatibilityRow("v1.3.x", 27, None),
        CompatibilityRow("v1.2.x", 20, 26),
        CompatibilityRow("v1.1.4", 15, 19),
        CompatibilityRow("v0.x", 1, 14),
    )
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("v1.3.0", AppVersion(1, 3, 0)),
        ("1.3.0", AppVersion(1, 3, 0)),
        (" v1.20.3 ", AppVersion(1, 20, 3)),
        ("v1.3", None),
        ("v1.3.0-rc1", None),
        ("latest", None),
        ("main", None),
        ("", None),
        ("v1.3.0.1", None),
    ],
)
def test_reading_an_app_version(text: str, expected: AppVersion | None) -> None:
    assert AppVersion.parse(text) == expected


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("api:v1.3.0", AppVersion(1, 3, 0)),
        ("registry.example/team/api:v1.3.0", AppVersion(1, 3, 0)),
        ("registry.example:5000/api:1.2.3", AppVersion(1, 2, 3)),
        ("registry.example:5000/api", None),
        ("registry.example/api:v1.3.0@sha256:abc", AppVersion(1, 3, 0)),
        ("registry.example/api@sha256:abc", None),
        ("api:latest", None),
        ("api", None),
    ],
)
def test_reading_an_images_version(image: str, expected: AppVersion | None) -> None:
    assert AppVersion.of_image(image) == expected


def test_order_is_by_number_and_not_by_letter() -> None:
    assert AppVersion(1, 2, 10) > AppVersion(1, 2, 9)
    assert str(AppVersion(1, 2, 10)) == "v1.2.10"


@pytest.mark.parametrize(
    ("app", "schema", "suits"),
    [
        ("v1.3.0", 27, True),
        ("v1.3.9", 99, True),
        ("v1.3.0", 26, False),
        ("v1.2.3", 26, True),
        ("v1.2.3", 20, True),
        ("v1.2.3", 19, False),
        ("v1.2.3", 27, False),
        ("v1.20.0", 26, False),
        ("v1.1.4", 15, True),
        ("v1.1.5", 15, False),
        ("v0.9.9", 1, True),
        ("v0.9.9", 0, False),
        ("v2.0.0", 27, False),
    ],
)
def test_which_app_suits_which_schema(app: str, schema: int, *, suits: bool) -> None:
    version = AppVersion.parse(app)
    assert version is not None
    assert MATRIX.suits(version, schema) is suits


def test_the_newest_that_suits() -> None:
    have = [AppVersion(1, 2, 9), AppVersion(1, 2, 10), AppVersion(1, 3, 0)]
    assert MATRIX.newest_for(26, have) == AppVersion(1, 2, 10)
    assert MATRIX.newest_for(27, have) == AppVersion(1, 3, 0)
    assert MATRIX.newest_for(14, have) is None
    assert MATRIX.newest_for(27, []) is None


@pytest.mark.parametrize(("text", "good"), [("v1.3.x", True), ("v1.x", True), ("v1.3.0", True), ("1.3.x", False)])
def test_patterns(text: str, *, good: bool) -> None:
    assert is_pattern(text) is good


def test_words() -> None:
    assert [label(7), label(27), label(1234)] == ["007", "027", "1234"]
    assert [str(row) for row in MATRIX.rows_for(27)] == ["v1.3.x needs schema 027–latest"]
    assert [str(row) for row in MATRIX.rows_for(20)] == ["v1.2.x needs schema 020–026"]
