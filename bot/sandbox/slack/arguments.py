"""Reads a method's arguments from query, form, multipart or JSON."""

import json
from typing import Any

from aiohttp import web

from bot.sandbox.slack.errors import SlackError, with_reasons

Json = dict[str, Any]
_TRUE = frozenset({"1", "true", "True"})


async def read_arguments(request: web.Request) -> Json:
    """Read all arguments of a call; raises `SlackError` ``invalid_json`` when the body is none."""
    given: Json = dict(request.query)
    if request.content_type == "application/json":
        given |= _json_object(await request.text())
    elif request.content_type in ("application/x-www-form-urlencoded", "multipart/form-data"):
        given |= {name: value for name, value in (await request.post()).items() if isinstance(value, str)}
    return given


def _json_object(body: str) -> Json:
    try:
        parsed = json.loads(body or "{}")
    except ValueError:
        raise SlackError("invalid_json") from None
    if not isinstance(parsed, dict):
        raise SlackError("json_not_object")
    return parsed


class Arguments:
    """Typed access to a call's arguments; form values that carry JSON are decoded."""

    def __init__(self, given: Json) -> None:
        self.given = given

    def text(self, name: str) -> str:
        """Return a string; empty when absent."""
        value = self.given.get(name)
        return "" if value is None else str(value)

    def required(self, name: str, error: str | None = None) -> str:
        """Return a required string; ``error`` is Slack's word for its absence."""
        if value := self.text(name):
            return value
        if error:
            raise SlackError(error)
        raise with_reasons("invalid_arguments", [f"missing required field: {name}"])

    def flag(self, name: str) -> bool:
        """Return a boolean, from JSON or a form."""
        return str(self.given.get(name, "")) in _TRUE

    def number(self, name: str, default: int) -> int:
        """Return a whole number; raises ``invalid_arguments`` for anything else."""
        try:
            return int(self.given.get(name) or default)
        except (TypeError, ValueError):
            raise with_reasons("invalid_arguments", [f"must be an integer [json-pointer:/{name}]"]) from None

    def json(self, name: str, error: str = "invalid_json") -> Any:
        """Return a structure; None when absent. Raises ``error`` when a string does not hold JSON."""
        value = self.given.get(name)
        if not isinstance(value, str):
            return value
        if not value.strip():
            return None
        try:
            return json.loads(value)
        except ValueError:
            raise SlackError(error) from None
