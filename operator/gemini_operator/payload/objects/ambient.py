"""The operator's own identity at clouds, taken from the environment before it is cleared (S2)."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

_OPTIONS: Final[Mapping[str, Mapping[str, str]]] = {
    "s3": {
        "AWS_ACCESS_KEY_ID": "access_key_id",
        "AWS_SECRET_ACCESS_KEY": "secret_access_key",
        "AWS_SESSION_TOKEN": "session_token",
        "AWS_DEFAULT_REGION": "region",
        "AWS_REGION": "region",
        "AWS_ROLE_ARN": "role_arn",
        "AWS_ROLE_SESSION_NAME": "role_session_name",
        "AWS_WEB_IDENTITY_TOKEN_FILE": "web_identity_token_file",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "container_credentials_relative_uri",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": "container_credentials_full_uri",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": "container_authorization_token_file",
    },
    "gs": {
        "GOOGLE_APPLICATION_CREDENTIALS": "application_credentials",
        "SERVICE_ACCOUNT": "service_account",
        "GOOGLE_SERVICE_ACCOUNT": "service_account",
    },
    "az": {
        "AZURE_STORAGE_ACCOUNT_NAME": "account_name",
        "AZURE_STORAGE_ACCOUNT_KEY": "account_key",
        "AZURE_CLIENT_ID": "client_id",
        "AZURE_CLIENT_SECRET": "client_secret",
        "AZURE_TENANT_ID": "tenant_id",
        "AZURE_AUTHORITY_HOST": "authority_host",
        "AZURE_FEDERATED_TOKEN_FILE": "federated_token_file",
        "IDENTITY_ENDPOINT": "msi_endpoint",
    },
}
"""Options of obstore by the variable that each comes from. A later variable wins."""


class AmbientIdentity:
    """The options of each kind of storage that the environment had at the start.

    Args:
        environ: the environment, before `base.environment.scrub` clears it. Empty for none.
    """

    def __init__(self, environ: Mapping[str, str] = MappingProxyType({})) -> None:
        self._options = {
            scheme: {option: environ[name] for name, option in names.items() if environ.get(name)}
            for scheme, names in _OPTIONS.items()
        }

    def options(self, scheme: str) -> dict[str, str]:
        """Return the options for s3, gs or az."""
        return dict(self._options[scheme])
