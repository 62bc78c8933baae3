import asyncio
import gc
import hmac
import warnings

import pytest
from aiohttp import web
from pydantic import SecretStr

from gemini_operator.base.environment import scrub
from gemini_operator.gemini.api_key import InvalidKey
from gemini_operator.gemini.clients import GeminiClient, GeminiClients
from gemini_operator.gemini.remote import Submission
from gemini_operator.gemini.settings import GeminiSettings
from tests.emulator_process import API_KEY
from tests.integration.gemini.peer import Peer, hangs, says, sends
from tests.waiting import eventually_async

SUBMISSION = Submission("gemini-2.5-flash", "GenerateContent", "d", inline=[])


def key(number: int) -> SecretStr:
    return SecretStr(f"emulator-demo-{number:010d}")


def settings(peer: Peer) -> GeminiSettings:
    return GeminiSettings(base_url=peer.url, allow_insecure=True)


async def test_equal_keys_share_a_client_and_others_do_not(peer: Peer) -> None:
    clients = GeminiClients(settings(peer))
    one, again, other = (clients.for_key(key(number)) for number in (1, 1, 2))
    assert one is again
    assert one is not other
    assert one.key_id != other.key_id
    await clients.aclose()


async def test_a_cached_client_is_found_without_hashing_its_key_again(
    peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    clients = GeminiClients(settings(peer))
    one = clients.for_key(key(1))

    def hashed(*_: object) -> bytes:
        raise AssertionError("the key was hashed")

    monkeypatch.setattr(hmac, "digest", hashed)
    assert clients.for_key(key(1)) is one
    with pytest.raises(AssertionError, match="hashed"):
        clients.for_key(key(2))
    await clients.aclose()


async def test_a_rotated_key_gets_a_new_client_and_id_and_the_old_one_keeps_its_own(
    peer: Peer,
) -> None:
    """The quota knows keys by their ids, also those whose client was dropped meanwhile."""
    clients = GeminiClients(settings(peer), capacity=1)
    old = clients.for_key(key(1))
    new = clients.for_key(key(2))
    again = clients.for_key(key(1))
    assert len({id(client) for client in (old, new, again)}) == 3
    assert old.key_id == again.key_id != new.key_id
    peer.then(says({}))
    await again.batches.search()
    assert peer.seen[0].all("x-goog-api-key") == [key(1).get_secret_value()]
    await clients.aclose()


async def test_s23_the_cache_does_not_show_the_keys_it_is_ordered_by(peer: Peer) -> None:
    clients = GeminiClients(settings(peer))
    clients.for_key(key(1))
    assert key(1).get_secret_value() not in repr(vars(clients))
    await clients.aclose()


async def test_s23_a_group_tells_nothing_about_its_key(peer: Peer) -> None:
    groups = {GeminiClients(settings(peer)).for_key(key(1)).key_id for _ in range(3)}
    assert len(groups) == 3, "an unsalted hash could be looked up"
    assert all(len(group) == 16 for group in groups)


@pytest.mark.parametrize("wrong", ["", "short", " " * 30, f"{API_KEY}\n"])
async def test_s04_an_unusable_key_makes_no_client(wrong: str, peer: Peer) -> None:
    with pytest.raises(InvalidKey):
        GeminiClients(settings(peer)).for_key(SecretStr(wrong))


ENVIRONMENT = {
    "GOOGLE_API_KEY": "the-key-of-the-pod-itself-0001",
    "GEMINI_API_KEY": "the-key-of-the-pod-itself-0002",
    "GOOGLE_GENAI_USE_VERTEXAI": "true",
    "GOOGLE_GENAI_USE_ENTERPRISE": "true",
    "GOOGLE_CLOUD_PROJECT": "somebody",
    "GOOGLE_CLOUD_LOCATION": "europe-west1",
    "GOOGLE_GENAI_API_VERSION": "v7",
    "GOOGLE_GENAI_CLIENT_MODE": "replay",
    "GOOGLE_GENAI_REPLAY_ID": "x",
    "GOOGLE_GENAI_USER_PROJECT": "x",
    "SSL_CERT_FILE": "/nonexistent",
}


@pytest.mark.parametrize("scrubbed", [True, False])
async def test_s04_the_environment_changes_nothing(
    scrubbed: bool, peer: Peer, stranger: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Scrubbed or not: the constructor is told everything that a variable could tell it."""
    environment = ENVIRONMENT | {"GOOGLE_GEMINI_BASE_URL": stranger.url}
    if scrubbed:
        scrub(environment)
        assert set(environment) == {"SSL_CERT_FILE"}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    clients = GeminiClients(settings(peer))
    client = clients.for_key(key(1))
    peer.then(says({"name": "batches/b1"}))
    await client.batches.submit(SUBMISSION)
    await client.batches.search()
    await clients.aclose()
    assert stranger.seen == []
    assert [seen.all("x-goog-api-key") for seen in peer.seen] == [[key(1).get_secret_value()]] * 2
    assert all(seen.target.startswith("/v1beta/") for seen in peer.seen)
    assert not any(seen.all("x-goog-user-project") for seen in peer.seen)


async def test_s10_the_least_recently_used_client_is_dropped_and_its_connections_closed(
    peer: Peer,
) -> None:
    clients = GeminiClients(settings(peer), capacity=2)
    first, second = clients.for_key(key(1)), clients.for_key(key(2))
    for client in (first, second):
        await client.batches.search()
    assert clients.for_key(key(1)) is first
    third = clients.for_key(key(3))
    assert clients.for_key(key(1)) is first
    assert clients.for_key(key(3)) is third
    await eventually_async(lambda: not second._connection._pool.open, what="the second to close")
    assert first._connection._pool.open
    assert clients.for_key(key(2)) is not second
    await clients.aclose()


def is_open(client: GeminiClient) -> bool:
    return client._connection._pool.open


async def test_a_dropped_client_finishes_its_call_and_still_takes_another(peer: Peer) -> None:
    """A create must not end as unknown because another key came along."""
    clients = GeminiClients(settings(peer), capacity=1)
    first = clients.for_key(key(1))
    hold = asyncio.Event()

    async def held(request: web.BaseRequest) -> web.StreamResponse:
        await hold.wait()
        return await says({"name": "batches/b1"})(request)

    peer.then(held)
    create = asyncio.create_task(first.batches.submit(SUBMISSION))
    await eventually_async(lambda: peer.seen, what="the create to arrive")
    clients.for_key(key(2))
    await asyncio.gather(*clients._closing)
    assert is_open(first)
    hold.set()
    assert (await create).name == "batches/b1"
    await eventually_async(lambda: not is_open(first), what="the pool to close")
    await first.batches.search()
    assert not is_open(first)
    await clients.aclose()


async def test_closing_leaves_no_connection_open(peer: Peer) -> None:
    """A socket left behind would be a ResourceWarning when it is collected."""
    clients = GeminiClients(settings(peer), capacity=2)
    for number in range(5):
        peer.then(says({}), sends(b"x" * 3_000_000))
        client = clients.for_key(key(number))
        await client.batches.search()
        pieces = client.files.download("files/f1", 10_000_000)
        assert await anext(pieces)
        await pieces.aclose()
    await clients.aclose()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        del clients, client, pieces
        gc.collect()
    assert [str(one.message) for one in caught] == []


async def test_cancelling_a_call_lets_its_connection_go(peer: Peer) -> None:
    clients = GeminiClients(settings(peer))
    client = clients.for_key(key(1))
    peer.then(hangs)
    task = asyncio.create_task(client.batches.observe("batches/b1"))
    await eventually_async(lambda: peer.seen, what="the request to arrive")
    task.cancel()
    await asyncio.wait([task])
    await clients.aclose()
    assert not client._connection._pool.open


async def test_a_thousand_clients_take_little_time(peer: Peer) -> None:
    """One TLS context for all: made for each, this alone would take minutes."""
    clients = GeminiClients(settings(peer))
    async with asyncio.timeout(20):
        for number in range(1000):
            clients.for_key(key(number))
        await clients.aclose()
    assert not clients._clients
