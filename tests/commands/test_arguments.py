"""Typography undone, words split, options read; every fault is for the person."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import PermanentError
from bot.views.kit.text import escape
from commands.arguments import Options, normalise, quote, split, unquote


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("prod\u00a0027", "prod 027"),
        ("  prod   027 ", "prod 027"),
        ("prod 027 —app v1.2.3", "prod 027 --app v1.2.3"),
        ("prod 027 –reason x", "prod 027 --reason x"),
        ("prod 027 -—app v1", "prod 027 --app v1"),
        ("reason “it’s broken”", 'reason "it\'s broken"'),
        ("a – b", "a – b"),
        ("a &amp;&lt;b&gt;", "a &<b>"),
        ("&amp;lt;", "&lt;"),
        ("`prod` `027`", "prod 027"),
        ("ask <@U0LEADA|lead.a> in <#C0INCIDENT|incident-prod>", "ask @lead.a in #incident-prod"),
        ("<@U0LEADA>", "@U0LEADA"),
        ("<!subteam^S0LEADS|@leads>", "@leads"),
        ("see <https://example.org/a|example.org/a>", "see https://example.org/a"),
        ("pr\u200bod\x00 027\u202e", "prod 027"),
    ],
)
def test_what_clients_make_of_text_is_undone(typed: str, meant: str) -> None:
    assert normalise(typed) == meant


def test_double_quotes_hold_words_together() -> None:
    assert split('prod 027 --reason "flags break booking"') == ["prod", "027", "--reason", '"flags break booking"']
    assert split('say "unfinished business') == ["say", '"unfinished', "business"]


def test_an_apostrophe_is_no_quote() -> None:
    assert unquote(split("can't log in")) == "can't log in"
    assert unquote(["'flags", "break'"]) == "flags break"


def test_an_endless_text_is_refused_with_its_beginning() -> None:
    with pytest.raises(PermanentError, match="text-too-long") as refused:
        split("&" * 5000)

    assert "5,000 characters" in refused.value.message
    assert len(escape(refused.value.message)) < 140


@given(st.text(max_size=300))
def test_no_text_breaks_it(typed: str) -> None:
    assert all(word.strip() for word in split(typed))


@given(st.text())
def test_at_most_sixty_characters_are_quoted(typed: str) -> None:
    assert len(escape(quote(typed))) <= 62


def options() -> Options:
    made = Options("/rollback prod 027 [--app v1.2.3]")
    made.add_argument("migration", nargs="?")
    made.option("--app", words=1)
    made.option("--reason")
    return made


def test_options_are_read_in_any_order() -> None:
    given_first = options().read(["--app", "v1", "027", "--reason", "a", "b"])

    assert (given_first.migration, given_first.app, given_first.reason) == ("027", ["v1"], ["a", "b"])
    assert options().read(["027", '--reason="a b"']).reason == ['"a b"']


@pytest.mark.parametrize(
    ("words", "reference", "said"),
    [
        (["027", "--ap", "x"], "unknown-option", "Did you mean --app?"),
        (["027", "--app", "a", "--app", "b"], "repeated-option", "more than once"),
        (["027", "028"], "too-many-words", "“028” is too much"),
        (["027", "-x"], "too-many-words", "“-x” is too much"),
        (["027", "--app"], "cannot-read-that", "expected 1 argument"),
        (["027", "--force"], "unknown-option", "Type /rollback prod 027 [--app v1.2.3]"),
    ],
)
def test_faults_are_raised_never_printed(
    words: list[str], reference: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(PermanentError) as refused:
        options().read(words)

    assert refused.value.reference == reference
    assert said in str(refused.value)
    assert capsys.readouterr() == ("", "")
