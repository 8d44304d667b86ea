"""People of a workspace, looked up fresh."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from bot.domain.approvals import Voter
from bot.errors import TemporaryError

HOME = "T0PHYSIO"
LEADS = "S0LEADS"
ONCALL, LEAD_A, LEAD_B, LEAD_C, ENGINEER = "U0ONCALL", "U0LEADA", "U0LEADB", "U0LEADC", "U0DEV"


def member(user_id: str, *groups: str) -> Voter:
    return Voter(user_id, user_id.lower(), HOME, groups=frozenset(groups))


class FakeDirectory:
    """A `bot.ports.Directory`; `unreachable` people and channels cannot be looked up, and the bot is in every channel
    but those `elsewhere`. Channels that are `shared` have another organisation in them. Asked for reactions, it first
    raises what is in `trouble`.
    """

    def __init__(self) -> None:
        people = [member(ONCALL), member(ENGINEER), *(member(lead, LEADS) for lead in (LEAD_A, LEAD_B, LEAD_C))]
        self.people = {person.user_id: person for person in people}
        self.unreachable: set[str] = set()
        self.elsewhere: set[str] = set()
        self.shared: set[str] = set()
        self.reacted: dict[tuple[str, str], dict[str, set[str]]] = {}
        self.trouble: list[TemporaryError] = []

    def look_up(self, user_id: str, groups: Sequence[str]) -> Voter:
        if user_id in self.unreachable or user_id not in self.people:
            raise TemporaryError("lookup-failed", f"Slack does not say who {user_id} is.")
        person = self.people[user_id]
        return replace(person, groups=person.groups & set(groups))

    def is_shared(self, channel: str) -> bool:
        if channel in self.unreachable:
            raise TemporaryError("lookup-failed", f"Slack does not say if {channel} is shared.")
        return channel in self.shared

    def react(self, channel: str, ts: str, user_id: str, name: str) -> None:
        self.reacted.setdefault((channel, ts), {}).setdefault(name, set()).add(user_id)

    def unreact(self, channel: str, ts: str, user_id: str, name: str) -> None:
        self.reacted.get((channel, ts), {}).get(name, set()).discard(user_id)

    def reactions(self, channel: str, ts: str) -> Mapping[str, frozenset[str]]:
        if self.trouble:
            raise self.trouble.pop(0)
        if channel in self.unreachable:
            raise TemporaryError("lookup-failed", f"Slack does not say who has reacted in {channel}.")
        return {name: frozenset(users) for name, users in self.reacted.get((channel, ts), {}).items()}

    def is_in(self, channel: str) -> bool:
        if channel in self.unreachable:
            raise TemporaryError("lookup-failed", f"Slack does not say what {channel} is.")
        return channel not in self.elsewhere
