"""Answers go to one person; a Home tab is no message."""

import pytest

from bot.adapters.outbox.announcer import SlackRunAnnouncer
from bot.adapters.outbox.answers import SlackAnswers, SlackHomeTabs
from bot.domain.backups import Backup, BackupName, BackupPage, StoredObject
from bot.errors import PermanentError
from bot.ports import (
    Audience,
    BackupDetails,
    BackupListing,
    EnvironmentSummary,
    HomeFacts,
    NewestBackups,
    Overview,
)
from tests.adapters.outbox.tray import WHO, Tray, who
from tests.views.samples import ASKED, RUN


@pytest.fixture
def tabs(tray: Tray) -> SlackHomeTabs:
    return SlackHomeTabs(tray)


def test_old_answers_are_forgotten_and_nothing_else(
    tray: Tray, announcer: SlackRunAnnouncer, answers: SlackAnswers
) -> None:
    announcer.card(RUN, ())
    answers.tell(Audience("U1", "C1", request_id="slash:1"), "Done.")
    answers.forget_answers(60.0)
    assert list(tray.wanted) == [f"card:{RUN.id}"]


def test_answers_go_to_one_person_by_the_url_they_came_with(tray: Tray, answers: SlackAnswers) -> None:
    answers.refuse(who("slash:1"), PermanentError("no-down-script", "No.", "Do that."))
    answers.tell(who("slash:2"), "Done.")
    answers.status(who("slash:3"), [RUN], {})
    answers.overview(who("slash:4"), Overview("prod", 27, "v1.3.0", True, (), ()))

    assert list(tray.wanted) == ["answer:slash:1", "answer:slash:2", "answer:slash:3", "answer:slash:4"]
    for message in tray.wanted.values():
        assert (message.user, message.channel, message.response_url) == (WHO.user_id, WHO.channel, WHO.response_url)
        assert (message.thread_key, message.run_id) == ("", "")
    assert tray.wanted["answer:slash:1"].text == "✗ no-down-script: No.\nDo that."


def test_only_a_turned_page_replaces_the_message_clicked_on(tray: Tray, answers: SlackAnswers) -> None:
    backup = Backup(BackupName("prod", "nightly", ASKED), StoredObject("prod_nightly.tar.gz", 1))
    listing = BackupListing("prod", BackupPage((backup,), 1), "", 0, ASKED)
    answers.backups(who("action:1"), listing, replace=True)
    answers.backups(who("slash:1"), listing, replace=False)
    answers.newest_backups(who("slash:2"), [NewestBackups("prod", None, "storage-unavailable: Away.")], ASKED)
    answers.backup(who("slash:3"), BackupDetails("prod", backup, ASKED))

    assert [message.replace for message in tray.wanted.values()] == [True, False, False, False]
    assert {(message.user, message.response_url) for message in tray.wanted.values()} == {
        (WHO.user_id, WHO.response_url)
    }


def test_a_home_tab_is_no_message_and_the_refusal_takes_its_place(tray: Tray, tabs: SlackHomeTabs) -> None:
    facts = HomeFacts((EnvironmentSummary("prod", production=True, channel="C0INCIDENT", quorum=2, schema=27),), ASKED)
    tabs.home("U0ENG", facts)
    tab = tray.wanted["home:U0ENG"]
    assert (tab.surface, tab.channel, tab.user, tab.response_url) == ("home", "U0ENG", "", "")
    assert "Schema 027" in str(tab.blocks)

    tabs.no_home("U0ENG", PermanentError("not-a-member", "No."))

    (tab,) = tray.wanted.values()
    assert "not-a-member" in str(tab.blocks)
    assert "Schema" not in str(tab.blocks)
