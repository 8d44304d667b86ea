"""Defines the people and channels of a workspace, with PhysioFlow's as the default."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

TEAM = "T0PHYSIO"
OTHER_TEAM = "T0PARTNER"
Json = dict[str, Any]


@dataclass
class User:
    """One account; the flags are Slack's own, ``role`` says in plain words who it is."""

    id: str
    name: str
    real_name: str
    team_id: str = TEAM
    role: str = ""
    deleted: bool = False
    is_bot: bool = False
    is_restricted: bool = False
    is_ultra_restricted: bool = False
    is_stranger: bool = False
    is_admin: bool = False
    bot_id: str = ""
    updated_s: int = 0

    def as_slack(self) -> Json:
        """Return the account as ``users.info`` does."""
        profile: Json = {
            "real_name": self.real_name,
            "display_name": self.name,
            "real_name_normalized": self.real_name,
            "display_name_normalized": self.name,
            "team": self.team_id,
        }
        if self.bot_id:
            profile["bot_id"] = self.bot_id
        flags = {name: value for name, value in asdict(self).items() if name.startswith("is_")}
        if not self.is_stranger:
            flags.pop("is_stranger")  # Slack sends it only for strangers
        return {
            "id": self.id,
            "team_id": self.team_id,
            "name": self.name,
            "real_name": self.real_name,
            "deleted": self.deleted,
            "tz": "Asia/Ho_Chi_Minh",
            "tz_offset": 25200,
            "is_app_user": False,
            "is_owner": False,
            "is_primary_owner": False,
            "updated": self.updated_s,
            "profile": profile,
            **flags,
        }


@dataclass
class Channel:
    """A conversation and who is in it."""

    id: str
    name: str
    members: set[str] = field(default_factory=set)
    is_private: bool = False
    is_archived: bool = False
    is_im: bool = False
    is_ext_shared: bool = False
    is_org_shared: bool = False
    is_pending_ext_shared: bool = False
    created_s: int = 1_700_000_000
    topic: str = ""

    def as_slack(self, bot_user: str) -> Json:
        """Return the channel as ``conversations.info`` does."""
        if self.is_im:
            other = next(iter(self.members - {bot_user}), bot_user)
            return {"id": self.id, "created": self.created_s, "is_im": True, "user": other, "is_archived": False}
        return {
            "id": self.id,
            "name": self.name,
            "name_normalized": self.name,
            "is_channel": not self.is_private,
            "is_group": self.is_private,
            "is_im": False,
            "is_mpim": False,
            "is_private": self.is_private,
            "is_archived": self.is_archived,
            "is_general": self.name == "general",
            "is_shared": self.is_ext_shared or self.is_org_shared,
            "is_ext_shared": self.is_ext_shared,
            "is_org_shared": self.is_org_shared,
            "is_pending_ext_shared": self.is_pending_ext_shared,
            "pending_shared": [OTHER_TEAM] if self.is_pending_ext_shared else [],
            "pending_connected_team_ids": [OTHER_TEAM] if self.is_pending_ext_shared else [],
            "context_team_id": TEAM,
            "shared_team_ids": [TEAM, OTHER_TEAM] if self.is_ext_shared or self.is_org_shared else [TEAM],
            "is_member": bot_user in self.members,
            "created": self.created_s,
            "num_members": len(self.members),
            "topic": {"value": self.topic, "creator": "", "last_set": 0},
            "purpose": {"value": "", "creator": "", "last_set": 0},
        }


@dataclass
class UserGroup:
    """A user group; its members may be anyone, deactivated accounts and bots included."""

    id: str
    handle: str
    name: str
    members: list[str] = field(default_factory=list)
    disabled: bool = False
    updated_s: int = 1_700_000_000

    def as_slack(self, team_id: str) -> Json:
        """Return the group as ``usergroups.list`` does."""
        return {
            "id": self.id,
            "team_id": team_id,
            "is_usergroup": True,
            "is_subteam": True,
            "name": self.name,
            "handle": self.handle,
            "description": "",
            "is_external": False,
            "date_create": 1_700_000_000,
            "date_update": self.updated_s,
            "date_delete": 1 if self.disabled else 0,
            "auto_type": None,
            "created_by": "U0LEADA",
            "updated_by": "U0LEADA",
            "user_count": len(self.members),
        }


