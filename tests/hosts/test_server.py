"""The server: says where it is, keeps strangers and tabs apart, stops when it is told to."""

import http.client
import json
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from contextlib import contextmanager

import numpy as np
import pytest

from lora_bokeh.hosts import server
from lora_bokeh.hosts.server import ServerError

ANNOUNCED = re.compile(r"The page is at http://([\w.]+):(\d+)/ \(Ctrl-C stops the server\)\n")


@contextmanager
def serving(*args, cwd=None):
    """Run ``lora-bokeh serve`` on a free port; yield (process, host, port) once it listens."""
    command = [sys.executable, "-m", "lora_bokeh", "serve", *args, "--no-show", "--port", "0"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=cwd
    ) as process:
        try:
            host, port = ANNOUNCED.fullmatch(process.stdout.readline()).groups()
            yield process, host, int(port)
        finally:
            process.kill()


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """One server for the tests that only ask it something: (host, port)."""
    folder = tmp_path_factory.mktemp("served")
    np.save(folder / "w.npy", np.diag([3.0, 2.0, 1.0]))
    with serving("w.npy", cwd=folder) as (_, host, port):
        yield host, port


def fetch(host, port):
    with urllib.request.urlopen(f"http://{host}:{port}/", timeout=60) as response:
        return response.read().decode()


def knock(host, port, origin):
    """Return the status of a websocket handshake by a page from ``origin``."""
    connection = http.client.HTTPConnection(host, port, timeout=60)
    headers = {
        "Origin": origin,
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Protocol": "bokeh, token",
    }
    connection.request("GET", "/ws", headers=headers)
    status = connection.getresponse().status
    connection.close()
    return status


def test_the_page_is_where_it_was_announced_and_named_after_the_file(served):
    assert "<title>w.npy</title>" in fetch(*served)


def test_only_pages_from_here_may_connect(served):
    host, port = served
    assert knock(host, port, f"http://{host}:{port}") != 403
    assert knock(host, port, f"http://localhost:{port}") != 403
    assert knock(host, port, "http://elsewhere.example") == 403
    assert knock(host, port, f"http://localhost:{port + 1}") == 403


def test_each_tab_has_models_of_its_own(served):
    one, two = (re.findall(r'"root_ids":(\[.+?\])', fetch(*served)) for _ in range(2))
    assert one
    assert not set(json.loads(one[0])) & set(json.loads(two[0]))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_it_in_good_order(number):
    with serving() as (process, *_):
        process.send_signal(number)
        rest, errors = process.communicate(timeout=60)
    assert (process.returncode, rest, errors) == (0, "", "")


def test_a_taken_port_is_named():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        expected = f"port {port} on 127.0.0.1 is taken; stop what listens there or choose another"
        with pytest.raises(ServerError, match=re.escape(expected)):
            server.serve(object, port=port, show=False)


@pytest.mark.parametrize(
    ("address", "port", "message"),
    [
        ("192.0.2.1", 0, "cannot listen on 192.0.2.1, port 0: "),
        ("nowhere.invalid", 0, "cannot listen on nowhere.invalid, port 0: "),
        ("127.0.0.1", -1, "a port is a number from 0 to 65535, got -1"),
    ],
)
def test_an_impossible_address_is_named(address, port, message):
    with pytest.raises(ServerError, match=re.escape(message)):
        server.serve(object, port=port, address=address, show=False)


def test_signals_are_given_back():
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with pytest.raises(ServerError):
        server.serve(object, port=-1)
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_the_whole_network_is_let_in_by_this_machines_names():
    origins = server._origins("0.0.0.0", 5006)
    assert {"localhost:5006", "127.0.0.1:5006", f"{socket.gethostname().lower()}:5006"} <= {
        *origins
    }
    assert not any("*" in origin for origin in origins)
    assert server._origins("127.0.0.1", 80) == ["127.0.0.1:80", "localhost:80"]


def test_a_browser_is_opened_only_where_there_is_a_display(monkeypatch):
    monkeypatch.setattr(sys, "platform", "linux")
    for name in server.DISPLAYS:
        monkeypatch.delenv(name, raising=False)
    assert not server._has_display()
    monkeypatch.setenv("DISPLAY", ":0")
    assert server._has_display()
