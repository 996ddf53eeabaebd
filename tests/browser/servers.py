"""Servers that browser tests start."""

import socket
import subprocess
import time
import urllib.request


def free_port() -> int:
    """A port of this machine on which nobody listens."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(url: str, server: subprocess.Popen) -> None:
    """Wait until a server that was started answers."""
    for _ in range(600):
        assert server.poll() is None, "the server ended at once; see its log"
        try:
            urllib.request.urlopen(url).close()
            return
        except OSError:
            time.sleep(0.1)
    raise TimeoutError("the server did not start")
