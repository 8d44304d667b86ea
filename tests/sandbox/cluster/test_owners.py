import socket
import threading
import time
import warnings

import pytest

from bot.sandbox.cluster import ClusterEmulator, PodInfo, StaticApp
from bot.sandbox.cluster.ports import Answer
from tests.sandbox.cluster.conftest import QUICK
from tests.sandbox.cluster.kube import NAMESPACE, Kube, wait_until


class Recorder(StaticApp):
    """Records its pods; answers 503 while `healthy` is False."""

    def __init__(self) -> None:
        self.alive: set[str] = set()
        self.healthy = True

    def answer(self, namespace: str, deployment: str, image: str, method: str, path: str, body: bytes) -> Answer:  # noqa: ARG002 -- the port's signature
        return (200 if self.healthy else 503), {}, b""

    def pod_started(self, namespace: str, pod: PodInfo) -> None:
        self.alive.add(f"{namespace}/{pod.deployment}/{pod.image}")

    def pod_stopping(self, namespace: str, pod: PodInfo) -> None:
        self.alive.remove(f"{namespace}/{pod.deployment}/{pod.image}")


def test_nothing_is_left_after_the_end() -> None:
    before = set(threading.enumerate())
    app = Recorder()
    with (
        ClusterEmulator(app, namespaces=(NAMESPACE,), delays=QUICK, probe_readiness=True) as emulator,
        Kube(emulator) as kube,
    ):
        kube.deploy()
        emulator.wait_settled()
        port = int(emulator.url.rpartition(":")[2])
        stream = kube.follow(kube.core.list_namespaced_pod, timeout_seconds=60)
        next(stream)  # an open watch must not keep it alive
        assert app.alive
        began = time.monotonic()
        emulator.stop()
        assert time.monotonic() - began < 20
        stream.close()
    assert set(threading.enumerate()) == before
    assert not app.alive
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_it_listens_on_the_port_asked_for() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    with ClusterEmulator(port=port) as emulator:
        assert emulator.url == f"http://127.0.0.1:{port}"
        with pytest.raises(OSError, match="in use"):
            ClusterEmulator(port=port).start()
    with pytest.raises(RuntimeError):
        _ = emulator.url


def test_the_app_hears_of_its_pods() -> None:
    app = Recorder()
    with ClusterEmulator(app, namespaces=(NAMESPACE,), delays=QUICK) as emulator, Kube(emulator) as kube:
        kube.deploy()
        wait_until(lambda: app.alive == {f"{NAMESPACE}/api/registry.example/api:v1"})
        emulator.fault({"kind": "crash-loop", "deployment": "api"})
        wait_until(lambda: not app.alive)
        emulator.clear_faults()
        wait_until(lambda: app.alive)
        (pod,) = kube.pods()
        kube.scale(0)
        wait_until(lambda: not kube.pods())
        assert not app.alive
        assert pod.metadata.name


def test_the_app_hears_of_a_pod_deleted_by_force() -> None:
    app = Recorder()
    with ClusterEmulator(app, namespaces=(NAMESPACE,), delays=QUICK) as emulator, Kube(emulator) as kube:
        kube.deploy()
        emulator.wait_settled()
        (pod,) = kube.pods()
        emulator.fault({"kind": "image-pull"})  # so that no other pod comes up
        kube.core.delete_namespaced_pod(pod.metadata.name, NAMESPACE, grace_period_seconds=0)
        wait_until(lambda: not app.alive)


def test_readiness_follows_the_app_s_health() -> None:
    app = Recorder()
    app.healthy = False
    with (
        ClusterEmulator(app, namespaces=(NAMESPACE,), delays=QUICK, probe_readiness=True) as emulator,
        Kube(emulator) as kube,
    ):
        kube.deploy(container={"readinessProbe": {"httpGet": {"path": "/health", "port": 7011}}})
        wait_until(lambda: app.alive)
        time.sleep(0.1)  # three probes
        assert not kube.deployment().status.ready_replicas
        app.healthy = True
        emulator.wait_settled()
        app.healthy = False
        wait_until(lambda: not kube.deployment().status.ready_replicas)


def test_many_clients_at_once(emulator: ClusterEmulator, kube: Kube) -> None:
    kube.deploy(replicas=0)
    errors: list[Exception] = []

    def work(number: int) -> None:
        try:
            with Kube(emulator) as mine:
                for turn in range(5):
                    body = {"metadata": {"annotations": {f"by-{number}": str(turn)}}}
                    mine.apps.patch_namespaced_deployment("api", NAMESPACE, body)
        except Exception as error:  # noqa: BLE001 -- collected for the assertion
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    with warnings.catch_warnings():
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert errors == []
    assert {f"by-{number}": "4" for number in range(8)}.items() <= kube.deployment().metadata.annotations.items()
