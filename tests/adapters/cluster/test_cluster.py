import json
import threading
from typing import TYPE_CHECKING, Any

import pytest
import stamina

from bot.adapters.cluster import KubernetesCluster
from bot.domain.versions import AppVersion
from bot.domain.workloads import BEFORE_ANNOTATION, HOLD_LABEL, Before
from bot.errors import PermanentError, TemporaryError
from bot.sandbox.cluster import ClusterEmulator
from bot.sandbox.cluster.resources import DEPLOYMENTS, SERVICES
from tests.adapters.cluster.app import NAMESPACE, deployment, eventually, service

if TYPE_CHECKING:
    from collections.abc import Callable

RUN, OTHER = "rk3f9a", "rzzzzz"
API = "physioflow-api"
LABELS = {"app": "physioflow", "component": "api"}
IMAGE = "registry.physioflow.example/physioflow-api:"


def note(obj: dict[str, Any]) -> Any:
    text = obj["metadata"].get("annotations", {}).get(BEFORE_ANNOTATION)
    return json.loads(text) if text else None


def version(obj: dict[str, Any]) -> str:
    return str(obj["metadata"]["resourceVersion"])


def edit(emulator: ClusterEmulator, name: str = API, **spec: Any) -> None:
    """Change a Service behind the adapter's back."""
    with emulator.store.lock:
        found = service(emulator, name)
        emulator.store.put(SERVICES, found | {"spec": found["spec"] | spec}, "kubectl")


def test_holding_stops_traffic_and_notes_the_selector(cluster: KubernetesCluster, emulator: ClusterEmulator) -> None:
    assert emulator.through_service(NAMESPACE, API)[0] == 200
    cluster.hold_service(API, RUN)
    assert service(emulator)["spec"]["selector"] == LABELS | {HOLD_LABEL: RUN}
    assert note(service(emulator)) == {"run": RUN, "selector": LABELS}
    assert emulator.through_service(NAMESPACE, API)[0] == 503
    assert [item.held_by for item in cluster.inspect().services] == [RUN, None]


def test_holding_again_changes_nothing(cluster: KubernetesCluster, emulator: ClusterEmulator) -> None:
    cluster.hold_service(API, RUN)
    before = version(service(emulator))
    cluster.hold_service(API, RUN)
    assert version(service(emulator)) == before


def test_another_runs_hold_stands(cluster: KubernetesCluster, emulator: ClusterEmulator) -> None:
    cluster.hold_service(API, OTHER)
    with pytest.raises(PermanentError, match=rf"^held-by-another-run: .*{API}.*{OTHER}"):
        cluster.hold_service(API, RUN)
    assert service(emulator)["spec"]["selector"][HOLD_LABEL] == OTHER


def test_a_hold_somebody_took_off_comes_back_with_the_first_note(
    cluster: KubernetesCluster, emulator: ClusterEmulator
) -> None:
    cluster.hold_service(API, RUN)
    edit(emulator, selector={"app": "something-else"})
    cluster.hold_service(API, RUN)
    assert service(emulator)["spec"]["selector"] == {"app": "something-else", HOLD_LABEL: RUN}
    assert note(service(emulator)) == {"run": RUN, "selector": LABELS}


def test_a_stale_note_of_another_run_gives_way(cluster: KubernetesCluster, emulator: ClusterEmulator) -> None:
    cluster.hold_service(API, OTHER)
    edit(emulator, selector=LABELS | {"tier": "new"})
    cluster.hold_service(API, RUN)
    assert note(service(emulator)) == {"run": RUN, "selector": LABELS | {"tier": "new"}}


def test_a_service_without_selector_cannot_be_held(cluster: KubernetesCluster, emulator: ClusterEmulator) -> None:
    edit(emulator, selector={})
    with pytest.raises(PermanentError, match=rf"^service-without-selector: .*{API}"):
        cluster.hold_service(API, RUN)


