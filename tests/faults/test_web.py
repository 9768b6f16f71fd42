"""Deliveries under kill -9, and the desk while its database is away."""

import json
import os
import signal
import threading
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from django.db import connection
from django.test import TransactionTestCase

from ingest.models import Batch, Signal
from tests.base import make_detector
from tests.processes import environment, gather_static, open_port, wait_for, web

BATCH = 200


def body(batch: int) -> bytes:
    lines = [
        {
            "ref": f"{batch}-{i}",
            "account": {"id": f"acct-{i}", "organisation": f"org-{i % 7}"},
            "window_start": "2026-11-19T00:00:00Z",
            "window_end": "2026-11-20T00:00:00Z",
            "score": 0.5,
            "summary": "twice the median of its plan",
            "attributes": [{"kind": "payment", "value": f"card-{i % 11}"}],
        }
        for i in range(BATCH)
    ]
    return "\n".join(json.dumps(line) for line in lines).encode()


class DeliveryTest(TransactionTestCase):
    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path):
        self.folder: Path = tmp_path

    def setUp(self):
        self.detector = make_detector("outside", "volume")
        self.token = self.detector.issue_token()
        self.detector.save()
        self.port = open_port()

    def post(self, batch: int) -> int | None:
        """The status, or None when nobody answered."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/api/v1/signals/",
            data=body(batch),
            headers={
                "Authorization": f"Bearer {self.token}",
                "Content-Type": "application/x-ndjson",
            },
        )
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                answer.read()
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return None

    def test_kill_9_during_deliveries_loses_and_doubles_nothing(self):
        acknowledged: set[int] = set()
        unanswered: set[int] = set()
        log = self.folder / "web.log"
        running = web(environment(), self.port, log)
        next_batch = iter(range(10_000))
        stop = threading.Event()

        def client():
            while not stop.is_set():
                batch = next(next_batch)
                status = self.post(batch)
                if status == 200:
                    acknowledged.add(batch)
                elif status is None:
                    unanswered.add(batch)
                    stop.wait(0.05)

        clients = [threading.Thread(target=client) for _ in range(3)]
        for thread in clients:
            thread.start()
        try:
            for _ in range(4):
                enough = len(acknowledged) + 4
                wait_for(lambda enough=enough: len(acknowledged) >= enough)
                os.killpg(running.process.pid, signal.SIGKILL)
                running.process.wait()
                running = web(environment(), self.port, log)
            stop.set()
            for thread in clients:
                thread.join()
            self.assertTrue(unanswered, "no delivery was cut: the fault did not happen")
            stored = self.stored()
            for batch in acknowledged:
                self.assertEqual(stored.get(batch), BATCH, f"batch {batch} was acknowledged")
            for batch in unanswered:
                self.assertIn(stored.get(batch, 0), (0, BATCH), f"batch {batch} is there in part")
            # who got no answer sends again; nothing is stored twice
            for batch in sorted(unanswered):
                self.assertEqual(self.post(batch), 200)
            self.assertEqual(set(self.stored().values()), {BATCH})
            self.assertEqual(Signal.objects.count(), BATCH * len(acknowledged | unanswered))
        finally:
            stop.set()
            running.kill()

    def stored(self) -> dict[int, int]:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT split_part(ref, '-', 1)::int, count(*) FROM ingest_signal GROUP BY 1"
            )
            return dict(cursor.fetchall())

    def test_a_body_over_the_limit_is_refused_and_nothing_is_stored(self):
        env = environment(INGEST_BODY_LIMIT="100000")
        with web(env, self.port, self.folder / "web.log"):
            request = urllib.request.Request(
                f"http://127.0.0.1:{self.port}/api/v1/signals/",
                data=body(1) * 20,
                headers={"Authorization": f"Bearer {self.token}"}
                | {"Content-Type": "application/x-ndjson"},
            )
            with self.assertRaises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(request, timeout=20)
            self.assertEqual(refused.exception.code, 413)
            self.assertIn("error", json.loads(refused.exception.read()))
        self.assertEqual(Batch.objects.count(), 0)

    def test_a_database_that_is_away_is_503_with_retry_after(self):
        env = environment() | {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nowhere"}
        gather_static(env)
        port = self.port
        with web(env, port, self.folder / "web.log"):
            for path, kind in (
                ("/", "text/html"),
                ("/login/", "text/html"),
                ("/healthz", "text/html"),
                ("/api/v1/cases/", "application/json"),
            ):
                with self.subTest(path), self.assertRaises(urllib.error.HTTPError) as answer:
                    cookie = {"Cookie": f"sessionid={'k' * 32}"}
                    request = urllib.request.Request(
                        f"http://127.0.0.1:{port}{path}", headers=cookie
                    )
                    urllib.request.urlopen(request, timeout=20)
                self.assertEqual(answer.exception.code, 503)
                self.assertEqual(answer.exception.headers["Retry-After"], "5")
                self.assertIn(kind, answer.exception.headers["Content-Type"])
            self.assertEqual(self.post(1), 503)
