"""Records an environment's state before a story, to compare with afterwards."""

from dataclasses import dataclass
from typing import Any

from bot.sandbox.story import Story

Json = dict[str, Any]


@dataclass(frozen=True)
class Before:
    """Workloads and migrations as they were."""

    replicas: dict[str, int]
    images: dict[str, str]
    selectors: dict[str, dict[str, str]]
    migrations: list[int]


def observe(story: Story) -> Before:
    """Look at the environment."""
    deployments, services = story.deployments(), story.services()
    return Before(
        replicas={name: item["replicas"] for name, item in deployments.items()},
        images={name: item["images"][0] for name, item in deployments.items()},
        selectors={name: item["selector"] for name, item in services.items()},
        migrations=story.database.migrations(),
    )


def check_serving(story: Story, before: Before, version: str) -> None:
    """Check that the app serves as before, in that version, through its Service."""
    story.wait(lambda: _all_ready(story, before), "all pods ready again")
    now = observe(story)
    story.checks.equal("replicas are as before", now.replicas, before.replicas)
    story.checks.equal("selectors are as before", now.selectors, before.selectors)
    tags = {image.rpartition(":")[2] for image in now.images.values()}
    story.checks.equal(f"app {version} serves", tags, {version})
    answer = story.sandbox.cluster.through_service(story.namespace, "physioflow-api", "GET", "/health")
    story.checks.equal("the app answers 200 on /health through its Service", answer[0], 200)


def _all_ready(story: Story, before: Before) -> bool:
    return all(item["ready"] == before.replicas[name] for name, item in story.deployments().items())


def check_untouched(story: Story, before: Before) -> None:
    """Check that nothing has changed: database, workloads, traffic; and nothing is left over."""
    story.checks.equal("the schema is unchanged", story.database.migrations(), before.migrations)
    story.checks.that("the feature flags are still there", story.database.exists("feature_flags"))
    story.checks.that("the database is open", story.database.is_open())
    story.checks.equal("no shadow database is left", story.database.leftovers(), [])
    check_serving(story, before, next(iter(before.images.values())).rpartition(":")[2])
