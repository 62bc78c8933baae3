import socket
from pathlib import Path

from local.ports import PortBook, is_free, listens


def test_a_port_stays_the_same_from_one_start_to_the_next(tmp_path: Path) -> None:
    path = tmp_path / "ports.json"
    port = PortBook(path).claim("etcd")
    assert PortBook(path).claim("etcd") == port
    assert PortBook(path).get("etcd") == port


def test_a_port_that_somebody_took_meanwhile_is_replaced(tmp_path: Path) -> None:
    book = PortBook(tmp_path / "ports.json")
    port = book.claim("etcd")
    with socket.socket() as taker:
        taker.bind(("127.0.0.1", port))
        taker.listen()
        assert not is_free(port)
        assert listens(port)
        assert book.get("etcd") == port
        assert book.claim("etcd") != port


def test_names_have_ports_of_their_own(tmp_path: Path) -> None:
    book = PortBook(tmp_path / "ports.json")
    assert len({book.claim(name) for name in "abcdef"}) == 6
