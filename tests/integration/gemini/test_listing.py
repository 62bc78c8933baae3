from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from gemini_operator.gemini import errors
from gemini_operator.gemini.clients import GeminiClient
from gemini_operator.gemini.kinds.batches import Batches
from gemini_operator.gemini.remote import Listing
from gemini_operator.gemini.transport import ANSWER_LIMIT
from tests.integration.gemini.conftest import ClientFor
from tests.integration.gemini.peer import Handler, Peer, refuses, says

TOKEN = "d [0f9a1b2c-00112233445566aa]"


def page(*names: Any, following: Any = None, **more: Any) -> Handler:
    body: dict[str, Any] = {"operations": [{"name": name} for name in names], **more}
    return says(body | ({"nextPageToken": following} if following is not None else {}))


def asked(peer: Peer) -> list[dict[str, list[str]]]:
    return [parse_qs(urlsplit(seen.target).query, strict_parsing=True) for seen in peer.seen]


def names(listing: Listing) -> list[str]:
    return [batch.name for batch in listing.batches]


async def search(client: GeminiClient) -> Listing:
    found = await client.batches.search()
    assert isinstance(found, Listing)
    return found


async def test_p11_every_page_is_turned(peer: Peer, client_for: ClientFor) -> None:
    peer.then(page("batches/a", "batches/b", following="t 2/+="), page("batches/c"))
    found = await search(client_for(peer.url))
    assert (names(found), found.complete) == (["batches/a", "batches/b", "batches/c"], True)
    assert asked(peer) == [
        {"pageSize": ["100"]},
        {"pageSize": ["100"], "pageToken": ["t 2/+="]},
    ]


async def test_p11_an_empty_answer_is_an_empty_and_complete_list(
    peer: Peer, client_for: ClientFor
) -> None:
    assert await search(client_for(peer.url)) == Listing((), complete=True)


async def test_p11_an_empty_page_with_a_token_is_not_the_end(
    peer: Peer, client_for: ClientFor
) -> None:
    peer.then(page(following="t"), page("batches/a"))
    assert names(await search(client_for(peer.url))) == ["batches/a"]


async def test_p11_a_batch_seen_twice_counts_once(peer: Peer, client_for: ClientFor) -> None:
    """Pages shift while they are turned."""
    peer.then(page("batches/a", "batches/b", following="t"), page("batches/b", "batches/c"))
    assert names(await search(client_for(peer.url))) == ["batches/a", "batches/b", "batches/c"]


@pytest.mark.parametrize("tokens", [["t", "t"], ["t", "u", "t"]])
async def test_s10_a_repeated_token_ends_the_pass_as_incomplete(
    tokens: list[str], peer: Peer, client_for: ClientFor
) -> None:
    peer.then(*(page("batches/a", following=token) for token in [*tokens, "endless"]))
    found = await search(client_for(peer.url))
    assert not found.complete
    assert names(found) == ["batches/a"]
    assert len(peer.seen) == len(tokens)


async def test_s10_the_page_cap_ends_the_pass_as_incomplete(
    peer: Peer, client_for: ClientFor
) -> None:
    peer.then(*(page(f"batches/{number}", following=f"t{number}") for number in range(9)))
    found = await search(client_for(peer.url, list_page_cap=3))
    assert not found.complete
    assert names(found) == ["batches/0", "batches/1", "batches/2"]


async def test_s10_a_list_that_ends_at_the_cap_is_complete(
    peer: Peer, client_for: ClientFor
) -> None:
    peer.then(page("batches/0", following="t"), page("batches/1"))
    assert (await search(client_for(peer.url, list_page_cap=2))).complete


async def test_s10_the_time_cap_ends_the_pass_as_incomplete(
    peer: Peer, client_for: ClientFor
) -> None:
    client = client_for(peer.url, list_time_cap=10.0)
    readings = iter([0.0, 0.0, 9.0, 11.0])
    batches = Batches(
        client._connection,
        client._sdk.aio,
        client._connection._settings,
        clock=lambda: next(readings),
    )
    peer.then(*(page(f"batches/{number}", following=f"t{number}") for number in range(9)))
    found = await batches.search()
    assert not found.complete
    assert names(found) == ["batches/0", "batches/1"]


@pytest.mark.parametrize("token", [5, ["t"], {"a": 1}])
async def test_a_token_that_is_none_ends_the_pass_as_incomplete(
    token: Any, peer: Peer, client_for: ClientFor
) -> None:
    peer.then(page("batches/a", following=token))
    assert not (await search(client_for(peer.url))).complete


@pytest.mark.parametrize(
    "odd",
    [
        None,
        5,
        {},
        {"name": None},
        {"name": "batches/../x"},
        {"name": "operations/x", "metadata": {"displayName": "somebody else's"}},
    ],
)
async def test_one_odd_item_does_not_end_every_search(
    odd: Any, peer: Peer, client_for: ClientFor
) -> None:
    peer.then(says({"operations": [{"name": "batches/a"}, odd, {"name": "batches/b"}]}))
    found = await search(client_for(peer.url))
    assert (names(found), found.complete) == (["batches/a", "batches/b"], True)


@pytest.mark.parametrize("metadata", [None, 5, [], {"state": ["x"], "batchStats": 7}])
async def test_an_item_with_a_name_counts_however_odd_its_rest_is(
    metadata: Any, peer: Peer, client_for: ClientFor
) -> None:
    peer.then(says({"operations": [{"name": "batches/a", "metadata": metadata}]}))
    found = await search(client_for(peer.url))
    assert (names(found), found.complete) == (["batches/a"], True)


async def test_p11_a_nameless_item_with_an_attempt_token_forbids_saying_none(
    peer: Peer, client_for: ClientFor
) -> None:
    """To ignore it could mean to pay for the batch a second time."""
    peer.then(says({"operations": [{"name": "odd", "metadata": {"displayName": TOKEN}}]}))
    assert await search(client_for(peer.url)) == Listing((), complete=False)


async def test_operations_that_are_no_list_are_not_an_empty_list(
    peer: Peer, client_for: ClientFor
) -> None:
    peer.then(says({"operations": {"name": "batches/a"}}))
    assert not (await search(client_for(peer.url))).complete


async def test_s22_a_page_too_large_is_asked_for_in_smaller_ones(
    peer: Peer, client_for: ClientFor
) -> None:
    large = page("batches/a", filler="x" * ANSWER_LIMIT)
    peer.then(page("batches/0", following="t"), large, large, page("batches/a", following="u"))
    found = await search(client_for(peer.url))
    assert (names(found), found.complete) == (["batches/0", "batches/a"], True)
    assert [(one["pageSize"], one.get("pageToken")) for one in asked(peer)] == [
        (["100"], None),
        (["100"], ["t"]),
        (["25"], ["t"]),
        (["6"], ["t"]),
        (["6"], ["u"]),
    ]


async def test_s22_a_single_item_too_large_ends_the_pass_as_incomplete(
    peer: Peer, client_for: ClientFor
) -> None:
    peer.then(*(page("batches/a", filler="x" * ANSWER_LIMIT) for _ in range(9)))
    assert await search(client_for(peer.url, list_page_size=4)) == Listing((), complete=False)
    assert [one["pageSize"] for one in asked(peer)] == [["4"], ["1"]]


async def test_an_error_on_a_later_page_is_an_error(peer: Peer, client_for: ClientFor) -> None:
    peer.then(page("batches/a", following="t"), refuses(429, headers={"Retry-After": "3"}))
    with pytest.raises(errors.Throttled) as caught:
        await search(client_for(peer.url))
    assert caught.value.retry_after == 3.0
