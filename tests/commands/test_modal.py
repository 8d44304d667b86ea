"""The modal: opened by `/rollback`, searched in, refused inline, submitted as the typed command would be."""

from dataclasses import dataclass
from typing import Any

import pytest

from bot.domain.backups import Backup, BackupName, StoredObject, Verification
from bot.domain.migrations import DownScript
from bot.errors import TemporaryError
from bot.ports import Choices
from bot.views.status import rollback_modal
from commands import rollback
from commands.intake import Desk
from tests.commands.office import ENVIRONMENTS, Office, Remembered, understood, until
from tests.fakes.clock import NOON

Json = dict[str, Any]
WHO = "U0ENG"
NIGHTLY = "prod_nightly_20260105_020000"
FLAGS = DownScript(27, "027_feature_flags", "tables", "Removes feature flags.", (), (), (), "a" * 64)
VERSION = DownScript(26, "026_add_version_column", "a column", "Forgets versions.", (), (), (), "b" * 64)


def backup(name: str, level: int = 0) -> Backup:
    parsed = BackupName.parse(name)
    assert parsed is not None
    verified = Verification(level, NOON) if level else None
    return Backup(parsed, StoredObject(f"{name}.tar.gz", 3_400_000), None, verified)


PROD = Choices("prod", "", NOON, (FLAGS, VERSION), backup(NIGHTLY, 3), (backup(NIGHTLY, 3),))


@dataclass
class Form:
    """An open modal, and the hands that fill it in."""

    office: Office
    view_id: str

    def view(self) -> Json:
        found: Json = next(v for v in self.office.hands.look("state")["views"] if v["id"] == self.view_id)
        return found

    def pick_environment(self, name: str) -> None:
        before = self.view()["hash"]
        self.office.hands.do("press", user=WHO, view_id=self.view_id, action_id=rollback_modal.ENVIRONMENT, value=name)
        until(lambda: self.view()["hash"] != before)

    def search(self, text: str = "") -> list[Json]:
        answer = self.office.hands.do(
            "suggest", user=WHO, view_id=self.view_id, action_id=rollback_modal.WHAT, value=text
        )
        assert answer["ok"], answer
        groups: list[Json] = answer["option_groups"]
        return groups

    def submit(self, **values: str) -> Json:
        filled = {f"rollback_{name}": value for name, value in values.items()}
        answer: Json = self.office.hands.do("submit", user=WHO, view_id=self.view_id, values=filled)
        return answer


def forms(office: Office, user: str = WHO) -> list[Form]:
    views = office.hands.look("state")["views"]
    return [Form(office, v["id"]) for v in views if v["is_open"] and v["type"] == "modal" and v["user"] == user]


def slash(office: Office, text: str = "", *, channel: str = "C0GENERAL", user: str = WHO) -> Json:
    answer: Json = office.hands.do("slash", user=user, channel=channel, command="/rollback", text=text)
    return answer


@pytest.fixture(autouse=True)
def _nothing_open(office: Office) -> None:
    for form in forms(office):
        office.hands.do("close", user=WHO, view_id=form.view_id)


def open_form(office: Office, text: str = "", channel: str = "C0GENERAL") -> Form:
    answer = slash(office, text, channel=channel)
    assert answer["ok"]
    assert not (answer["ack"] or {}).get("text")
    (form,) = until(lambda: forms(office))
    return form  # type: ignore[no-any-return] # `until` gives what it found


def labels(groups: list[Json]) -> dict[str, list[str]]:
    return {group["label"]["text"]: [option["text"]["text"] for option in group["options"]] for group in groups}


def picked(form: Form) -> str:
    element = form.view()["blocks"][0]["element"]
    return str((element.get("initial_option") or {}).get("value", ""))


def words(view: Json) -> str:
    return " ".join(block["text"]["text"] for block in view["blocks"] if block["type"] == "section")


@pytest.mark.parametrize(
    ("typed", "channel", "preset"),
    [
        ("", "C0GENERAL", ""),
        ("", "C0INCIDENT", "prod"),
        ("", "C0STAGING", "staging"),
        ("prod", "C0GENERAL", "prod"),
        ("PROD", "C0STAGING", "prod"),
        ("“dev”", "C0INCIDENT", ""),
    ],
)
def test_nothing_or_an_environment_alone_opens_it(office: Office, typed: str, channel: str, preset: str) -> None:
    if typed == "“dev”":  # quotes are no part of a name: refused in words, as ever
        assert slash(office, typed, channel=channel)["ack"]["text"].startswith("✗ unknown-environment")
        assert forms(office) == []
        return
    form = open_form(office, typed, channel)

    assert picked(form) == preset
    assert form.view()["blocks"][1]["block_id"] == f"rollback_what:{preset}"
    assert office.operations.tries == []


