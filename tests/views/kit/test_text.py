"""Foreign text is harmless and cut; figures read well."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.runs import Progress
from bot.views.kit import text


def test_markup_is_escaped() -> None:
    assert text.escape("<!channel> & <@U1>") == "&lt;!channel&gt; &amp; &lt;@U1&gt;"


@given(st.text(), st.integers(1, 50))
def test_a_clipped_text_fits_once_escaped(foreign: str, most: int) -> None:
    clipped = text.clip(foreign, most)

    assert len(text.escape(clipped)) <= most
    assert clipped == foreign or clipped.endswith("…")


def test_an_entity_is_never_cut_in_two() -> None:
    assert text.one_line("&&&&", 12) == "&amp;&amp;…"


def test_invisible_characters_and_line_breaks_do_not_survive_in_a_line() -> None:
    assert text.one_line("a\u202eb\u200bc\x00d\ne\ud800", 80) == "abc d e"


def test_a_backtick_cannot_end_code() -> None:
    assert text.code("a`b") == "`a'b`"


def test_a_log_is_cut_at_its_beginning() -> None:
    shown = text.preformatted("first\n" + "x" * 100 + "\n``` last <&>", 60)

    assert len(shown) <= 60
    assert shown.startswith("```\n…")
    assert shown.endswith("''' last &lt;&amp;&gt;\n```")


@pytest.mark.parametrize(
    ("sentence", "shown"),
    [
        ("cancelled by <@U0LEADA>", "cancelled by <@U0LEADA>"),
        ("<@U0LEADA> could not be looked up", "<@U0LEADA> could not be looked up"),
        ("rejected by <@U0LEADA> and <@U0LEADB>", "rejected by <@U0LEADA> and <@U0LEADB>"),
        ("the vote of <@U0LEADA> is void", "the vote of <@U0LEADA> is void"),
        ('relation "<@U0LEADA>" does not exist', 'relation "&lt;@U0LEADA&gt;" does not exist'),
        ("by <!channel>", "by &lt;!channel&gt;"),
        ("by <!subteam^S0LEADS>", "by &lt;!subteam^S0LEADS&gt;"),
        ("by <@U1|x>", "by &lt;@U1|x&gt;"),
    ],
)
def test_only_the_engines_own_mentions_of_people_survive(sentence: str, shown: str) -> None:
    assert text.prose(sentence, 200) == shown


def test_a_person_is_mentioned_and_a_command_line_user_is_named() -> None:
    assert text.person("U0LEADA") == "<@U0LEADA>"
    assert text.person("cli:anna") == "`cli:anna`"
    assert text.person("<!here>") == "`&lt;!here&gt;`"


def test_many_people_are_counted() -> None:
    assert text.people([f"U{n:03d}" for n in range(5)], most=2) == "<@U000>, <@U001> and 3 more"


def test_a_moment_has_a_fallback() -> None:
    assert text.moment(datetime(2026, 2, 11, 3, 0, tzinfo=UTC)) == "<!date^1770778800^{time}|2026-02-11 03:00 UTC>"


@pytest.mark.parametrize(
    ("size_bytes", "shown"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (3_400_000, "3.4 MB"), (2 * 10**12, "2.0 TB")],
)
def test_sizes(size_bytes: int, shown: str) -> None:
    assert text.size(size_bytes) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0.42, "0.4 s"), (42, "42 s"), (60, "1 min"), (125, "2 min 5 s"), (3600, "1 h"), (3780, "1 h 3 min")],
)
def test_durations(seconds: float, shown: str) -> None:
    assert text.duration(seconds) == shown


@pytest.mark.parametrize(
    ("now", "shown"),
    [
        (Progress(1_200_000, 3_400_000, "bytes"), "1.2 of 3.4 MB (35 %)"),
        (Progress(900_000, 3_400_000, "bytes"), "900.0 kB of 3.4 MB (26 %)"),
        (Progress(3, 5, "pods"), "3 of 5 pods (60 %)"),
        (Progress(1200, 0, "rows"), "1,200 rows"),
        (Progress(7, 5, "rows"), "7 of 5 rows (100 %)"),
    ],
)
def test_progress(now: Progress, shown: str) -> None:
    assert text.progress(now) == shown


def test_one_is_no_plural() -> None:
    assert (text.count(1, "row"), text.count(1204, "row"), text.count(2, "index", "indexes")) == (
        "1 row",
        "1,204 rows",
        "2 indexes",
    )
