"""Presses buttons, chooses from menus, and adds and removes reactions."""

import asyncio
from typing import Any

from bot.sandbox.slack.blocks import actionable_elements
from bot.sandbox.slack.errors import GestureError, SlackError
from bot.sandbox.slack.gestures.inputs import chosen, is_stateful, untouched
from bot.sandbox.slack.gestures.places import human, person, read_text, seen_message, seen_view
from bot.sandbox.slack.gestures.slash import answer
from bot.sandbox.slack.messages import Message
from bot.sandbox.slack.methods.reactions import emoji
from bot.sandbox.slack.payloads import interaction, on_message, on_view
from bot.sandbox.slack.sockets import SocketHub
from bot.sandbox.slack.state import State
from bot.sandbox.slack.views import View

Json = dict[str, Any]
_KEPT = ("action_id", "type", "text", "value", "style", "placeholder")


async def press(state: State, hub: SocketHub, body: Json) -> Json:
    """Press what ``action_id`` (and ``value``, ``block_id``) names; it must be there now. Returns the ack."""
    user = human(state, body)
    surface: Message | View = seen_view(state, body, user) if body.get("view_id") else seen_message(state, body, user)
    block, element = find_element(surface.blocks, body)
    action = _action(state, block, element, body)
    held = _held(state, surface, element, body)
    payload = interaction(state, "block_actions", user) | {"actions": [action], "state": {"values": held}}
    if isinstance(surface, Message):
        entry = state.responses.issue(user.id, surface.channel, surface)
        payload |= {"response_url": f"{state.base_url}/actions/{entry.key}", **on_message(state, surface)}
    else:
        payload |= on_view(state, surface)
    began_s = asyncio.get_running_loop().time()
    delivery = await hub.deliver("interactive", payload, accepts_payload=False)
    return answer(delivery, delivery.error, began_s)


def find_element(blocks: list[Json], body: Json) -> tuple[Json, Json]:
    """Return the ``(block, element)`` that a request names; raises `GestureError` when there is none."""
    action_id = read_text(body, "action_id")
    here = [(b, e) for b, e in actionable_elements(blocks) if e.get("action_id") == action_id]
    if not here:
        there = sorted({str(e.get("action_id")) for _, e in actionable_elements(blocks)})
        raise GestureError("action_not_found", f"no element {action_id} there now; there are {there}", 404)
    if body.get("block_id"):
        here = [(b, e) for b, e in here if b["block_id"] == body["block_id"]]
    fitting = [(b, e) for b, e in here if _fits(e, body.get("value"))]
    if not fitting:
        raise GestureError("value_not_found", f"{action_id} has no value {body.get('value')!r}", 404)
    return fitting[0]


def _fits(element: Json, value: Any) -> bool:
    return element["type"] != "button" or value is None or value == element.get("value")


def _action(state: State, block: Json, element: Json, body: Json) -> Json:
    action = {name: element[name] for name in _KEPT if name in element}
    action |= {"block_id": block["block_id"], "action_ts": state.messages.timestamps.next()}
    if element["type"] != "button":
        action |= chosen(element, body.get("value"), _suggested(state, body, element))
    return action


def _held(state: State, surface: Message | View, element: Json, body: Json) -> Json:
    known: Json = surface.values if isinstance(surface, View) else {}
    held: Json = {}
    for b, e in actionable_elements(surface.blocks):
        if is_stateful(e):
            before = known.get(b["block_id"], {}).get(e["action_id"]) or untouched(e)
            now = chosen(e, body.get("value"), _suggested(state, body, e)) if e is element else before
            held.setdefault(b["block_id"], {})[e["action_id"]] = now
    if isinstance(surface, View):
        surface.values = held
    return held


def _suggested(state: State, body: Json, element: Json) -> list[Json]:
    where = str(body.get("view_id") or body.get("ts"))
    return state.suggested.get((where, str(element["action_id"])), [])


def react(state: State, body: Json) -> Json:
    """Add a reaction, or take it back with ``remove``."""
    user = person(state, body)
    message = seen_message(state, body, user)
    if message.addressee:
        raise GestureError("not_reactable", "nobody can react to an ephemeral message", 409)
    try:
        name = emoji(read_text(body, "name").strip(":"))
        if body.get("remove"):
            state.unreact(message, user, name)
        else:
            state.react(message, user, name)
    except SlackError as refused:
        raise GestureError(refused.error, f"{user.id} and {body['name']} on {message.ts}", 409) from refused
    return {"ok": True, "reactions": {n: list(users) for n, users in message.reactions.items()}}
