"""Performing drills: rollbacks that nobody needs, proven step by step, with a control that must fail."""

from bot.engine.exercises.performing import perform

__all__ = ["perform"]
