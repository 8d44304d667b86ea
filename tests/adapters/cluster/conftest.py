"""PhysioFlow's cluster in the emulator, with pods that hurry."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from bot.adapters.cluster import KubernetesCluster
from bot.adapters.cluster.api import Api
from bot.domain.environments import Workloads
from bot.sandbox.cluster import ClusterEmulator, Delays, layout
from tests.adapters.cluster.app import App, connected
from tests.adapters.cluster.canned import Canned, serve
from tests.adapters.cluster.requests import TOKEN

if TYPE_CHECKING:
    from kubernetes.client import ApiClient

HURRY = Delays(start_s=(0.01, 0.02), terminate_s=(0.05, 0.08), crash_s=0.05, reconcile_s=0.005, probe_s=0.05)
WORKLOADS = Workloads(
    namespace="physioflow-prod",
    deployments=("physioflow-api", "physioflow-web"),
    services=("physioflow-api", "physioflow-web"),
    version_deployment="physioflow-api",
    database_pods="app=physioflow,component=postgres",
)


@pytest.fixture
def app() -> App:
    return App()


@pytest.fixture
def emulator(app: App) -> Iterator[ClusterEmulator]:
    with ClusterEmulator(app, delays=HURRY) as emulator:
        layout.lay_out(emulator, ["prod"])
        yield emulator


@pytest.fixture
def client(emulator: ClusterEmulator) -> Iterator["ApiClient"]:
    with connected(emulator.url, emulator.token) as client:
        yield client


@pytest.fixture
def workloads() -> Workloads:
    return WORKLOADS


@pytest.fixture
def cluster(client: "ApiClient", workloads: Workloads) -> KubernetesCluster:
    return KubernetesCluster(client, workloads)


@pytest.fixture
def server() -> Iterator[Canned]:
    with serve() as canned:
        yield canned


@pytest.fixture
def api(server: Canned) -> Iterator[Api]:
    with connected(server.url, TOKEN) as client:
        yield Api(client)
