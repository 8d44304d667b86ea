"""Builds the payloads Slack sends: slash commands, interactions, events. Shapes as in Slack's reference."""

import secrets
from typing import Any

from bot.sandbox.slack.messages import Message
from bot.sandbox.slack.state import State
from bot.sandbox.slack.views import View
from bot.sandbox.slack.workspace import Channel, User

Json = dict[str, Any]


def slash_command(state: State, user: User, channel: Channel, command: str, text: str) -> Json:
    """Return a ``slash_commands`` payload; ``text`` is escaped already."""
    return {
        "token": state.workspace.verification_token,
        "team_id": state.workspace.team_id,
        "team_domain": state.workspace.team_domain,
        "channel_id": channel.id,
        "channel_name": channel_name(channel),
        "user_id": user.id,
        "user_name": user.name,
        "command": command,
        "text": text,
        "api_app_id": state.workspace.app_id,
        "is_enterprise_install": "false",
        "trigger_id": state.triggers.issue(user.id),
    }


def interaction(state: State, kind: str, user: User) -> Json:
    """Return what every ``interactive`` payload has; the trigger id is fresh."""
    workspace = state.workspace
    return {
        "type": kind,
        "team": {"id": workspace.team_id, "domain": workspace.team_domain},
        "user": {"id": user.id, "username": user.name, "name": user.name, "team_id": user.team_id},
        "api_app_id": workspace.app_id,
        "token": workspace.verification_token,
        "trigger_id": state.triggers.issue(user.id),
        "enterprise": None,
        "is_enterprise_install": False,
    }


def on_message(state: State, message: Message) -> Json:
    """Return the part of an interaction that says which message it was on."""
    channel = state.workspace.channels[message.channel]
    is_ephemeral = message.addressee is not None
    container: Json = {
        "type": "message",
        "message_ts": message.ts,
        "channel_id": channel.id,
        "is_ephemeral": is_ephemeral,
    }
    if message.thread_ts:
        container["thread_ts"] = message.thread_ts
    shown = state.messages.as_slack(message) | {"app_id": state.workspace.app_id}
    place = {"container": container, "channel": {"id": channel.id, "name": channel_name(channel)}}
    # Slack leaves the content of an ephemeral message out of its interactions.
    return place if is_ephemeral else place | {"message": shown}


def on_view(state: State, view: View) -> Json:
    """Return the part of an interaction that says which view it was on."""
    return {"container": {"type": "view", "view_id": view.id}, "view": state.views.as_slack(view)}


def event_callback(state: State, event: Json) -> Json:
    """Wrap an event as the Events API does."""
    workspace = state.workspace
    authorization = {
        "enterprise_id": None,
        "team_id": workspace.team_id,
        "user_id": workspace.bot_user,
        "is_bot": True,
        "is_enterprise_install": False,
    }
    place = str(event.get("item", {}).get("channel", ""))
    channel = workspace.channels.get(place)
    return {
        "token": workspace.verification_token,
        "team_id": workspace.team_id,
        "context_team_id": workspace.team_id,
        "context_enterprise_id": None,
        "api_app_id": workspace.app_id,
        "event": event,
        "type": "event_callback",
        "event_id": f"Ev{secrets.token_hex(5).upper()}",
        "event_time": int(state.clock()),
        "authorizations": [authorization],
        "is_ext_shared_channel": bool(channel and channel.is_ext_shared),
        "event_context": f"4-{secrets.token_urlsafe(24)}",
    }


def channel_name(channel: Channel) -> str:
    """Return the name payloads use."""
    if channel.is_im:
        return "directmessage"
    return "privategroup" if channel.is_private else channel.name
