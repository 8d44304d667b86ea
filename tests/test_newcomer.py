"""Every standard term leads a newcomer somewhere, or nowhere with a reason."""

import pytest

from tests import newcomer
from tests.test_glossary import ROOT


@pytest.mark.parametrize("word", newcomer.WORDS)
def test_a_standard_term_leads_somewhere(word: str) -> None:
    answer = newcomer.find(word)

    assert answer, f"{word}: no file, heading or entry of docs/glossary.md, and no reason for that"
    assert answer.text
    assert (ROOT / answer.path).exists()


def test_there_are_31_words() -> None:
    assert len(newcomer.WORDS) == len(set(newcomer.WORDS)) == 31


@pytest.mark.parametrize(
    ("word", "path", "found_by"),
    [
        ("retention", "bot/engine/backups/retention.py", newcomer.BY_NAME),
        ("lease", "bot/adapters/journal/leases.py", newcomer.BY_NAME),
        ("workflow", "", newcomer.NOTHING),
    ],
)
def test_the_name_of_a_file_comes_first(word: str, path: str, found_by: str) -> None:
    answer = newcomer.find(word)

    assert answer
    assert (answer.path, answer.found_by) == (path, found_by)


def test_a_word_without_an_answer_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    assert newcomer.main(["blockchain"]) == 1
    assert capsys.readouterr().out == "blockchain     nothing, and no reason is given\n"
