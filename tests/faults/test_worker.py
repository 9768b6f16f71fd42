"""A real worker on the real broker, wiped in the middle. test_orders_under_fire kills workers."""

import base64
import json
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import redis
from django.test import TransactionTestCase
from django.utils import timezone

from cases.connectors.recording_gateway import GatewayServer, RecordingGateway
from cases.models import Case, Enforcement, EnforcementItem, EvidencePacket
from cases.services import nudge
from cases.services.connect import set_up_webhook
from cases.services.enforce import approve_enforcement, request_enforcement
from cases.services.seal import request_packet
from ingest.models import Account, Job
from tests.base import make_case, make_user
from tests.processes import environment, wait_for, worker

pytestmark = pytest.mark.worker
SECRET = "whsec_" + base64.b64encode(b"s" * 32).decode()
ACCOUNTS = 40


class SteadyGateway(RecordingGateway):
    """Takes as long for an order as a platform does, so that a kill meets many on their way."""

    def apply(self, headers, body):
        done = super().apply(headers, body)
        time.sleep(0.04)  # the effect is there and the answer is not
        return done


class WorkerTest(TransactionTestCase):
    @pytest.fixture(autouse=True)
    def _around(self, tmp_path, broker, settings):
        self.folder: Path = tmp_path
        self.env = environment(broker, SWEEP_SECONDS="0.5")
        self.broker = redis.Redis(unix_socket_path=urlsplit(broker).path)
        self.broker.flushall()
        nudge._rest_until = 0.0  # another test's broker was away

    def setUp(self):
        self.file = self.folder / "gateway.jsonl"
        server = GatewayServer(0, SteadyGateway(self.file, SECRET))
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        self.connector = set_up_webhook(
            "platform", name="Platform", url=f"http://127.0.0.1:{server.server_address[1]}",
            secret=SECRET, allowed_private_hosts=["127.0.0.1"],
        )  # fmt: skip
        self.ana, self.lea = make_user("ana"), make_user("lea")
        self.case = make_case(accounts=ACCOUNTS, status="decided", verdict="confirmed")

    def worker(self, name: str):
        return worker(self.env, self.folder / f"{name}.log")

    def approved(self) -> Enforcement:
        order = request_enforcement(
            self.case, actor=self.ana, kind="suspend", connector=self.connector, reason="rule 4.2"
        )
        return approve_enforcement(order, actor=self.lea)

    def effects(self) -> list[str]:
        if not self.file.exists():
            return []
        return [json.loads(line)["key"] for line in self.file.read_text().splitlines()]

    def ended(self) -> bool:
        # what a worker held when it died comes back when its lease runs out: let the time pass
        EnforcementItem.objects.filter(state__in=["sending", "unknown"]).update(
            due_at=timezone.now()
        )
        return Enforcement.objects.get().finished_at is not None

    def assert_one_effect_each(self, order: Enforcement):
        keys = [str(key) for key in order.items.values_list("key", flat=True)]
        self.assertEqual(sorted(self.effects()), sorted(keys))
        self.assertEqual(len(keys), ACCOUNTS)
        self.assertEqual(set(order.items.values_list("state", flat=True)), {"done"})
        self.assertEqual(set(order.items.values_list("state_before", flat=True)), {"active"})
        self.assertEqual(Account.objects.filter(state="suspended").count(), ACCOUNTS)
        self.assertEqual(self.case.events.filter(kind="enforcement_finished").count(), 1)

    def test_a_wiped_broker_loses_neither_orders_nor_packets(self):
        order = self.approved()
        packet = request_packet(self.case, actor=self.ana)
        self.assertEqual(self.broker.llen("celery"), 2, "each left a hint")
        self.broker.flushall()
        with self.worker("after") as running:
            wait_for(lambda: len(self.effects()) >= 5, running, 30)
            self.broker.flushall()
            wait_for(self.ended, running, 30)
            wait_for(lambda: Job.objects.get().state == Job.State.DONE, running, 30)
        self.assert_one_effect_each(order)
        packet.refresh_from_db()
        self.assertTrue(Path(packet.file.path).exists())
        self.assertEqual(EvidencePacket.objects.count(), 1)
        self.assertEqual(Case.objects.get().events.filter(kind="packet_sealed").count(), 1)
