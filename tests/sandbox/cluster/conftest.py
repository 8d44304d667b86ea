from collections.abc import Iterator

import pytest

from bot.sandbox.cluster import ClusterEmulator, Delays
from tests.sandbox.cluster.kube import NAMESPACE, Kube

QUICK = Delays(start_s=(0.02, 0.05), terminate_s=(0.05, 0.1), crash_s=0.1, reconcile_s=0.002, probe_s=0.03)


@pytest.fixture
def emulator() -> Iterator[ClusterEmulator]:
    with ClusterEmulator(namespaces=(NAMESPACE, "staging"), delays=QUICK) as running:
        yield running


@pytest.fixture
def kube(emulator: ClusterEmulator) -> Iterator[Kube]:
    with Kube(emulator) as connected:
        yield connected