@pytest.mark.parametrize("typed", ["help", "status", "prod 027", "prod --reason x", "nowhere"])
def test_any_other_command_opens_nothing(office: Office, typed: str) -> None:
    assert slash(office, typed)["ack"]["text"]
    assert forms(office) == []


@pytest.mark.parametrize(
    ("typed", "said"), [("", "How to use /rollback"), ("prod", "✗ which-migration: Which migration of prod")]
)
def test_a_modal_that_cannot_be_opened_is_answered_in_words(office: Office, typed: str, said: str) -> None:
    office.hands.fault(kind="error", method="views.open", error="expired_trigger_id", times=1)
    before = len(office.ephemerals(WHO))

    assert slash(office, typed, channel="C0INCIDENT")["ok"]

    until(lambda: len(office.ephemerals(WHO)) > before)
    assert office.ephemerals(WHO)[-1].startswith(said)
    assert forms(office) == []


def test_a_command_delivered_twice_opens_one_modal_and_says_nothing(office: Office) -> None:
    office.hands.fault(kind="duplicate", times=1)
    before, seen = len(office.ephemerals(WHO)), len(calls(office))

    open_form(office, channel="C0INCIDENT")

    until(lambda: len(calls(office)) == seen + 2)
    assert [call["answer"]["ok"] for call in calls(office)[seen:]].count(True) == 1
    assert len(office.ephemerals(WHO)) == before


def calls(office: Office) -> list[Json]:
    found: list[Json] = [call for call in office.hands.look("calls")["calls"] if call["method"] == "views.open"]
    return found


def test_a_stranger_sees_no_list_and_asks_for_nothing(office: Office) -> None:
    """A command from a shared channel may come in our workspace's name; what is done in a view names the person's."""
    who = "U0STRANGER"
    slash(office, "prod", channel="C0SHARED", user=who)
    (form,) = until(lambda: forms(office, who))
    asked = {"user": who, "view_id": form.view_id}

    answer = office.hands.do("suggest", **asked, action_id=rollback_modal.WHAT, value="027")
    values = {"rollback_what": answer["options"][0]["value"], "rollback_reason": "why"}
    refused = office.hands.do("submit", **asked, values=values)

    assert labels(answer["option_groups"]) == {
        "Nothing can be listed": ["Only members of this workspace can use Backstop. Ask somebody on the team …"]
    }
    assert office.operations.searched == []
    assert refused["errors"]["rollback_environment"].startswith("Only members of this workspace can use Backstop.")
    assert office.operations.tries == []
    office.hands.do("close", **asked)


def test_the_lists_are_those_of_the_environment_that_is_picked(office: Office) -> None:
    office.operations.offered["prod"] = PROD
    form = open_form(office)
    assert labels(form.search()) == {"Nothing can be listed": ["Pick the environment first, above."]}

    form.pick_environment("prod")
    found = labels(form.search())

    assert found == {
        "Undo a migration and everything newer": ["027_feature_flags", "026_add_version_column"],
        "Restore a backup": ["latest: the newest backup that can be restored then", NIGHTLY],
    }
    assert office.operations.searched == [("prod", "")]
    assert office.operations.askers == {"U0ENG"}
    form.pick_environment("dev")
    assert labels(form.search("fla")) == {"Nothing can be listed": ["Nothing in dev has “fla” in it."]}
    assert office.operations.searched[-1] == ("dev", "fla")


def test_an_option_says_what_it_costs_or_proves(office: Office) -> None:
    office.operations.offered["prod"] = PROD
    groups = open_form(office, "prod").search()

    first, restore = groups[0]["options"][0], groups[1]["options"]
    assert (first["value"], first["description"]["text"]) == ("prod:027", "Removes feature flags.")
    assert [option["value"] for option in restore] == ["prod:latest", f"prod:{NIGHTLY}"]
    assert restore[1]["description"]["text"] == "55 days old, 3.4 MB, NOT made by Backstop, restored, not compared"


@pytest.mark.parametrize("typed", ["021", "prod_weekly_20250101_000000"])
def test_what_is_typed_in_full_can_be_used_though_it_is_not_listed(office: Office, typed: str) -> None:
    form = open_form(office, "prod")

    assert labels(form.search(typed))["As typed"] == [f"Use «{typed}»"]
    assert form.submit(what=f"prod:{typed}", reason="why")["ok"]
    payload = office.only_request().payload
    assert payload.get("migration", payload.get("backup")) == typed


@pytest.mark.parametrize("typed", ["prod_weekly", "21", "flags", "dev_weekly_20250101_000000", "prod 027", "-", "«»"])
def test_a_part_of_a_name_is_only_searched_for(office: Office, typed: str) -> None:
    groups = labels(open_form(office, "prod").search(typed))

    assert list(groups) == ["Nothing can be listed"]


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        (TemporaryError("table-locked", "A table is locked.", "Wait."), "A table is locked. Wait."),
        (RuntimeError("dsn postgres://u:p@h"), "Something in Backstop broke; type the command instead."),
    ],
)
def test_a_list_that_cannot_be_made_says_so(office: Office, failure: Exception, said: str) -> None:
    form = open_form(office, "prod")
    office.operations.failing.append(failure)

    groups = form.search()

    assert labels(groups) == {"Nothing can be listed": [said]}
    refused = form.submit(what=groups[0]["options"][0]["value"], reason="why")
    assert list(refused["errors"]) == ["rollback_what:prod"]


