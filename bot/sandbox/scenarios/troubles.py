"""Plays runs with locked tables, stuck pods, failing smoke tests and killed bots."""

import contextlib
from collections.abc import Iterator

from bot.sandbox.people import all_text
from bot.sandbox.scenarios.before import check_serving, check_untouched, observe
from bot.sandbox.scenarios.reports import check_report
from bot.sandbox.story import Story, texts


def _start(story: Story, line: str = "/rollback prod 027") -> None:
    story.command(story.cast.oncall, line)
    story.request()
    story.approve()


@contextlib.contextmanager
def _locked(story: Story, table: str) -> Iterator[int]:
    """Hold an ACCESS EXCLUSIVE lock as a superuser, whom the bot cannot disconnect."""
    with story.database.connect(application_name="nightly-report") as session:
        session.autocommit = False
        session.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE".encode())
        yield session.info.backend_pid


def locked_table_at_planning(story: Story) -> None:
    """A table locked by someone: the plan is refused, and the one who holds it is named."""
    before = observe(story)
    with _locked(story, "feature_flags") as pid:
        story.command(story.cast.oncall, "/rollback prod 027")
        reported = story.answer(story.cast.oncall, "table-locked")
        story.checks.says("who holds the lock is named", reported, "nightly-report", str(pid))
    check_untouched(story, before)


def locked_table_in_run(story: Story) -> None:
    """A table locked by someone who cannot be thrown out, after the votes: the run undoes itself."""
    before = observe(story)
    story.command(story.cast.oncall, "/rollback prod 027")
    story.request()
    with story.database.connect(application_name="nightly-report") as session:
        session.autocommit = False
        session.execute("SELECT count(*) FROM feature_flags")
        story.approve()
        story.wait_state("failed", "succeeded", "parked")
        pid = session.info.backend_pid
    story.settle()
    story.checks.equal("the run failed", story.state(), "failed")
    story.checks.says("who is in the way is named", texts(story.thread()), "nightly-report", str(pid))
    check_untouched(story, before)


def pod_never_stops(story: Story) -> None:
    """A pod that never stops: the run undoes itself, and traffic is back."""
    before = observe(story)
    story.slack.fault(
        target="cluster", kind="pod-stuck-terminating", namespace=story.namespace, deployment="physioflow-api"
    )
    _start(story)
    story.wait_state("failed", "succeeded", "parked")
    story.slack.clear_faults()
    story.settle()
    story.checks.equal("the run failed", story.state(), "failed")
    story.checks.says("the pods are named", texts([story.card(), *story.thread()]), "pods-stuck", "physioflow-api-")
    check_report(story, "Failed", "pods-stuck", "put back")
    check_untouched(story, before)


def smoke_test_fails(story: Story) -> None:
    """A smoke test that fails after the chain: the run parks with traffic held; Retry finishes it."""
    before, checks = observe(story), story.checks
    story.slack.fault(target="cluster", kind="5xx", path="/proxy/health", status=503)
    _start(story)
    story.wait_state("parked", "failed", "succeeded")
    story.settle()
    checks.equal("the run is parked", story.state(), "parked")
    checks.says("the card says why and what next", all_text(story.card()), "smoke-failed", "needs a decision")
    checks.that("traffic is held", all(_is_held(item) for item in story.services().values()))
    checks.that("the database is open", story.database.is_open())
    checks.equal("the schema is rolled back", story.database.migrations(), list(range(1, 27)))
    checks.that("people are called", "administrator on call" in texts(story.thread()))
    story.slack.clear_faults()
    story.cast.lead_a.presses(story.card(), "retry")
    story.wait_state("succeeded", "failed")
    story.settle()
    checks.equal("Retry finishes the run", story.state(), "succeeded")
    check_report(story, "Succeeded", "smoke-failed", "resumed", "not shown, as the app", files=2)
    check_serving(story, before, "v1.2.3")


def _is_held(service: dict[str, object]) -> bool:
    return "backstop.dev/hold" in str(service["selector"])


