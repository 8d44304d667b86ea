"""A request to an API server."""

from bot.adapters.cluster.api import build_path

TOKEN = "eyJhbGciOi"
PATH = build_path("apps/v1", "prod", "deployments", "api")
WHAT = "get deployments api in namespace prod"
