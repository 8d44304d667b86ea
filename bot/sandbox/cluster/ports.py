"""Declares the interface of the app that runs in the emulator's pods."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

Answer = tuple[int, Mapping[str, str], bytes]


@dataclass(frozen=True)
class PodInfo:
    """A pod as its app sees it. `deployment` is empty for a bare pod, `image` is the first container's."""

    namespace: str
    name: str
    uid: str
    deployment: str
    image: str
    labels: Mapping[str, str]


class AppBehaviour(Protocol):
    """The program in the pods. Calls come from several threads; `answer` may block as long as the app would."""

    def answer(self, namespace: str, deployment: str, image: str, method: str, path: str, body: bytes) -> Answer:
        """Answer one HTTP request with status, headers and body. `path` begins with a slash, query included."""
        ...

    def pod_started(self, namespace: str, pod: PodInfo) -> None:
        """A container began to run; must return at once."""
        ...

    def pod_stopping(self, namespace: str, pod: PodInfo) -> None:
        """The container's process ends; the pod goes when this returns."""
        ...


class StaticApp:
    """An app with no state: answers every request with 200 and its image's tag."""

    def answer(self, namespace: str, deployment: str, image: str, method: str, path: str, body: bytes) -> Answer:  # noqa: ARG002 -- the port's signature
        """Answer with the version."""
        version = image.rpartition(":")[2]
        return 200, {"Content-Type": "application/json"}, f'{{"status": "ok", "version": "{version}"}}'.encode()

    def pod_started(self, namespace: str, pod: PodInfo) -> None:
        """Nothing to open."""

    def pod_stopping(self, namespace: str, pod: PodInfo) -> None:
        """Nothing to close."""