def bot_killed(story: Story) -> None:
    """Kill -9 of the bot in the middle of a run: it goes on where it was, and repeats nothing."""
    before, checks, sandbox = observe(story), story.checks, story.sandbox
    story.slack.fault(target="cluster", kind="delay", path="/scale", delay_ms=500)
    _start(story)
    story.wait(
        lambda: story.journal(
            "SELECT 1 FROM backstop.steps WHERE work_id = %s AND key = 'stop-traffic' AND state = 'running'",
            story.run_id(),
        ),
        "traffic being stopped",
    )
    for bot in sandbox.bots:
        bot.kill()
    story.screen.note("the bot is killed with SIGKILL while it stops traffic, and started again")
    story.slack.clear_faults()
    for bot in sandbox.bots:
        bot.start()
    story.wait_state("succeeded", "failed", "parked", timeout_s=120)
    story.settle()
    checks.equal("the run goes on to the end", story.state(), "succeeded")
    checks.equal("schema is 026", story.database.migrations(), list(range(1, 27)))
    check_serving(story, before, "v1.2.3")
    bundles = [key for key in story.bucket.list_keys() if story.run_id() in key and key.endswith(".tar.gz")]
    checks.equal("one emergency backup", len(bundles), 1)
    check_report(story, "Succeeded", "run taken up")
    keys = [_key(message) for message in story.fresh() if _key(message)]
    checks.equal(
        "no message is doubled",
        len(keys),
        len(set(keys)),
    )


def two_replicas(story: Story) -> None:
    """Two replicas of the bot, both connected: one plan, one run, no doubled message."""
    before, checks, sandbox = observe(story), story.checks, story.sandbox
    second = sandbox.add_bot(sandbox.tuning)
    try:
        checks.equal("both are connected", story.slack.state()["sockets"], 2)
        story.slack.fault(target="slack", kind="duplicate", times=4)
        _start(story)
        story.wait_state("succeeded", "failed", "parked")
        story.settle()
    finally:
        story.slack.clear_faults()
        second.stop()
        sandbox.bots.remove(second)
    checks.equal("one run", story.journal("SELECT count(*) FROM backstop.runs WHERE id = %s", story.run_id())[0][0], 1)
    cards = [key for message in story.fresh() if (key := _key(message)).startswith("card:")]
    checks.equal("one card", len(cards), 1)
    keys = [_key(message) for message in story.fresh() if _key(message)]
    checks.equal("no message is doubled", sorted(keys), sorted(set(keys)))
    checks.equal("the run succeeded", story.state(), "succeeded")
    checks.equal("schema is 026", story.database.migrations(), list(range(1, 27)))
    check_serving(story, before, "v1.2.3")


def _key(message: dict[str, object]) -> str:
    metadata = message.get("metadata")
    payload = metadata.get("event_payload") if isinstance(metadata, dict) else None
    return str(payload.get("key", "")) if isinstance(payload, dict) else ""


def world_moves(story: Story) -> None:
    """Facts that change between the votes and the start void the votes; the thread gets the difference."""
    before, checks = observe(story), story.checks
    story.command(story.cast.oncall, "/rollback prod 024")
    first = story.request()
    story.react(story.cast.lead_a)
    with story.database.connect() as session:
        session.execute("CREATE VIEW late_results AS SELECT id FROM special_test_results")
        session.execute("ALTER VIEW late_results OWNER TO physioflow_prod")
    story.react(story.cast.lead_b)
    story.wait(lambda: story.request()["ts"] != first["ts"] or None, "a new request")
    story.wait_state("pending", "void")
    checks.equal("the run waits for new votes", story.state(), "pending")
    story.thread_says("late_results")
    checks.says("the new request shows what came", all_text(story.request()), "late_results")
    story.react(story.cast.lead_a)
    checks.equal("old votes do not count for the new plan", story.state(), "pending")
    story.command(story.cast.oncall, f"/rollback cancel {story.run_id()}")
    story.wait_state("cancelled")
    checks.that("the new view is untouched", story.database.exists("late_results"))
    check_untouched(story, before)
