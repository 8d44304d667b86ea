"""Takes Slack, the object store, the API server and PostgreSQL away in the middle of a run."""

from concurrent.futures import ThreadPoolExecutor

from bot.sandbox.people import all_text
from bot.sandbox.scenarios.before import Before, check_serving, observe
from bot.sandbox.story import APPROVE, Story

SLACK_WRITES = ("chat.postMessage", "chat.update", "chat.postEphemeral")
STEP_RUNS = "SELECT 1 FROM backstop.steps WHERE work_id = %s AND key = %s AND state IN ('running', 'done')"


def _check_done(story: Story, before: Before) -> None:
    story.wait_state("succeeded", "failed", "parked", timeout_s=150)
    story.checks.equal("the run succeeded all the same", story.state(), "succeeded")
    story.checks.equal("schema is 026", story.database.migrations(), list(range(1, 27)))
    check_serving(story, before, "v1.2.3")


def _await_step(story: Story, run_id: str, key: str) -> None:
    story.wait(lambda: story.journal(STEP_RUNS, run_id, key), f"the step {key}")


def slack_down(story: Story) -> None:
    """Slack dies after the votes: the run goes on, and the card catches up."""
    before = observe(story)
    story.command(story.cast.oncall, "/rollback prod 027")
    story.request()
    run_id = story.run_id()
    story.slack.fault(target="cluster", kind="delay", path="/scale", delay_ms=400)
    story.approve()
    _await_step(story, run_id, "backup")
    for method in SLACK_WRITES:
        story.slack.fault(target="slack", kind="5xx", method=method)
    story.screen.note("Slack answers 503 to every message")
    _check_done(story, before)
    shown = all_text(story.card())
    story.checks.that("the card could not follow", "Document what happened – " not in shown, shown)
    story.slack.clear_faults()
    story.screen.note("Slack is back")
    story.settle()
    story.checks.says("the card catches up", all_text(story.card()), "Done", "Document what happened – ")


def bucket_hiccups(story: Story) -> None:
    """The object store fails a few times while the backup and the export are written: they are written all the same."""
    before = observe(story)
    story.command(story.cast.oncall, "/rollback prod 027")
    story.request()
    story.slack.fault(target="s3", kind="5xx", method="PUT", times=6)
    story.approve()
    _check_done(story, before)
    bundle = story.bucket.bundle(story.run_id())
    story.checks.that("the bundle is whole, with its manifest beside it", bundle["sidecar"], bundle)


def api_server_hiccups(story: Story) -> None:
    """The API server resets connections and refuses writes as conflicts: every step is retried until it succeeds."""
    before = observe(story)
    story.command(story.cast.oncall, "/rollback prod 027")
    story.request()
    story.slack.fault(target="cluster", kind="conflict", verb="patch", times=3)
    story.slack.fault(target="cluster", kind="connection-reset", path="deployments", when="after", times=4)
    story.approve()
    _check_done(story, before)


def database_restarted(story: Story) -> None:
    """The database server crashes while traffic is being stopped, the bot's own state with it: the run goes on."""
    before = observe(story)
    story.command(story.cast.oncall, "/rollback prod 027")
    story.request()
    run_id = story.run_id()
    story.slack.fault(target="cluster", kind="delay", path="/scale", delay_ms=500)
    story.approve()
    _await_step(story, run_id, "stop-traffic")
    story.slack.fault(target="postgres", kind="crash")
    story.screen.note("PostgreSQL is killed and recovers")
    story.slack.clear_faults()
    _check_done(story, before)
    story.settle()


def votes_at_once(story: Story) -> None:
    """Both leads vote at the same moment, one of them twice: one run."""
    before, cast = observe(story), story.cast
    story.command(cast.oncall, "/rollback prod 027")
    request = story.request()
    with ThreadPoolExecutor(4) as pool:
        votes = [pool.submit(person.reacts, request, APPROVE) for person in (cast.lead_a, cast.lead_b)]
        votes += [pool.submit(person.presses, request, "approve") for person in (cast.lead_a, cast.lead_b)]
        for vote in votes:
            vote.result()
    _check_done(story, before)
    story.settle()
    starts = story.journal(
        "SELECT count(*) FROM backstop.audit WHERE run_id = %s AND event = 'run-started'", story.run_id()
    )
    story.checks.equal("the run was started once", starts[0][0], 1)
