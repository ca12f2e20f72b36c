from __future__ import annotations

import socket

import pytest
import requests


def test_a_test_cannot_connect_to_the_world():
    with socket.socket() as sock, pytest.raises(RuntimeError, match="loopback only, not to 192.0.2.1"):
        sock.connect(("192.0.2.1", 80))


def test_a_test_cannot_look_up_a_name():
    with pytest.raises(RuntimeError, match="loopback only, not to example.com"):
        requests.get("http://example.com", timeout=1)


def test_loopback_is_open():
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()[:2]) as client:
        assert client.getpeername() == server.getsockname()
