import os
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest
from pydantic import SecretStr

from gemini_operator.base import environment
from gemini_operator.payload.objects.addresses import AddressPolicy
from gemini_operator.payload.objects.ambient import AmbientIdentity
from gemini_operator.payload.objects.credentials import S3Credentials
from gemini_operator.payload.objects.https_source import HttpsClient
from gemini_operator.payload.objects.location import BucketLocation
from gemini_operator.payload.objects.settings import Endpoint, ObjectStoreSettings
from gemini_operator.payload.objects.source import Patience, Source, open_source
from gemini_operator.payload.objects.stores import Store, Stores
from tests.object_servers import ACCESS_KEY, BUCKET, SECRET_KEY, S3Server

QUICK = Patience(seconds=5, pause=0.01)
GOOD = S3Credentials(SecretStr(ACCESS_KEY), SecretStr(SECRET_KEY))


@pytest.fixture(autouse=True)
def no_cloud(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in environment.ambient(os.environ):
        monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """For tests that only need keys of their own."""
    with S3Server(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[S3Server]:
    """For tests that restart it."""
    with S3Server(tmp_path) as server:
        yield server


def stores(url: str, retries: int = 1) -> Stores:
    settings = ObjectStoreSettings(endpoints=(Endpoint("s3", url),), allow_insecure=True)
    return Stores(settings, AmbientIdentity(), retries=retries)


def opened(url: str, key: str, credentials: S3Credentials = GOOD, bucket: str = BUCKET) -> Store:
    return stores(url).open(BucketLocation("s3", bucket, key), "team-a", credentials)


def source(
    url: str,
    key: str,
    credentials: S3Credentials = GOOD,
    *,
    bucket: str = BUCKET,
    etag: str | None = None,
    patience: Patience = QUICK,
) -> AbstractAsyncContextManager[Source]:
    return open_source(
        BucketLocation("s3", bucket, key),
        "team-a",
        credentials,
        stores=stores(url, retries=0),
        https=HttpsClient(AddressPolicy()),
        etag=etag,
        patience=patience,
    )
