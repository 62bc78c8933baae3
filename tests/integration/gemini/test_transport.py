import asyncio
import traceback
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx2
import pytest
from aiohttp import web
from google.genai import types

from gemini_operator.gemini import errors
from gemini_operator.gemini.clients import GeminiClient
from gemini_operator.gemini.remote import CANNOT_TELL, Submission
from gemini_operator.gemini.transport import ANSWER_LIMIT, ERROR_LIMIT, Exchange
from tests.emulator_process import API_KEY
from tests.integration.gemini.conftest import ClientFor
from tests.integration.gemini.peer import (
    Peer,
    breaks_off,
    drops,
    hangs,
    inflates,
    redirects,
    refuses,
    says,
    sends,
    trickles,
)
from tests.waiting import eventually_async

SUBMISSION = Submission("gemini-2.5-flash", "GenerateContent", "d", inline=[])
REDIRECTS = [301, 302, 303, 307, 308]


async def read_all(client: GeminiClient, name: str = "files/f1", limit: int = 2**20) -> bytes:
    return b"".join([piece async for piece in client.files.download(name, limit)])


CALLS: dict[str, Callable[[GeminiClient], Coroutine[Any, Any, Any]]] = {
    "create": lambda client: client.batches.submit(SUBMISSION),
    "list": lambda client: client.batches.search(),
    "get": lambda client: client.batches.observe("batches/b1"),
    "cancel": lambda client: client.batches.cancel("batches/b1"),
    "delete": lambda client: client.batches.delete("batches/b1"),
    "file get": lambda client: client.files.get("files/f1"),
    "file delete": lambda client: client.files.delete("files/f1"),
    "file download": read_all,
}
every_call = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())


@every_call
@pytest.mark.parametrize("status", REDIRECTS)
async def test_s21_no_call_follows_a_redirect(
    call: Any, status: int, peer: Peer, stranger: Peer, client_for: ClientFor
) -> None:
    """Neither to a stranger, who would be shown the API key, nor at home."""
    peer.then(
        redirects(status, f"{stranger.url}/v1beta/batches"), redirects(status, "/v1beta/batches")
    )
    client = client_for(peer.url)
    for _ in range(2):
        with pytest.raises((errors.Ambiguous, errors.Unavailable)):
            await call(client)
    assert stranger.seen == []
    assert len(peer.seen) == 2


async def test_s21_the_other_half_of_the_sdk_follows_no_redirect_either(
    peer: Peer, stranger: Peer, client_for: ClientFor
) -> None:
    peer.then(redirects(307, f"{stranger.url}/x"), redirects(307, "/v1beta/interactions/again"))
    client = client_for(peer.url)
    for _ in range(2):
        with pytest.raises(Exception, match="307"):
            await client._sdk.aio.interactions.get("i1")
    assert stranger.seen == []
    assert len(peer.seen) == 2


async def test_s21_a_redirect_is_not_followed_even_where_somebody_asks_for_it(
    peer: Peer, client_for: ClientFor
) -> None:
    """The SDK's own defaults ask for it in other places."""
    peer.then(redirects(307, "/v1beta/batches/b1"))
    http = client_for(peer.url)._connection.http
    answer = await http.get(f"{peer.url}/v1beta/batches", follow_redirects=True)
    assert answer.status_code == 307
    assert len(peer.seen) == 1


async def test_p09_no_half_of_the_sdk_sends_anything_again(
    peer: Peer, client_for: ClientFor
) -> None:
    """Left alone, this one sends five requests."""
    peer.then(*(refuses(503) for _ in range(9)))
    with pytest.raises(Exception, match="503"):
        await client_for(peer.url)._sdk.aio.interactions.get("i1")
    assert len(peer.seen) == 1


