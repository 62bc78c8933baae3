"""No API key, callback key, token or address appears where people look (rules S22, S23)."""

import base64
import urllib.parse

import pytest

from tests.callback_keys import KEY
from tests.emulator_process import API_KEY
from tests.operator_process import Operator, inline_job
from tests.waiting import eventually

REFUSED = "AIzaSyRefusedKeyOfTheLeakTest000"


@pytest.mark.row(101)
def test_no_secret_in_logs_events_statuses_or_metrics(operator: Operator) -> None:
    operator.start("--sweep-interval", "1")
    operator.put_key(REFUSED, name="refused")
    echo = {"error": {"code": 400, "status": "INVALID_ARGUMENT", "message": f"bad key {API_KEY}"}}
    operator.emulator.fault("batches.create", "status", status=400, body=echo)
    operator.apply(inline_job("echoed"))
    operator.wait_condition("echoed", "Failed", "InvalidRequest")
    operator.emulator.fault("batches.create", "drop", when="after")
    operator.apply(inline_job("job"), inline_job("stalled", apiKeySecretRef=_ref("refused")))
    operator.wait_complete("job", timeout=60)
    operator.wait_condition("stalled", "Stalled", "CredentialsRejected")
    address = operator.emulator.wait(lambda state: state["deliveries"])["deliveries"][0]["uri"]
    _deliver_something_wrong(operator, address)
    seen = _everything(operator)
    token = address.rpartition("/")[2]
    for secret in (API_KEY, REFUSED, KEY, token):
        for form in _forms(secret):
            assert form not in seen, f"{secret[:9]}… was shown"


def _ref(name: str) -> dict[str, str]:
    return {"name": name, "key": "api-key"}


def _forms(secret: str) -> set[str]:
    encoded = base64.b64encode(secret.encode()).decode().rstrip("=")
    return {secret, encoded, urllib.parse.quote(secret, safe=""), secret.upper()}


def _deliver_something_wrong(operator: Operator, address: str) -> None:
    """An address in a malformed request must not come back in a log either (rule S16)."""
    import socket

    url = urllib.parse.urlsplit(address)
    with socket.create_connection((url.hostname, url.port), timeout=5) as connection:
        connection.sendall(f"POST {url.path} HTTP/1.1\r\nHost : x\r\n{url.path}\r\n\r\n".encode())
        connection.recv(4096)
    eventually(operator.receiver.running)


def _everything(operator: Operator) -> str:
    objects = operator.kubectl("get", "gbj,events", "-o", "yaml")
    described = operator.kubectl("describe", "gbj")
    processes = (operator.controller, operator.receiver)
    logs = "".join(process.text() for process in processes)
    return f"{objects}\n{described}\n{logs}\n{operator.controller.metrics()}"
