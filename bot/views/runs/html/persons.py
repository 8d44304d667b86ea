"""People by name: a file has nobody to turn a Slack id into one."""

import re
from collections.abc import Mapping, Sequence

from bot.ports import AuditEvent
from bot.views.kit.text import bare_line

_MENTION = re.compile(r"<@([UW][A-Z0-9]{2,})>")
_NAME_MOST = 80


class Persons:
    """Everybody who did something in a run, as Slack called them then."""

    def __init__(self, events: Sequence[AuditEvent]) -> None:
        found = {event.actor: str(event.details.get("name") or "") for event in events if event.details.get("name")}
        self._names: Mapping[str, str] = {user_id: bare_line(name, _NAME_MOST) for user_id, name in found.items()}

    def name(self, user_id: str) -> str:
        """``an (U0ONCALL)``; the id alone where no name was noted: a name can be anybody's."""
        shown = bare_line(user_id, _NAME_MOST)
        name = self._names.get(user_id, "")
        return f"{name} ({shown})" if name and name != shown else shown

    def prose(self, sentence: str, most: int) -> str:
        """A sentence of the engine's with its mentions written out, in one line."""
        return bare_line(_MENTION.sub(lambda match: self.name(match[1]), sentence), most)
