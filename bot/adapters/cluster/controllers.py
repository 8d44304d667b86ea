"""Who else changes a Deployment: an autoscaler or a GitOps controller would undo what we set."""

from collections.abc import Iterable, Mapping
from typing import Any

# Marks that the tools' own documentation names, and what to call who left them.
_ANNOTATIONS = {
    "argocd.argoproj.io/tracking-id": "Argo CD",
    "kapp.k14s.io/identity": "kapp",
    "objectset.rio.cattle.io/id": "Fleet",
}
_LABELS = {
    "argocd.argoproj.io/instance": "Argo CD",
    "kustomize.toolkit.fluxcd.io/name": "Flux Kustomization",
    "helm.toolkit.fluxcd.io/name": "Flux HelmRelease",
}
_MANAGERS = {
    "argocd-controller": "Argo CD",
    "argocd-application-controller": "Argo CD",
    "kustomize-controller": "Flux Kustomization",
    "helm-controller": "Flux HelmRelease",
    "gotk": "Flux",
    "fleetagent": "Fleet",
}


def name_controller(deployment: Mapping[str, Any], autoscalers: Iterable[Mapping[str, Any]]) -> str:
    """Name whoever would put replicas or the image back; "" for nobody."""
    metadata = deployment["metadata"]
    return (
        _autoscaler_of(metadata["name"], autoscalers)
        or _marked(metadata.get("annotations") or {}, _ANNOTATIONS)
        or _marked(metadata.get("labels") or {}, _LABELS)
        or _manager_of(metadata.get("managedFields") or ())
    )


def _autoscaler_of(name: str, autoscalers: Iterable[Mapping[str, Any]]) -> str:
    for autoscaler in autoscalers:
        target = autoscaler["spec"]["scaleTargetRef"]
        if (target.get("kind"), target.get("name")) == ("Deployment", name):
            return f"HorizontalPodAutoscaler {autoscaler['metadata']['name']}"
    return ""


def _marked(found: Mapping[str, str], marks: Mapping[str, str]) -> str:
    for key, tool in marks.items():
        if key in found:
            return f"{tool} ({found[key].split(':', 1)[0]})"
    return ""


def _manager_of(fields: Iterable[Mapping[str, Any]]) -> str:
    # A status is written by everybody; only who applies the spec would put it back.
    spec = (entry for entry in fields if not entry.get("subresource") and "f:spec" in (entry.get("fieldsV1") or {}))
    return next((_MANAGERS[entry["manager"]] for entry in spec if entry.get("manager") in _MANAGERS), "")