async def test_s21_an_upload_address_elsewhere_gets_no_data(
    peer: Peer, stranger: Peer, client_for: ClientFor, tmp_path: Any
) -> None:
    peer.then(says({}, headers={"x-goog-upload-url": f"{stranger.url}/upload/1"}))
    (tmp_path / "in.jsonl").write_text("{}\n")
    client = client_for(peer.url)
    with pytest.raises(errors.Rejected, match="not sent"):
        await client._sdk.aio.files.upload(
            file=tmp_path / "in.jsonl", config=types.UploadFileConfig(mime_type="jsonl")
        )
    assert stranger.seen == []
    assert len(peer.seen) == 1


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1:{port}/v1beta/batches",
        "http://localhost:{port}/v1beta/batches",
        "http://127.0.0.1/v1beta/batches",
        "http://127.0.0.1.:{port}/v1beta/batches",
    ],
)
async def test_s21_scheme_host_and_port_must_be_those_of_the_base_url(
    url: str, peer: Peer, client_for: ClientFor
) -> None:
    client = client_for(peer.url)
    with pytest.raises(errors.Rejected, match="not sent"):
        await client._connection.http.get(url.format(port=peer.url.rpartition(":")[2]))
    assert peer.seen == []


@pytest.mark.parametrize("trusted", [True, False])
async def test_s21_a_proxy_of_the_environment_is_used_only_when_asked_for(
    trusted: bool,
    peer: Peer,
    stranger: Peer,
    client_for: ClientFor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, stranger.url)
    await client_for(peer.url, trust_env=trusted).batches.search()
    used, unused = (stranger, peer) if trusted else (peer, stranger)
    assert len(used.seen) == 1
    assert unused.seen == []


@every_call
async def test_a_dropped_connection_is_reported_and_nothing_is_sent_again(
    call: Any, peer: Peer, client_for: ClientFor
) -> None:
    peer.then(drops)
    with pytest.raises((errors.Ambiguous, errors.Unavailable)):
        await call(client_for(peer.url))
    assert len(peer.seen) == 1


async def test_p10_a_create_whose_kept_connection_breaks_is_sent_once(
    peer: Peer, client_for: ClientFor
) -> None:
    """The pool may not take the break of an old connection for leave to try a new one."""
    client = client_for(peer.url)
    await client.batches.search()
    peer.then(drops)
    with pytest.raises(errors.Ambiguous, match="broke"):
        await client.batches.submit(SUBMISSION)
    assert [seen.method for seen in peer.seen] == ["GET", "POST"]


async def test_every_status_leads_to_one_request(peer: Peer, client_for: ClientFor) -> None:
    client = client_for(peer.url)
    for number, status in enumerate([408, 429, 500, 502, 503, 504], 1):
        peer.then(refuses(status, headers={"Retry-After": "0"}))
        with pytest.raises(errors.GeminiError):
            await client.batches.submit(SUBMISSION)
        assert len(peer.seen) == number


@every_call
async def test_s22_an_error_body_is_cut_and_its_status_counts(
    call: Any, peer: Peer, client_for: ClientFor
) -> None:
    peer.then(inflates(200 * ERROR_LIMIT, 401))
    with pytest.raises(errors.CredentialsRejected):
        await call(client_for(peer.url))


@every_call
async def test_s22_an_answer_is_measured_decompressed(
    call: Any, peer: Peer, client_for: ClientFor
) -> None:
    client = client_for(peer.url, results_limit=ANSWER_LIMIT)
    for _ in range(8):  # a list is asked for again in smaller pages
        peer.then(inflates(20 * ANSWER_LIMIT))
    kinds = (errors.Ambiguous, errors.Unavailable, errors.TooLarge)
    if call is CALLS["list"]:
        listing = await client.batches.search()
        assert listing is not CANNOT_TELL
        assert not listing.complete
        return
    with pytest.raises(kinds):
        await call(client)


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "x"])
@every_call
async def test_s22_an_encoding_that_was_not_asked_for_is_refused(
    call: Any, encoding: str, peer: Peer, client_for: ClientFor
) -> None:
    peer.then(sends(b"{}", headers={"Content-Encoding": encoding}))
    with pytest.raises((errors.Ambiguous, errors.Unavailable), match="could not be read"):
        await call(client_for(peer.url))


