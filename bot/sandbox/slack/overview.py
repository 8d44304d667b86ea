"""Lists messages with their history, and the whole workspace, for a bystander."""

from dataclasses import asdict
from typing import Any

from bot.sandbox.slack.errors import GestureError
from bot.sandbox.slack.messages import Message, reactions_as_slack
from bot.sandbox.slack.sockets import SocketHub
from bot.sandbox.slack.state import State

Json = dict[str, Any]


def messages(state: State, query: dict[str, str]) -> list[Json]:
    """Return messages, oldest first, filtered by ``channel``, ``thread_ts``, ``user`` (what they see), ``deleted``."""
    wanted = query.get("channel")
    known = {c.name: c.id for c in state.workspace.channels.values()}
    wanted = known.get((wanted or "").removeprefix("#"), wanted)
    if wanted and wanted not in state.workspace.channels:
        raise GestureError("channel_not_found", f"there is no channel {wanted}", 404)
    places = [wanted] if wanted else state.messages.channels()
    found = [m for place in places for m in state.messages.in_channel(place)]
    shown = [m for m in found if _matches(m, query)]
    return [described(state, m) for m in sorted(shown, key=lambda m: m.ts)]


def described(state: State, message: Message) -> Json:
    """Return one message with everything known of it."""
    return {
        "channel": message.channel,
        "ts": message.ts,
        "thread_ts": message.thread_ts,
        "user": message.user,
        "bot_id": message.bot_id,
        "text": message.text,
        "blocks": message.blocks,
        "reactions": reactions_as_slack(message),
        "edits": [vars(version) for version in message.versions[:-1]],
        "updated_at_s": message.versions[-1].at_s,
        "ephemeral": message.addressee is not None,
        "addressee": message.addressee,
        "files": message.files,
        "metadata": message.metadata,
        "deleted": message.deleted,
        "permalink": state.permalink(message),
    }


def survey(state: State, hub: SocketHub) -> Json:
    """Return the Slack share of ``GET /sandbox/state``."""
    workspace = state.workspace
    return {
        "ok": True,
        "endpoints": {"slack_api": f"{state.base_url}/api/", "control": state.base_url},
        "tokens": {"bot": workspace.bot_token, "app": workspace.app_token},
        "team": {"id": workspace.team_id, "domain": workspace.team_domain, "name": workspace.team_name},
        "bot": {"user": workspace.bot_user, "bot_id": workspace.bot_id, "app_id": workspace.app_id},
        "users": [user.as_slack() | {"role": user.role} for user in workspace.users.values()],
        "user_groups": [asdict(group) for group in workspace.groups.values()],
        "channels": [asdict(c) | {"members": sorted(c.members)} for c in workspace.channels.values()],
        "views": [
            state.views.as_slack(v) | {"user": v.user, "errors": v.errors, "is_open": v.is_open}
            for v in state.views.all.values()
        ],
        "files": [
            {"id": u.id, "name": u.name, "title": u.title, "size_bytes": u.size_bytes, "shared": u.shared}
            for u in state.uploads.all.values()
        ],
        "sockets": len(hub.sockets),
        "faults": state.faults.listed(),
    }


def merged(ours: Json, theirs: Json) -> Json:
    """Lay ``theirs`` over ``ours``; objects are merged key by key."""
    both = dict(ours)
    for name, value in theirs.items():
        nested = isinstance(value, dict) and isinstance(both.get(name), dict)
        both[name] = merged(both[name], value) if nested else value
    return both


def _matches(message: Message, query: dict[str, str]) -> bool:
    thread_ts, user = query.get("thread_ts"), query.get("user")
    if message.deleted and query.get("deleted") not in ("1", "true"):
        return False
    if thread_ts and thread_ts not in (message.ts, message.thread_ts):
        return False
    return not user or message.addressee in (None, user)
