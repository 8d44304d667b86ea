"""The app in the pods of these tests, and ways to look at the cluster past the adapter."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from bot.adapters.cluster import connect
from bot.sandbox.cluster import ClusterEmulator, PodInfo
from bot.sandbox.cluster.resources import DEPLOYMENTS, SERVICES

if TYPE_CHECKING:
    from kubernetes.client import ApiClient

NAMESPACE = "physioflow-prod"


class App:
    """Answers what the test says, by path; 200 and the version otherwise."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, bytes]] = {}
        self.delay_s = 0.0
        self.asked: list[str] = []

    def answer(
        self, namespace: str, deployment: str, image: str, method: str, path: str, body: bytes
    ) -> tuple[int, Mapping[str, str], bytes]:
        del namespace, deployment, body
        self.asked.append(f"{method} {path}")
        time.sleep(self.delay_s)
        status, text = self.answers.get(path, (200, image.rpartition(":")[2].encode()))
        return status, {"Content-Type": "text/plain"}, text

    def pod_started(self, namespace: str, pod: PodInfo) -> None:
        """Nothing to open."""

    def pod_stopping(self, namespace: str, pod: PodInfo) -> None:
        """Nothing to close."""


@contextmanager
def connected(*arguments: Any, **named: Any) -> "Iterator[ApiClient]":
    """A client that is closed at the end."""
    client = connect(*arguments, **named)
    try:
        yield client
    finally:
        client.close()  # type: ignore[no-untyped-call] # the client carries no types


def deployment(emulator: ClusterEmulator, name: str = "physioflow-api") -> dict[str, Any]:
    """The Deployment as the server has it."""
    return emulator.store.get(DEPLOYMENTS, NAMESPACE, name)


def service(emulator: ClusterEmulator, name: str = "physioflow-api") -> dict[str, Any]:
    """The Service as the server has it."""
    return emulator.store.get(SERVICES, NAMESPACE, name)


def eventually(true: Callable[[], bool], timeout_s: float = 5.0) -> None:
    """Wait for it."""
    until = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < until, "it never came true"
        time.sleep(0.01)