def test_releasing_restores_exactly(cluster: KubernetesCluster, emulator: ClusterEmulator) -> None:
    original = service(emulator)
    cluster.hold_service(API, RUN)
    edit(emulator, selector=service(emulator)["spec"]["selector"] | {"stray": "label"})
    cluster.release_service(API, LABELS)
    restored = service(emulator)
    assert restored["spec"] == original["spec"]
    assert restored["metadata"].get("annotations", {}) == original["metadata"].get("annotations", {})
    assert emulator.through_service(NAMESPACE, API)[0] == 200
    before = version(restored)
    cluster.release_service(API, LABELS)
    assert version(service(emulator)) == before


def test_releasing_to_other_labels(cluster: KubernetesCluster, emulator: ClusterEmulator) -> None:
    cluster.release_service(API, {"app": "physioflow", "colour": "blue"})
    assert service(emulator)["spec"]["selector"] == {"app": "physioflow", "colour": "blue"}


def test_scaling_down_and_back(cluster: KubernetesCluster, emulator: ClusterEmulator) -> None:
    cluster.scale(API, 0, RUN)
    eventually(lambda: not cluster.pods(API))
    wanted = {"run": RUN, "replicas": 3, "image": f"{IMAGE}v1.3.0"}
    assert note(deployment(emulator)) == wanted
    cluster.scale(API, 0, RUN)
    assert note(deployment(emulator)) == wanted
    cluster.scale(API, 3, RUN)
    assert note(deployment(emulator)) == wanted
    eventually(lambda: cluster.inspect().deployment(API).settled)
    assert len(cluster.pods(API)) == 3
    cluster.clear_annotation(API)
    assert note(deployment(emulator)) is None
    before = version(deployment(emulator))
    cluster.clear_annotation(API)
    assert version(deployment(emulator)) == before


def test_what_a_closed_run_left_is_read_and_its_note_kept(
    cluster: KubernetesCluster, emulator: ClusterEmulator
) -> None:
    assert cluster.inspect().deployment(API).before is None
    cluster.scale(API, 0, OTHER)
    api = cluster.inspect().deployment(API)
    assert (api.before, api.stopped_by) == (Before(OTHER, 3), OTHER)
    cluster.scale(API, 0, RUN)
    cluster.scale(API, 2, RUN)
    api = cluster.inspect().deployment(API)
    assert (api.before, api.stopped_by) == (Before(OTHER, 3), "")
    cluster.scale(API, 0, RUN)  # it has been started since, so what it had then is what there was before
    assert note(deployment(emulator)) == {"run": RUN, "replicas": 2, "image": f"{IMAGE}v1.3.0"}


@pytest.mark.parametrize("text", ["", "soon", "[]", '{"run": "rk3f9a"}', '{"run": "rk3f9a", "replicas": "3"}'])
def test_a_note_that_is_not_ours_to_read_counts_for_nothing(
    cluster: KubernetesCluster, emulator: ClusterEmulator, text: str
) -> None:
    with emulator.store.lock:
        found = deployment(emulator)
        metadata = found["metadata"] | {"annotations": {BEFORE_ANNOTATION: text}}
        emulator.store.put(DEPLOYMENTS, found | {"metadata": metadata}, "kubectl")
    assert cluster.inspect().deployment(API).before is None
    cluster.scale(API, 0, RUN)
    assert note(deployment(emulator))["replicas"] == 3


def test_a_scale_that_fails_has_noted_what_was(cluster: KubernetesCluster, emulator: ClusterEmulator) -> None:
    emulator.fault({"kind": "5xx", "verb": "patch", "resource": "deployments/scale"})
    with pytest.raises(TemporaryError, match=r"^cluster-unavailable: .*patch deployments/scale"):
        cluster.scale(API, 0, RUN)
    assert (note(deployment(emulator))["replicas"], deployment(emulator)["spec"]["replicas"]) == (3, 3)


def test_a_negative_scale_is_refused(cluster: KubernetesCluster, emulator: ClusterEmulator) -> None:
    with pytest.raises(PermanentError, match=r"^cluster-refused: .*422 Invalid spec\.replicas"):
        cluster.scale(API, -1, RUN)
    assert deployment(emulator)["spec"]["replicas"] == 3


