"""Strangers with many sockets, and the genuine deliveries among them (S20)."""

import http.client
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from secrets import token_hex
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from gemini_operator.callbacks.address import Target
from tests.deliveries import Signer
from tests.integration.receiver.conftest import BODY, DEADLINE, SIGNER, Job, Receiver, Reply
from tests.integration.receiver.flood import Plan, running
from tests.waiting import eventually

SOCKETS = 300
PEER = 700
"""More than the receiver lets one peer leave unfinished."""
ANSWERED = 5.0
"""Seconds within which a genuine delivery is answered."""
FEW_LINES = 250
STRANGER = Signer(b"\x09" * 32)

ONE_BYTE = "Content-Length: 20\r\n\r\n{"
NO_BYTE = "Content-Length: 65536\r\n\r\n"
CHUNKS = "Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n"
EXPECTING = "Content-Length: 20\r\nExpect: 100-continue\r\n\r\n"
GARBAGE = f"Content-Length: {len(BODY)}\r\n\r\n{BODY.decode()}"


def old_address(namespace: str) -> Target:
    """Of a job that has long ended and is gone."""
    return Target("geminibatchjobs", namespace, "old", str(uuid4()), token_hex(8))


def start(receiver: Receiver, target: Target, rest: str) -> str:
    headers = STRANGER.headers(BODY, timestamp=int(time.time()))
    lines = [f"POST {receiver.path(target)} HTTP/1.1", "Host: x"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, rest])


def deliver_in_two_parts(receiver: Receiver, target: Target) -> Reply:
    """The body comes some time after the head, as through a load balancer."""
    url = urlsplit(receiver.process.url)
    connection = http.client.HTTPConnection(str(url.hostname), url.port, timeout=DEADLINE)
    try:
        connection.putrequest("POST", receiver.path(target))
        for name, value in {**SIGNER.headers(BODY), "Content-Length": str(len(BODY))}.items():
            connection.putheader(name, value)
        connection.endheaders()
        time.sleep(0.05)
        connection.send(BODY)
        answer = connection.getresponse()
        return Reply(answer.status, dict(answer.getheaders()), answer.read())
    finally:
        connection.close()


@contextmanager
def flooded(receiver: Receiver, plan: Plan, took_effect: Callable[[], bool]) -> Iterator[None]:
    url = urlsplit(receiver.process.url)
    with running(replace(plan, host=str(url.hostname), port=url.port or 0)):
        eventually(took_effect, timeout=60, what="the flood to be felt")
        yield


def refused(receiver: Receiver) -> float:
    """How many requests of strangers were refused."""
    names = ("evicted", "slow_body", "bad_signature", "busy", "no_keys")
    series = "gemini_operator_receiver_requests_total"
    return sum(
        receiver.metric(f'{series}{{result="{name}",scheme="{scheme}"}}')
        for name in names
        for scheme in ("none", "v1a")
    )


@pytest.mark.parametrize(
    ("sockets", "addresses", "rest", "piece"),
    [
        pytest.param(SOCKETS, SOCKETS, NO_BYTE, "x", id="drip"),
        pytest.param(SOCKETS, SOCKETS, GARBAGE, "", id="many forged"),
        *(
            pytest.param(*flood, id=name, marks=pytest.mark.exhaustive)
            for name, flood in {
                "one address": (SOCKETS, 1, ONE_BYTE, ""),
                "many addresses": (SOCKETS, SOCKETS, ONE_BYTE, ""),
                "more than a peer may": (PEER, PEER, ONE_BYTE, ""),
                "chunks": (SOCKETS, SOCKETS, CHUNKS, "1\r\nx\r\n"),
                "expecting": (SOCKETS, SOCKETS, EXPECTING, ""),
                "forged": (SOCKETS, 1, GARBAGE, ""),
            }.items()
        ),
    ],
)
def test_s20_a_genuine_delivery_is_answered_soon_among_unfinished_ones(
    *, receiver: Receiver, job: Job, sockets: int, addresses: int, rest: str, piece: str
) -> None:
    starts = [start(receiver, old_address(job.namespace), rest) for _ in range(addresses)]
    plan = Plan("", 0, starts, sockets, piece)
    assert_answered_soon(receiver, job, plan, lambda: refused(receiver) >= SOCKETS)


@pytest.mark.row(26)
def test_s20_a_genuine_delivery_is_answered_soon_among_silent_sockets(
    receiver: Receiver, job: Job
) -> None:
    plan = Plan("", 0, ["POST /v1/callb"], 2000)
    open_files = Path(f"/proc/{receiver.process.pid}/fd")
    assert_answered_soon(receiver, job, plan, lambda: len(list(open_files.iterdir())) > 1500)


def seconds_of_deliveries(receiver: Receiver, job: Job, times: int) -> list[float]:
    """How long genuine deliveries take to be answered, each in two ways; one address has ten in all."""
    took = []
    ways: list[Callable[[Target], Reply]] = [
        receiver.deliver,
        partial(deliver_in_two_parts, receiver),
    ]
    for deliver in ways * times:
        began = time.monotonic()
        assert deliver(job.target()).status == 200
        took.append(time.monotonic() - began)
        time.sleep(0.25)
    return took


def assert_answered_soon(
    receiver: Receiver, job: Job, plan: Plan, took_effect: Callable[[], bool]
) -> None:
    """Each of some deliveries; and the log stays short."""
    lines_before = receiver.process.text().count("\n")
    with flooded(receiver, plan, took_effect):
        took = seconds_of_deliveries(receiver, job, 4)
        assert receiver.get_metrics_port("/readyz").status == 200
    assert max(took) < ANSWERED
    assert receiver.process.text().count("\n") - lines_before < FEW_LINES
    assert job.last_event is not None
