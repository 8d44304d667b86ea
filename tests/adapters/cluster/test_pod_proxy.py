import socket

import pytest

from bot.adapters.cluster import KubernetesCluster
from bot.adapters.cluster.api import Api, Namespace
from bot.adapters.cluster.pod_proxy import ask_pod
from bot.domain.environments import HttpCheck
from bot.errors import PermanentError, TemporaryError
from bot.sandbox.cluster import ClusterEmulator
from tests.adapters.cluster.app import NAMESPACE, App, connected
from tests.adapters.cluster.canned import serve, status_object

HEALTH = HttpCheck("physioflow-api", 7011, "/health", timeout_s=2.0)


def test_every_ready_pod_answers_though_the_service_is_held(
    cluster: KubernetesCluster, emulator: ClusterEmulator
) -> None:
    cluster.hold_service("physioflow-api", "rk3f9a")
    assert emulator.through_service(NAMESPACE, "physioflow-api")[0] == 503
    answers = cluster.get_http(HEALTH)
    assert {answer.pod for answer in answers} == {pod.name for pod in cluster.pods("physioflow-api")}
    assert {(answer.status, answer.ok, answer.excerpt) for answer in answers} == {(200, True, "v1.3.0")}


def test_an_unready_pod_is_not_asked(cluster: KubernetesCluster, emulator: ClusterEmulator) -> None:
    cluster.scale("physioflow-api", 0, "rk3f9a")
    emulator.wait_settled(NAMESPACE)
    assert cluster.get_http(HEALTH) == []


@pytest.mark.parametrize("path", ["/health", "health", "/api/v1/deep?full=1&name=a%20b", "/a%2Fb"])
def test_paths_arrive_as_they_are(cluster: KubernetesCluster, app: App, path: str) -> None:
    cluster.get_http(HttpCheck("physioflow-web", 3000, path))
    assert set(app.asked) == {f"GET /{path.lstrip('/')}"}


@pytest.mark.parametrize("status", [500, 503, 404, 403, 401, 302])
def test_the_apps_own_refusals_are_its_answers(cluster: KubernetesCluster, app: App, status: int) -> None:
    app.answers["/health"] = (status, "lược đồ 026 không dùng được".encode())
    answers = cluster.get_http(HEALTH)
    assert {(answer.status, answer.ok, answer.excerpt) for answer in answers} == {
        (status, False, "lược đồ 026 không dùng được")
    }


def test_an_excerpt_is_short(cluster: KubernetesCluster, app: App) -> None:
    app.answers["/health"] = (200, "é".encode() * 1_000_000)
    assert {answer.excerpt for answer in cluster.get_http(HEALTH)} == {"é" * 300}


def test_bytes_that_are_no_text(cluster: KubernetesCluster, app: App) -> None:
    app.answers["/health"] = (200, b"\xff\x00ok")
    assert {answer.excerpt for answer in cluster.get_http(HEALTH)} == {"\ufffd\x00ok"}


def test_a_pod_that_does_not_listen(cluster: KubernetesCluster) -> None:
    answers = cluster.get_http(HttpCheck("physioflow-api", 9999, "/health"))
    assert {(answer.status, answer.ok) for answer in answers} == {(0, False)}
    assert all("connection refused" in answer.excerpt for answer in answers)


def test_a_pod_that_falls_silent(cluster: KubernetesCluster, app: App) -> None:
    app.delay_s = 0.5
    answers = cluster.get_http(HttpCheck("physioflow-api", 7011, "/health", timeout_s=0.1))
    assert [(answer.status, answer.excerpt) for answer in answers] == [(0, "no answer within 0.1 s")] * 3


def test_a_connection_that_breaks(cluster: KubernetesCluster, emulator: ClusterEmulator) -> None:
    emulator.fault({"kind": "connection-reset", "resource": "pods/proxy", "times": 1})
    answers = cluster.get_http(HEALTH)
    broken = [answer for answer in answers if answer.status == 0]
    assert len(broken) == 1
    assert "the connection broke" in broken[0].excerpt


def test_no_right_to_the_proxy_is_not_the_pods_fault(cluster: KubernetesCluster, emulator: ClusterEmulator) -> None:
    emulator.fault({"kind": "forbidden", "resource": "pods/proxy"})
    with pytest.raises(PermanentError, match=r"^cluster-forbidden: .*pods/proxy"):
        cluster.get_http(HEALTH)


def test_a_gone_api_server_is_not_the_pods_fault() -> None:
    with socket.socket() as held:  # bound and not listening: nobody else gets the port
        held.bind(("127.0.0.1", 0))
        with (
            connected(f"http://127.0.0.1:{held.getsockname()[1]}", "t") as client,
            pytest.raises(TemporaryError, match=r"^cluster-unavailable: "),
        ):
            ask_pod(Namespace(Api(client), NAMESPACE), "pod-0", HEALTH)


def test_the_api_servers_own_trouble_is_no_answer_of_the_pod() -> None:
    with serve() as server, connected(server.url, "t") as client:
        server.status, server.body = 503, status_object(503, "ServiceUnavailable", "error trying to reach service: EOF")
        answer = ask_pod(Namespace(Api(client), NAMESPACE), "pod-0", HEALTH)
        assert (answer.status, answer.excerpt) == (0, "error trying to reach service: EOF")


def test_a_pod_that_trickles_is_not_waited_for() -> None:
    with serve() as server, connected(server.url, "t") as client:
        server.body, server.trickle_s = b"slow" * 10, 0.05
        check = HttpCheck("physioflow-api", 7011, "/health", timeout_s=0.2)
        answer = ask_pod(Namespace(Api(client), NAMESPACE), "pod-0", check)
        assert (answer.status, answer.excerpt) == (0, "no answer within 0.2 s")