async def test_s22_cookies_are_not_kept(peer: Peer, client_for: ClientFor) -> None:
    client = client_for(peer.url)
    cookie = {"Set-Cookie": "a=b; Path=/"}
    peer.then(says({}, headers=cookie), sends(b"x", headers=cookie), says({}))
    await client.batches.search()
    await read_all(client)
    await client.batches.search()
    assert [seen.all("cookie") for seen in peer.seen] == [[], [], []]


async def test_each_request_carries_the_key_once_and_asks_for_gzip(
    peer: Peer, client_for: ClientFor
) -> None:
    client = client_for(peer.url)
    peer.then(says({"name": "batches/b1"}))
    await client.batches.submit(SUBMISSION)
    await client.batches.search()
    for seen in peer.seen:
        assert seen.all("x-goog-api-key") == [API_KEY]
        assert seen.all("accept-encoding") == ["gzip"]
        assert seen.all("x-server-timeout") != []
        assert "key=" not in seen.target


async def test_a_path_in_the_base_url_is_kept(peer: Peer, client_for: ClientFor) -> None:
    client = client_for(f"{peer.url}/proxy/a%20b/")
    peer.then(says({"name": "batches/b1"}))
    await client.batches.submit(SUBMISSION)
    await client.batches.search()
    assert [seen.target.partition("?")[0] for seen in peer.seen] == [
        "/proxy/a%20b/v1beta/models/gemini-2.5-flash:batchGenerateContent",
        "/proxy/a%20b/v1beta/batches",
    ]


async def test_p08_a_create_that_comes_too_late_is_not_sent(
    peer: Peer, client_for: ClientFor
) -> None:
    client = client_for(peer.url)
    with pytest.raises(errors.NotSent):
        await client.batches.submit(SUBMISSION, may_send=lambda: False)
    assert peer.seen == []
    peer.then(says({"name": "batches/b1"}))
    assert (await client.batches.submit(SUBMISSION, may_send=lambda: True)).name == "batches/b1"


async def test_p08_the_question_is_asked_when_the_connection_stands(client_for: ClientFor) -> None:
    """Time spent on connecting counts: with nobody there to connect to, nobody is asked."""
    asked = []

    def may_send() -> bool:
        asked.append(1)
        return True

    client = client_for("http://127.0.0.1:1")
    with pytest.raises(errors.NotSent, match="no connection"):
        await client.batches.submit(SUBMISSION, may_send=may_send)
    assert asked == []


CHANGING = ["create", "cancel", "delete", "file delete"]


@pytest.mark.parametrize("name", CHANGING)
async def test_p06_who_may_no_longer_act_changes_nothing_at_google(
    name: str, peer: Peer, client_for: ClientFor
) -> None:
    """Asked with the connection standing: the first request is one that opened it."""
    leads = True
    client = client_for(peer.url, may_send=lambda: leads)
    await client.batches.search()
    leads = False
    with pytest.raises(errors.NotSent, match="no longer holds the Lease"):
        await CALLS[name](client)
    assert [seen.method for seen in peer.seen] == ["GET"]
    leads = True
    peer.then(says({"name": "batches/b1"}))
    await CALLS[name](client)
    assert len(peer.seen) == 2


async def test_p06_an_upload_asks_before_each_of_its_requests(
    peer: Peer, client_for: ClientFor, tmp_path: Path
) -> None:
    """The first only announces it; the second carries the data."""
    leads = [True, False]
    peer.then(says({}, headers={"x-goog-upload-url": f"{peer.url}/upload/1"}))
    (tmp_path / "in.jsonl").write_text("{}\n")
    client = client_for(peer.url, may_send=lambda: leads.pop(0))
    with pytest.raises(errors.NotSent):
        await client._sdk.aio.files.upload(
            file=tmp_path / "in.jsonl", config=types.UploadFileConfig(mime_type="jsonl")
        )
    assert len(peer.seen) == 1


