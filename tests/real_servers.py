"""What tests that start a real server need: its program, a port, and to wait until it is ready."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest
import requests

_READY_S = 30


def program(name: str, package: str) -> str:
    """The path of a program; its absence fails the test."""
    found = shutil.which(name)
    if found is None:
        pytest.fail(f"{name} is not installed: run `make programs`, or apt-get install {package}")
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Until the URL answers well; the end of the log if it never does."""
    for _ in range(_READY_S * 10):
        try:
            if requests.get(url, timeout=5).ok:
                return
        except requests.ConnectionError:
            pass
        if process.poll() is not None:
            break
        time.sleep(0.1)
    pytest.fail(f"{process.args!r} did not become ready:\n{log.read_text()[-2000:]}")