@pytest.mark.parametrize(
    ("what", "app", "typed"),
    [
        ("prod:027", "", "prod 027 --reason flags & friends"),
        ("prod:027", "1.2.3", "prod 027 --app v1.2.3 --reason flags & friends"),
        ("prod:latest", "", "prod latest --reason flags & friends"),
        (f"prod:{NIGHTLY}", "v1.2.3", f"prod {NIGHTLY} --app v1.2.3 --reason flags & friends"),
    ],
)
def test_it_asks_for_what_the_command_would_ask_for(office: Office, what: str, app: str, typed: str) -> None:
    office.operations.offered["prod"] = PROD
    form = open_form(office, channel="C0INCIDENT")
    form.search()

    answer = form.submit(what=what, app=app, reason="flags & friends")

    assert answer["ok"]
    order = understood(rollback.read(typed, Desk(Remembered(), ENVIRONMENTS, "T0PHYSIO")))
    asked = office.only_request()
    assert asked.id.startswith(f"view:{form.view_id}:")
    assert asked.kind == order.kind
    who = {"user_id": WHO, "channel": "C0INCIDENT", "response_url": asked.payload["response_url"]}
    assert asked.payload == {**who, **order.payload}
    assert asked.payload["response_url"].startswith("http")
    assert answer["ack"]["view"]["blocks"][0]["text"]["text"] == order.reply.text
    assert words(form.view()) == order.reply.text


def test_every_fault_shows_at_its_own_field(office: Office) -> None:
    office.operations.offered["prod"] = PROD
    form = open_form(office, "prod")
    form.search()

    refused = form.submit(what="prod:027", app="newest", reason=" \u00a0 x"[:3])

    assert refused["errors"] == {
        "rollback_app": "“newest” is not an app version. Write it like --app v1.2.3, all three numbers.",
        "rollback_reason": "The approvers of a production environment must know why.",
    }
    assert office.operations.tries == []
    assert form.submit(what="prod:027", app="", reason="why")["ok"]


def test_only_production_needs_a_reason(office: Office) -> None:
    form = open_form(office, "dev")
    form.search("027")

    assert form.view()["blocks"][3]["optional"] is True
    assert form.submit(what="dev:027")["ok"]
    assert office.only_request().payload["reason"] == ""


def test_a_choice_from_another_environments_list_is_refused(office: Office) -> None:
    """The lists changed too late: what was chosen carries where."""
    form = open_form(office, "dev")
    form.search("027")
    form.pick_environment("prod")
    form.search("027")
    office.hands.fault(kind="error", method="views.update", error="internal_error", times=1)
    office.hands.do("press", user=WHO, view_id=form.view_id, action_id=rollback_modal.ENVIRONMENT, value="dev")

    refused = form.submit(what="prod:027", reason="why")

    assert refused["errors"] == {
        "rollback_what:prod": "That was chosen from the list of prod. Pick dev again above, then choose."
    }


def test_what_was_written_stays_when_another_environment_is_picked(office: Office) -> None:
    form = open_form(office, "dev")
    form.search("027")
    refused = form.submit(what="dev:027", app="newest", reason="flags")
    assert list(refused["errors"]) == ["rollback_app"]

    form.pick_environment("prod")
    values = form.view()["state"]["values"]

    assert values["rollback_reason"]["rollback_reason"]["value"] == "flags"
    assert "rollback_what:dev" not in values
    assert form.view()["blocks"][3]["optional"] is False


@pytest.mark.parametrize(
    "failure", [RuntimeError("secret"), TemporaryError("journal-unreachable", "The journal is away.", "Try again.")]
)
def test_a_journal_that_is_down_loses_nothing(office: Office, failure: Exception) -> None:
    form = open_form(office, "prod")
    form.search("027")
    office.operations.failing.append(failure)

    refused = form.submit(what="prod:027", reason="why")

    assert list(refused["errors"]) == ["rollback_environment"]
    assert "Try again" in refused["errors"]["rollback_environment"]
    assert "secret" not in str(refused)
    assert office.operations.requests == {}
    assert form.submit(what="prod:027", reason="why")["ok"]
    assert office.only_request().payload["migration"] == "027"


def test_a_submission_delivered_twice_is_one_request(office: Office) -> None:
    form = open_form(office, "prod")
    form.search("027")
    office.hands.fault(kind="duplicate", times=1)

    form.submit(what="prod:027", reason="why")

    until(lambda: len(office.operations.tries) == 2)
    assert len(office.operations.requests) == 1
