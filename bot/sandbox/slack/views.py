"""Stores modals and Home tabs: per user, stacked up to three high, with a hash against blind overwrites."""

import secrets
from dataclasses import dataclass, field
from typing import Any

from bot.sandbox.slack.blocks import actionable_elements, with_block_ids
from bot.sandbox.slack.errors import SlackError
from bot.sandbox.slack.workspace import Workspace

Json = dict[str, Any]
MAX_STACK = 3
_COPIED = ("title", "submit", "close", "private_metadata", "callback_id", "external_id")


@dataclass
class View:
    """One view; ``values`` is what the person has filled in so far, as Slack's ``state.values``."""

    id: str
    user: str
    content: Json
    root_id: str
    previous_id: str | None = None
    hash: str = ""
    values: Json = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    is_open: bool = True

    @property
    def blocks(self) -> list[Json]:
        """Return the current blocks."""
        blocks: list[Json] = self.content["blocks"]
        return blocks


class Views:
    """All views, each user's stack of modals, and each user's Home tab."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self.all: dict[str, View] = {}
        self._stacks: dict[str, list[str]] = {}
        self.homes: dict[str, View] = {}

    def open(self, user: str, content: Json) -> View:
        """Open a modal as the only one of its user's stack."""
        self.clear(user)
        return self._stack(user, content, None)

    def push(self, user: str, content: Json) -> View:
        """Put a modal on top of the user's stack."""
        stack = self._stacks.get(user, [])
        if not stack:
            raise SlackError("not_found")
        if len(stack) >= MAX_STACK:
            raise SlackError("push_limit_reached")
        return self._stack(user, content, stack[-1])

    def publish(self, user: str, content: Json, known_hash: str | None) -> View:
        """Set a user's Home tab."""
        home = self.homes.get(user)
        if home is None:
            home = self.homes[user] = self._new(user, content, None)
            return home
        return self.update(home, content, known_hash)

    def update(self, view: View, content: Json, known_hash: str | None) -> View:
        """Replace a view's content; raises `SlackError` ``hash_conflict`` when the caller saw an older one."""
        if known_hash and known_hash != view.hash:
            raise SlackError("hash_conflict")
        self._fill(view, content)
        return view

    def find(self, view_id: str | None, external_id: str | None) -> View:
        """Look an open view up by either id; raises `SlackError` ``not_found``."""
        for view in self.all.values():
            named = view.id == view_id or (external_id and view.content.get("external_id") == external_id)
            if named and view.is_open:
                return view
        raise SlackError("not_found")

    def top(self, user: str) -> View | None:
        """The modal a user is looking at."""
        stack = self._stacks.get(user)
        return self.all[stack[-1]] if stack else None

    def pop(self, user: str) -> None:
        """Close the modal on top."""
        if stack := self._stacks.get(user):
            self.all[stack.pop()].is_open = False

    def clear(self, user: str) -> None:
        """Close all of a user's modals."""
        while self._stacks.get(user):
            self.pop(user)

    def as_slack(self, view: View) -> Json:
        """Return a view as payloads and answers show it."""
        shown: Json = {name: view.content.get(name) for name in _COPIED}
        for name in ("private_metadata", "callback_id", "external_id"):
            shown[name] = shown[name] or ""
        for name in ("clear_on_close", "notify_on_close", "submit_disabled"):
            shown[name] = bool(view.content.get(name))
        return shown | {
            "id": view.id,
            "team_id": self._workspace.team_id,
            "type": view.content["type"],
            "blocks": view.blocks,
            "state": {"values": view.values},
            "hash": view.hash,
            "previous_view_id": view.previous_id,
            "root_view_id": view.root_id,
            "app_id": self._workspace.app_id,
            "app_installed_team_id": self._workspace.team_id,
            "bot_id": self._workspace.bot_id,
        }

    def _stack(self, user: str, content: Json, previous: str | None) -> View:
        view = self._new(user, content, previous)
        self._stacks.setdefault(user, []).append(view.id)
        return view

    def _new(self, user: str, content: Json, previous: str | None) -> View:
        self._refuse_taken(content, None)
        name = f"V{secrets.token_hex(5).upper()}"
        root = self.all[previous].root_id if previous else name
        view = self.all[name] = View(name, user, {}, root, previous)
        self._fill(view, content)
        return view

    def _fill(self, view: View, content: Json) -> None:
        self._refuse_taken(content, view)
        view.content = content | {"blocks": with_block_ids(content["blocks"])}
        view.hash = f"{secrets.randbelow(10**10)}.{secrets.token_hex(4)}"
        view.values, view.errors = _surviving(view), {}

    def _refuse_taken(self, content: Json, view: View | None) -> None:
        taken = content.get("external_id")
        for other in self.all.values():
            if taken and other.is_open and other is not view and other.content.get("external_id") == taken:
                raise SlackError("duplicate_external_id")


def _surviving(view: View) -> Json:
    """Return the input that survives an update: Slack keeps it where block and action ids stay the same."""
    kept: Json = {}
    for block, element in actionable_elements(view.blocks):
        held = view.values.get(block["block_id"], {}).get(element.get("action_id"))
        if held is not None and held.get("type") == element["type"]:
            kept.setdefault(block["block_id"], {})[element["action_id"]] = held
    return kept
