"""Rights that are widened and code that is added; what merely follows alarms nobody."""

import json
from dataclasses import replace
from typing import Any

from bot.domain.alarms import alarms_of
from bot.domain.catalogue import DatabaseObject

TABLE = DatabaseObject("table", "public.people", owner="owner")
DEFAULT = ["«owner»=SELECTf", "app=SELECTf"]


def having(item: DatabaseObject, **properties: Any) -> DatabaseObject:
    return replace(item, properties=json.dumps({name.replace("_", " "): value for name, value in properties.items()}))


def alarms(was: DatabaseObject | None, now: DatabaseObject, *new: str) -> list[str]:
    return list(alarms_of(was, now, frozenset(new)))


def test_a_new_table_alarms_only_where_everybody_may_read_it() -> None:
    assert alarms(None, having(TABLE, grants=DEFAULT)) == []
    assert alarms(None, having(TABLE, grants=[*DEFAULT, "PUBLIC=SELECTf"])) == [
        "PUBLIC may now SELECT: table public.people."
    ]


def test_every_new_grant_on_what_was_there_alarms_and_a_revoke_does_not() -> None:
    more = having(TABLE, grants=[*DEFAULT, "other=UPDATEt"])

    assert alarms(having(TABLE, grants=DEFAULT), more) == ["other may now UPDATE (and grant it): table public.people."]
    assert alarms(more, having(TABLE, grants=DEFAULT)) == []


def test_a_role_whose_name_has_an_equals_sign_is_named_whole() -> None:
    assert alarms(having(TABLE), having(TABLE, grants=["a=b=SELECTf"])) == ["a=b may now SELECT: table public.people."]


def test_what_everybody_may_do_with_a_new_function_alarms_nobody() -> None:
    function = DatabaseObject("function", "public.f()")
    plain = having(function, grants=["PUBLIC=EXECUTEf"], security_definer=False, language="sql", trusted=True, body="x")

    assert alarms(None, plain) == []


def test_a_trigger_on_a_new_table_alarms_nobody() -> None:
    trigger = having(DatabaseObject("trigger", "t on public.people", "public.people"), definition="CREATE TRIGGER t …")

    assert alarms(None, trigger, "public.people") == []
    assert alarms(None, trigger) == ["New trigger t on public.people: CREATE TRIGGER t …."]


def test_a_view_that_stops_asking_for_its_reader_s_rights_alarms() -> None:
    view = DatabaseObject("view", "public.v")

    assert alarms(having(view, options=["security_invoker=on"]), having(view, options=None)) == [
        "View public.v no longer runs with its reader's rights (security_invoker)."
    ]
