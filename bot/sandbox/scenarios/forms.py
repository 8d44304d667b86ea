"""Uses the modal and the Home tab as people do who type no command but two words."""

from typing import Any

from bot.sandbox.people import Person, all_text
from bot.sandbox.scenarios.before import check_serving, observe
from bot.sandbox.story import Story

Json = dict[str, Any]
ENVIRONMENT, WHAT = "rollback_environment", "rollback_what"
APP, REASON = "rollback_app", "rollback_reason"
UNDO, RESTORE = "Undo a migration and everything newer", "Restore a backup"


def modal_and_home(story: Story) -> None:
    """A rollback asked for in the modal, and the Home tab that follows it from "waits for 2" to done."""
    before, cast, checks = observe(story), story.cast, story.checks
    story.screen.gesture(cast.engineer.name, "opens the Home tab")
    cast.engineer.opens_home()
    rest = ("Schema 027 · app v1.3.0, serving", "Newest backup: there is none")
    _home(story, cast.engineer, "the Home tab shows prod at rest", *rest)
    checks.that("it shows all three environments", _names(cast.engineer) >= {"prod", "staging", "dev"})
    _refused_visitor(story)
    story.command(cast.engineer, "/backups prod take before-launch")
    _home(story, cast.engineer, "a backup is on it as soon as it is taken", "Newest backup: `prod_before-launch_")
    form = _open(story)
    _search(story, form)
    _refusals(story, form)
    _submit(story, form)
    story.request()
    _home(
        story, cast.engineer, "the Home tab says what the run waits for", "waits for 2 of 2 approvals", story.run_id()
    )
    story.react(cast.lead_a)
    _home(story, cast.engineer, "one vote later it waits for one", "waits for 1 of 2 approvals")
    # Slack takes a change every three seconds: the next one is to be the run at work, not what comes after it.
    due = "SELECT bool_and(not_before <= clock_timestamp()) FROM backstop.outbox WHERE surface = 'home'"
    story.wait(lambda: story.journal(due)[0][0], "the Home tab to take changes")
    story.react(cast.lead_b)
    _home(story, cast.engineer, "it shows the run at work", "Running", "step ")
    story.wait_state("succeeded", "failed", "parked")
    story.settle()
    checks.equal("the run succeeded", story.state(), "succeeded")
    done = _home(story, cast.engineer, "it shows what has become of it", "Schema 026 · app v1.2.3, serving")
    checks.says("and that the fix is still to be planned", done, "Plan fix and re-deployment", story.run_id())
    check_serving(story, before, "v1.2.3")
    _close(story)
    _quiet(story)


def _names(person: Person) -> set[str]:
    view = person.sees("home") or {"blocks": []}
    return {block["text"]["text"] for block in view["blocks"] if block["type"] == "header"}


def _home(story: Story, person: Person, claim: str, *parts: str) -> str:
    """Wait for prod's part of somebody's Home tab to say this, and return the whole tab."""

    def look() -> str | None:
        text = all_text({"blocks": (person.sees("home") or {}).get("blocks")})
        return text if all(part in text for part in parts) else None

    text = str(story.wait(look, f"a Home tab with {parts}"))
    story.checks.says(claim, text, *parts)
    return text


def _refused_visitor(story: Story) -> None:
    guest = story.cast.guest
    story.screen.gesture(guest.name, "opens the Home tab")
    guest.opens_home()
    text = _home(story, guest, "a guest's Home tab says why it is empty", "not-a-member")
    story.checks.that("and shows nothing of any environment", "Schema" not in text, text)


def _open(story: Story) -> Json:
    story.screen.gesture(story.cast.oncall.name, "types /rollback in the incident channel")
    reply = story.cast.oncall.types("/rollback", story.channel)
    story.checks.equal("the command is acknowledged without a word", reply, "")
    form: Json = story.wait(lambda: story.cast.oncall.sees("modal"), "the modal")
    element = form["blocks"][0]["element"]
    story.checks.equal("the channel's environment is picked", element["initial_option"]["value"], "prod")
    return form


