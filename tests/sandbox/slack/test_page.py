"""The page for people: one file that asks nothing of anyone but this server."""

import re

from tests.sandbox.slack.desk import Desk


def test_the_page_is_self_contained(desk: Desk) -> None:
    page = desk.http.get("/")

    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert re.findall(r"<link|@import|<script src|innerHTML", page.text) == []


def test_the_page_uses_only_calls_that_exist(desk: Desk) -> None:
    named = set(re.findall(r"call\(\"(\w+)\"", desk.http.get("/").text))

    assert named == {"slash", "press", "react", "submit", "close", "suggest", "home", "state"}
    gestures = named - {"state"}
    assert {desk.raw(name).status_code for name in gestures} == {400}
