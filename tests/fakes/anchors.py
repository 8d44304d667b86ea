"""A store of anchors in memory."""

from bot.errors import BotError
from bot.ports import KeptAnchor, KeptAnchors


class FakeAnchors:
    """A `bot.ports.AnchorStore`; `down` is raised while it is set."""

    def __init__(self) -> None:
        self.kept: dict[int, list[bytes | None]] = {}
        self.down: BotError | None = None
        self.asked = 0
        self.place = "witness/anchors/"

    def _answer(self) -> None:
        self.asked += 1
        if self.down is not None:
            raise self.down

    def newest(self) -> tuple[int, bytes] | None:
        self._answer()
        there = {number: texts[-1] for number, texts in self.kept.items() if texts[-1] is not None}
        number = max(there, default=0)
        document = there.get(number)
        return (number, document) if document is not None else None

    def put(self, number: int, document: bytes) -> bool:
        self._answer()
        if self.kept.get(number, [None])[-1] is not None:
            return False
        self.kept.setdefault(number, []).append(document)
        return True

    def read_all(self) -> KeptAnchors:
        self._answer()
        return KeptAnchors([KeptAnchor(number, tuple(texts)) for number, texts in sorted(self.kept.items())], True)

    def weakness(self) -> str:
        self._answer()
        return ""
