"""Real processes for the tests that kill them: each in a process group of its own."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from django.conf import settings
from django.db import connection

ROOT = Path(__file__).resolve().parent.parent


def test_database_url() -> str:
    """The URL of the database that this test run uses, for a process of its own."""
    made = connection.settings_dict
    host = made["OPTIONS"].get("host") or made["HOST"]
    user = made["USER"] or made["OPTIONS"].get("user", "")
    password = f":{made['PASSWORD']}" if made["PASSWORD"] else ""
    port = f"&port={made['PORT']}" if made["PORT"] else ""
    return f"postgresql://{user}{password}@/{made['NAME']}?host={host}{port}"


test_database_url.__test__ = False  # a name that pytest would collect


def environment(broker: str = "", **more: str) -> dict[str, str]:
    """What a web process or worker of the test needs to know."""
    return {
        **os.environ,
        "VAR": str(settings.VAR),
        "DATABASE_URL": test_database_url(),
        "CELERY_BROKER_URL": broker or "redis+socket:///nowhere.sock",
        "SECRET_KEY": settings.SECRET_KEY,
        "ENCRYPTION_KEYS": ",".join(_base64(key) for key in settings.ENCRYPTION_KEYS),
        "ALLOWED_HOSTS": "127.0.0.1",
        "HTTPS": "0",
        "MEDIA_ROOT": str(settings.MEDIA_ROOT),
        **more,
    }


def _base64(key: bytes) -> str:
    import base64

    return base64.b64encode(key).decode()


def open_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Running:
    """A process group that can be killed as a crash would."""

    def __init__(self, command: list[str], env: dict[str, str], log: Path):
        self.log = log
        with open(log, "ab") as out:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                start_new_session=True,
            )  # fmt: skip

    def kill(self, how=signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, how)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=20)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.kill(signal.SIGTERM)
        self.kill()


def web(env: dict[str, str], port: int, log: Path, workers: int = 2) -> Running:
    """gunicorn on the port, answering."""
    running = Running(
        [
            sys.executable, "-m", "gunicorn", "analyst.wsgi", "--bind", f"127.0.0.1:{port}",
            "--workers", str(workers), "--threads", "4", "--worker-class", "gthread",
            "--no-control-socket",
        ],
        env, log,
    )  # fmt: skip
    wait_for(lambda: answers(f"http://127.0.0.1:{port}/healthz"), running)
    return running


def worker(env: dict[str, str], log: Path) -> Running:
    """A Celery worker with two processes and its own beat."""
    return Running(
        [
            sys.executable, "-m", "celery", "-A", "analyst", "worker", "--beat", "--concurrency",
            "2", "--schedule", str(log.with_suffix(".schedule")), "--loglevel", "WARNING",
            "--without-mingle", "--without-gossip",
        ],
        env, log,
    )  # fmt: skip


def gather_static(env: dict[str, str]) -> None:
    """Static files as production serves them, under the VAR of env."""
    subprocess.run(
        [sys.executable, "manage.py", "collectstatic", "--no-input", "--verbosity", "0"],
        cwd=ROOT, env=env, check=True,
    )  # fmt: skip


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


def wait_for(condition, running: Running | None = None, seconds: float = 60) -> None:
    """Until the condition holds; says what the process logged when it does not."""
    deadline = time.monotonic() + seconds
    while not condition():
        fallen = running is not None and running.process.poll() is not None
        if fallen or time.monotonic() > deadline:
            tail = running.log.read_text(errors="replace")[-3000:] if running else ""
            raise AssertionError(f"waited {seconds} s for nothing. {tail}")
        time.sleep(0.1)
