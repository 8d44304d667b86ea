"""Renders answers to people and their Home tabs, and puts them into the outbox.

Keys: ``answer:{request}``, ``drill-report:{request}``, ``drill-picture:{request}``, ``home:{user}``.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime

from bot.domain.drill_reports import DrillReport
from bot.domain.drills import Drill, Standing
from bot.domain.runs import Run
from bot.errors import BotError
from bot.ports import (
    Attachment,
    Audience,
    BackupDetails,
    BackupListing,
    HomeFacts,
    KeptDatabase,
    Message,
    NewestBackups,
    Outbox,
    Overview,
)
from bot.views.backups import backups
from bot.views.drills import drill as drill_view
from bot.views.drills import drill_list
from bot.views.drills import report as drill_report
from bot.views.kit.blocks import View, render_error, render_sentence
from bot.views.status import home, migrations, status


class SlackAnswers:
    """Implements `bot.ports.Answers` with ephemeral messages.

    Args:
        outbox: receives the messages.
    """

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox

    def refuse(self, audience: Audience, error: BotError) -> None:
        """Put the refusal with its reference and hint."""
        self._answer(audience, render_error(error))

    def tell(self, audience: Audience, text: str) -> None:
        """Put plain text; it is escaped."""
        self._answer(audience, render_sentence(text))

    def status(
        self,
        audience: Audience,
        runs: Sequence[Run],
        frozen: Mapping[str, str],
        kept: Sequence[KeptDatabase] = (),
        follow_ups: Sequence[Run] = (),
    ) -> None:
        """Put the status page."""
        self._answer(audience, status.render(runs, frozen, kept, follow_ups))

    def overview(self, audience: Audience, overview: Overview) -> None:
        """Put the list of migrations."""
        self._answer(audience, migrations.render(overview))

    def backups(self, audience: Audience, listing: BackupListing, *, replace: bool) -> None:
        """Put a page of backups."""
        self._answer(audience, backups.render(listing), replace=replace)

    def newest_backups(self, audience: Audience, newest: Sequence[NewestBackups], at: datetime) -> None:
        """Put the newest backups of every environment."""
        self._answer(audience, backups.render_newest(newest, at))

    def backup(self, audience: Audience, details: BackupDetails) -> None:
        """Put a backup's manifest."""
        self._answer(audience, backups.render_details(details))

    def drill_list(self, audience: Audience, standings: Sequence[Standing], drills: Sequence[Drill]) -> None:
        """Put schedules and drills."""
        self._answer(audience, drill_list.render(standings, drills))

    def drill_details(self, audience: Audience, drill: Drill) -> None:
        """Put one drill, without its buttons."""
        self._answer(audience, drill_view.render(drill, steer=False))

    def drill_report(self, audience: Audience, report: DrillReport, png: bytes) -> None:
        """Put the text, then the picture as a message of its own: a file cannot have blocks."""
        view, key = drill_report.render(report, pictured=bool(png)), audience.request_id
        self._outbox.put(Message(f"drill-report:{key}", audience.channel, view.text, view.blocks))
        if png:
            # Two reports must not share a file's name: see `bot.ports.Attachment`.
            name = f"backstop-drills-{report.at:%Y%m%d}-{hashlib.sha256(key.encode()).hexdigest()[:8]}.png"
            picture = Attachment(name, "Drills: time to restore", png)
            words = f"Time to restore by phase, size of the database, data-loss window. {view.text}."
            self._outbox.put(Message(f"drill-picture:{key}", audience.channel, words, attachment=picture))

    def forget_answers(self, older_than_s: float) -> None:
        """Delete old ephemerals from the outbox."""
        self._outbox.forget_ephemerals(older_than_s)

    def _answer(self, audience: Audience, view: View, *, replace: bool = False) -> None:
        self._outbox.put(
            Message(
                f"answer:{audience.request_id}",
                audience.channel,
                view.text,
                view.blocks,
                user=audience.user_id,
                response_url=audience.response_url,
                replace=replace,
            )
        )


class SlackHomeTabs:
    """Implements `bot.ports.HomeTabs`.

    Args:
        outbox: receives the Home tabs.
    """

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox

    def home(self, user_id: str, facts: HomeFacts) -> None:
        """Put the Home tab; the outbox sends only what differs from what is shown."""
        self._publish(user_id, home.render(facts))

    def no_home(self, user_id: str, error: BotError) -> None:
        """Put the refusal in the Home tab's place."""
        self._publish(user_id, home.render_refusal(error))

    def _publish(self, user_id: str, view: View) -> None:
        self._outbox.put(Message(f"home:{user_id}", user_id, view.text, view.blocks, surface="home"))
