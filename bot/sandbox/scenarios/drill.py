"""Runs one drill of each kind, and two that must fail; production is not touched by any."""

import re
import shutil
from typing import Any

from bot.domain.drills import DrillKind
from bot.sandbox.people import all_text
from bot.sandbox.scenarios.before import check_serving, observe
from bot.sandbox.scenarios.drill_requests import (
    announced,
    ask,
    await_end,
    begin,
    check_clean,
    read_message,
    read_result,
)
from bot.sandbox.scenarios.forgery import plant_forged
from bot.sandbox.scenarios.production import LABEL, OID, Prod, observe_production, untouched
from bot.sandbox.scenarios.restore import PROPERTIES
from bot.sandbox.scenarios.traffic import Booker
from bot.sandbox.story import Json, Story, read_key, texts

FIRST_BOOKINGS = 10
SCRIPTS = 10
NOT_REVERSIBLE = 21
"""Its down script leaves a column behind whose values point at rows that are gone: only real data shows that."""
CORRUPTED = ("cut bundle-damaged", "shortened bundle-damaged", "flipped bundle-damaged", "edited bundle-damaged")
WRONG = "026_add_version_column"


def drill(story: Story) -> None:
    """A restore, a migration and a bundle drill pass in staging; a wrong script and a passing control make two red."""
    staging = Story(story.sandbox, story.screen, story.slack, "staging")
    staging.checks = story.checks
    prod = observe_production(story)
    with untouched(story, prod):
        _restore(staging, announced(staging))
        _migration(staging, prod)
        _bundle(staging, story, prod)
        _wrong_script(staging)
        _control_passes(staging)
    _report(staging)
    _show_files(story)
    staging.bucket.clear()  # later stories expect empty buckets
    story.bucket.clear()


def _restore(story: Story, drill_id: str) -> None:
    """The real thing, in staging, on schedule, while people book."""
    checks, before = story.checks, observe(story)
    oid, properties, booked = (
        story.database.ask(OID),
        story.database.ask(PROPERTIES),
        story.database.count("appointments"),
    )
    with Booker(story) as booker:
        booker.wait_more(FIRST_BOOKINGS)
        await_end(story, drill_id)
        booker.wait_more(FIRST_BOOKINGS)
        booker.stop()
        lost = booker.successes(*_between_swaps(story, drill_id))
        kept = len(booker.times) - lost
    checks.equal("it passed", read_result(story, drill_id), ("passed", ""))
    message = read_message(story, drill_id)
    checks.says("its message tells each step", message, "Take a test-rollback backup", "Undo the swap", "Passed")
    checks.says("four spoilt copies were refused, each for being damaged", message, *CORRUPTED)
    checks.says("equality is proven by hashes, both ways", message, "equal to the manifest", "as they were put aside")
    _check_runs(story, drill_id)
    now = story.database.count("appointments")
    checks.equal("what was booked is there, but for what the restored copy got", now - booked, kept)
    checks.equal("the very database from before serves again", story.database.ask(OID), oid)
    checks.equal("owner, limit, comment, ACL, settings are as before", story.database.ask(PROPERTIES), properties)
    check_serving(story, before, "v1.3.0")
    check_clean(story)
    keys = story.bucket.list_keys(f"staging_test-rollback-{drill_id}")
    checks.equal("one bundle was taken, and noted as proven", len(keys), 3)
    measured = _measured(story, drill_id)
    phases = [phase for phase, _ in measured["phases"]]
    checks.equal("every phase is measured", phases, ["backup", "fetch", "load", "verify", "swap", "app", "undo"])
    story.screen.note(f"restored in {sum(s for p, s in measured['phases'] if p not in ('backup', 'undo')):.1f} s")


def _check_runs(story: Story, drill_id: str) -> None:
    checks = story.checks
    query = "SELECT id, state, plan ->> 'kind' FROM backstop.runs WHERE drill = %s ORDER BY created_at"
    runs = story.journal(query, drill_id)
    checks.equal(
        "a restore and an undo were run", [row[1:] for row in runs], [("succeeded", "restore"), ("succeeded", "undo")]
    )
    ids = [row[0] for row in runs]
    votes = story.journal("SELECT count(*) FROM backstop.votes WHERE run_id = ANY(%s)", ids)[0][0]
    checks.equal("nobody was asked to vote", votes, 0)
    cards = [m for m in story.fresh() if read_key(m).removeprefix("card:") in ids]
    checks.equal("each has its card", len(cards), 2)
    for card in cards:
        checks.says("the card says which drill it is of", all_text(card), f"Drill {drill_id}")
        thread = [m for m in story.messages(card["ts"]) if m["ts"] != card["ts"]]
        checks.says("so does its thread", texts(thread), "Drill: ", f"Drill {drill_id} in staging goes on")
        checks.that("no follow-up stays open", "Close follow-up" not in all_text(card) and "🔲" not in all_text(card))
        checks.that("nobody can vote on it", not {"approve", "reject"} & _actions([card, *thread]))


def _actions(messages: list[Json]) -> set[str]:
    blocks = [block for message in messages for block in message.get("blocks") or []]
    return {
        item.get("action_id", "") for block in blocks for item in block.get("elements", []) if isinstance(item, dict)
    }


