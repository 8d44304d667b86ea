"""Plays a configuration that is changed between two votes: what was voted for in one place is not done in another."""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from bot.sandbox.bot_process import BotProcess
from bot.sandbox.people import all_text
from bot.sandbox.scenarios.before import check_untouched, observe
from bot.sandbox.story import Story

Environ = dict[str, str]
OTHER = "staging"


@dataclass(frozen=True)
class Move:
    """A change of the configuration.

    Attributes:
        text: rewrites ``backstop.toml``.
        environ: rewrites the environment variables.
        said: words of the difference that people read.
    """

    said: tuple[str, ...]
    text: Callable[[str], str] = str
    environ: Callable[[Environ], Environ] = dict


def _exchange(one: str, two: str) -> Callable[[str], str]:
    """Exchange two words: each environment then has the other's."""
    words = {one: two, two: one}
    return lambda text: re.sub(f"{re.escape(one)}|{re.escape(two)}", lambda found: words[found[0]], text)


def _exchange_dsns(environ: Environ) -> Environ:
    one, two = "BACKSTOP_PROD_DSN", "BACKSTOP_STAGING_DSN"
    return {**environ, one: environ[two], two: environ[one]}


def _need_one_vote(text: str) -> str:
    head, mark, tail = text.partition("[environments.prod.approval]")
    return head + mark + tail.replace("quorum = 2", "quorum = 1", 1)


MOVES: Mapping[str, Move] = {
    "the DSN": Move(("The database is another one", "physioflow_prod", "physioflow_staging"), environ=_exchange_dsns),
    "the namespace": Move(
        ("The namespace is another one", "physioflow-staging"),
        _exchange('namespace = "physioflow-prod"', 'namespace = "physioflow-staging"'),
    ),
    "the bucket": Move(
        ("The bucket is another one", "physioflow-backups-staging"),
        _exchange('"physioflow-backups-prod"', '"physioflow-backups-staging"'),
    ),
    "the policy": Move(("Other people decide: 2 of", "now 1 of"), _need_one_vote),
}


def place_moves(story: Story) -> None:
    """The DSN, namespace, bucket or policy changes between two votes: the votes are void, nothing is done elsewhere."""
    before = observe(story)
    elsewhere = Story(story.sandbox, story.screen, story.slack, OTHER)
    there, stored = observe(elsewhere), elsewhere.bucket.list_keys()
    for name, move in MOVES.items():
        _play_move(story, name, move)
        story.checks.equal(f"{name}: the other environment's schema", elsewhere.database.migrations(), there.migrations)
        story.checks.equal(f"{name}: the other environment's workloads", observe(elsewhere), there)
        story.checks.equal(f"{name}: nothing was put into its bucket", elsewhere.bucket.list_keys(), stored)
    check_untouched(story, before)


def _play_move(story: Story, name: str, move: Move) -> None:
    checks, earlier = story.checks, story.run_id() if story.fresh() else ""
    story.command(story.cast.oncall, "/rollback prod 027")
    story.wait(lambda: bool(story.fresh()) and story.run_id() != earlier, "a new run's card")
    first = story.request()
    story.react(story.cast.lead_a)
    story.wait(lambda: _votes(story) == 1, "the first vote to be counted")
    with _configured(story, move):
        story.screen.note(f"the bot comes back with another configuration: {name}")
        story.react(story.cast.lead_b)
        story.wait(lambda: story.request()["ts"] != first["ts"] or None, "a new request")
        story.settle()
        checks.equal(f"{name}: the run waits for new votes", story.state(), "pending")
        story.thread_says(*move.said)
        checks.says(f"{name}: the new request is for another plan", all_text(story.request()), "Plan")
        story.command(story.cast.oncall, f"/rollback cancel {story.run_id()}")
        story.wait_state("cancelled")


def _votes(story: Story) -> int:
    query = "SELECT count(*) FROM backstop.votes WHERE run_id = %s"
    return int(story.journal(query, story.run_id())[0][0])


@contextmanager
def _configured(story: Story, move: Move) -> Iterator[None]:
    """Have every replica come back with the changed configuration; as before at the end."""
    bots = list(story.sandbox.bots)
    before = [bot.configuration for bot in bots]
    try:
        for bot, (text, environ) in zip(bots, before, strict=True):
            _restart(bot, move.text(text), move.environ(environ))
        yield
    finally:
        for bot, (text, environ) in zip(bots, before, strict=True):
            _restart(bot, text, environ)


def _restart(bot: BotProcess, text: str, environ: Environ) -> None:
    bot.kill()  # as a pod that is replaced at once: a proper stop takes its time
    bot.configure(text, environ)
    bot.start()
