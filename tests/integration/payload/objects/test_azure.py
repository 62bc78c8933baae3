"""Requests to Azure Blob Storage, as a server sees them."""

from pydantic import SecretStr

from gemini_operator.payload.objects.addresses import AddressPolicy
from gemini_operator.payload.objects.ambient import AmbientIdentity
from gemini_operator.payload.objects.credentials import AzureCredentials
from gemini_operator.payload.objects.https_source import HttpsClient
from gemini_operator.payload.objects.location import BucketLocation
from gemini_operator.payload.objects.settings import AmbientPrefix, Endpoint, ObjectStoreSettings
from gemini_operator.payload.objects.source import open_source
from gemini_operator.payload.objects.stores import Stores
from tests.object_servers import Reply, Request, scripted

LOCATION = BucketLocation("az", "container", "a/b%2Fc.jsonl")
HEAD = {"content-length": "5", "last-modified": "Thu, 01 Jan 2026 00:00:00 GMT", "etag": '"one"'}


async def request_with(
    credentials: AzureCredentials | None, ambient: AmbientIdentity | None = None
) -> Request:
    async with scripted(lambda _: Reply(200, HEAD, b"hello")) as server:
        settings = ObjectStoreSettings(
            endpoints=(Endpoint("az", f"http://127.0.0.1:{server.port}/account"),),
            ambient=(AmbientPrefix("team-a", LOCATION),),
            allow_insecure=True,
        )
        stores = Stores(settings, ambient or AmbientIdentity(), retries=0)
        https = HttpsClient(AddressPolicy())
        async with open_source(
            LOCATION, "team-a", credentials, stores=stores, https=https
        ) as found:
            assert [chunk async for chunk in found.chunks()] == [b"hello"]
    (request,) = server.requests
    assert request.target.startswith("/account/container/a/b%252Fc.jsonl")
    assert request.headers["user-agent"] == "gemini-operator"
    return request


async def test_an_account_key() -> None:
    request = await request_with(AzureCredentials("account", SecretStr("c2VjcmV0")))
    assert request.headers["authorization"].startswith("SharedKey account:")


async def test_a_shared_access_signature() -> None:
    sas = SecretStr("?sv=2024-01-01&sig=a%2Bb%3D")
    request = await request_with(AzureCredentials("account", None, sas))
    assert "sig=a%2Bb%3D" in request.target
    assert "authorization" not in request.headers


async def test_the_operators_own_account() -> None:
    environ = {"AZURE_STORAGE_ACCOUNT_NAME": "own", "AZURE_STORAGE_ACCOUNT_KEY": "c2VjcmV0"}
    request = await request_with(None, AmbientIdentity(environ))
    assert request.headers["authorization"].startswith("SharedKey own:")
