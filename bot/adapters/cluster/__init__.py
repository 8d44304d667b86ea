"""The cluster adapter reaches Kubernetes through its official client; nothing else imports that client."""

from bot.adapters.cluster.client import connect
from bot.adapters.cluster.cluster import KubernetesCluster

__all__ = ["KubernetesCluster", "connect"]
