"""Implements auth.test, users.* and usergroups.*: accounts and groups."""

from typing import Any

from bot.sandbox.slack.arguments import Arguments
from bot.sandbox.slack.errors import SlackError
from bot.sandbox.slack.state import State

Json = dict[str, Any]


def auth_test(state: State, _: Arguments) -> Json:
    """Return the bot's own identity."""
    bot = state.user(state.workspace.bot_user)
    return {
        "url": f"https://{state.workspace.team_domain}.slack.com/",
        "team": state.workspace.team_name,
        "user": bot.name,
        "team_id": state.workspace.team_id,
        "user_id": bot.id,
        "bot_id": state.workspace.bot_id,
        "is_enterprise_install": False,
    }


def unused(_: State, __: Arguments) -> Json:
    """Return nothing: the socket hub answers this method, since only it can issue tickets."""
    return {}


def users_info(state: State, args: Arguments) -> Json:
    """Return one account with its flags."""
    return {"user": state.user(args.required("user", "user_not_found")).as_slack()}


def usergroups_list(state: State, args: Arguments) -> Json:
    """Return the user groups; disabled ones only when asked for."""
    listed = []
    for group in state.workspace.groups.values():
        if group.disabled and not args.flag("include_disabled"):
            continue
        shown = group.as_slack(state.workspace.team_id)
        if args.flag("include_users"):
            shown["users"] = list(group.members)
        listed.append(shown)
    return {"usergroups": listed}


def usergroups_users_list(state: State, args: Arguments) -> Json:
    """Return all of a group's members: ``include_disabled`` is about the group, not its members."""
    group = state.workspace.groups.get(args.required("usergroup", "no_such_subteam"))
    if group is None:
        raise SlackError("no_such_subteam")
    if group.disabled and not args.flag("include_disabled"):
        raise SlackError("subteam_disabled")
    return {"users": list(group.members)}
