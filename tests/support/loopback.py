"""A web server on the loopback interface, and the ways in which it can answer."""

import contextlib
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Answer = Callable[[BaseHTTPRequestHandler, bytes], None]


def good(handler: BaseHTTPRequestHandler, content: bytes) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content)


def not_found(handler: BaseHTTPRequestHandler, content: bytes) -> None:
    handler.send_error(404)


def other_content(handler: BaseHTTPRequestHandler, content: bytes) -> None:
    good(handler, bytes([content[0] ^ 1]) + content[1:])


def login_page(handler: BaseHTTPRequestHandler, content: bytes) -> None:
    good(handler, b"<html>please log in</html>")


def cut(handler: BaseHTTPRequestHandler, content: bytes) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content[: len(content) // 2])


def cut_without_length(handler: BaseHTTPRequestHandler, content: bytes) -> None:
    handler.send_response(200)
    handler.end_headers()
    handler.wfile.write(content[: len(content) // 2])


def endless(handler: BaseHTTPRequestHandler, content: bytes) -> None:
    handler.send_response(200)
    handler.end_headers()
    for _ in range(1000):
        handler.wfile.write(bytes(1 << 16))


def nonsense(handler: BaseHTTPRequestHandler, content: bytes) -> None:
    handler.wfile.write(b"hello\r\n")


def redirect_to_nowhere(handler: BaseHTTPRequestHandler, content: bytes) -> None:
    handler.send_response(302)
    handler.send_header("Location", "gopher://example.invalid/")
    handler.end_headers()


def stalled(handler: BaseHTTPRequestHandler, content: bytes) -> None:
    time.sleep(0.5)


def declared_as_encoding(handler: BaseHTTPRequestHandler, content: bytes) -> None:
    """A server that unpacks .gz on the way for every client that admits to know gzip."""
    handler.send_response(200)
    if "gzip" in handler.headers.get("Accept-Encoding", ""):
        handler.send_header("Content-Encoding", "gzip")
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content)


class Mirror:
    """A web server: what it has, how it answers, what it was asked for."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files
        self.answer: dict[str, Answer] = {}
        self.asked: list[str] = []
        mirror = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                name = self.path.rpartition("/")[2]
                mirror.asked.append(name)
                with contextlib.suppress(OSError):  # the client has had enough
                    mirror.answer.get(name, good)(self, mirror.files[name])

            def log_message(self, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/sets"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
