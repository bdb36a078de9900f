"""HTTP/1.1 on sockets, against a real server: kept connections, closed ones, and answers that break off."""

from __future__ import annotations

import http.client
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contender.adapters.light_aws.plain_http import (
    IDLE_SECONDS,
    BadAnswerError,
    ClosedError,
    HttpClient,
    Origin,
    Response,
    split_url,
)
from tests.web import Asked, Server, answer, serving


@pytest.fixture
def echo() -> Iterator[Server]:
    with serving(lambda asked: answer(200, asked.body or asked.target.encode(), ETag='"e"')) as server:
        yield server


def get(server: Server, client: HttpClient | None = None, target: str = "/", **headers: str) -> Response:
    return (client or HttpClient()).request(split_url(server.url)[0], "GET", target, headers)


def test_a_request_arrives_as_it_was_sent(echo: Server) -> None:
    found = HttpClient().request(split_url(echo.url)[0], "POST", "/a?b=c", {"x-one": "1"}, b"\x00body")
    assert (found.status, found.body, found.headers["etag"]) == (200, b"\x00body", '"e"')
    asked = echo.asked[0]
    assert (asked.method, asked.target, asked.headers["x-one"]) == ("POST", "/a?b=c", "1")
    assert asked.headers["host"] == f"127.0.0.1:{echo.port}"


def test_one_connection_serves_request_after_request(echo: Server) -> None:
    client = HttpClient()
    assert [get(echo, client, f"/{n}").body for n in range(5)] == [f"/{n}".encode() for n in range(5)]
    assert echo.connections == 1


def test_threads_that_ask_at_the_same_time_get_their_own_answers() -> None:
    together = threading.Barrier(4)

    def respond(asked: Asked) -> bytes:
        together.wait(5)
        return answer(200, asked.target.encode())

    with serving(respond) as server:
        client, found = HttpClient(), {}

        def ask(number: int) -> None:
            found[number] = [get(server, client, f"/{number}-{n}").body.decode() for n in range(10)]

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert found == {number: [f"/{number}-{n}" for n in range(10)] for number in range(4)}
        assert server.connections == 4


def test_a_connection_that_the_server_closed_while_it_rested_is_opened_again(echo: Server) -> None:
    client = HttpClient()
    get(echo, client)
    echo.hang_up()
    assert get(echo, client, "/again").body == b"/again"
    assert echo.connections == 2


def test_a_kept_connection_that_closes_on_the_next_request_is_replaced_once() -> None:
    with serving(lambda asked: b"" if len(server.asked) == 2 else answer(200, b"ok")) as server:
        client = HttpClient()
        get(server, client)
        assert get(server, client).body == b"ok"
        assert len(server.asked) == 3


def test_a_new_connection_that_closes_is_an_error_and_is_not_tried_again() -> None:
    with serving(lambda asked: b"") as server:
        with pytest.raises(ClosedError, match="without an answer"):
            get(server)
        assert len(server.asked) == 1


def test_a_connection_that_rested_too_long_is_not_used_again(echo: Server) -> None:
    now = [1000.0]
    client = HttpClient(clock=lambda: now[0])
    for now[0] in (1000.0, 1000.0 + IDLE_SECONDS - 1, 3000.0, 5.0):
        get(echo, client)
    assert [asked.connection for asked in echo.asked] == [1, 1, 2, 3]


@pytest.mark.parametrize(
    ("said", "body"),
    [
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n", b"abcde"),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx", b"x"),
        (b"HTTP/1.1 304 Not Modified\r\ncontent-length: 7\r\n\r\n", b""),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
        (b"HTTP/1.1 200\r\ncontent-length: 0\r\n\r\n", b""),
    ],
)
def test_every_way_to_end_an_answer_is_understood_and_the_connection_is_kept(said: bytes, body: bytes) -> None:
    with serving(lambda asked: said) as server:
        client = HttpClient()
        assert [get(server, client).body for _ in range(3)] == [body] * 3
        assert server.connections == 1


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok",
    ],
)
def test_a_connection_that_the_server_means_to_close_is_not_kept(said: bytes) -> None:
    with serving(lambda asked: said) as server:
        client = HttpClient()
        assert [get(server, client).body for _ in range(2)] == [b"ok"] * 2
        assert server.connections == 2


