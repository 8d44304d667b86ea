"""Templates of the server's own messages."""

import pytest

from bot.domain.server_messages import TEMPLATES, find_template


@pytest.mark.parametrize("template", TEMPLATES)
def test_every_template_finds_itself(template: str) -> None:
    assert find_template(template.replace("…", "x")) in TEMPLATES


@pytest.mark.parametrize(
    ("message", "template"),
    [
        ('relation "a" does not exist', "relation … does not exist"),
        ('column "a" of relation "b" does not exist', "column … of relation … does not exist"),
        ('could not extend file "x": No space left on device', "could not extend file …: No space left on device"),
        ("relation is what Ngan said", ""),
        ("Ngan: relation x does not exist", ""),
        ("relation x does not exist, said Ngan", ""),
        ("", ""),
    ],
)
def test_the_template_with_the_most_words_is_found(message: str, template: str) -> None:
    assert find_template(message) == template


def test_no_template_is_nothing_but_an_argument() -> None:
    assert min(len(template.replace("…", "").split()) for template in TEMPLATES) >= 1
    assert not [template for template in TEMPLATES if not template.replace("…", "").strip()]
