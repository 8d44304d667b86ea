"""Deployments and Services: their versions, and what a closed run has left of them."""

from dataclasses import replace

import pytest

from bot.domain.versions import AppVersion
from bot.domain.workloads import (
    HOLD_LABEL,
    Before,
    ClusterFacts,
    Deployment,
    HttpAnswer,
    Leftover,
    Revision,
    Service,
)

HISTORY = (
    Revision(3, "registry.example/api:v1.3.0", "api-3"),
    Revision(2, "registry.example/api:latest", "api-2"),
    Revision(1, "registry.example/api:v1.3.0", "api-1"),
)
API = Deployment("api", "uid-api", "registry.example/api:v1.3.0", 3, 3, settled=True, history=HISTORY)


def test_the_newest_revision_of_a_version_is_found() -> None:
    assert API.find_revision(AppVersion(1, 3, 0)) == HISTORY[0]
    assert API.find_revision(AppVersion(1, 2, 0)) is None
    assert (API.version, HISTORY[1].version) == (AppVersion(1, 3, 0), None)


@pytest.mark.parametrize(
    ("replicas", "before", "run"),
    [
        (0, Before("rk3f9a", 3), "rk3f9a"),
        (2, Before("rk3f9a", 3), ""),
        (0, Before("rk3f9a", 0), ""),
        (0, None, ""),
    ],
)
def test_a_run_has_stopped_it_if_it_was_up_before(replicas: int, before: Before | None, run: str) -> None:
    assert replace(API, replicas=replicas, before=before).stopped_by == run


def test_leftovers_are_stopped_deployments_and_held_services() -> None:
    stopped = replace(API, name="web", replicas=0, before=Before("rk3f9a", 2))
    held = Service("api", "uid-1", {"app": "api", HOLD_LABEL: "r2abcd"})
    facts = ClusterFacts((API, stopped), (held, Service("web", "uid-2", {"app": "web"})))

    assert facts.leftovers == (Leftover("deployment", "web", "rk3f9a"), Leftover("service", "api", "r2abcd"))


def test_a_deployment_that_was_not_observed_is_an_error() -> None:
    facts = ClusterFacts((API,), ())

    assert facts.deployment("api") == API
    with pytest.raises(KeyError, match="web"):
        facts.deployment("web")


@pytest.mark.parametrize(("status", "ok"), [(0, False), (199, False), (200, True), (299, True), (300, False)])
def test_an_answer_is_good_if_it_is_a_2xx(status: int, *, ok: bool) -> None:
    assert HttpAnswer("api-1", status, "").ok is ok
