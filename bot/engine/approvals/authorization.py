"""Checks the permissions of people and channels. They are looked up fresh, and a failed look-up means no permission."""

from bot.domain.approvals import Voter, is_approver
from bot.domain.environments import Environment
from bot.domain.runs import Run
from bot.engine.context import Services
from bot.errors import PermanentError

MEMBER_FOR_S = 600.0
"""For how long a reader's membership is cached. Votes never use the cache."""
UNSHARED_FOR_S = 30.0
"""For how long it is cached that a channel is not shared."""
_CHANNEL_IDS = ("C", "G")
"""How Slack's ids of channels and group conversations begin."""


class Readers:
    """Caches who may read.

    Decision 17: questions at night must not depend on a look-up each, which Slack limits. Votes and requests that
    change something are never judged by it.
    """

    def __init__(self) -> None:
        self._seen_at: dict[str, float] = {}

    def check(self, services: Services, user_id: str) -> None:
        """Let people through who are, or were within `MEMBER_FOR_S`, full members.

        Raises:
            PermanentError: ``not-a-member``.
            TemporaryError: ``lookup-failed``.
        """
        now = services.clock.monotonic()  # only success is cached: a person let in again must not wait
        if now - self._seen_at.get(user_id, now - MEMBER_FOR_S) >= MEMBER_FOR_S:
            check_reader(services, user_id)
            self._seen_at[user_id] = now


class Channels:
    """Caches which channels are this workspace's own. Votes never use the cache."""

    def __init__(self) -> None:
        self._seen_at: dict[str, float] = {}

    def check(self, services: Services, channel: str) -> None:
        """Let requests through from channels that are not shared, or were not within `UNSHARED_FOR_S`.

        Raises:
            BotError: see `check_channel`.
        """
        now = services.clock.monotonic()  # only success is cached: a channel that is unshared must not wait
        if now - self._seen_at.get(channel, now - UNSHARED_FOR_S) >= UNSHARED_FOR_S:
            check_channel(services, channel)
            self._seen_at[channel] = now


def check_channel(services: Services, channel: str) -> None:
    """Refuse a channel that another organisation is in or is invited to, unless the configuration allows it.

    Raises:
        PermanentError: ``shared-channel``, ``channel-not-visible``.
        TemporaryError: ``lookup-failed``.
    """
    # decision 35: requests from the Home tab and from direct messages have no channel that could be shared
    if not channel.startswith(_CHANNEL_IDS) or channel in services.allowed_shared_channels:
        return
    if services.directory.is_shared(channel):
        raise PermanentError(
            "shared-channel",
            "This channel is shared with another organisation or is about to be. Nothing was done.",
            f"Use a channel of this workspace alone. To allow this one, add {channel} to slack.allow_shared_channels.",
        )


def check_member(services: Services, user_id: str, environment: Environment) -> Voter:
    """Let only full, active, human members of this workspace through.

    Raises:
        PermanentError: ``not-a-member``.
        TemporaryError: ``lookup-failed``.
    """
    return _check(services, services.directory.look_up(user_id, environment.approval.groups))


def check_reader(services: Services, user_id: str) -> Voter:
    """Do the same without looking up groups, which Slack limits much more.

    Raises:
        PermanentError: ``not-a-member``.
        TemporaryError: ``lookup-failed``.
    """
    return _check(services, services.directory.look_up(user_id, ()))


def _check(services: Services, person: Voter) -> Voter:
    outsider = person.stranger or person.team_id != services.home_team
    if person.bot or person.deleted or person.guest or outsider:
        raise PermanentError(
            "not-a-member",
            "Only full, active members of this workspace may do that.",
            "Ask the engineer on call.",
        )
    return person


def check_steward(services: Services, user_id: str, run: Run) -> Voter:
    """Let only the requester and the environment's approvers through.

    Raises:
        PermanentError: ``not-yours``, ``not-a-member``.
        TemporaryError: ``lookup-failed``.
    """
    environment = services.env(run.environment).environment
    person = check_member(services, user_id, environment)
    if user_id != run.requester and not is_approver(person, environment.approval):
        raise PermanentError(
            "not-yours",
            f"Run {run.id} was asked for by {run.asker}; only they and the approvers of {run.environment} may do that.",
            "Ask one of them.",
        )
    return person


def check_approver(services: Services, user_id: str, environment: Environment) -> None:
    """Let only the environment's approvers through.

    Raises:
        PermanentError: ``not-an-approver``, ``not-a-member``.
        TemporaryError: ``lookup-failed``.
    """
    if not is_approver(check_member(services, user_id, environment), environment.approval):
        raise PermanentError(
            "not-an-approver",
            f"Only the approvers of {environment.name} may do that.",
            "Ask one of them; approval.approvers in the configuration says who they are.",
        )