@pytest.mark.parametrize("name", ["list", "get", "file get", "file download"])
async def test_p06_reading_asks_nobody(name: str, peer: Peer, client_for: ClientFor) -> None:
    peer.then(says({"name": "batches/b1"} if name == "get" else {"name": "files/f1"}))
    await CALLS[name](client_for(peer.url, may_send=lambda: False))
    assert len(peer.seen) == 1


@pytest.mark.parametrize("answers", [(True, False), (False, True)])
async def test_p06_a_create_needs_both_its_time_and_the_lease(
    answers: tuple[bool, bool], peer: Peer, client_for: ClientFor
) -> None:
    leads, in_time = answers
    client = client_for(peer.url, may_send=lambda: leads)
    with pytest.raises(errors.NotSent):
        await client.batches.submit(SUBMISSION, may_send=lambda: in_time)
    assert peer.seen == []


@pytest.mark.parametrize("name", CHANGING)
async def test_p06_the_question_is_asked_when_the_connection_stands(
    name: str, client_for: ClientFor
) -> None:
    asked = []

    def may_send() -> bool:
        asked.append(1)
        return True

    client = client_for("http://127.0.0.1:1", may_send=may_send)
    with pytest.raises((errors.NotSent, errors.Unavailable), match="no connection"):
        await CALLS[name](client)
    assert asked == []


@pytest.mark.parametrize("slow", [hangs, trickles(0.01)], ids=["silent", "trickling"])
async def test_p08_a_create_has_a_timeout_of_its_own(
    slow: Any, peer: Peer, client_for: ClientFor
) -> None:
    peer.then(slow)
    client = client_for(peer.url, create_timeout=0.2, timeout=60)
    with pytest.raises(errors.Ambiguous, match="in time"):
        await client.batches.submit(SUBMISSION)


@pytest.mark.parametrize("slow", [hangs, trickles(0.01)], ids=["silent", "trickling"])
@pytest.mark.parametrize("name", ["list", "get", "cancel", "delete", "file get", "file delete"])
async def test_no_call_waits_for_ever(
    name: str, slow: Any, peer: Peer, client_for: ClientFor
) -> None:
    peer.then(slow)
    client = client_for(peer.url, timeout=0.2, results_timeout=0.2)
    with pytest.raises(errors.Unavailable, match="in time"):
        await CALLS[name](client)


@pytest.mark.parametrize("name", ["create", "get", "delete", "file download"])
async def test_cancelling_the_task_is_not_swallowed(
    name: str, peer: Peer, client_for: ClientFor
) -> None:
    peer.then(hangs)
    task = asyncio.create_task(CALLS[name](client_for(peer.url)))
    await eventually_async(lambda: peer.seen, what="the request")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_create_may_take_longer_than_other_calls(peer: Peer, client_for: ClientFor) -> None:
    async def slowly(request: web.BaseRequest) -> web.StreamResponse:
        await asyncio.sleep(0.5)
        return await says({"name": "batches/b1"})(request)

    peer.then(slowly)
    client = client_for(peer.url, create_timeout=20, timeout=0.1)
    assert (await client.batches.submit(SUBMISSION)).name == "batches/b1"
    assert peer.seen[0].all("x-server-timeout") == ["20"]


async def test_s22_answers_too_large_hold_no_connection(peer: Peer, client_for: ClientFor) -> None:
    """More of them than the pool has connections, and the next call still finds one."""
    client = client_for(peer.url)
    for status in [200, 500] * 20:
        peer.then(sends(b"x" * 2 * ANSWER_LIMIT, status))
        with pytest.raises(errors.Unavailable):
            await client.files.get("files/f1")
    await client.batches.search()


