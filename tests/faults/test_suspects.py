"""A real worker on a test of a suspect: killed in the middle, it goes on where the rows end."""

import time
from pathlib import Path
from unittest import mock
from urllib.parse import urlsplit

import pytest
import redis
from django.test import TransactionTestCase
from django.utils import timezone

from cases.models import TimelineEvent
from ingest.models import Job, Signal, SuspectControl, SuspectTest
from ingest.services import suspect_run
from ingest.services.suspects import request_outputs_test
from tests.base import make_case, make_user
from tests.ingest.suspects import as_lines, make_test_key, spoken
from tests.processes import environment, wait_for, worker

pytestmark = pytest.mark.worker


class SuspectWorkerTest(TransactionTestCase):
    @pytest.fixture(autouse=True)
    def _around(self, tmp_path, broker):
        self.folder: Path = tmp_path
        self.env = environment(broker, SWEEP_SECONDS="0.5")
        redis.Redis(unix_socket_path=urlsplit(broker).path).flushall()

    def setUp(self):
        make_case()
        Signal.objects.update(taken_at=timezone.now())  # or grouping would judge this case anew
        self.keys = [make_test_key(f"c{i}", accounts=["acct-1-0"]) for i in range(3)]
        self.texts = spoken(self.keys[0], outputs=120)

    def ask(self) -> SuspectTest:
        test = request_outputs_test(
            actor=make_user(f"u{time.monotonic_ns()}"), name="heron", outputs=as_lines(self.texts)
        )
        SuspectTest.objects.filter(pk=test.pk).update(control_keys=2500, seed=5)
        return test

    def tried(self, test) -> int:
        control = SuspectControl.objects.filter(test=test).first()
        return len(control.ps) if control else 0

    def test_it_goes_on_after_kill_9_and_comes_to_the_same_result(self):
        test = self.ask()
        for kill, tried in ((1, 100), (2, 500)):
            with worker(self.env, self.folder / f"killed-{kill}.log") as running:
                wait_for(lambda at=tried: self.tried(test) >= at, running, 60)
                running.kill()
            # who held it is silent for longer than a living worker ever is: let the time pass
            Job.objects.filter(pk=test.job_id, state="running").update(
                beat_at=timezone.now() - timezone.timedelta(minutes=2)
            )
        left = self.tried(test)
        self.assertTrue(500 <= left < 2500, f"the kills met a finished test: {left}")
        found = TimelineEvent.objects.filter(kind="watermark_found")
        with worker(self.env, self.folder / "last.log") as running:
            wait_for(lambda: Job.objects.get(pk=test.job_id).is_over, running, 90)
            wait_for(found.exists, running, 60)
        killed = self.figures(test)
        with mock.patch.object(suspect_run, "SLICE", 300):
            whole = self.ask()
            suspect_run.run_waiting()
        self.assertEqual(killed, self.figures(whole))
        self.assertEqual(len(killed["control"][0]["ps"]), 2500)
        self.assertEqual([row["finding"] for row in killed["keys"]],
                         ["found", "not_found", "not_found"])  # fmt: skip
        self.assertEqual(found.count(), 1)

    def figures(self, test) -> dict:
        test = SuspectTest.objects.select_related("job").get(pk=test.pk)
        self.assertEqual((test.job.state, test.is_sound), ("done", True), test.job.error)
        keys = test.results.order_by("key")
        return {
            "keys": list(keys.values("key", "rows", "log10_p", "log10_corrected", "finding")),
            "control": list(test.controls.values("name", "ps", "zs", "below", "ks_p")),
        }