def _search(story: Story, form: Json) -> None:
    oncall, checks = story.cast.oncall, story.checks
    groups = oncall.searches(form, WHAT)
    checks.equal(
        "every applied migration with a script is offered, newest first",
        [value.partition(":")[2] for value in groups[UNDO]],
        [f"{version:03d}" for version in range(27, 17, -1)],
    )
    checks.that("backups are offered, latest first", next(iter(groups[RESTORE])) == "prod:latest", groups[RESTORE])
    checks.that("… and then the one that was just taken", "prod_before-launch_" in str(list(groups[RESTORE])[1]))
    found = oncall.searches(form, WHAT, "flags")
    checks.equal("typing narrows the list", found, {UNDO: {"prod:027": "027_feature_flags"}})
    story.screen.gesture(oncall.name, "picks staging, then prod again")
    _pick(story, form, "staging")
    elsewhere = oncall.searches(form, WHAT)
    names = [value for group in elsewhere.values() for value in group]
    checks.that("the list is staging's", names and all(name.startswith("staging:") for name in names), names)
    _pick(story, form, "prod")


def _pick(story: Story, form: Json, environment: str) -> None:
    oncall = story.cast.oncall
    oncall.acts(form, ENVIRONMENT, environment)
    block = f"{WHAT}:{environment}"
    story.wait(lambda: (oncall.sees("modal") or {"blocks": ({}, {})})["blocks"][1].get("block_id") == block, block)


def _refusals(story: Story, form: Json) -> None:
    oncall, checks = story.cast.oncall, story.checks
    oncall.searches(form, WHAT, "flags")
    refused = oncall.submits(form, **{WHAT: "prod:027", APP: "the old one", REASON: " \u200b"})
    checks.equal("both faults show at their fields", set(refused["errors"]), {APP, REASON})
    checks.says("with what to write instead", refused["errors"][APP], "v1.2.3")
    count = "SELECT count(*) FROM backstop.requests WHERE id LIKE 'view:' || %s || '%%'"
    checks.equal("nothing was asked for yet", story.journal(count, form["id"])[0][0], 0)


def _submit(story: Story, form: Json) -> None:
    oncall, checks = story.cast.oncall, story.checks
    story.screen.gesture(oncall.name, "submits: undo 027, because feature flags break the booking page")
    values = {WHAT: "prod:027", APP: "", REASON: "feature flags break the booking page"}
    answer = oncall.submits(form, **values)
    checks.that("it is taken", answer["ok"] and not answer["errors"], answer)
    shown = all_text({"blocks": (oncall.sees("modal") or {}).get("blocks")})
    checks.says("the modal says what happens now", shown, "Looking at *prod*: rolling back 027")
    payload = "SELECT payload ->> 'asked_for', payload ->> 'reason' FROM backstop.requests WHERE id LIKE 'view:%%'"
    asked = story.journal(payload)[-1]
    checks.equal("it asks for what the command would", asked, ("/rollback prod 027", values[REASON]))
    reported = story.answer(oncall, "It waits for the approvers' consent")
    checks.says("the requester is told which run it is", reported, story.run_id())


def _close(story: Story) -> None:
    run_id = story.run_id()
    story.command(story.cast.oncall, f"/rollback close {run_id} https://example.org/fix/7")

    def look() -> bool:
        text = all_text({"blocks": (story.cast.engineer.sees("home") or {}).get("blocks")})
        return "Schema" in text and f"close {run_id} LINK" not in text

    story.checks.that("once it is planned, it is gone from the Home tab", story.wait(look, "the follow-up to go"))


def _quiet(story: Story) -> None:
    """Unchanged facts are not sent again, however often they are looked up."""
    _look_at_home(story)  # what a cluster or a bucket knows may be a minute old until somebody looks
    before = len(story.slack.calls("views.publish"))
    published = "SELECT sum(revision) FROM backstop.outbox WHERE surface = 'home'"
    revisions = story.journal(published)[0][0]
    _look_at_home(story)
    story.checks.equal("an unchanged tab is wanted once", story.journal(published)[0][0], revisions)
    story.checks.equal("and sent once", len(story.slack.calls("views.publish")), before)
    # The tab is refreshed for a week for everyone who opened it, which reads every database: not in later stories.
    story.journal(
        "WITH gone AS (DELETE FROM backstop.requests WHERE kind = 'home' RETURNING 1) SELECT count(*) FROM gone"
    )


def _look_at_home(story: Story) -> None:
    story.cast.engineer.opens_home()
    asked = "SELECT bool_and(finished_at IS NOT NULL) FROM backstop.requests WHERE kind = 'home'"
    story.wait(lambda: story.journal(asked)[0][0], "the Home tab to be looked up")
    story.settle()
