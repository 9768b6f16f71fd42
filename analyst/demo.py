"""The demo: simulated traffic through the real path, then the desk's processes, supervised."""

import base64
import contextlib
import fcntl
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from datetime import UTC, datetime
from pathlib import Path

from django.conf import settings
from django.core.management import call_command
from django.db import connection

from analyst import embedded
from analyst.demo_report import compare

LOGINS = (
    ("analyst", "analyst", "Mina", "Okafor"),
    ("lead", "lead", "Jonas", "Lindqvist"),
    ("auditor", "auditor", "Leila", "Mbeki"),
)


class Busy(Exception):
    """Another process works in VAR, or the port is taken."""


@contextlib.contextmanager
def hold(var: Path):
    """One demo a folder."""
    embedded.prepare(var)
    with open(var / ".demo.lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Busy(
                f"a demo already runs in {var}: stop it, or give this one VAR=folder PORT=n"
            ) from None
        yield


def say(text: str) -> None:
    print(f"· {text}", file=sys.stderr, flush=True)


def run_once(seed: int) -> dict:
    """Everything but serving. Returns what was found against what was planted."""
    try:
        prepare(seed)
        return report()
    finally:
        connection.close()
        embedded.stop(settings.VAR)


def serve(port: int, seed: int) -> None:
    """Prepare, then run the desk until Ctrl-C."""
    if not free(port):
        raise Busy(f"port {port} is taken: make demo PORT={port + 1}")
    for stop in (signal.SIGINT, signal.SIGTERM):
        signal.signal(stop, _interrupt)
    processes = {}
    try:
        logins = prepare(seed)
        processes = start_processes(port)
        wait_until_up(port, processes)
        print(f"\nStillwatch is up: http://127.0.0.1:{port}/\n", flush=True)
        for name, password in logins.items():
            print(f"    {name:<10} {password}", flush=True)
        print(
            f"\nThe recording gateway, where orders take effect: {gateway_url()}\n"
            "Ctrl-C stops everything; the next make demo goes on from here.\n",
            flush=True,
        )
        supervise(processes)
    except KeyboardInterrupt:
        print(file=sys.stderr)
        say("stopping")
    finally:
        # a second Ctrl-C must not leave half of it running
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        stop_processes(processes)
        connection.close()
        embedded.stop(settings.VAR)


def prepare(seed: int) -> dict[str, str]:
    """Services, tables, logins, traffic, signals, cases: what is missing of them."""
    say("starting PostgreSQL and the broker")
    embedded.start_postgres(settings.VAR)
    embedded.start_valkey(settings.VAR)
    say("migrating the database")
    call_command("migrate", verbosity=0, interactive=False)
    logins = make_logins()
    done = demo_folder() / "done.json"
    if not done.exists():
        shutil.rmtree(demo_folder(), ignore_errors=True)
        demo_folder().mkdir(parents=True)
        from ingest.simulate import simulate

        say("simulating two weeks of a provider's traffic")
        # the two weeks end with the last full hour, so that the desk looks as it would today
        end = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
        simulate(demo_folder(), seed=seed, end=end)
        say("running the detectors over the logs")
        call_command("detect", str(next(demo_folder().glob("*.parquet"))), stdout=sys.stderr)
        say("grouping accounts into cases")
        call_command("group", stdout=sys.stderr)
        done.write_text(json.dumps({"seed": seed, "end": end.isoformat()}))
    say("gathering static files")
    call_command("collectstatic", verbosity=0, interactive=False)
    return logins


def report() -> dict:
    """What was found against what was planted."""
    from cases.models import Member

    members = (
        Member.objects.current()
        .filter(case__merged_into=None)
        .values_list("account__external_id", "case__number", "probability", "tier")
    )
    truth = json.loads((demo_folder() / "truth.json").read_text())
    rows = [(account, f"C-{number}", p, tier) for account, number, p, tier in members.iterator()]
    return compare(truth, rows)


