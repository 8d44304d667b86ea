"""Plays an admin: deactivates an account, makes someone a guest, changes a group."""

from dataclasses import fields
from typing import Any

from bot.sandbox.slack.errors import GestureError
from bot.sandbox.slack.gestures.places import person
from bot.sandbox.slack.state import State
from bot.sandbox.slack.workspace import User, UserGroup

Json = dict[str, Any]
_FLAGS = {f.name for f in fields(User) if f.name == "deleted" or f.name.startswith("is_")} | {"team_id"}


def change_user(state: State, body: Json) -> Json:
    """Change ``flags``, and memberships with ``groups`` and ``channels``, both ``{id: bool}``."""
    user = person(state, body)
    flags = body.get("flags") or {}
    if unknown := sorted(flags.keys() - _FLAGS):
        raise GestureError("unknown_flag", f"a user has no {unknown}; it has {sorted(_FLAGS)}")
    for name, value in flags.items():
        setattr(user, name, value)
    if flags:
        user.updated_s = int(state.clock())
        _tell(state, {"type": "user_change", "user": user.as_slack(), "cache_ts": user.updated_s})
    for name, is_member in (body.get("groups") or {}).items():
        _change_group(state, _group(state, name), user, is_member=bool(is_member))
    for name, is_member in (body.get("channels") or {}).items():
        _change_channel(state, name, user, is_member=bool(is_member))
    return {"ok": True, "user": user.as_slack()}


def _change_group(state: State, group: UserGroup, user: User, *, is_member: bool) -> None:
    if is_member == (user.id in group.members):
        return
    before_s, group.updated_s = group.updated_s, int(state.clock())
    if is_member:
        group.members.append(user.id)
    else:
        group.members.remove(user.id)
    added, removed = ([user.id], []) if is_member else ([], [user.id])
    event = {
        "type": "subteam_members_changed",
        "subteam_id": group.id,
        "team_id": state.workspace.team_id,
        "date_previous_update": before_s,
        "date_update": group.updated_s,
        "added_users": added,
        "added_users_count": len(added),
        "removed_users": removed,
        "removed_users_count": len(removed),
    }
    _tell(state, event)


def _change_channel(state: State, name: str, user: User, *, is_member: bool) -> None:
    channel = state.workspace.channels.get(name)
    if channel is None:
        raise GestureError("channel_not_found", f"there is no channel {name}", 404)
    (channel.members.add if is_member else channel.members.discard)(user.id)


def _group(state: State, name: str) -> UserGroup:
    if name not in state.workspace.groups:
        raise GestureError("group_not_found", f"there is no user group {name}", 404)
    return state.workspace.groups[name]


def _tell(state: State, event: Json) -> None:
    state.emit(event | {"event_ts": state.messages.timestamps.next()})