async def test_a_broken_off_answer_is_no_answer(peer: Peer, client_for: ClientFor) -> None:
    body = b'{"name": "batches/b1"}'
    peer.then(breaks_off(body, len(body) + 1), breaks_off(body, len(body) + 1))
    client = client_for(peer.url)
    with pytest.raises(errors.Ambiguous):
        await client.batches.submit(SUBMISSION)
    with pytest.raises(errors.Unavailable):
        await client.batches.observe("batches/b1")


@every_call
async def test_s23_no_exception_shows_the_key(call: Any, peer: Peer, client_for: ClientFor) -> None:
    """Not even where Google echoes it, and not in the causes that a traceback prints."""
    key = "AQ_of-no-known-shape_0123456789"
    echo = f"key {key} may not"
    client = client_for(peer.url, key)
    for answer in (
        refuses(403, "PERMISSION_DENIED", echo),
        refuses(400, "INVALID_ARGUMENT", echo),
        sends(echo.encode(), 500),
        drops,
    ):
        peer.then(answer)
        with pytest.raises(errors.GeminiError) as caught:
            await call(client)
        shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value)
        assert key not in shown


async def test_s23_a_connection_and_a_client_show_no_key(peer: Peer, client_for: ClientFor) -> None:
    client = client_for(peer.url)
    assert API_KEY not in f"{client!r} {vars(client)!r} {vars(client._connection)!r}"


async def nothing() -> None:
    pass


async def refused_by_the_sdk() -> None:
    raise ValueError(API_KEY)


@pytest.mark.parametrize(("status", "passed_on"), [(200, b""), (400, b"{}")])
async def test_a_200_answer_is_parsed_once_since_the_sdk_gets_none_of_it(
    status: int, passed_on: bytes, peer: Peer, client_for: ClientFor
) -> None:
    connection = client_for(peer.url)._connection
    got: list[httpx2.Response] = []
    exchange = Exchange()

    async def send() -> None:
        got.append(await connection.http.get(f"{peer.url}/v1beta/batches/b1"))

    peer.then(sends(b"{}", status))
    with suppress(errors.Rejected):
        await connection.exchange(send, exchange, call="batches.get", seconds=5)
    assert exchange.answer is not None
    assert exchange.answer.body == b"{}"
    assert [(one.status_code, one.content) for one in got] == [(status, passed_on)]


async def test_a_request_without_terms_gets_its_answer(peer: Peer, client_for: ClientFor) -> None:
    """The SDK's own requests, such as those of an upload, have no other way to it."""
    peer.then(says({"name": "batches/b1"}, headers={"x-goog-upload-status": "final"}))
    answer = await client_for(peer.url)._connection.http.get(f"{peer.url}/v1beta/batches/b1")
    assert answer.json() == {"name": "batches/b1"}
    assert answer.headers["x-goog-upload-status"] == "final"


@pytest.mark.parametrize("send", [nothing, refused_by_the_sdk])
async def test_p10_what_the_sdk_never_sent_is_rejected_and_not_searched_for(
    send: Any, peer: Peer, client_for: ClientFor
) -> None:
    connection = client_for(peer.url)._connection
    with pytest.raises(errors.Rejected, match="could not be made") as caught:
        await connection.exchange(send, Exchange(), call="batches.create", seconds=5, creating=True)
    assert API_KEY not in str(caught.value)


async def test_s21_a_create_that_would_go_elsewhere_is_rejected_and_not_searched_for(
    peer: Peer, stranger: Peer, client_for: ClientFor
) -> None:
    connection = client_for(peer.url)._connection
    with pytest.raises(errors.Rejected, match="not sent"):
        await connection.exchange(
            lambda: connection.http.post(stranger.url),
            Exchange(),
            call="batches.create",
            seconds=5,
            creating=True,
        )
    assert stranger.seen == []


async def test_the_synchronous_half_of_the_sdk_is_off(peer: Peer, client_for: ClientFor) -> None:
    client = client_for(peer.url)
    with pytest.raises(httpx2.UnsupportedProtocol):
        client._sdk.batches.get(name="batches/b1")
    assert peer.seen == []
