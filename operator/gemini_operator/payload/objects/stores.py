"""Opens buckets, with explicit credentials or an identity that an administrator allowed (S1, S2)."""

import os
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from obstore.store import AzureStore, GCSStore, S3Store
from pydantic import SecretStr

from gemini_operator.base import environment
from gemini_operator.payload.objects.ambient import AmbientIdentity
from gemini_operator.payload.objects.credentials import (
    AzureCredentials,
    BucketCredentials,
    GcsCredentials,
    S3Credentials,
)
from gemini_operator.payload.objects.errors import InvalidReference, NotAllowed
from gemini_operator.payload.objects.location import BucketLocation
from gemini_operator.payload.objects.settings import ObjectStoreSettings

Store = S3Store | GCSStore | AzureStore

# What services other than Amazon's ignore, and what Amazon's own redirects from.
_DEFAULT_REGION = "us-east-1"
# obstore follows redirects and uses the environment's proxies, and has no option against either. But
# it takes a proxy, which replaces the environment's, and hosts that are reached without it. No
# request leaves for any other host, as this proxy does not exist (RFC 6761).
_NO_PROXY = "http://redirects-are-not-followed.invalid"
_EVERY_HOST = ("*", "0.0.0.0/0", "::/0")
_SCHEME_OF: Mapping[type, str] = {S3Credentials: "s3", GcsCredentials: "gs", AzureCredentials: "az"}


class Stores:
    """Opens buckets for jobs.

    Args:
        settings: addresses, and which namespaces may use the operator's own identity where.
        ambient: that identity.
        timeout: of one request, the whole body included.
        silence: how long a connection may be without a byte.
        retries: of one request that can be repeated.
    """

    def __init__(
        self,
        settings: ObjectStoreSettings,
        ambient: AmbientIdentity,
        *,
        timeout: timedelta = timedelta(hours=1),
        silence: timedelta = timedelta(seconds=60),
        retries: int = 3,
    ) -> None:
        self._settings = settings
        self._ambient = ambient
        self._timeout = timeout
        self._silence = silence
        self._retries = retries

    def open(
        self, location: BucketLocation, namespace: str, credentials: BucketCredentials | None
    ) -> Store:
        """Return a client of the bucket; nothing is sent yet.

        Args:
            location: the very object, or the prefix, that is going to be used.
            namespace: of the job.
            credentials: from the job's Secret; `None` if it names none.

        Raises:
            NotAllowed: no credentials, and the namespace may not use the operator's own there.
            InvalidReference: the credentials are for another kind of storage, or unusable.
        """
        _refuse_environment()
        options = self._options(location, namespace, credentials)
        endpoint = self._settings.endpoint(location)
        hosts = _EVERY_HOST if credentials is None else _hosts(credentials, endpoint)
        client: dict[str, Any] = {
            "user_agent": "gemini-operator",
            "proxy_url": _NO_PROXY,
            "proxy_excludes": ",".join(hosts),
            "allow_http": bool(endpoint and endpoint.startswith("http://")),
            "connect_timeout": timedelta(seconds=10),
            "read_timeout": self._silence,
            "timeout": self._timeout,
        }
        retry = {
            "max_retries": self._retries,
            "retry_timeout": timedelta(seconds=30),
            "backoff": {
                "init_backoff": timedelta(milliseconds=200),
                "max_backoff": timedelta(seconds=5),
                "base": 2,
            },
        }
        kind, named, address = _KINDS[location.scheme]
        if endpoint:
            options[address] = endpoint
        options[named] = location.bucket
        try:
            store: Store = kind(config=options, client_options=client, retry_config=retry)
        except Exception:  # noqa: BLE001 - the libraries' messages may hold parts of a credential
            raise InvalidReference(
                f"the credentials for {location} cannot be used: correct them in the Secret"
            ) from None
        return store

    def _options(
        self, location: BucketLocation, namespace: str, credentials: BucketCredentials | None
    ) -> dict[str, str]:
        if credentials is not None:
            if _SCHEME_OF[type(credentials)] != location.scheme:
                raise InvalidReference(
                    f"the Secret for {location} is for another kind of storage: correct it"
                )
            return _explicit(credentials)
        if not self._settings.allows_ambient(namespace, location):
            raise NotAllowed(
                f"{location} needs credentials: name a Secret in credentialsSecretRef of a new job "
                "(kubectl replace --force -f FILE), or ask an administrator to allow the operator's "
                f"own for {namespace} (--ambient-object-store)"
            )
        options = self._ambient.options(location.scheme)
        if location.scheme == "s3":
            options.setdefault("region", _DEFAULT_REGION)
        if location.scheme == "az" and "account_name" not in options:
            raise NotAllowed(
                "the operator has no storage account of its own: an administrator must set "
                "AZURE_STORAGE_ACCOUNT_NAME for it, or the job must name a Secret"
            )
        return options


_KINDS: Mapping[str, tuple[Any, str, str]] = {
    "s3": (S3Store, "bucket", "endpoint"),
    "gs": (GCSStore, "bucket", "base_url"),
    "az": (AzureStore, "container_name", "endpoint"),
}
"""The client for each scheme, and its options for the bucket and the service's address."""


def _refuse_environment() -> None:
    """Make sure that obstore finds nothing in the environment, where it looks first.

    Raises:
        RuntimeError: the command did not clear the environment.
    """
    if found := environment.ambient(os.environ):
        raise RuntimeError(f"the environment was not cleared of {', '.join(found)}")


def _hosts(credentials: BucketCredentials, endpoint: str | None) -> tuple[str, ...]:
    """Return the only hosts that requests with a Secret's credentials may go to."""
    own = (urlsplit(endpoint).hostname or "",) if endpoint else ()
    match credentials:
        case S3Credentials():
            return own or (f"s3.{credentials.region or _DEFAULT_REGION}.amazonaws.com",)
        case GcsCredentials():
            # No host for tokens: a service account's key signs them here.
            return own or ("storage.googleapis.com",)
        case AzureCredentials():
            return own or (f"{credentials.account_name}.blob.core.windows.net",)


def _explicit(credentials: BucketCredentials) -> dict[str, str]:
    match credentials:
        case S3Credentials():
            secrets = {
                "access_key_id": credentials.access_key_id,
                "secret_access_key": credentials.secret_access_key,
                "session_token": credentials.session_token,
            }
            return {"region": credentials.region or _DEFAULT_REGION, **_revealed(secrets)}
        case GcsCredentials():
            return _revealed({"service_account_key": credentials.service_account_key})
        case AzureCredentials():
            secrets = {"account_key": credentials.account_key, "sas_key": credentials.sas_token}
            return {"account_name": credentials.account_name, **_revealed(secrets)}


def _revealed(secrets: Mapping[str, SecretStr | None]) -> dict[str, str]:
    return {
        name: secret.get_secret_value() for name, secret in secrets.items() if secret is not None
    }