def once(said: bytes) -> Iterator[str]:
    """The address of a server that says something and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def speak() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(said)

        thread = threading.Thread(target=speak, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        thread.join(5)


@pytest.mark.parametrize(
    "said",
    [
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-",
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nab",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    ],
)
def test_an_answer_that_breaks_off_or_is_no_http_is_an_error(said: bytes) -> None:
    for url in once(said):
        with pytest.raises(BadAnswerError):
            HttpClient().request(split_url(url)[0], "GET", "/", {})


def test_an_answer_that_ends_with_the_connection_is_read_to_the_end() -> None:
    for url in once(b"HTTP/1.1 200 OK\r\n\r\nall of it"):
        assert HttpClient().request(split_url(url)[0], "GET", "/", {}).body == b"all of it"


def test_nobody_answers_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        origin = Origin(False, "127.0.0.1", listening.getsockname()[1])
        with pytest.raises(TimeoutError):
            HttpClient(read_seconds=0.05).request(origin, "GET", "/", {})


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        origin = Origin(False, "127.0.0.1", listening.getsockname()[1])
    with pytest.raises(OSError, match="refused"):
        HttpClient().request(origin, "GET", "/", {})


@pytest.mark.parametrize(
    ("url", "authority", "target"),
    [
        ("https://s3.amazonaws.com/a", "s3.amazonaws.com", "/a"),
        ("http://localhost:4566", "localhost:4566", "/"),
        ("http://[::1]:80?x=1", "[::1]", "/?x=1"),
    ],
)
def test_an_address_is_whom_to_ask_and_for_what(url: str, authority: str, target: str) -> None:
    origin, found = split_url(url)
    assert (origin.authority, found) == (authority, target)


@pytest.mark.parametrize("url", ["s3://bucket/key", "localhost:4566", "http://", ""])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="expected an address like"):
        split_url(url)


def test_plain_http_loads_neither_tls_nor_the_mail_parser() -> None:
    code = (
        "import sys, contender.adapters.light_aws.services; "
        "print([name for name in ('ssl', 'http.client', 'email', 'botocore', 'requests') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@contextmanager
def answering(said: list[bytes]) -> Iterator[Server]:
    with serving(lambda asked: said[-1]) as server:
        yield server


NAMES = st.from_regex(r"x-[a-z][a-z0-9-]{0,10}", fullmatch=True)
FIELDS = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=20)


def framed(status: int, headers: Mapping[str, str], body: bytes, pieces: int | None) -> bytes:
    """An answer with its length, or in pieces of so many bytes."""
    if pieces is None:
        sent, length = body, f"content-length: {len(body)}"
    else:
        chunks = [body[start : start + pieces] for start in range(0, len(body), pieces)]
        sent = b"".join(f"{len(chunk):x}".encode() + b"\r\n" + chunk + b"\r\n" for chunk in chunks) + b"0\r\n\r\n"
        length = "transfer-encoding: chunked"
    head = [f"HTTP/1.1 {status} said", length, *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(head) + "\r\n\r\n").encode() + sent


def test_an_answer_is_read_as_http_client_reads_it() -> None:
    said: list[bytes] = []
    with answering(said) as server:
        client, (origin, _) = HttpClient(), split_url(server.url)
        library = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)

        @given(
            st.sampled_from([200, 201, 307, 400, 404, 500, 503]),
            st.dictionaries(NAMES, FIELDS, max_size=5),
            st.binary(max_size=300),
            st.none() | st.integers(1, 64),
        )
        def check(status: int, headers: dict[str, str], body: bytes, pieces: int | None) -> None:
            said.append(framed(status, headers, body, pieces))
            ours = client.request(origin, "GET", "/", {})
            library.request("GET", "/")
            theirs = library.getresponse()
            assert (ours.status, ours.body) == (theirs.status, theirs.read())
            assert {name: ours.headers.get(name) for name in headers} == {
                name: theirs.headers.get(name) for name in headers
            }

        try:
            check()
        finally:
            library.close()
