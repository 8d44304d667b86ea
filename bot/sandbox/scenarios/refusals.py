"""Requests what must be refused: each refusal names the way out, and the world stays untouched."""

from dataclasses import dataclass

from bot.sandbox.people import all_text
from bot.sandbox.scenarios.before import check_untouched, observe
from bot.sandbox.story import Story

ACK_LIMIT = 3000
"""Characters; a longer answer would be no help at three in the morning."""


@dataclass(frozen=True)
class Refusal:
    """A line somebody types, and what the answer to them must hold."""

    line: str
    parts: tuple[str, ...]


MISTYPED = (
    Refusal("/rollback prod 27", ("027", "/rollback prod 027")),
    Refusal("/rollback production 027", ("production", "/rollback prod 027")),
    Refusal("/rollback 027 prod", ("/rollback prod 027",)),
    Refusal("/rollback help", ("/rollback", "/migrations")),
    Refusal("/rollback prod 027; DROP TABLE patients", ("✗",)),
    Refusal("/rollback 💥 " + "x" * 3000, ("✗",)),
    Refusal("/rollback prod 027 --app banana", ("v1.2.3",)),
    Refusal("/rollback prod lastest", ("✗", "latest")),
)
"""Answered at once, from the text alone."""

UNFINISHED = (
    Refusal("/rollback prod", ("which-migration", "/rollback prod", "/migrations prod")),
    Refusal("/rollback", ("How to use /rollback", "/rollback dev 027")),
)
"""Answered with the modal; in these words where it cannot be opened."""

IMPOSSIBLE = (
    Refusal("/rollback prod 017", ("no-down-script", "017", "016")),
    Refusal("/rollback prod 099", ("unknown-migration", "099", "027", "/rollback prod 027")),
    Refusal("/rollback prod 027 --app v1.3.0", ("app-incompatible", "v1.3.x", "027", "v1.2.3")),
    Refusal("/rollback prod 027 --app v1.2.9", ("app-not-in-history", "v1.2.3")),
)
"""Answered once the facts are known."""


def mistyped(story: Story) -> None:
    """Typos and absurd texts are answered at once, with what to type instead."""
    before = observe(story)
    for refusal in MISTYPED:
        reply = story.command(story.cast.oncall, refusal.line[:3100])
        story.checks.says(f"{refusal.line[:50]!r} is answered with the way out", reply, *refusal.parts)
        story.checks.that("the answer does not echo an absurd text at length", len(reply) < ACK_LIMIT, len(reply))
    for refusal in UNFINISHED:
        _unfinished(story, refusal)
    check_untouched(story, before)


def _unfinished(story: Story, refusal: Refusal) -> None:
    oncall = story.cast.oncall
    reply = story.command(oncall, refusal.line)
    form = story.wait(lambda: oncall.sees("modal"), f"a modal for {refusal.line}")
    story.checks.equal(f"{refusal.line!r} is answered with the modal and not a word", reply, "")
    oncall.closes(form)
    story.slack.fault(kind="error", method="views.open", error="expired_trigger_id", times=1)
    story.command(oncall, refusal.line)
    reported = story.answer(oncall, *refusal.parts)
    story.checks.says("where it cannot be opened, with what to type", reported, *refusal.parts)


def impossible(story: Story) -> None:
    """Requests that the facts forbid are refused with the rule and the way out."""
    before = observe(story)
    for refusal in IMPOSSIBLE:
        refuse(story, refusal)
    check_untouched(story, before)


def refuse(story: Story, refusal: Refusal) -> str:
    """Type it and check the answer."""
    story.command(story.cast.oncall, refusal.line)
    reported = story.answer(story.cast.oncall, refusal.parts[0])
    story.checks.says(f"{refusal.line} is refused with the way out", reported, *refusal.parts)
    return reported


def no_known_app(story: Story) -> None:
    """A rollback below what any known app can use is refused."""
    before = observe(story)
    refuse(story, Refusal("/rollback prod 018", ("no-compatible-app", "017", "v1.2.3")))
    check_untouched(story, before)