def make_logins() -> dict[str, str]:
    """Demo people with passwords of their own, the same at every start."""
    from django.contrib.auth.models import Group, User

    path = settings.VAR / "demo-logins.json"
    if not path.exists():
        made = {name: secrets.token_urlsafe(9) for name, *_ in LOGINS}
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(made, file)
    logins = json.loads(path.read_text())
    for name, role, first, last in LOGINS:
        user, new = User.objects.get_or_create(
            username=name, defaults={"first_name": first, "last_name": last}
        )
        if new:
            user.set_password(logins[name])
            user.save(update_fields=["password"])
            user.groups.add(Group.objects.get(name=role))
    return logins


def start_processes(port: int) -> dict[str, subprocess.Popen]:
    """The recording gateway, web, worker and beat, each in a process group of its own."""
    from cases.services.connect import set_up_webhook

    gateway_port = open_port()
    secret_file = demo_folder() / "gateway-secret"
    if not secret_file.exists():
        with open(os.open(secret_file, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
            file.write("whsec_" + base64.b64encode(secrets.token_bytes(32)).decode())
    secret = secret_file.read_text()
    (demo_folder() / "gateway-port").write_text(str(gateway_port))
    set_up_webhook(
        "recording-gateway",
        name="Recording gateway",
        url=f"http://127.0.0.1:{gateway_port}",
        secret=secret,
        allowed_private_hosts=["127.0.0.1"],
    )
    python = sys.executable
    manage = [python, str(settings.BASE_DIR / "manage.py")]
    logs = settings.VAR / "log"
    logs.mkdir(exist_ok=True)
    commands = {
        "gateway": [
            *manage, "gateway", "--port", str(gateway_port),
            "--file", str(demo_folder() / "gateway.jsonl"),
        ],
        "web": [
            python, "-m", "gunicorn", "analyst.wsgi", "--bind", f"127.0.0.1:{port}",
            "--workers", "2", "--threads", "4", "--worker-class", "gthread", "--no-control-socket",
        ],
        "worker": [
            python, "-m", "celery", "-A", "analyst", "worker", "--concurrency", "2",
            "--loglevel", "WARNING", "--without-mingle", "--without-gossip",
        ],
        "beat": [
            python, "-m", "celery", "-A", "analyst", "beat", "--loglevel", "WARNING",
            "--schedule", str(settings.VAR / "beat-schedule"), "--pidfile", "",
        ],
    }  # fmt: skip
    processes = {}
    for name, command in commands.items():
        say(f"starting {name}")
        with open(logs / f"{name}.log", "ab") as log:
            processes[name] = subprocess.Popen(
                command,
                cwd=settings.BASE_DIR,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env=os.environ | {"VAR": str(settings.VAR), "GATEWAY_SECRET": secret},
            )
    return processes


def wait_until_up(port: int, processes: dict[str, subprocess.Popen]) -> None:
    deadline = time.monotonic() + 60
    while True:
        fallen = [name for name, process in processes.items() if process.poll() is not None]
        if fallen or time.monotonic() > deadline:
            name = fallen[0] if fallen else "web"
            raise SystemExit(f"stillwatch: {name} did not start; see {settings.VAR}/log/{name}.log")
        with (
            contextlib.suppress(OSError),
            urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2) as answer,
        ):
            if answer.status == 200:
                return
        time.sleep(0.2)


def supervise(processes: dict[str, subprocess.Popen]) -> None:
    """Until Ctrl-C; a process that falls takes the demo down with a word about why."""
    while True:
        for name, process in processes.items():
            if process.poll() is not None:
                raise SystemExit(
                    f"stillwatch: {name} stopped by itself; see {settings.VAR}/log/{name}.log"
                )
        time.sleep(0.5)


def stop_processes(processes: dict[str, subprocess.Popen]) -> None:
    for process in processes.values():
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
    for process in processes.values():
        try:
            process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def demo_folder() -> Path:
    return settings.VAR / "demo"


def gateway_url() -> str:
    return f"http://127.0.0.1:{(demo_folder() / 'gateway-port').read_text()}/"


def free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def open_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _interrupt(signum, frame):
    raise KeyboardInterrupt
