"""Whether peers answer."""

import contextlib
import socket
import threading

from keras_negact.training.watchdog import silent


@contextlib.contextmanager
def listener():
    with socket.create_server(("localhost", 0)) as server:
        yield server, f"localhost:{server.getsockname()[1]}"


def test_a_peer_that_closes_its_sockets_late_is_found():
    with listener() as (_, stays), listener() as (dying, address):
        threading.Timer(0.5, dying.close).start()
        assert silent({0: stays, 1: address}, within=30) == [1]


def test_peers_that_answer_are_not_silent():
    with listener() as (_, first), listener() as (_, second):
        assert silent({0: first, 1: second}, within=0.3) == []
