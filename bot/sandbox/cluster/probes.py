"""Runs readiness probes: one thread asks every running pod that has one, repeatedly."""

import threading

from bot.sandbox.cluster import owners
from bot.sandbox.cluster.kubelet import Kubelet
from bot.sandbox.cluster.proxy import Proxy
from bot.sandbox.cluster.resources import PODS
from bot.sandbox.cluster.statuses import Obj
from bot.sandbox.cluster.store import Store


class Prober:
    """Runs HTTP readiness probes every `period_s`."""

    def __init__(self, store: Store, kubelet: Kubelet, proxy: Proxy, period_s: float) -> None:
        self._store, self._kubelet, self._proxy, self._period_s = store, kubelet, proxy, period_s
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="cluster-prober")
        kubelet.probing = lambda pod: "readinessProbe" in pod["spec"]["containers"][0]

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End; returns when the thread is gone."""
        self._stopping.set()
        self._thread.join()

    def _loop(self) -> None:
        while not self._stopping.wait(self._period_s):
            for pod in self._store.list(PODS):
                if not self._stopping.is_set():
                    self._probe(pod)

    def _probe(self, pod: Obj) -> None:
        uid = pod["metadata"]["uid"]
        if not owners.is_terminating(pod) and self._kubelet.info(uid):
            self._kubelet.set_health(uid, healthy=self._proxy.is_healthy(pod))