@dataclass
class Workspace:
    """Everything that exists before anyone says a word.

    ``scopes`` are the bot token's; ``commands`` the registered slash commands, any when empty; ``events`` the
    subscribed ones.
    """

    users: dict[str, User]
    channels: dict[str, Channel]
    groups: dict[str, UserGroup]
    team_id: str = TEAM
    team_domain: str = "physioflow"
    team_name: str = "PhysioFlow"
    bot_user: str = "U0BACKSTOP"
    bot_id: str = "B0BACKSTOP"
    app_id: str = "A0BACKSTOP"
    bot_token: str = "xoxb-sandbox-0000000000-backstop"
    app_token: str = "xapp-sandbox-A0BACKSTOP-backstop"
    verification_token: str = "sandbox-verification"
    scopes: frozenset[str] = frozenset()
    commands: frozenset[str] = frozenset()
    events: frozenset[str] = frozenset()


DEFAULT_SCOPES = frozenset(
    {
        "commands",
        "chat:write",
        "reactions:read",
        "reactions:write",
        "users:read",
        "usergroups:read",
        "channels:read",
        "groups:read",
        "files:write",
        "im:write",
        "channels:history",
        "groups:history",
        "im:history",
    }
)
DEFAULT_EVENTS = frozenset(
    {"reaction_added", "reaction_removed", "app_home_opened", "user_change", "subteam_members_changed"}
)


def _people() -> list[User]:
    return [
        User("U0ONCALL", "oncall", "Olga Oncall", role="on-call engineer"),
        User("U0LEADA", "lead.a", "Lan Lead", role="team lead", is_admin=True),
        User("U0LEADB", "lead.b", "Binh Lead", role="team lead"),
        User("U0ENG", "eng", "Eva Engineer", role="engineer, no lead"),
        User("U0EXLEAD", "ex.lead", "Xuan Formerly", role="deactivated lead, still in the group", deleted=True),
        User("U0GUEST", "guest", "Gia Guest", role="guest in the leads' group", is_restricted=True),
        User(
            "U0STRANGER",
            "stranger",
            "Sam Stranger",
            OTHER_TEAM,
            role="stranger from a shared channel",
            is_stranger=True,
        ),
        User("U0LEADBOT", "leadbot", "Lead Bot", role="bot user in the leads' group", is_bot=True, bot_id="B0LEADBOT"),
        User("USLACKBOT", "slackbot", "Slackbot", role="Slackbot: its is_bot is false"),
        User("U0BACKSTOP", "backstop", "Backstop", role="the bot under test", is_bot=True, bot_id="B0BACKSTOP"),
    ]


def _places(everyone: Iterable[str]) -> list[Channel]:
    team = set(everyone) - {"USLACKBOT", "U0STRANGER"}
    incident = team | {"U0STRANGER"}
    return [
        Channel("C0INCIDENT", "incident-prod", set(incident), is_ext_shared=True),
        Channel("C0STAGING", "incident-staging", set(team)),
        Channel("C0DEV", "incident-dev", set(team)),
        Channel("C0GENERAL", "general", set(team)),
        Channel("C0NOBOT", "leads-lounge", team - {"U0BACKSTOP"}),
        Channel("C0PRIVATE", "leads-private", {"U0LEADA", "U0LEADB"}, is_private=True),
        Channel("C0SHARED", "partner-physioflow", set(incident), is_ext_shared=True),
    ]


def default_workspace() -> Workspace:
    """PhysioFlow: an on-call engineer, two leads, and everyone whose vote must not count."""
    users = {user.id: user for user in _people()}
    leads = ["U0LEADA", "U0LEADB", "U0EXLEAD", "U0GUEST", "U0LEADBOT"]
    return Workspace(
        users=users,
        channels={channel.id: channel for channel in _places(users)},
        groups={"S0LEADS": UserGroup("S0LEADS", "leads", "Team leads", leads)},
        scopes=DEFAULT_SCOPES,
        events=DEFAULT_EVENTS,
    )
