"""Foreign text is never markup, and a bad link cannot be followed."""

from dataclasses import replace

from tests.views.runs.html.incidents import EVIL, HOSTILE, LONG, RECREATED
from tests.views.runs.html.reading import words, written


def test_nothing_that_was_put_in_is_markup() -> None:
    page = written(HOSTILE)

    assert "<script" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "\u202e" not in page
    assert "{{7*7}}" in page
    assert 'href="javascript' not in page
    assert LONG in words(HOSTILE)
    assert EVIL[:20] in words(HOSTILE)


def test_a_link_that_is_none_cannot_be_followed() -> None:
    events = [replace(event, details={"link": "javascript:alert(1)"}) for event in RECREATED.events[-1:]]

    assert "<a href" not in written(replace(RECREATED, events=events)).partition("<main>")[2]
