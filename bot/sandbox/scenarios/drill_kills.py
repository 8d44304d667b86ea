"""Kills the bot twice in the middle of a drill: it continues, and repeats nothing."""

from bot.domain.drills import DrillKind
from bot.sandbox.scenarios.before import check_serving, observe
from bot.sandbox.scenarios.drill_requests import ask, await_end, check_clean, read_message, read_result
from bot.sandbox.scenarios.production import OID
from bot.sandbox.story import Story, read_key

STOPPING = """
SELECT count(*) > 0 FROM backstop.steps s JOIN backstop.runs r ON r.id = s.work_id
WHERE r.drill = %s AND s.key = 'stop-traffic' AND s.state = 'running'
"""
UNDOING = """
SELECT count(*) > 0 FROM backstop.steps WHERE work_id = %s AND key = 'undo' AND state = 'running'
"""
DRILL_S = 180.0


def drill_killed(story: Story) -> None:
    """Kill -9 of the bot while a drill's run stops traffic, and again while the drill undoes it."""
    staging = Story(story.sandbox, story.screen, story.slack, "staging")
    staging.checks = story.checks
    before, oid = observe(staging), staging.database.ask(OID)
    story.slack.fault(target="cluster", kind="delay", path="/scale", delay_ms=500)
    drill_id = ask(staging, DrillKind.RESTORE)
    for when, query in (("its run stops traffic", STOPPING), ("it undoes the swap", UNDOING)):
        _kill(story, when, query, drill_id)
    story.slack.clear_faults()
    await_end(staging, drill_id)
    checks = story.checks
    checks.equal("it passed all the same", read_result(staging, drill_id), ("passed", ""))
    checks.says("its message says so", read_message(staging, drill_id), "Passed")
    taken_up = story.journal("SELECT fencing_token FROM backstop.leases WHERE work_id = %s", drill_id)[0][0]
    checks.equal("three processes have had it", taken_up, 3)
    runs = story.journal("SELECT state FROM backstop.runs WHERE drill = %s", drill_id)
    checks.equal("it was restored once, and undone once", runs, [("succeeded",), ("succeeded",)])
    bundles = [key for key in staging.bucket.list_keys() if drill_id in key and key.endswith(".tar.gz")]
    checks.equal("one backup was taken", len(bundles), 1)
    keys = [read_key(message) for message in staging.fresh() if read_key(message)]
    checks.equal("no message is doubled", len(keys), len(set(keys)))
    checks.equal("the very database from before serves again", staging.database.ask(OID), oid)
    check_serving(staging, before, "v1.3.0")
    check_clean(staging)
    staging.bucket.clear()  # later stories expect empty buckets


def _kill(story: Story, when: str, query: str, drill_id: str) -> None:
    story.wait(lambda: story.journal(query, drill_id)[0][0], f"the moment when {when}", DRILL_S)
    for bot in story.sandbox.bots:
        bot.kill()
    story.screen.note(f"the bot is killed with SIGKILL while {when}, and started again")
    for bot in story.sandbox.bots:
        bot.start()
