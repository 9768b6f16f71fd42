"""Taking orders back, connectors by command, and hints to a broker that may be away."""

import socket
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from cases.errors import CaseError
from cases.models import Case, Connector, Enforcement, EnforcementItem, Member
from cases.services import nudge
from cases.services.connect import endpoint_of, set_up_webhook
from cases.services.deliver import deliver_due
from cases.services.enforce import (
    approve_enforcement,
    cancel_enforcement,
    request_enforcement,
)
from cases.services.reverse import request_reversal
from ingest.models import Account
from tests.base import DeskTestCase
from tests.cases.orders import SECRET, GatewayCase, connector_at, effects
from tests.processes import open_port


class ReversalTests(GatewayCase):
    def finished(self, kind="suspend") -> Enforcement:
        order = self.running(kind)
        deliver_due()
        order.refresh_from_db()
        assert order.state == "done"
        return order

    def reverse(self, order) -> Enforcement:
        back = request_reversal(order, actor=self.ana, reason="appeal granted")
        approve_enforcement(back, actor=self.lea)
        deliver_due()
        back.refresh_from_db()
        return back

    def test_each_account_gets_its_own_state_back(self):
        with self.gateway():
            limited = self.case.members.first().account
            EnforcementItem.objects.exclude(account=limited).filter(state="waiting").delete()
            first = self.running("limit")
            first.items.exclude(account=limited).delete()
            deliver_due()
            order = self.finished()
            back = self.reverse(order)
        assert self.states(back) == ["done"] * 3 and back.kind == "reinstate"
        last = {effect["account"]: effect["state"] for effect in effects(self.file)}
        assert last.pop(limited.external_id) == "limited"
        assert set(last.values()) == {"active"}
        assert back.blast_radius["states"] == {"active": 2, "limited": 1}
        assert Account.objects.get(pk=limited.pk).state == "limited"

    def test_an_account_that_somebody_changed_since_is_left_as_it_is(self):
        with self.gateway():
            order = self.finished("limit")
            self.finished("suspend")
            back = self.reverse(order)
        assert self.states(back) == ["skipped"] * 3
        assert "did not do" in back.items.first().last_error

    def test_only_a_finished_order_that_changed_something_is_reversed(self):
        waiting = self.request()
        with pytest.raises(CaseError, match="waiting for approval"):
            request_reversal(waiting, actor=self.ana, reason="x")
        cancel_enforcement(waiting, actor=self.ana)
        with pytest.raises(CaseError, match="changed no account"):
            request_reversal(waiting, actor=self.ana, reason="x")
        with self.gateway():
            order = self.finished()
            back = request_reversal(order, actor=self.ana, reason="appeal")
            with pytest.raises(CaseError, match="puts it back"):
                request_reversal(order, actor=self.ana, reason="appeal")
            with pytest.raises(CaseError, match="Say why"):
                cancel_enforcement(back, actor=self.ana)
                request_reversal(order, actor=self.ana, reason=" ")
            with pytest.raises(CaseError, match="reinstates"):
                request_reversal(back, actor=self.ana, reason="x")

    def test_a_benign_case_can_be_put_back(self):
        with self.gateway():
            order = self.finished()
            Case.objects.update(verdict="benign")
            assert self.states(self.reverse(order)) == ["done"] * 3

    def test_a_plain_reinstatement_reaches_those_who_are_not_active(self):
        with self.gateway():
            self.finished()
            Member.objects.update(verdict="out")
            order = self.running("reinstate")
            deliver_due()
        assert self.states(order) == ["done"] * 3
        assert set(Account.objects.values_list("state", flat=True)) == {"active"}


class ConnectorTests(DeskTestCase):
    def test_the_secret_is_sealed_and_opens_for_its_connector_alone(self):
        connector = connector_at("http://127.0.0.1:1/")
        assert SECRET.encode() not in bytes(connector.sealed_secret)
        assert endpoint_of(connector).secret == SECRET
        assert "s" * 32 not in repr(connector.__dict__)

    def test_what_could_never_work_is_refused(self):
        good = {"name": "P", "url": "https://platform.example/hook", "secret": SECRET}
        set_up_webhook("good", **good)
        for change in (
            {"secret": "plain"}, {"secret": "whsec_!!"}, {"secret": "whsec_c2hvcnQ="},
            {"url": "http://platform.example/"}, {"url": "ftp://x/"}, {"url": "https://"},
            {"url": "https://u:p@platform.example/"}, {"url": "https://platform.example/?a=b"},
        ):  # fmt: skip
            with self.subTest(change), pytest.raises(CaseError):
                set_up_webhook("bad", **good | change)

    def test_an_operator_sets_it_up_and_is_shown_a_fresh_secret_once(self):
        out = StringIO()
        patch = pytest.MonkeyPatch()
        self.addCleanup(patch.undo)
        patch.delenv("CONNECTOR_SECRET", raising=False)
        address = ("--name", "Gateway EU", "--url", "https://gateway.example/orders")
        call_command("connect", "gateway-eu", *address, stdout=out)
        connector = Connector.objects.get(slug="gateway-eu")
        assert endpoint_of(connector).secret in out.getvalue()
        patch.setenv("CONNECTOR_SECRET", SECRET)
        out = StringIO()
        call_command("connect", "gateway-eu", *address, stdout=out)
        connector.refresh_from_db()
        assert endpoint_of(connector).secret == SECRET
        assert "whsec_" not in out.getvalue()
        with pytest.raises(CommandError, match="https"):
            call_command("connect", "x", "--name", "X", "--url", "http://gateway.example/")

    def test_setting_it_up_again_switches_it_on(self):
        connector_at("http://127.0.0.1:1/", enabled=False, failures=9, open_until=timezone.now())
        connector = connector_at("http://127.0.0.1:2/")
        assert Connector.objects.count() == 1
        assert (connector.enabled, connector.failures, connector.open_until) == (True, 0, None)


class NudgeTests(DeskTestCase):
    def setUp(self):
        nudge._rest_until = 0.0
        self.addCleanup(setattr, nudge, "_rest_until", 0.0)

    def approve(self) -> float:
        Case.objects.update(status="decided", verdict="confirmed")
        order = request_enforcement(
            self.case, actor=self.ana, kind="suspend", reason="r",
            connector=connector_at("http://127.0.0.1:1/"),
        )  # fmt: skip
        start = timezone.now()
        with self.captureOnCommitCallbacks(execute=True) as callbacks:
            approve_enforcement(order, actor=self.lea)
        assert len(callbacks) == 1
        order.refresh_from_db()
        assert order.state == "running"
        return (timezone.now() - start).total_seconds()

    def test_a_broker_that_is_away_costs_the_request_nothing(self):
        for url in (f"redis://127.0.0.1:{open_port()}/0", "redis+socket:///nowhere.sock"):
            nudge._rest_until = 0.0
            Enforcement.objects.update(state="done")
            with (
                self.settings(CELERY_BROKER_URL=url),
                self.assertLogs("cases.services.nudge", "WARNING"),
            ):
                assert self.approve() < 1

    def test_a_broker_that_never_answers_costs_a_second_once(self):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            url = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
            with self.settings(CELERY_BROKER_URL=url):
                with self.assertLogs("cases.services.nudge", "WARNING"):
                    assert self.approve() < 3
                start = timezone.now()
                nudge._publish("deliver_due_items", ())
                assert (timezone.now() - start).total_seconds() < 0.1
