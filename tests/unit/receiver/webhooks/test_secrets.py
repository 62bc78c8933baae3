import base64
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import SecretBytes

from gemini_operator.receiver.webhooks.secrets import SecretDirectory, StaticName
from tests.deliveries import SecretSigner
from tests.waiting import eventually

FIRST, SECOND = SecretSigner(), SecretSigner(b"\x07" * 24)
NAME = StaticName("team-a", "reviews")

Written = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Written:
    """`write(text, "file", folder="team-a/reviews")` → the directory."""

    def make(text: str, name: str = "first", folder: str = "team-a/reviews") -> Path:
        path = tmp_path / folder
        path.mkdir(parents=True, exist_ok=True)
        (path / name).write_text(text)
        return tmp_path

    return make


def test_each_folder_is_a_webhook_with_its_secrets(write: Written) -> None:
    write(FIRST.text)
    write(SECOND.text + "\n", "second")
    path = write(SECOND.text, folder="team-b/reviews")
    found = SecretDirectory(path)
    assert found.names == (NAME, StaticName("team-b", "reviews"))
    assert found.of(NAME) == (SecretBytes(FIRST.secret), SecretBytes(SECOND.secret))
    assert found.of(StaticName("team-b", "reviews")) == (SecretBytes(SECOND.secret),)
    assert found.of(StaticName("team-c", "reviews")) is None
    assert FIRST.text not in repr(found.of(NAME))


def test_a_mounted_secrets_own_files_are_not_read(write: Written, tmp_path: Path) -> None:
    write("x", "..hidden")
    write("x", "file", folder="team-a/reviews/..2026_11_26")
    write("x", "file", folder="..2026_11_26/reviews")
    assert SecretDirectory(write(FIRST.text)).names == (NAME,)
    assert tmp_path.is_dir()


@pytest.mark.row(49)
def test_a_rotation_needs_no_restart(write: Written) -> None:
    found = SecretDirectory(write(FIRST.text))
    path = write(SECOND.text, "second")
    eventually(lambda: len(found.of(NAME) or ()) == 2)
    (path / "team-a/reviews/first").unlink()
    eventually(lambda: found.of(NAME) == (SecretBytes(SECOND.secret),))


def test_secrets_that_cannot_be_used_leave_the_last_ones(
    write: Written, capsys: pytest.CaptureFixture[str]
) -> None:
    found = SecretDirectory(write(FIRST.text))
    write("whsec_", "second")
    eventually(lambda: found.of(NAME) is not None and "not reloaded" in capsys.readouterr().out)
    assert found.of(NAME) == (SecretBytes(FIRST.secret),)


def test_a_secret_without_padding_is_the_same_secret(write: Written) -> None:
    found = SecretDirectory(write(FIRST.text.rstrip("=")))
    assert found.of(NAME) == (SecretBytes(FIRST.secret),)


@pytest.mark.row(51)
@pytest.mark.parametrize(
    "text",
    [
        "",
        "whsec_",
        "v1," + FIRST.text,
        FIRST.text.removeprefix("whsec_"),
        "whsec_QQ==",
        "whsec_" + base64.b64encode(b"x" * 23).decode(),
        "whsec_" + base64.b64encode(b"x" * 65).decode(),
        "whsec_" + "!" * 44,
        FIRST.text + "\n" + SECOND.text,
        "WHSEC_" + FIRST.text.removeprefix("whsec_"),
        "whsec_é" + "A" * 40,
    ],
)
def test_what_is_no_secret_is_refused_at_the_start(write: Written, text: str) -> None:
    with pytest.raises(ValueError, match="must hold one secret as Google returned it") as refused:
        SecretDirectory(write(text))
    assert "\n" not in str(refused.value)
    assert len(text) < 9 or text not in str(refused.value)


@pytest.mark.row(51)
def test_a_webhook_without_a_secret_is_refused_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "team-a" / "reviews").mkdir(parents=True)
    with pytest.raises(ValueError, match="team-a/reviews holds no secret"):
        SecretDirectory(tmp_path)


def test_a_directory_without_webhooks_is_refused_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="<namespace>/<name>"):
        SecretDirectory(tmp_path)
    with pytest.raises(ValueError, match="No such file"):
        SecretDirectory(tmp_path / "missing")


def test_a_folder_that_no_address_can_name_is_refused(write: Written) -> None:
    with pytest.raises(ValueError, match="lower-case"):
        SecretDirectory(write(FIRST.text, folder="Team_A/reviews"))


def test_more_than_eight_secrets_are_refused(write: Written) -> None:
    for number in range(8):
        path = write(SecretSigner(bytes([number]) * 24).text, str(number))
    assert len(SecretDirectory(path).of(NAME) or ()) == 8
    with pytest.raises(ValueError, match="more than 8"):
        SecretDirectory(write(FIRST.text, "ninth"))
