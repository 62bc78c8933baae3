"""The address of the API server and our credentials, from a pod's mount or a kubeconfig."""

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

# The package has type hints for some of its modules, but not for this one.
config: Any = _config

Headers = Callable[[], Awaitable[dict[str, str]]]

REFRESH_INTERVAL = 60.0
"""Seconds after which a token is read again. A kubelet renews a mounted token at 80 % of its life
(kubernetes.io/docs/tasks/configure-pod-container/configure-service-account), so an hour's token
leaves 12 minutes."""

POD_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


@dataclass(frozen=True)
class ClusterConnection:
    """The address of the API server, and our credentials.

    Args:
        server: its URL, without a slash at the end.
        ssl: as aiohttp's argument of that name.
        namespace: the pod's own, or that of the kubeconfig's context.
    """

    server: str
    ssl: ssl.SSLContext | bool
    namespace: str
    headers: Headers
    """Returns the headers that authenticate a request; renews them when that is due."""
    server_hostname: str | None = None
    """The name in the server's certificate, if the kubeconfig sets `tls-server-name`."""
    proxy: str | None = None
    """The kubeconfig's `proxy-url`; proxies of the environment are not used."""


async def load(
    kubeconfig: str | None, *, clock: Callable[[], float] = time.monotonic
) -> ClusterConnection:
    """Load the connection.

    Args:
        kubeconfig: a path; `None` for the pod's mount, `$KUBECONFIG` or `~/.kube/config`.
        clock: monotonic seconds; decides when credentials are renewed.

    Raises:
        ValueError: something is missing or wrong; the message is one line for the administrator.
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
    # The library does not check the file. What is missing in it shows as one of these.
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
    # Python 3.13 requires extensions of RFC 5280 that the authorities of many clusters lack. Go,
    # and so kubectl, does not.
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
        # The time is set before the renewal, so that concurrent requests cause only one.
        if self._clock() >= self._due:
            self._due = self._clock() + REFRESH_INTERVAL
            await self._renew()
        scheme, _, value = self._configuration.api_key.get("BearerToken", "").partition(" ")
        return {"Authorization": f"{scheme} {value.strip()}"} if value.strip() else {}

    async def _renew(self) -> None:
        """Renew the credentials; keep the old ones if that fails, as they may still be valid."""
        try:
            await self._refresh()
        except Exception:  # noqa: BLE001 -- plugins and identity providers fail in any way
            return
