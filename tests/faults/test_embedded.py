"""What an operator meets when the machine is not as hoped: one line that says what to do."""

import os
import socket
import subprocess
import sys

import pytest
from django.conf import settings

from analyst import demo, embedded
from tests.processes import ROOT


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    with pytest.raises(embedded.CannotStart, match="pass VAR=folder"):
        embedded.prepare(blocked / "var")


@pytest.mark.skipif(os.getuid() != 0, reason="needs root to give a folder away")
def test_a_folder_of_another_user_is_named(tmp_path):
    var = tmp_path / "var"
    var.mkdir()
    os.chown(var, 12345, 12345)
    with pytest.raises(embedded.CannotStart, match="belongs to user id 12345"):
        embedded.prepare(var)


@pytest.mark.skipif(os.getuid() != 0, reason="needs root to mount a small disk")
def test_a_full_disk_is_named(tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", small], capture_output=True
    )
    if mounted.returncode:
        pytest.skip(f"no small disk can be mounted here: {mounted.stderr.decode()}")
    try:
        (small / "filler").write_bytes(b"0" * 65_536)
        with pytest.raises(embedded.CannotStart, match="no space left"):
            embedded.prepare(small / "var")
    finally:
        subprocess.run(["umount", small], check=True)


def test_a_taken_port_is_named_with_the_next_one():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(demo.Busy, match=f"make demo PORT={port + 1}"):
            demo.serve(port, seed=1)


def test_two_demos_in_one_folder_are_refused(tmp_path):
    refused = pytest.raises(demo.Busy, match="give this one VAR=folder")
    with demo.hold(tmp_path), refused, demo.hold(tmp_path):
        pass


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("DATABASE_URL", "mysql://x/y", "must name PostgreSQL 15 or newer"),
        ("CELERY_BROKER_URL", "kafka://x", "must begin with redis:// or amqp://"),
        ("MEMBERSHIP_PRIOR", "often", "is not a number"),
        ("MEMBERSHIP_PRIOR", "0.9", "it must be from"),
        ("HTTPS", "maybe", "use 1 or 0"),
        ("ENCRYPTION_KEYS", "c2hvcnQ=", "must be base64 of 32 bytes"),
    ],
)
def test_a_bad_setting_stops_the_start_with_its_name(variable, value, says):
    production = {
        "DATABASE_URL": "postgresql:///x",
        "SECRET_KEY": "x" * 60,
        "ALLOWED_HOSTS": "desk.example",
        "CELERY_BROKER_URL": "redis://localhost/0",
        "ENCRYPTION_KEYS": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
    }
    env = {"PATH": os.environ["PATH"], "VAR": str(settings.VAR)} | production | {variable: value}
    done = subprocess.run(
        [sys.executable, "manage.py", "check"], cwd=ROOT, env=env, capture_output=True, text=True
    )
    assert done.returncode != 0
    assert says in done.stderr and variable in done.stderr, done.stderr
    assert "Traceback" not in done.stderr


def test_production_without_a_secret_key_is_refused():
    env = {"PATH": os.environ["PATH"], "DATABASE_URL": "postgresql:///x"}
    done = subprocess.run(
        [sys.executable, "manage.py", "check"], cwd=ROOT, env=env, capture_output=True, text=True
    )
    assert done.stderr.startswith("stillwatch: SECRET_KEY is not set"), done.stderr