def _between_swaps(story: Story, drill_id: str) -> tuple[Any, Any]:
    query = """
        SELECT s.ended_at FROM backstop.steps s JOIN backstop.runs r ON r.id = s.work_id
        WHERE r.drill = %s AND s.key = 'swap' ORDER BY r.created_at
    """
    restored, undone = (row[0] for row in story.journal(query, drill_id))
    return restored, undone


def _migration(story: Story, prod: Prod) -> None:
    """Production's newest bundle, in staging's server; every down script on it."""
    checks, drill_id = story.checks, begin(story, DrillKind.MIGRATION, "prod")
    await_end(story, drill_id)
    checks.equal("it passed", read_result(story, drill_id), ("passed", ""))
    message = read_message(story, drill_id)
    checks.says("it was production's bundle", message, prod.bundle, "equal to its manifest")
    checks.says("every script was run alone and in one chain", message, "027 to 018: checks true", "in one transaction")
    checks.says("the up script that is no way back is named", message, "021 does not go up again")
    checks.says("four spoilt copies were refused, each for being damaged", message, *CORRUPTED)
    proofs = story.journal("SELECT version, reversible FROM backstop.script_proofs WHERE drill_id = %s", drill_id)
    checks.equal("every script is proven", len(proofs), SCRIPTS)
    checks.equal("all but one led up again", [v for v, up in proofs if not up], [NOT_REVERSIBLE])
    check_clean(story)


def _bundle(story: Story, source: Story, prod: Prod) -> None:
    """Production's newest bundle, restored aside and compared."""
    checks, drill_id = story.checks, begin(story, DrillKind.BUNDLE, "prod")
    await_end(story, drill_id)
    checks.equal("it passed", read_result(story, drill_id), ("passed", ""))
    checks.says("it was production's bundle", read_message(story, drill_id), prod.bundle, "equal to its manifest")
    source.command(source.cast.oncall, f"/backups prod {LABEL}")
    listed = source.answer(source.cast.oncall, prod.bundle, "✔ level 3")
    checks.says("production's list of backups says that it is proven", listed, prod.bundle)
    check_clean(story)


def _wrong_script(story: Story) -> None:
    """A down script that does not do what its header says: found before somebody needs it."""
    checks, path = story.checks, story.sandbox.down_dir / f"{WRONG}.sql"
    right = path.read_text()
    path.write_text(re.sub(r"-- verify: .*", "-- verify: SELECT to_regclass('patients') IS NULL", right))
    try:
        drill_id = ask(story, DrillKind.MIGRATION)
        await_end(story, drill_id)
    finally:
        path.write_text(right)
    state, problem = read_result(story, drill_id)
    checks.equal("the drill is red", state, "failed")
    checks.says("it says which script, and why", problem, "down-script-failed", WRONG, "check does not hold")
    checks.says("so does its message", read_message(story, drill_id), "Failed", WRONG)
    count = story.journal("SELECT count(*) FROM backstop.script_proofs WHERE drill_id = %s", drill_id)[0][0]
    checks.equal("nothing is proven by it", count, 0)
    check_clean(story)


def _control_passes(story: Story) -> None:
    """A bundle that a tampered copy fits better than itself: the control is not refused, so nothing else counts."""
    checks, name = story.checks, plant_forged(story)
    drill_id = ask(story, DrillKind.BUNDLE)
    await_end(story, drill_id)
    state, problem = read_result(story, drill_id)
    checks.equal("a drill whose control passes is red", state, "failed")
    checks.says("it says which copy of what was accepted", problem, "control-passed", "one byte of a member", name)
    checks.says("so does its message", read_message(story, drill_id), "Failed", "control-passed")
    checks.that("nothing was loaded after that", not _was_done(story, drill_id, "load"))
    check_clean(story)


def _report(story: Story) -> None:
    """Check the drill report's picture, and each drill run's report in its thread."""
    reported = story.command(story.cast.oncall, "/drill report staging")
    story.checks.says("the report is promised at once", reported, "Drawing")
    story.wait(lambda: any(name.endswith(".png") for name in _posted(story)), "the picture of the drills", 60.0)
    reply = texts(story.fresh())
    story.checks.says("the report counts good and bad", reply, "3 passed, 2 failed")
    story.settle()
    files = [name for name in _posted(story) if name.endswith(".html")]
    story.checks.equal("each run of the drill has left a report", len(files), 2)


def _posted(story: Story) -> set[str]:
    heads = story.fresh()
    threads = [reply for m in heads if read_key(m).startswith("card:") for reply in story.messages(m["ts"])]
    return {str(file["name"]) for message in (*heads, *threads) for file in message.get("files") or []}


def _was_done(story: Story, drill_id: str, key: str) -> bool:
    query = "SELECT count(*) > 0 FROM backstop.steps WHERE work_id = %s AND key = %s AND state = 'done'"
    return bool(story.journal(query, drill_id, key)[0][0])


def _measured(story: Story, drill_id: str) -> Json:
    found: Json = story.journal("SELECT measured FROM backstop.drills WHERE id = %s", drill_id)[0][0]
    return found


def _show_files(story: Story) -> None:
    """Save every posted file where the person playing the scenario can open it."""
    directory = story.sandbox.results_dir / "drill"
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    files = [file for file in story.slack.state()["files"] if file["shared"]]
    for file in files:
        (directory / f"{file['id']}-{file['name']}").write_bytes(story.slack.file(file["id"], file["name"]))
    story.screen.note(f"{len(files)} files that were posted are in {directory}")
