"""Delivery: one effect an account, whatever the platform and the worker do."""

import base64
import json
from datetime import timedelta
from unittest import mock

import pytest
from django.utils import timezone

from cases.connectors.webhook import Webhook, body_of
from cases.models import Case, Connector, Enforcement, EnforcementItem, Member
from cases.services import deliver, lease, tries, wanted
from cases.services.connect import set_up_webhook
from cases.services.deliver import deliver_due, deliver_item
from cases.services.enforce import (
    cancel_enforcement,
)
from ingest import outbound as http
from ingest.models import Account
from tests.base import make_case
from tests.cases.orders import (
    GatewayCase,
    connector_at,
    effects,
    make_due,
)
from tests.processes import open_port


class DeliveryTests(GatewayCase):
    def test_an_order_is_delivered_read_back_finished_and_believed(self):
        with self.gateway():
            order = self.running()
            assert deliver_due() == 3
            order.refresh_from_db()
        assert order.state == "done" and order.finished_at
        self.one_effect_each()
        for item in order.items.all():
            assert (item.state, item.last_status, item.attempts) == ("done", 200, 1)
            assert (item.state_before, item.state_after) == ("active", "suspended")
        for account in Account.objects.all():
            assert (account.state, account.state_actor) == ("suspended", order.ref)
        assert self.kinds()[-1] == "enforcement_finished"
        assert self.case.events.last().content.body["items"] == {"done": 3}
        with self.gateway():
            assert deliver_due() == 0, "delivering again changes nothing"
        self.one_effect_each()

    def test_each_fault_ends_in_one_effect_per_account(self):
        for fault, first in (
            ("time-out-after-effect", "unknown"),
            ("slow", "unknown"),
            ("500-after-effect", "unknown"),
            ("429", "waiting"),
        ):
            with self.subTest(fault):
                EnforcementItem.objects.all().delete()
                Enforcement.objects.all().delete()
                self.file.unlink(missing_ok=True)
                with self.gateway(fault):
                    order = self.running()
                    assert deliver_item(order.items.order_by("pk")[0].pk)
                    item = order.items.order_by("pk")[0]
                    assert item.state == first
                    assert item.due_at > timezone.now()
                    for _ in range(8):
                        make_due()
                        deliver_due()
                    order.refresh_from_db()
                assert (order.state, self.states(order)) == ("done", ["done"] * 3)
                self.one_effect_each()

    def test_a_time_out_is_read_back_and_not_sent_again(self):
        with self.gateway("time-out-after-effect"):
            order = self.running()
            item = order.items.first()
            deliver_item(item.pk)
            with mock.patch.object(Webhook, "apply", side_effect=AssertionError("sent")):
                make_due()
                deliver_item(item.pk)
            item.refresh_from_db()
        assert (item.state, item.attempts) == ("done", 2)

    def test_slow_down_rests_the_connector_for_as_long_as_asked(self):
        with self.gateway("429"):
            self.running()
            assert deliver_due() == 1, "the others wait for the connector too"
            self.connector.refresh_from_db()
            wait = (self.connector.open_until - timezone.now()).total_seconds()
        assert 0 < wait <= 1
        assert self.connector.failures == 0
        assert effects(self.file) == []

    def test_gone_switches_the_connector_off_and_loses_nothing(self):
        with self.gateway("410"):
            order = self.running()
            assert deliver_due() == 1
            self.connector.refresh_from_db()
            assert not self.connector.enabled
            assert self.states(order) == ["waiting"] * 3
            make_due()
            assert deliver_due() == 0
            Connector.objects.update(enabled=True)  # the platform is back at its place
            for _ in range(8):
                make_due()
                deliver_due()
                Connector.objects.update(enabled=True)
        assert self.states(order) == ["done"] * 3
        self.one_effect_each()

    def test_a_redirect_fails_and_is_not_followed(self):
        with self.gateway("redirect"):
            order = self.running()
            deliver_due()
            order.refresh_from_db()
        assert (order.state, self.states(order)) == ("done", ["failed"] * 3)
        assert order.items.first().last_status == 307
        assert self.case.events.last().content.body["items"] == {"failed": 3}

    def test_a_wrong_secret_is_not_hammered(self):
        with self.gateway() as url:
            order = self.running()
            set_up_webhook(
                "platform", name="Platform", url=url, allowed_private_hosts=["127.0.0.1"],
                secret="whsec_" + base64.b64encode(b"x" * 32).decode(),
            )  # fmt: skip
            deliver_due()
        assert self.states(order) == ["waiting"] * 3
        assert "401" in order.items.first().last_error

    def test_an_account_suspended_already_is_done_without_a_command(self):
        with self.gateway():
            self.running()
            deliver_due()
            again = make_case(2, accounts=1, status="decided", verdict="confirmed")
            Member.objects.create(
                case=again, account=self.case.members.first().account, probability=0.99,
                tier="core", method="test",
            )  # fmt: skip
            self.case = again
            order = self.running()
            deliver_due()
        assert self.states(order) == ["done"] * 2
        self.one_effect_each(4)
        assert sorted(order.items.values_list("state_before", flat=True)) == ["active", "suspended"]

    def test_a_limit_never_loosens_a_suspension(self):
        with self.gateway():
            self.running()
            deliver_due()
            order = self.running("limit")
            deliver_due()
        assert self.states(order) == ["skipped"] * 3
        assert "loosen" in order.items.first().last_error
        self.one_effect_each()

    def test_a_worker_killed_after_sending_is_read_back_first(self):
        with self.gateway():
            order = self.running()
            item = order.items.first()
            with (
                mock.patch.object(tries, "after_answer", side_effect=KeyboardInterrupt),
                pytest.raises(KeyboardInterrupt),
            ):
                deliver_item(item.pk)
            item.refresh_from_db()
            assert item.state == "sending" and len(effects(self.file)) == 1
            assert deliver_item(item.pk) is False, "its lease holds"
            make_due()
            with mock.patch.object(Webhook, "apply", side_effect=AssertionError("sent")):
                assert deliver_item(item.pk)
            item.refresh_from_db()
        assert (item.state, item.state_before) == ("done", "active")

    def test_a_worker_killed_at_any_point_leaves_one_effect(self):
        points = [
            (Webhook, "read"),
            (deliver, "note_before"),
            (Webhook, "apply"),
            (tries, "after_answer"),
            (tries, "after_read_back"),
            (deliver, "settle"),
            (deliver, "record_read_back"),
            (deliver, "_keep_exchanges"),
            (deliver.breaker, "tell"),
            (deliver, "_finish"),
        ]
        for where, name in points:
            with self.subTest(name):
                EnforcementItem.objects.all().delete()
                Enforcement.objects.all().delete()
                self.file.unlink(missing_ok=True)
                with self.gateway():
                    order = self.running()
                    with mock.patch.object(where, name, side_effect=KeyboardInterrupt):
                        for item in order.items.all():
                            with pytest.raises(KeyboardInterrupt):
                                deliver_item(item.pk)
                    make_due()
                    deliver_due()
                    order.refresh_from_db()
                assert (order.state, self.states(order)) == ("done", ["done"] * 3)
                self.one_effect_each()
                assert set(order.items.values_list("state_before", flat=True)) == {"active"}

    def test_who_was_too_slow_settles_nothing(self):
        with self.gateway():
            order = self.running()
            item = order.items.first()
            (slow,) = lease.claim(self.connector, most=1, only=item.pk)
            make_due()
            assert deliver_item(item.pk)
            assert lease.note_before([(slow, "limited", {})]) == set()
            assert lease.settle([lease.Settlement(slow, "failed")]) == set()
        item.refresh_from_db()
        assert (item.state, item.state_before) == ("done", "active")

    def test_of_two_leases_on_one_item_the_later_one_holds(self):
        order = self.running()
        item = EnforcementItem.objects.filter(enforcement=order)[:1].get()
        (slow,) = lease.claim(self.connector, most=1, only=item.pk)
        assert lease.note_before([(slow, "active", {})]) == {item.pk}
        make_due()
        (later,) = lease.claim(self.connector, most=1, only=item.pk)
        assert later.sent_before and not slow.sent_before
        assert lease.note_before([(slow, "limited", {})]) == set()
        assert lease.settle([lease.Settlement(slow, "failed")]) == set()
        assert lease.settle([lease.Settlement(later, "done")]) == {item.pk}
        item.refresh_from_db()
        assert (item.state, item.state_before) == ("done", "active")

    def test_a_platform_that_is_away_rests_the_connector_and_gets_one_probe(self):
        case = make_case(2, accounts=8, status="decided", verdict="confirmed")
        self.case = case
        self.connector = connector_at(f"http://127.0.0.1:{open_port()}")
        order = self.running()
        assert deliver_due() == lease.BREAKER
        self.connector.refresh_from_db()
        assert self.connector.failures == lease.BREAKER
        assert self.connector.open_until > timezone.now() + timedelta(seconds=20)
        assert self.states(order) == ["waiting"] * 8, "nothing was sent, so nothing is unknown"
        make_due()
        assert deliver_due() == 1, "one probe"
        with self.gateway():
            Connector.objects.update(failures=lease.BREAKER + 1, open_until=timezone.now())
            make_due()
            deliver_due()
            self.connector.refresh_from_db()
        assert (self.connector.failures, self.connector.open_until) == (0, None)
        assert self.states(order) == ["done"] * 8

    def test_after_the_last_try_the_unsent_fails_and_the_sent_stays_unknown(self):
        with self.gateway("500-after-effect"):
            order = self.running()
            items = list(order.items.order_by("pk"))
            deliver_item(items[0].pk)  # sent, unknown
        self.connector = connector_at(f"http://127.0.0.1:{open_port()}")
        EnforcementItem.objects.exclude(pk=items[0].pk).update(attempts=deliver.TRIES - 1)
        EnforcementItem.objects.filter(pk=items[0].pk).update(attempts=deliver.TRIES - 1)
        for item in items:
            make_due()
            deliver_item(item.pk)
        order.refresh_from_db()
        assert self.states(order) == ["failed", "failed", "unknown"]
        assert order.state == "done"
        assert self.case.events.last().content.body["items"] == {"failed": 2, "unknown": 1}
        assert deliver_due() == 0

    def test_cancelling_while_it_runs_skips_what_was_not_sent_and_reads_back_what_was(self):
        with self.gateway("500-after-effect"):
            order = self.running()
            items = list(order.items.order_by("pk"))
            deliver_item(items[0].pk)
            cancel_enforcement(order, actor=self.bo)
            assert self.states(order) == ["skipped", "skipped", "unknown"]
            assert order.finished_at is None
            make_due()
            deliver_due()
            order.refresh_from_db()
        assert self.states(order) == ["done", "skipped", "skipped"]
        assert order.state == "cancelled" and order.finished_at
        assert self.kinds()[-2:] == ["enforcement_cancelled", "enforcement_finished"]
        self.one_effect_each(1)

    def test_a_cancelled_order_never_sends_again(self):
        with self.gateway():
            order = self.running()
            item = order.items.first()
            with mock.patch.object(Webhook, "apply", side_effect=http.NoAnswer("lost")):
                deliver_item(item.pk)
            cancel_enforcement(order, actor=self.bo)
            make_due()
            deliver_due()
            item.refresh_from_db()
        assert item.state == "skipped" and "cancelled" in item.last_error
        assert effects(self.file) == []

    def test_two_orders_about_one_account_end_in_the_order_of_their_numbers(self):
        with self.gateway("500-after-effect"):
            first = self.running("limit")
            item = first.items.first()
            deliver_item(item.pk)  # unknown: its retry is still to come
            second = self.running("suspend")
            later = second.items.get(account=item.account)
            assert deliver_item(later.pk) is False
            for _ in range(8):
                make_due()
                deliver_due()
        assert self.states(first) == self.states(second) == ["done"] * 3
        by_account = {}
        for effect in effects(self.file):
            by_account.setdefault(effect["account"], []).append(effect["state"])
        assert set(map(tuple, by_account.values())) == {("limited", "suspended")}

    def test_a_restricted_case_is_not_named_to_the_platform(self):
        for restricted, named in ((False, "C-1"), (True, None)):
            Case.objects.update(restricted=restricted)
            order = self.request()
            order.reviewed_at = timezone.now()
            item = order.items.select_related("account", "enforcement__case").first()
            item.enforcement.reviewed_at = timezone.now()
            held = lease.Lease(item, timezone.now(), sent_before=False)
            body = json.loads(body_of(wanted.command_of(held, wanted.Wanted("suspended"))))
            assert body["data"].get("case") == named
            cancel_enforcement(order, actor=self.ana)

    def test_a_secret_that_cannot_be_opened_waits_for_its_key(self):
        with self.gateway():
            order = self.running()
            with self.settings(ENCRYPTION_KEYS=[b"z" * 32]):
                deliver_due()
            assert self.states(order) == ["waiting"] * 3
            make_due()
            deliver_due()
        assert self.states(order) == ["done"] * 3
