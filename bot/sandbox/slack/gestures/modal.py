"""Submits and closes modals, opens the Home tab, requests suggestions."""

import asyncio
from typing import Any

from bot.sandbox.slack.blocks import actionable_elements
from bot.sandbox.slack.blocks.composition import SUGGESTIONS
from bot.sandbox.slack.blocks.grammar import Problems
from bot.sandbox.slack.errors import GestureError, SlackError
from bot.sandbox.slack.gestures.inputs import chosen, is_empty, is_stateful, untouched
from bot.sandbox.slack.gestures.places import human, seen_message, seen_view
from bot.sandbox.slack.gestures.press import find_element
from bot.sandbox.slack.gestures.slash import answer
from bot.sandbox.slack.methods.views import view_content
from bot.sandbox.slack.payloads import interaction, on_message, on_view
from bot.sandbox.slack.sockets import SocketHub
from bot.sandbox.slack.state import State
from bot.sandbox.slack.views import View

Json = dict[str, Any]


async def submit(state: State, hub: SocketHub, body: Json) -> Json:
    """Fill a modal in and submit it; returns the ack, and ``errors`` when the app refused the input."""
    user = human(state, body)
    view = seen_view(state, body, user)
    if view.content["type"] != "modal":
        raise GestureError("not_a_modal", "a Home tab cannot be submitted", 409)
    values = body.get("values") or {}
    if not isinstance(values, dict):
        raise GestureError("invalid_values", "`values` must be {block_id: {action_id: value}} or {action_id: value}")
    view.values = filled(state, view, values)
    payload = interaction(state, "view_submission", user) | {"response_urls": [], **on_view(state, view)}
    payload.pop("container")
    began_s = asyncio.get_running_loop().time()
    delivery = await hub.deliver("interactive", payload, accepts_payload=True)
    error = delivery.error
    if delivery.ack is not None:
        error = _follow(state, view, delivery.ack)
    return answer(delivery, error, began_s) | {"errors": view.errors}


async def close(state: State, hub: SocketHub, body: Json) -> Json:
    """Close a modal with its X; the app hears of it when it asked to."""
    user = human(state, body)
    view = seen_view(state, body, user)
    state.views.pop(user.id)
    if not view.content.get("notify_on_close"):
        return {"ok": True, "notified": False}
    payload = interaction(state, "view_closed", user) | on_view(state, view) | {"is_cleared": False}
    delivery = await hub.deliver("interactive", payload, accepts_payload=False)
    return {"ok": delivery.error is None, "notified": True, "error": delivery.error}


async def suggest(state: State, hub: SocketHub, body: Json) -> Json:
    """Type ``value`` into an external select, and return the options the app offers."""
    user = human(state, body)
    in_view = bool(body.get("view_id"))
    surface = seen_view(state, body, user) if in_view else seen_message(state, body, user)
    block, element = find_element(surface.blocks, body | {"value": None})
    if "external_select" not in element["type"]:
        raise GestureError("not_external", f"{element['action_id']} asks nobody for options", 409)
    where = _blind(on_view(state, surface)) if isinstance(surface, View) else on_message(state, surface)
    asked = {"value": str(body.get("value") or ""), "action_id": element["action_id"], "block_id": block["block_id"]}
    payload = interaction(state, "block_suggestion", user) | where | asked
    began_s = asyncio.get_running_loop().time()
    delivery = await hub.deliver("interactive", payload, accepts_payload=True)
    offered, error = _offered(delivery.ack)
    state.suggested[str(body.get("view_id") or body.get("ts")), str(element["action_id"])] = offered
    groups = (delivery.ack or {}).get("option_groups", []) if offered else []
    return answer(delivery, delivery.error or error, began_s) | {"options": offered, "option_groups": groups}


def _blind(place: Json) -> Json:
    """Leave out what is filled in: Slack's own payload does not know of choices made since the view was sent."""
    return place | {"view": place["view"] | {"state": {"values": {}}}}


def open_home(state: State, body: Json) -> Json:
    """Open the app's Home tab; the app hears ``app_home_opened``."""
    user = human(state, body)
    home = state.views.homes.get(user.id)
    event: Json = {"type": "app_home_opened", "user": user.id, "channel": state.direct(user).id, "tab": "home"}
    if home:
        event["view"] = state.views.as_slack(home)
    state.emit(event | {"event_ts": state.messages.timestamps.next()})
    return {"ok": True, "view": state.views.as_slack(home) if home else None}


def filled(state: State, view: View, values: Json) -> Json:
    """Return ``state.values`` after the person filled in ``values``; raises `GestureError` where the client would."""
    held: Json = {}
    used: set[str] = set()
    for block, element in actionable_elements(view.blocks):
        if not is_stateful(element):
            continue
        given, key = _given(values, block["block_id"], element["action_id"])
        used.add(key)
        before = view.values.get(block["block_id"], {}).get(element["action_id"]) or untouched(element)
        options = state.suggested.get((view.id, element["action_id"]), [])
        now = before if given is None else chosen(element, given, options)
        if is_empty(now) and block["type"] == "input" and not block.get("optional"):
            raise GestureError("input_required", f"{block['block_id']}/{element['action_id']} must be filled in")
        held.setdefault(block["block_id"], {})[element["action_id"]] = now
    if unknown := sorted(values.keys() - used):
        raise GestureError("input_not_found", f"the modal has no input {unknown}", 404)
    return held


def _given(values: Json, block_id: str, action_id: str) -> tuple[Any, str]:
    if block_id in values:
        inner = values[block_id]
        return (inner.get(action_id), block_id) if isinstance(inner, dict) else (inner, block_id)
    return values.get(action_id), action_id


def _follow(state: State, view: View, ack: Json) -> str | None:
    view.errors = {}
    action = ack.get("response_action")
    try:
        if action is None:
            state.views.pop(view.user)
        elif action == "clear":
            state.views.clear(view.user)
        elif action == "errors":
            return _show_errors(view, ack.get("errors"))
        elif action == "update":
            state.views.update(view, view_content(ack.get("view"), "modal"), None)
        elif action == "push":
            state.views.push(view.user, view_content(ack.get("view"), "modal"))
        else:
            return "invalid_response_action"
    except SlackError as refused:
        return refused.error
    return None


def _show_errors(view: View, errors: Any) -> str | None:
    inputs = {block["block_id"] for block in view.blocks if block["type"] == "input"}
    if not isinstance(errors, dict) or not errors or not errors.keys() <= inputs:
        return "invalid_errors"
    view.errors = {str(name): str(text) for name, text in errors.items()}
    return None


def _offered(ack: Json | None) -> tuple[list[Json], str | None]:
    problems = Problems()
    SUGGESTIONS(ack or {}, "", problems)
    if problems.found:
        return [], "invalid_options"
    groups: list[Json] = (ack or {}).get("option_groups", [])
    return [*(ack or {}).get("options", []), *(o for g in groups for o in g["options"])], None
