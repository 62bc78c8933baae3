"""Where the API server is and who we are to it, from a pod's mount or a kubeconfig."""

import os
import ssl
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from kubernetes.aio import config as _config
from kubernetes.aio.client import Configuration

from gemini_operator.base import sanitize

# The package has types for some of its modules and none for this one.
config: Any = _config

Headers = Callable[[], Awaitable[dict[str, str]]]

REFRESH_INTERVAL = 60.0
"""Seconds for which a token is used before its source is asked again: a kubelet renews a mounted
token at 80 % of its life, so an hour's token leaves 12 minutes."""

POD_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


@dataclass(frozen=True)
class ClusterConnection:
    """`server` is a URL without a slash at its end; `ssl` what aiohttp takes by that name.

    `namespace` is the pod's own, or the one that the kubeconfig's context names.
    """

    server: str
    ssl: ssl.SSLContext | bool
    namespace: str
    headers: Headers
    """The headers that authenticate a request, renewed when that is due."""
    server_hostname: str | None = None
    """The name in the server's certificate, where the kubeconfig says that it isn't the address's."""
    proxy: str | None = None
    """The kubeconfig's own `proxy-url`; the environment is not asked."""


async def load(
    kubeconfig: str | None, *, clock: Callable[[], float] = time.monotonic
) -> ClusterConnection:
    """Read the file `kubeconfig`; without one the pod's mount, `$KUBECONFIG` or `~/.kube/config`.

    `clock`: seconds, monotonic; it decides when credentials are renewed. Raise ValueError with one line that says what is missing or wrong.
    """
    path = kubeconfig or _default_kubeconfig()
    try:
        return _in_cluster(clock) if path is None else await _from_file(_existing(path), clock)
    except (config.ConfigException, OSError, yaml.YAMLError) as error:
        where = path or "the pod's service account"
        raise ValueError(
            f"no connection to Kubernetes from {where}: {sanitize.text(error)}"
        ) from None


def _default_kubeconfig() -> str | None:
    if os.environ.get("KUBERNETES_SERVICE_HOST"):
        return None
    return os.environ.get("KUBECONFIG") or "~/.kube/config"


def _in_cluster(clock: Callable[[], float]) -> ClusterConnection:
    configuration: Any = Configuration()
    config.load_incluster_config(configuration)

    async def refresh() -> None:
        configuration.refresh_api_key_hook(configuration)

    return _connection(
        configuration,
        POD_NAMESPACE.read_text().strip(),
        _Authentication(configuration, refresh, clock),
    )


def _existing(path: str) -> str:
    file = Path(path).expanduser()
    if not file.is_file():
        raise ValueError(f"no kubeconfig at {file}: name one, or run in a cluster")
    return str(file)


async def _from_file(path: str, clock: Callable[[], float]) -> ClusterConnection:
    configuration: Any = Configuration()
    loader = await _load_kube_config(path, configuration)

    async def refresh() -> None:
        await loader.load_and_set(configuration)

    namespace = loader.current_context["context"].get("namespace") or "default"
    return _connection(configuration, namespace, _Authentication(configuration, refresh, clock))


async def _load_kube_config(path: str, configuration: Any) -> Any:
    try:
        return await config.load_kube_config(
            path, client_configuration=configuration, persist_config=False
        )
    except (AttributeError, KeyError, TypeError) as error:
        raise config.ConfigException(f"it is not a kubeconfig ({error})") from None


def _connection(
    configuration: Any, namespace: str, authentication: "_Authentication"
) -> ClusterConnection:
    return ClusterConnection(
        server=configuration.host.rstrip("/"),
        ssl=_ssl_context(configuration),
        namespace=namespace,
        headers=authentication.headers,
        server_hostname=configuration.tls_server_name,
        proxy=configuration.proxy,
    )


def _ssl_context(configuration: Any) -> ssl.SSLContext | bool:
    if not configuration.verify_ssl:
        return False
    context = ssl.create_default_context(cafile=configuration.ssl_ca_cert)
    # The authorities of many clusters lack extensions that RFC 5280 asks for and Go does not.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if configuration.cert_file:
        context.load_cert_chain(configuration.cert_file, configuration.key_file)
    return context


class _Authentication:
    def __init__(
        self, configuration: Any, refresh: Callable[[], Awaitable[None]], clock: Callable[[], float]
    ) -> None:
        self._configuration = configuration
        self._refresh = refresh
        self._clock = clock
        self._due = clock() + REFRESH_INTERVAL

    async def headers(self) -> dict[str, str]:
        if self._clock() >= self._due:
            self._due = self._clock() + REFRESH_INTERVAL
            await self._renew()
        scheme, _, value = self._configuration.api_key.get("BearerToken", "").partition(" ")
        return {"Authorization": f"{scheme} {value.strip()}"} if value.strip() else {}

    async def _renew(self) -> None:
        """Keep the old token when its source fails: the API server decides whether it still counts."""
        try:
            await self._refresh()
        except Exception:  # noqa: BLE001 -- plugins and identity providers fail in any way
            return
