import pytest

from bot.sandbox.cluster import ClusterEmulator
from bot.sandbox.cluster.layout import DATABASE_POD, lay_out
from tests.sandbox.cluster.conftest import QUICK
from tests.sandbox.cluster.kube import Kube


def test_physioflow_as_it_is_before_anything_happens() -> None:
    with ClusterEmulator(delays=QUICK) as emulator, Kube(emulator) as kube:
        lay_out(emulator)
        state = emulator.state()["namespaces"]
        assert {
            name: {key: one["replicas"] for key, one in state[name]["deployments"].items()}
            for name in state
            if name.startswith("physioflow-")
        } == {
            "physioflow-dev": {"physioflow-api": 1, "physioflow-web": 1},
            "physioflow-staging": {"physioflow-api": 2, "physioflow-web": 1},
            "physioflow-prod": {"physioflow-api": 3, "physioflow-web": 2},
        }
        api = state["physioflow-prod"]["deployments"]["physioflow-api"]
        tags = {number: image.rpartition(":")[2] for number, image in api["revisions"].items()}
        assert tags == {"1": "v1.0.9", "2": "v1.1.4", "3": "v1.2.3", "4": "v1.3.0"}
        assert api["images"][0].endswith("/physioflow-api:v1.3.0")
        assert len(state["physioflow-prod"]["services"]["physioflow-web"]["endpoints"]) == 2
        selector = "app=physioflow,component=postgres"
        (pod,) = kube.core.list_namespaced_pod("physioflow-prod", label_selector=selector).items
        assert pod.metadata.name == DATABASE_POD
        assert "ready to accept connections" in kube.core.read_namespaced_pod_log(DATABASE_POD, "physioflow-prod")


def test_one_environment_can_be_put_back() -> None:
    with ClusterEmulator(delays=QUICK) as emulator, Kube(emulator) as kube:
        lay_out(emulator, ["prod", "dev"])
        untouched = emulator.state()["namespaces"]["physioflow-dev"]
        name, namespace = "physioflow-api", "physioflow-prod"
        kube.apps.patch_namespaced_deployment_scale(name, namespace, {"spec": {"replicas": 0}})
        kube.core.patch_namespaced_service(name, namespace, {"spec": {"selector": {"hold": "x"}}})
        kube.apps.delete_namespaced_deployment("physioflow-web", namespace)
        lay_out(emulator, ["prod"])
        state = emulator.state()["namespaces"]
        assert state["physioflow-prod"]["deployments"][name]["ready"] == 3
        assert len(state["physioflow-prod"]["services"][name]["endpoints"]) == 3
        assert list(state["physioflow-prod"]["deployments"][name]["revisions"]) == ["1", "2", "3", "4"]
        assert state["physioflow-dev"] == untouched


def test_an_unknown_environment_is_refused() -> None:
    with ClusterEmulator(delays=QUICK) as emulator, pytest.raises(KeyError):
        lay_out(emulator, ["production"])
