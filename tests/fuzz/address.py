"""Paths of dynamic and static webhooks."""

from dataclasses import astuple

from pydantic import SecretBytes

from gemini_operator.callbacks import address
from gemini_operator.callbacks.address import Target
from gemini_operator.callbacks.keys import CallbackKey
from gemini_operator.receiver.webhooks import static
from tests.callback_keys import KEY, OTHER_KEY
from tests.fuzz.choices import Choices, edited

TARGET = Target(
    "geminibatchjobs",
    "default",
    "classify-reviews",
    "6f1c2b7e-0d7c-4b61-9a7e-2f6a4c1d9b30",
    "00112233445566ff",
)
_KEYS = tuple(
    CallbackKey(name, SecretBytes(bytes.fromhex(text)))
    for name, text in (("a", OTHER_KEY), ("key", KEY))
)
_DYNAMIC = address.url("", _KEYS[1], TARGET).encode()
_TOKEN = _DYNAMIC.decode().rpartition("/")[2]
_STATIC = b"/v1/static/default/reviews"
_LONGEST_LABEL = b"/v1/static/" + b"a" * 63 + b"/" + b"b-" * 31 + b"b?query=1"
_DOTTED = _DYNAMIC.replace(TARGET.name.encode(), b"a.b-c." * 20 + b"d")


def one_input(data: bytes) -> None:
    choices = Choices(data)
    known = choices.pick((_DYNAMIC, _STATIC, _LONGEST_LABEL, _DOTTED, b""))
    # What the server makes of a request line; bytes above ASCII become surrogates.
    path = (edited(known, choices) + choices.rest()).decode("utf-8", "surrogateescape")
    parsed = address.parse(path)
    name = static.parse(path)
    assert parsed is None or name is None
    if parsed is not None:
        _check_dynamic(path, *parsed)
    if name is not None:
        assert path.partition("?")[0] == f"{static.PREFIX}{name.namespace}/{name.name}"
        assert _is_label(name.namespace)
        assert _is_label(name.name)


def _check_dynamic(path: str, target: Target, token: str) -> None:
    assert path.partition("?")[0] == f"{address.PREFIX}{'/'.join(astuple(target))}/{token}"
    assert _is_label(target.namespace)
    assert len(target.name) <= 253
    assert all(_is_label(label, 253) for label in target.name.split("."))
    # The target made one address only.
    ours = (target, token) == (TARGET, _TOKEN)
    assert address.verify(_KEYS, target, token) == ours
    assert not address.verify((), target, token)


def _is_label(text: str, longest: int = 63) -> bool:
    inner = text.replace("-", "x")
    plain = inner.isascii() and inner.isalnum() and inner == inner.lower()
    return plain and len(text) <= longest and text[0] != "-" and text[-1] != "-"
