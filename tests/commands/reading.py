"""Reads typed commands as the bot does, without Slack."""

from commands.intake import Desk
from tests.commands.office import ENVIRONMENTS, Remembered

DESK = Desk(Remembered(), ENVIRONMENTS, "T0PHYSIO")
