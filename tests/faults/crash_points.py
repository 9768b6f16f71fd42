"""Every point at which a process can die with something half done, found by counting.

A step is what the world outside the process can see: a commit, a write that commits by itself, a
request to a platform, a hint to the broker. Between two of them a death changes nothing, so dying
before the first step and after each one is dying everywhere.
"""

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from unittest import mock

from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper

from cases.connectors import protocol
from cases.services import nudge

WRITES = ("INSERT", "UPDATE", "DELETE")


class Steps:
    """Counts the steps of this process, and dies at one of them. die_at 0: before the first."""

    def __init__(self, die_at: int | None = None):
        self.names: list[str] = []
        self._die_at = die_at

    def run(self, work: Callable[[], object]) -> None:
        commit, request, publish = BaseDatabaseWrapper.commit, protocol.request, nudge._publish

        def committed(wrapper):
            self._around("commit", commit, wrapper)

        def requested(method, url, **more):
            return self._around(f"{method} to the platform", request, method, url, **more)

        def published(task, args):
            return self._around("hint to the broker", publish, task, args)

        with (
            mock.patch.object(BaseDatabaseWrapper, "commit", committed),
            mock.patch.object(protocol, "request", requested),
            mock.patch.object(nudge, "_publish", published),
            connection.execute_wrapper(self._executed),
        ):
            work()

    def _executed(self, execute, sql, params, many, context):
        words = sql.split()
        if words[0] in WRITES and not context["connection"].in_atomic_block:
            return self._around(f"{words[0]} {words[1]}", execute, sql, params, many, context)
        return execute(sql, params, many, context)

    def _around(self, name: str, act: Callable, *args, **more):
        if self._die_at == 0 and not self.names:
            die()
        try:
            return act(*args, **more)
        finally:
            self.names.append(name)
            if self._die_at == len(self.names):
                die()


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def in_a_process_of_its_own(work: Callable[[], object], *, die_at: int | None = None) -> bool:
    """Do the work in a child that dies at a step. False: it came to its end instead."""
    connection.close()  # a connection has one owner
    pid = os.fork()
    if not pid:
        try:
            Steps(die_at).run(work)
        finally:
            os._exit(0)
    _, status = os.waitpid(pid, 0)
    return os.WIFSIGNALED(status)


def steps_of(work: Callable[[], object], file: Path) -> list[str]:
    """Do the work in a child, and tell what its steps were."""

    def counted():
        steps = Steps()
        steps.run(work)
        file.write_text(json.dumps(steps.names))

    connection.close()
    pid = os.fork()
    if not pid:
        try:
            counted()
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    return json.loads(file.read_text())
