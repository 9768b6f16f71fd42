"""What the tests about orders start from: connectors, the recording gateway, a case to act on."""

import base64
import json
import threading
from contextlib import contextmanager

import pytest
from django.utils import timezone

from cases.connectors.recording_gateway import GatewayServer, RecordingGateway
from cases.models import Case, Connector, Enforcement, EnforcementItem
from cases.services.connect import set_up_webhook
from cases.services.enforce import (
    approve_enforcement,
    request_enforcement,
)
from ingest import outbound as http
from tests.base import DeskTestCase

SECRET = "whsec_" + base64.b64encode(b"s" * 32).decode()


def connector_at(url: str, slug="platform", **fields) -> Connector:
    connector = set_up_webhook(
        slug, name="Platform", url=url, secret=SECRET, allowed_private_hosts=["127.0.0.1"]
    )
    Connector.objects.filter(pk=connector.pk).update(**fields)
    connector.refresh_from_db()
    return connector


@contextmanager
def gateway_at(file, fault=""):
    """A recording gateway on a free port: gives its URL."""
    server = GatewayServer(0, RecordingGateway(file, SECRET), fault=fault, fault_seconds=1.5)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def effects(file) -> list[dict]:
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def make_due():
    """Let the time until the next tries pass."""
    now = timezone.now()
    EnforcementItem.objects.filter(due_at__isnull=False).update(due_at=now)
    Connector.objects.filter(open_until__isnull=False).update(open_until=now)


class OrderCase(DeskTestCase):
    @pytest.fixture(autouse=True)
    def _file(self, tmp_path):
        self.file = tmp_path / "gateway.jsonl"

    def setUp(self):
        Case.objects.update(status="decided", verdict="confirmed")
        self.connector = connector_at("http://127.0.0.1:1/")

    def request(self, kind="suspend", **fields) -> Enforcement:
        fields = {"connector": self.connector, "reason": "rule 4.2"} | fields
        return request_enforcement(self.case, actor=self.ana, kind=kind, **fields)

    def running(self, kind="suspend", **fields) -> Enforcement:
        return approve_enforcement(self.request(kind, **fields), actor=self.lea)

    def kinds(self):
        kinds = self.case.events.order_by("seq").values_list("kind", flat=True)
        return [kind for kind in kinds if kind.startswith("enforcement")]

    def states(self, order=None):
        items = order.items if order else EnforcementItem.objects
        return sorted(items.values_list("state", flat=True))


class GatewayCase(OrderCase):
    """Against the real gateway on the loopback address."""

    def setUp(self):
        super().setUp()
        patch = pytest.MonkeyPatch()
        patch.setattr(http, "SECONDS", 0.5)
        self.addCleanup(patch.undo)

    @contextmanager
    def gateway(self, fault=""):
        with gateway_at(self.file, fault) as url:
            self.connector = connector_at(url)
            yield url

    def one_effect_each(self, count=3):
        keys = [effect["key"] for effect in effects(self.file)]
        assert len(keys) == len(set(keys)) == count
        accounts = [effect["account"] for effect in effects(self.file)]
        assert len(set(accounts)) == count