def test_a_scale_that_is_undone_shows(cluster: KubernetesCluster, emulator: ClusterEmulator) -> None:
    emulator.fault({"kind": "gitops", "namespace": NAMESPACE, "deployment": API, "delay_ms": 50})
    cluster.scale(API, 0, RUN)
    eventually(lambda: deployment(emulator)["spec"]["replicas"] == 3)
    api = cluster.inspect().deployment(API)
    assert (api.replicas, api.autoscaler) == (3, "Argo CD (physioflow)")


def templates(emulator: ClusterEmulator) -> dict[str, Any]:
    template: dict[str, Any] = deployment(emulator)["spec"]["template"]
    return template


def add_environment(emulator: ClusterEmulator) -> None:
    """Roll out the running image with one more environment variable, as a newer release would."""
    with emulator.store.lock:
        found = deployment(emulator)
        template = json.loads(json.dumps(found["spec"]["template"]))
        template["spec"]["containers"][0].setdefault("env", []).append({"name": "NEW_FLAG", "value": "on"})
        emulator.store.put(DEPLOYMENTS, found | {"spec": found["spec"] | {"template": template}}, "kubectl")


def test_going_back_puts_the_whole_template_back(cluster: KubernetesCluster, emulator: ClusterEmulator) -> None:
    plain = templates(emulator)
    add_environment(emulator)
    eventually(lambda: cluster.inspect().deployment(API).history[0].number == 5)
    cluster.set_image(API, f"{IMAGE}v1.2.3", 3)
    eventually(lambda: cluster.inspect().deployment(API).settled)
    assert {pod.image for pod in cluster.pods(API) if not pod.terminating} == {f"{IMAGE}v1.2.3"}
    assert "NEW_FLAG" not in json.dumps(templates(emulator))
    cluster.set_image(API, f"{IMAGE}v1.3.0", 4)
    assert templates(emulator) == plain
    assert "pod-template-hash" not in json.dumps(templates(emulator))


def test_going_back_reuses_the_old_replicaset_under_a_new_number(
    cluster: KubernetesCluster, emulator: ClusterEmulator
) -> None:
    old = cluster.inspect().deployment(API).find_revision(AppVersion(1, 2, 3))
    assert old is not None
    cluster.set_image(API, old.image, old.number)
    eventually(lambda: cluster.inspect().deployment(API).history[0].image == old.image)
    newest = cluster.inspect().deployment(API).history[0]
    assert (newest.number, newest.replicaset) == (5, old.replicaset)
    generation = deployment(emulator)["metadata"]["generation"]
    cluster.set_image(API, old.image, old.number)  # its number is another now, and it is already so
    assert deployment(emulator)["metadata"]["generation"] == generation


def test_a_number_that_belongs_to_another_image_is_not_trusted(
    cluster: KubernetesCluster, emulator: ClusterEmulator
) -> None:
    cluster.set_image(API, f"{IMAGE}v1.1.4", 4)
    assert templates(emulator)["spec"]["containers"][0]["image"] == f"{IMAGE}v1.1.4"


def test_a_version_the_history_does_not_hold(cluster: KubernetesCluster, emulator: ClusterEmulator) -> None:
    before = templates(emulator)
    with pytest.raises(PermanentError, match=rf"^revision-not-found: .*{API}.*v0\.9\.0"):
        cluster.set_image(API, f"{IMAGE}v0.9.0", 3)
    assert templates(emulator) == before


CHANGES: "list[tuple[str, str, Callable[[KubernetesCluster], None]]]" = [
    ("services", "hold", lambda cluster: cluster.hold_service(API, RUN)),
    ("deployments", "image", lambda cluster: cluster.set_image(API, f"{IMAGE}v1.2.3", 3)),
    ("deployments", "note", lambda cluster: cluster.scale(API, 0, RUN)),
    ("deployments/scale", "scale", lambda cluster: cluster.scale(API, 0, RUN)),
]


