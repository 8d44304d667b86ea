"""Checks Block Kit as Slack does: one grammar, and one function per surface that lists the problems."""

from bot.sandbox.slack.blocks.identifiers import actionable_elements, with_block_ids
from bot.sandbox.slack.blocks.surfaces import message_problems, view_problems

__all__ = ["actionable_elements", "message_problems", "view_problems", "with_block_ids"]
