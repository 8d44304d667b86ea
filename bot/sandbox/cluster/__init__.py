"""Emulates a Kubernetes cluster on loopback, for the official client: API server, controllers, one node."""

from bot.sandbox.cluster.emulator import ClusterEmulator
from bot.sandbox.cluster.kubelet import Delays
from bot.sandbox.cluster.ports import AppBehaviour, PodInfo, StaticApp

__all__ = ["AppBehaviour", "ClusterEmulator", "Delays", "PodInfo", "StaticApp"]
