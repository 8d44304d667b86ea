"""Implements the Web API methods, each with the token and scopes it needs."""

from bot.sandbox.slack.methods.registry import METHODS, Method

__all__ = ["METHODS", "Method"]
