"""Turns a person's choice into ``actions`` and ``state.values``, and refuses choices the client does not allow."""

from typing import Any

from bot.sandbox.slack.errors import GestureError

Json = dict[str, Any]
_SINGLE = {
    "static_select": "selected_option",
    "external_select": "selected_option",
    "radio_buttons": "selected_option",
    "overflow": "selected_option",
    "users_select": "selected_user",
    "conversations_select": "selected_conversation",
    "channels_select": "selected_channel",
    "datepicker": "selected_date",
    "timepicker": "selected_time",
    "datetimepicker": "selected_date_time",
    "plain_text_input": "value",
    "number_input": "value",
    "email_text_input": "value",
    "url_text_input": "value",
}
_SEVERAL = {
    "checkboxes": "selected_options",
    "multi_static_select": "selected_options",
    "multi_external_select": "selected_options",
    "multi_users_select": "selected_users",
    "multi_conversations_select": "selected_conversations",
    "multi_channels_select": "selected_channels",
}
_INITIAL = {
    "selected_option": "initial_option",
    "selected_options": "initial_options",
    "selected_user": "initial_user",
    "selected_users": "initial_users",
    "selected_conversation": "initial_conversation",
    "selected_conversations": "initial_conversations",
    "selected_channel": "initial_channel",
    "selected_channels": "initial_channels",
    "selected_date": "initial_date",
    "selected_time": "initial_time",
    "selected_date_time": "initial_date_time",
    "value": "initial_value",
}


def is_stateful(element: Json) -> bool:
    """Tell whether the element holds a value (a button and an overflow menu do not)."""
    return element["type"] in _SEVERAL or (element["type"] in _SINGLE and element["type"] != "overflow")


def untouched(element: Json) -> Json:
    """Return an element's initial value."""
    key = _SINGLE.get(element["type"]) or _SEVERAL[element["type"]]
    empty: Any = [] if element["type"] in _SEVERAL else None
    return {"type": element["type"], key: element.get(_INITIAL[key], empty)}


def chosen(element: Json, value: Any, suggested: list[Json]) -> Json:
    """Return an element's value once ``value`` is chosen; raises `GestureError` when it cannot be.

    Args:
        element: the element, as stored.
        value: an option's value, an id, a date, a text; a list of them for elements that take several.
        suggested: the options an app offered last for an external select.
    """
    kind = element["type"]
    if kind in _SINGLE:
        return {"type": kind, _SINGLE[kind]: _one(element, value, suggested)}
    if kind in _SEVERAL:
        values = value if isinstance(value, list) else [value]
        most = element.get("max_selected_items", len(values))
        if len(values) > most:
            raise GestureError("too_many_chosen", f"{element['action_id']} takes at most {most}")
        return {"type": kind, _SEVERAL[kind]: [_one(element, item, suggested) for item in values]}
    raise GestureError("not_an_input", f"{element['action_id']} is a {kind}: nothing to choose", 409)


def is_empty(held: Json) -> bool:
    """Tell whether nothing was filled in or chosen."""
    return all(value in (None, "", []) for key, value in held.items() if key != "type")


def _one(element: Json, value: Any, suggested: list[Json]) -> Any:
    if "option" in (_SINGLE.get(element["type"]) or _SEVERAL[element["type"]]):
        return _option(element, value, suggested)
    if element["type"] == "plain_text_input" and isinstance(value, str):
        least, most = element.get("min_length", 0), element.get("max_length", 3000)
        if value and not least <= len(value) <= most:
            raise GestureError("wrong_length", f"{element['action_id']} takes {least} to {most} characters")
    return value


def _option(element: Json, value: Any, suggested: list[Json]) -> Json:
    groups = [group["options"] for group in element.get("option_groups", [])]
    offered = [*element.get("options", []), *(option for group in groups for option in group), *suggested]
    wanted = value.get("value") if isinstance(value, dict) else value
    for option in offered:
        if option.get("value") == wanted:
            found: Json = option
            return found
    values = [option.get("value") for option in offered]
    raise GestureError("option_not_found", f"{element['action_id']} offers {values}, not {wanted!r}", 404)