def second_rollback(story: Story) -> None:
    """While one run holds the environment, a second is refused with who and since when; cancelling frees it."""
    before = observe(story)
    story.command(story.cast.oncall, "/rollback prod 027")
    story.request()
    run_id = story.run_id()
    refusal = Refusal("/rollback prod 026", ("another-run-active", run_id, "U0ONCALL", f"/rollback cancel {run_id}"))
    story.command(story.cast.engineer, refusal.line)
    reported = story.answer(story.cast.engineer, refusal.parts[0])
    story.checks.says("a second rollback is refused, with who and since when", reported, *refusal.parts)
    story.command(story.cast.oncall, f"/rollback cancel {run_id}")
    story.wait_state("cancelled")
    story.settle()
    story.checks.that("the request has no buttons any more", "approve" not in _actions(story.request()))
    check_untouched(story, before)


def _actions(message: dict[str, object]) -> str:
    blocks = message.get("blocks")
    return str([block for block in blocks if block.get("type") == "actions"]) if isinstance(blocks, list) else ""


def invalid_script(story: Story) -> None:
    """A down script made invalid is refused at plan time: by its syntax, or by its rehearsal."""
    before, scripts = observe(story), story.sandbox.down_dir
    path = scripts / "027_feature_flags.sql"
    original = path.read_text()
    try:
        path.write_text(original.replace("DROP TABLE IF EXISTS feature_flags;", "DROP TABEL feature_flags;"))
        refuse(story, Refusal("/rollback prod 027", ("invalid-script", "027_feature_flags.sql")))
        path.write_text(original.replace("DROP TABLE IF EXISTS feature_flags;", "DROP TABLE no_such_table;"))
        refuse(story, Refusal("/rollback prod 027", ("rehearsal-failed", "no_such_table")))
    finally:
        path.write_text(original)
    check_untouched(story, before)


def wrong_voters(story: Story) -> None:
    """Nobody but two active leads counts: not a deactivated one, a guest, a stranger, a bot; a ❌ ends it."""
    before, cast, checks = observe(story), story.cast, story.checks
    story.command(cast.oncall, "/rollback prod 027")
    story.request()
    for person in (cast.ex_lead, cast.guest, cast.stranger):
        answer = person.reacts(story.request(), "white_check_mark")
        if answer.get("ok"):
            story.answer(person, "does not count")
    story.react(cast.lead_a)
    story.wait(lambda: "1 of 2" in all_text(story.request()) or None, "the first vote to be shown")
    cast.lead_a.reacts(story.request(), "white_check_mark", remove=True)
    story.wait(lambda: "0 of 2" in all_text(story.request()) or None, "the withdrawn vote to be shown")
    cast.lead_a.reacts(story.request(), "heavy_check_mark")
    checks.equal("one lead is not enough, however often", story.state(), "pending")
    story.react(cast.lead_b, "x")
    story.wait_state("rejected")
    story.settle()
    checks.equal("a lead's ❌ ends it", story.state(), "rejected")
    check_untouched(story, before)


SHARED = "C0SHARED"
"""A channel in which another organisation is, and which the configuration does not allow."""


def shared_channel(story: Story) -> None:
    """Nothing is started from a channel that another organisation is in; questions are answered there."""
    before, oncall = observe(story), story.cast.oncall
    seen = {message["ts"] for message in story.slack.messages(SHARED)}

    def answer(part: str) -> str:
        def look() -> str | None:
            messages = [m for m in story.slack.messages(SHARED) if m["ts"] not in seen]
            texts = [all_text(message) for message in messages if message["addressee"] == oncall.user_id]
            return next((text for text in texts if part in text), None)

        return str(story.wait(look, f"an answer with {part} in the shared channel"))

    for line in ("/rollback prod 027", "/rollback freeze prod audit", "/backups prod take"):
        oncall.types(line, SHARED)
        reported = answer("shared-channel")
        story.checks.says(f"{line} is refused there", reported, "another organisation", "slack.allow_shared_channels")
        seen |= {message["ts"] for message in story.slack.messages(SHARED)}
    oncall.types("/migrations prod", SHARED)
    story.checks.says("/migrations prod is answered there", answer("027"), "027")
    check_untouched(story, before)
