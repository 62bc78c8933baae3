import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from urllib.parse import urlsplit

import obstore
import pytest
from pydantic import SecretStr

from gemini_operator.base import environment
from gemini_operator.payload.objects.ambient import AmbientIdentity
from gemini_operator.payload.objects.credentials import (
    AzureCredentials,
    BucketCredentials,
    GcsCredentials,
    HttpsCredentials,
    S3Credentials,
    from_secret,
)
from gemini_operator.payload.objects.errors import InvalidReference, NotAllowed
from gemini_operator.payload.objects.location import BucketLocation
from gemini_operator.payload.objects.settings import AmbientPrefix, Endpoint, ObjectStoreSettings
from gemini_operator.payload.objects.stores import Store, Stores
from tests.unit.payload.objects import secrets_of_tests as secrets

OBJECT = BucketLocation("s3", "bucket", "team-a/object")
S3 = S3Credentials(SecretStr("AKID"), SecretStr("secret"))


@pytest.fixture(autouse=True)
def no_cloud(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in environment.ambient(os.environ):
        monkeypatch.delenv(name)


@pytest.fixture
async def trap() -> AsyncIterator[tuple[str, list[bytes]]]:
    """An address that nothing may be sent to, and what was."""
    heard: list[bytes] = []

    async def hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read(1024))
        writer.close()

    server = await asyncio.start_server(hear, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", heard


def stores(environ: Mapping[str, str] | None = None, *allowed: AmbientPrefix) -> Stores:
    return Stores(ObjectStoreSettings(ambient=allowed), AmbientIdentity(environ or {}))


def credentials(data: Mapping[str, SecretStr], scheme: str) -> BucketCredentials:
    found = from_secret("storage", data, scheme)
    assert not isinstance(found, HttpsCredentials)
    return found


@pytest.mark.parametrize(
    ("scheme", "data"),
    [
        ("s3", secrets.S3),
        ("gs", secrets.gcs()),
        ("az", secrets.AZURE),
        ("az", secrets.AZURE_SAS),
    ],
)
def test_every_kind_of_storage_can_be_opened(scheme: str, data: Mapping[str, SecretStr]) -> None:
    location = BucketLocation(scheme, "bucket", "object")
    store = stores().open(location, "team-a", credentials(data, scheme))
    assert "bucket" in repr(store)


@pytest.mark.parametrize(
    ("scheme", "data", "host"),
    [
        ("s3", secrets.S3, "s3.us-east-1.amazonaws.com"),
        ("s3", {**secrets.S3, "region": SecretStr("eu-west-1")}, "s3.eu-west-1.amazonaws.com"),
        ("gs", secrets.gcs(), "storage.googleapis.com"),
        ("az", secrets.AZURE, "myaccount.blob.core.windows.net"),
    ],
)
def test_s01_credentials_go_to_the_providers_host(
    scheme: str, data: Mapping[str, SecretStr], host: str
) -> None:
    found = credentials(data, scheme)
    store = stores().open(BucketLocation(scheme, "bucket", "object"), "team-a", found)
    # A signed URL shows where requests go, without one.
    assert urlsplit(obstore.sign(store, "GET", "object", timedelta(minutes=1))).hostname == host
    allowed = str((store.client_options or {})["proxy_excludes"]).split(",")
    assert any(host == each or host.endswith(f".{each}") for each in allowed)
    assert len(allowed) == 1


@pytest.mark.parametrize(
    "found",
    [
        GcsCredentials(SecretStr('{"client_email": "hidden"}')),
        AzureCredentials("account", SecretStr("hidden-!")),
        AzureCredentials("account", None, SecretStr("hidden")),
    ],
)
def test_s23_unusable_credentials_are_not_shown(found: BucketCredentials) -> None:
    scheme = "gs" if isinstance(found, GcsCredentials) else "az"
    with pytest.raises(InvalidReference, match="cannot be used") as caught:
        stores().open(BucketLocation(scheme, "bucket", "object"), "team-a", found)
    assert "hidden" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_credentials_of_another_kind() -> None:
    with pytest.raises(InvalidReference, match="another kind"):
        stores().open(BucketLocation("gs", "bucket", "object"), "team-a", S3)


def test_s02_without_credentials_nothing_is_opened() -> None:
    elsewhere = AmbientPrefix("team-a", BucketLocation("s3", "bucket", "team"))
    other = AmbientPrefix("team-b", BucketLocation("s3", "bucket", "team-a"))
    with pytest.raises(NotAllowed, match="credentialsSecretRef"):
        stores({"AWS_ACCESS_KEY_ID": "AKID"}, elsewhere, other).open(OBJECT, "team-a", None)


def test_s02_the_operators_identity_is_passed_on_below_its_prefix() -> None:
    environ = {
        "AWS_REGION": "eu-west-1",
        "AWS_ROLE_ARN": "arn:aws:iam::1:role/operator",
        "AWS_WEB_IDENTITY_TOKEN_FILE": "/var/run/token",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
    }
    allowed = AmbientPrefix("team-a", BucketLocation("s3", "bucket", "team-a"))
    store = stores(environ, allowed).open(OBJECT, "team-a", None)
    config = dict(store.config)
    assert config.pop("role_arn") == "arn:aws:iam::1:role/operator"
    assert config.pop("web_identity_token_file") == "/var/run/token"
    assert config == {"bucket": "bucket", "region": "eu-west-1"}


def test_an_identity_at_azure_needs_an_account() -> None:
    location = BucketLocation("az", "container", "object")
    allowed = AmbientPrefix("team-a", location)
    with pytest.raises(NotAllowed, match="AZURE_STORAGE_ACCOUNT_NAME"):
        stores({}, allowed).open(location, "team-a", None)
    environ = {"AZURE_STORAGE_ACCOUNT_NAME": "account", "AZURE_CLIENT_ID": "id"}
    assert stores(environ, allowed).open(location, "team-a", None).config


def test_s02_an_environment_that_was_not_cleared_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    with pytest.raises(RuntimeError, match="AWS_ENDPOINT_URL"):
        stores().open(OBJECT, "team-a", S3)


def test_an_endpoint_is_used_with_tls_unless_it_is_plain() -> None:
    endpoints = Endpoint("s3", "https://one.example.com"), Endpoint("s3://b2x", "http://two")
    settings = ObjectStoreSettings(endpoints=endpoints, allow_insecure=True)
    opened: list[Store] = [
        Stores(settings, AmbientIdentity()).open(BucketLocation("s3", bucket, "o"), "team-a", S3)
        for bucket in ("bucket", "b2x")
    ]
    assert [(dict(each.config)["endpoint"]) for each in opened] == [
        "https://one.example.com",
        "http://two",
    ]
    shown = [str((each.client_options or {}).get("allow_http")).lower() for each in opened]
    assert shown == ["false", "true"]


async def test_s01_a_secret_sends_nothing_elsewhere(
    trap: tuple[str, list[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    address, heard = trap
    variables = {
        "AWS_ENDPOINT_URL": address,
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{address}/credentials",
        "AWS_METADATA_ENDPOINT": address,
        "GOOGLE_BASE_URL": address,
        "GCE_METADATA_HOST": address.removeprefix("http://"),
        "AZURE_ENDPOINT": address,
        "IDENTITY_ENDPOINT": address,
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    identity = AmbientIdentity(os.environ)
    environment.scrub(os.environ)
    opener = Stores(ObjectStoreSettings(), identity)
    dangerous = {
        "endpoint": address,
        "container_credentials_full_uri": f"{address}/credentials",
        "federated_token_file": __file__,
        "region": "eu-central-1",
    }
    for key, value in dangerous.items():
        for more in ({}, secrets.S3) if key != "region" else ({},):
            with pytest.raises(InvalidReference):
                from_secret("storage", {**more, key: SecretStr(value)}, "s3")
    with pytest.raises(NotAllowed):
        opener.open(OBJECT, "team-a", None)
    assert heard == []


async def test_s21_no_proxy_of_the_environment_and_no_redirect(
    trap: tuple[str, list[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    address, heard = trap
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, address)
    elsewhere = address.replace("127.0.0.1", "localhost")
    asked: list[bytes] = []

    async def redirect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        head = f"HTTP/1.1 307 Elsewhere\r\nlocation: {elsewhere}/x\r\ncontent-length: 0\r\n\r\n"
        writer.write(head.encode())
        writer.close()

    server = await asyncio.start_server(redirect, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        settings = ObjectStoreSettings(endpoints=(Endpoint("s3", url),), allow_insecure=True)
        store = Stores(settings, AmbientIdentity(), retries=0).open(OBJECT, "team-a", S3)
        with pytest.raises(obstore.exceptions.GenericError):
            await obstore.get_async(store, OBJECT.key)
    assert asked
    assert heard == []
