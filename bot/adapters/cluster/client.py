"""Connects to an API server: address, credentials, connection pool."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from urllib3.util import Retry

from bot.errors import PermanentError

if TYPE_CHECKING:
    from kubernetes.client import ApiClient, Configuration

CONNECTIONS = 16  # smoke checks run in parallel, and the worker's threads share the client
_HINT = "Set the cluster's server and token, or kubeconfig, or run in a pod with a service account."


def connect(
    server_url: str | None = None,
    token: str | None = None,
    ca_file: Path | None = None,
    kubeconfig: Path | None = None,
    context: str | None = None,
    token_file: Path | None = None,
) -> "ApiClient":
    """Make a client that threads can share. Sends no request yet.

    It uses `server_url` (with a token and perhaps a `ca_file`), else the kubeconfig, else its own pod's service
    account. `token_file` is read again before every request, because such a token is replaced within the hour.

    Raises:
        PermanentError: ``cluster-not-configured``.
    """
    from kubernetes.client import ApiClient, Configuration

    configuration = Configuration()
    if server_url:
        configuration.host = server_url.rstrip("/")
        configuration.api_key = {"authorization": f"Bearer {token}"} if token else {}
        configuration.ssl_ca_cert = str(ca_file) if ca_file else None
        if token_file is not None:
            configuration.refresh_api_key_hook = partial(_read_again, token_file)  # type: ignore[assignment] # typed as what it is at first
    else:
        _load(configuration, kubeconfig, context)
    configuration.connection_pool_maxsize = CONNECTIONS
    configuration.retries = _retries()
    client = ApiClient(configuration)
    client.user_agent = "backstop"
    return client


def _read_again(token_file: Path, configuration: "Configuration") -> None:
    try:
        token = token_file.read_text().strip()
    except (OSError, ValueError):
        return  # being replaced, or gone: the last token may still work, and the API server refuses it if not
    if token:
        configuration.api_key["authorization"] = f"Bearer {token}"


def _load(configuration: "Configuration", kubeconfig: Path | None, context: str | None) -> None:
    from kubernetes.config import load_incluster_config, load_kube_config

    try:
        if kubeconfig:
            load_kube_config(  # type: ignore[no-untyped-call] # the client's loaders carry no types
                str(kubeconfig), context, client_configuration=configuration, persist_config=False
            )
        else:
            load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call] # the same
    except Exception as error:  # noqa: BLE001 -- a file may be wrong in every way: YAML, types, a missing key
        where = "The kubeconfig cannot be used" if kubeconfig else "We run in no pod and no API server is named"
        raise PermanentError("cluster-not-configured", f"{where} ({type(error).__name__}).", _HINT) from None
        # No cause: the loader's own message may quote the file, which holds a token.


def _retries() -> Retry:
    """Repeat only a failed connection, once: a request that was sent is never repeated without our decision."""
    return Retry(
        total=1,
        connect=1,
        read=0,
        status=0,
        other=0,
        redirect=False,  # a pod that redirects through the proxy would choose where our next request goes
        backoff_factor=0.1,
        respect_retry_after_header=False,
    )
