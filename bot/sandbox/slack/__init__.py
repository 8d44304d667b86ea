"""Emulates a Slack workspace on loopback: Web API, Socket Mode and a control API, for the unmodified SDK."""

from bot.sandbox.slack.emulator import SlackEmulator
from bot.sandbox.slack.sockets import Timings
from bot.sandbox.slack.workspace import Channel, User, UserGroup, Workspace, default_workspace

__all__ = ["Channel", "SlackEmulator", "Timings", "User", "UserGroup", "Workspace", "default_workspace"]
