"""A process dies at every point at which something is half done; the next one makes it whole."""

import threading
import uuid
from itertools import count
from pathlib import Path
from unittest import mock

import pytest
from django.test import TransactionTestCase

from cases.connectors.recording_gateway import GatewayServer, RecordingGateway
from cases.models import Connector, Enforcement
from cases.services import nudge, tries
from cases.services.deliver import deliver_due
from cases.services.enforce import approve_enforcement, request_enforcement
from tests.base import make_case, make_user
from tests.cases.orders import SECRET, connector_at, effects, make_due
from tests.faults.crash_points import in_a_process_of_its_own, steps_of

NUMBERS = count(1)


class CrashPointTests(TransactionTestCase):
    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path, settings):
        self.folder: Path = tmp_path
        settings.CELERY_BROKER_URL = "redis+socket:///nowhere.sock"  # a hint is never needed
        nudge._rest_until = 0.0

    def setUp(self):
        self.file = self.folder / "gateway.jsonl"
        server = GatewayServer(0, RecordingGateway(self.file, SECRET))
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        self.connector = connector_at(f"http://127.0.0.1:{server.server_address[1]}")
        self.ana, self.lea = make_user("ana"), make_user("lea")

    def requested(self) -> Enforcement:
        case = make_case(next(NUMBERS), accounts=1, status="decided", verdict="confirmed")
        return request_enforcement(
            case, actor=self.ana, kind="suspend", connector=self.connector, reason="rule 4.2"
        )

    def approve(self, order: Enforcement) -> None:
        approve_enforcement(Enforcement.objects.get(pk=order.pk), actor=self.lea)

    def carry_out(self) -> None:
        for _ in range(3):
            make_due()
            deliver_due()

    def one_effect(self, order: Enforcement, where: str) -> None:
        order.refresh_from_db()
        item = order.items.get()
        sent = [effect for effect in effects(self.file) if effect["order"] == order.ref]
        self.assertEqual(
            (order.state, item.state, item.state_before), ("done", "done", "active"), where
        )
        self.assertEqual(len(sent), 1, where)
        told = order.case.events.filter(kind="enforcement_finished").count()
        self.assertEqual(told, 1, where)

    def points(self, work, seen: list[str]):
        """Each point of some work, and what its process was doing there."""
        names = steps_of(work, self.folder / "steps.json")
        self.assertEqual(seen, names, "the points are those that were meant")
        for die_at in range(len(names) + 1):
            yield die_at, f"after {names[die_at - 1]} ({die_at})" if die_at else "before all"

    def test_an_approval_is_whole_or_was_never_given(self):
        first = self.requested()
        steps = ["commit", "hint to the broker"]
        for die_at, where in self.points(lambda: self.approve(first), steps):
            with self.subTest(where):
                order = self.requested()
                died = in_a_process_of_its_own(lambda at=order: self.approve(at), die_at=die_at)
                self.assertTrue(died, where)
                order.refresh_from_db()
                self.assertEqual(order.state, "running" if die_at else "requested")
                if not die_at:
                    self.approve(order)
                self.carry_out()
                self.one_effect(order, where)

    def test_a_delivery_that_dies_anywhere_ends_in_one_effect(self):
        self.approve(self.requested())
        for die_at, where in self.points(deliver_due, DELIVERY):
            with self.subTest(where):
                order = self.requested()
                self.approve(order)
                died = in_a_process_of_its_own(deliver_due, die_at=die_at)
                self.assertTrue(died, where)
                self.carry_out()
                self.one_effect(order, where)

    def test_a_key_that_changes_with_every_try_is_caught(self):
        """The fault is planted: on a platform that is not read, it doubles what was sent."""
        Connector.objects.update(settings={"honours_key": True, "reads_back": False})
        order = self.requested()
        self.approve(order)
        after_the_call = ["commit", NOTED, POST].index(POST) + 1  # it is not read before either
        real = tries.command_of

        def with_a_new_key(lease, wanted):
            command = real(lease, wanted)
            return command.__class__(**vars(command) | {"key": str(uuid.uuid4())})

        with mock.patch.object(tries, "command_of", with_a_new_key):
            self.assertTrue(in_a_process_of_its_own(deliver_due, die_at=after_the_call))
            self.carry_out()
        with self.assertRaises(AssertionError):
            self.one_effect(order, "planted")


GET, POST = "GET to the platform", "POST to the platform"
NOTED = "UPDATE cases_enforcementitem"
DELIVERY = ["commit", GET, NOTED, POST, GET, "commit", "commit"]
