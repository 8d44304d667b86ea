"""Kubernetes, through its official client. Nothing else imports it."""

from bot.adapters.cluster.client import connect
from bot.adapters.cluster.cluster import KubernetesCluster

__all__ = ["KubernetesCluster", "connect"]