@pytest.mark.parametrize(("resource", "word", "change"), CHANGES, ids=[item[1] for item in CHANGES])
def test_a_conflict_is_read_and_decided_again(
    cluster: KubernetesCluster,
    emulator: ClusterEmulator,
    resource: str,
    word: str,
    change: "Callable[[KubernetesCluster], None]",
) -> None:
    emulator.fault({"kind": "conflict", "verb": "patch", "resource": resource, "times": 2})
    change(cluster)
    text = json.dumps([service(emulator), deployment(emulator)])
    expected = {"hold": HOLD_LABEL, "image": "v1.2.3", "note": BEFORE_ANNOTATION, "scale": '"replicas": 0'}
    assert expected[word] in text


def test_somebody_who_writes_in_between_keeps_what_they_wrote(
    cluster: KubernetesCluster, emulator: ClusterEmulator
) -> None:
    """A stale read must not be acted on: the other's selector is part of what is noted and held."""
    emulator.fault({"kind": "delay", "verb": "patch", "resource": "services", "delay_ms": 300, "times": 1})
    holder = threading.Thread(target=cluster.hold_service, args=(API, RUN))
    holder.start()
    eventually(lambda: not any(fault.times for fault in emulator.faults()))
    edit(emulator, selector=LABELS | {"tier": "new"})
    holder.join()
    assert service(emulator)["spec"]["selector"] == LABELS | {"tier": "new", HOLD_LABEL: RUN}
    assert note(service(emulator)) == {"run": RUN, "selector": LABELS | {"tier": "new"}}


def test_a_rollout_that_begins_in_between_is_looked_at_before_it_is_replaced(
    cluster: KubernetesCluster, emulator: ClusterEmulator
) -> None:
    seen: list[Exception] = []
    stamina.instrumentation.set_on_retry_hooks([lambda details: seen.append(details.caused_by)])
    emulator.fault({"kind": "delay", "verb": "patch", "resource": "deployments", "delay_ms": 200, "times": 1})
    setter = threading.Thread(target=cluster.set_image, args=(API, f"{IMAGE}v1.2.3", 3))
    setter.start()
    eventually(lambda: not any(fault.times for fault in emulator.faults()))
    add_environment(emulator)
    setter.join()
    stamina.instrumentation.set_on_retry_hooks(None)
    assert [str(error).split(":")[0] for error in seen] == ["cluster-conflict"]
    assert templates(emulator)["spec"]["containers"][0]["image"] == f"{IMAGE}v1.2.3"


def test_of_two_runs_that_hold_at_once_one_is_refused(cluster: KubernetesCluster, emulator: ClusterEmulator) -> None:
    refused: list[str] = []

    def hold(run: str) -> None:
        try:
            cluster.hold_service(API, run)
        except PermanentError as error:
            refused.append(error.reference)

    threads = [threading.Thread(target=hold, args=(run,)) for run in (RUN, OTHER)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert refused == ["held-by-another-run"]
    assert note(service(emulator))["run"] == service(emulator)["spec"]["selector"][HOLD_LABEL]


def test_a_conflict_that_never_ends(cluster: KubernetesCluster, emulator: ClusterEmulator) -> None:
    emulator.fault({"kind": "conflict", "verb": "patch"})
    with stamina.set_testing(testing=True, attempts=3), pytest.raises(TemporaryError, match=r"^cluster-conflict: "):
        cluster.hold_service(API, RUN)


def test_an_answer_that_is_lost_may_be_asked_for_again(cluster: KubernetesCluster, emulator: ClusterEmulator) -> None:
    for resource in ("services", "deployments", "deployments/scale"):
        emulator.fault({"kind": "connection-reset", "when": "after", "verb": "patch", "resource": resource, "times": 1})
    for change in (lambda: cluster.hold_service(API, RUN), lambda: cluster.scale(API, 0, RUN)):
        eventually(lambda change=change: _did(change))  # type: ignore[misc] # a lambda's default has no type
    assert service(emulator)["spec"]["selector"][HOLD_LABEL] == RUN
    assert (note(deployment(emulator))["replicas"], deployment(emulator)["spec"]["replicas"]) == (3, 0)


def _did(change: "Callable[[], None]") -> bool:
    try:
        change()
    except TemporaryError:
        return False
    return True
