"""Lists the methods. A name that is not here is Slack's ``unknown_method``."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bot.sandbox.slack.arguments import Arguments
from bot.sandbox.slack.methods import chat, conversations, files, people, reactions, views
from bot.sandbox.slack.state import State

Json = dict[str, Any]


@dataclass(frozen=True)
class Method:
    """One method: what it does, and any one of the scopes that let it."""

    run: Callable[[State, Arguments], Json]
    scopes: tuple[str, ...] = ()
    app_token: bool = False


_READ = ("channels:read", "groups:read", "im:read", "mpim:read")
_HISTORY = ("channels:history", "groups:history", "im:history", "mpim:history")
_OPEN = ("im:write", "channels:manage", "groups:write", "mpim:write")

METHODS: dict[str, Method] = {
    "auth.test": Method(people.auth_test),
    "apps.connections.open": Method(people.unused, app_token=True),
    "chat.postMessage": Method(chat.post_message, ("chat:write",)),
    "chat.postEphemeral": Method(chat.post_ephemeral, ("chat:write",)),
    "chat.update": Method(chat.update, ("chat:write",)),
    "chat.delete": Method(chat.delete, ("chat:write",)),
    "chat.getPermalink": Method(chat.get_permalink),
    "reactions.add": Method(reactions.add, ("reactions:write",)),
    "reactions.remove": Method(reactions.remove, ("reactions:write",)),
    "reactions.get": Method(reactions.get, ("reactions:read",)),
    "users.info": Method(people.users_info, ("users:read",)),
    "usergroups.list": Method(people.usergroups_list, ("usergroups:read",)),
    "usergroups.users.list": Method(people.usergroups_users_list, ("usergroups:read",)),
    "conversations.info": Method(conversations.info, _READ),
    "conversations.members": Method(conversations.members, _READ),
    "conversations.open": Method(conversations.open_direct, _OPEN),
    "conversations.history": Method(conversations.history, _HISTORY),
    "conversations.replies": Method(conversations.replies, _HISTORY),
    "views.open": Method(views.open_modal),
    "views.push": Method(views.push),
    "views.update": Method(views.update),
    "views.publish": Method(views.publish),
    "files.getUploadURLExternal": Method(files.get_upload_url, ("files:write",)),
    "files.completeUploadExternal": Method(files.complete_upload, ("files:write",)),
}
