"""Delivery where a platform can do less, or says more than it should."""

import json
from unittest import mock

import pytest
from django.utils import timezone

from cases.connectors.protocol import CannotCarry, Command, Endpoint, Target, Wire
from cases.connectors.webhook import Webhook, body_of
from cases.models import Connector, Exchange
from cases.services import lease
from cases.services.deliver import deliver_due, deliver_item
from cases.services.enforce import approve_enforcement, cancel_enforcement
from ingest import outbound
from ingest.outbound import Answer
from tests.cases.orders import SECRET, GatewayCase, effects, make_due

NEITHER = {"honours_key": False, "reads_back": False}
UNREAD = {"honours_key": True, "reads_back": False}


class LessAblePlatformTests(GatewayCase):
    def able(self, settings):
        Connector.objects.filter(pk=self.connector.pk).update(settings=settings)

    def test_without_key_and_reading_one_try_and_then_a_person(self):
        with self.gateway("time-out-after-effect"):
            self.able(NEITHER)
            order = self.running()
            for _ in range(4):
                make_due()
                deliver_due()
            order.refresh_from_db()
            sent = Exchange.objects.filter(step="send").count()
        assert self.states(order) == ["unknown"] * 3
        assert sent == 3, "one automatic try each"
        item = order.items.first()
        assert item.due_at is None and item.last_error.startswith("needs a person")
        assert order.state == "done", "what no machine can answer holds nothing up"
        assert not Exchange.objects.filter(step="read").exists()

    def test_without_key_and_reading_a_worker_that_died_after_the_call_sends_no_second_time(self):
        with self.gateway():
            self.able(NEITHER)
            order = self.running()
            item = order.items.first()
            (held,) = lease.claim(self.connector, most=1, only=item.pk)
            lease.note_before([(held, "active", {})])  # and dies on the way to its answer
            make_due()
            deliver_item(item.pk)
            item.refresh_from_db()
        assert (item.state, item.due_at) == ("unknown", None)
        assert effects(self.file) == []

    def test_a_worker_that_died_before_the_call_is_no_reason_to_ask_a_person(self):
        with self.gateway():
            self.able(NEITHER)
            order = self.running()
            item = order.items.first()
            lease.claim(self.connector, most=1, only=item.pk)
            make_due()
            deliver_item(item.pk)
            item.refresh_from_db()
        assert (item.state, item.state_before) == ("done", "active")
        assert len(effects(self.file)) == 1

    def test_with_a_key_alone_it_is_sent_again_with_one_effect(self):
        with self.gateway("time-out-after-effect"):
            self.able(UNREAD)
            order = self.running()
            for _ in range(4):
                make_due()
                deliver_due()
        assert self.states(order) == ["done"] * 3
        assert "cannot be read back" in order.items.first().last_error
        self.one_effect_each()

    def test_cancelling_what_may_have_been_sent_unread_leaves_it_to_a_person(self):
        with self.gateway("time-out-after-effect"):
            self.able(UNREAD)
            order = self.running()
            item = order.items.first()
            deliver_item(item.pk)
            cancel_enforcement(order, actor=self.bo)
            make_due()
            deliver_due()
            item.refresh_from_db()
        assert item.state == "unknown" and "cancelled" in item.last_error


class OrderOfApprovalTests(GatewayCase):
    def test_the_order_that_was_approved_last_has_the_last_word(self):
        with self.gateway():
            suspend = self.request("suspend")
            limit = approve_enforcement(self.request("limit"), actor=self.lea)
            approve_enforcement(suspend, actor=self.lea)  # asked for first, approved last
            item = suspend.items.first()
            assert deliver_item(item.pk) is False, "the limit was approved first"
            for _ in range(4):
                make_due()
                deliver_due()
        assert self.states(limit) == self.states(suspend) == ["done"] * 3
        by_account = {}
        for effect in effects(self.file):
            by_account.setdefault(effect["account"], []).append(effect["state"])
        assert set(map(tuple, by_account.values())) == {("limited", "suspended")}

    def test_nothing_begins_while_an_account_has_something_on_its_way(self):
        later = self.request("suspend")
        first = approve_enforcement(self.request("limit"), actor=self.lea)
        item = first.items.first()
        (held,) = lease.claim(self.connector, most=1, only=item.pk)
        approve_enforcement(later, actor=self.lea)
        # as if its transaction had begun before the other's and ended after it
        type(later).objects.filter(pk=later.pk).update(
            reviewed_at=first.reviewed_at.replace(year=2020)
        )
        mine = later.items.get(account=item.account)
        assert lease.claim(self.connector, most=1, only=mine.pk) == []
        lease.settle([lease.Settlement(held, "done")])
        assert len(lease.claim(self.connector, most=1, only=mine.pk)) == 1


class BreakerTests(GatewayCase):
    def test_it_opens_although_reading_works(self):
        with self.gateway(), mock.patch.object(Webhook, "apply", return_value=Answer(500, {}, b"")):
            self.running()
            for _ in range(8):
                type(self.connector).objects.filter(failures__lt=lease.BREAKER).update(
                    open_until=None
                )
                for item in self.case.enforcements.get().items.all():
                    item.due_at = timezone.now()
                    item.save(update_fields=["due_at"])
                deliver_due()
            self.connector.refresh_from_db()
        assert self.connector.failures == lease.BREAKER
        assert self.connector.open_until > timezone.now()


class ExchangeTests(GatewayCase):
    def test_what_was_said_is_kept_in_order_without_secrets(self):
        with self.gateway():
            order = self.running()
            deliver_due()
        said = list(order.items.first().exchanges.order_by("id"))
        assert [(one.step, one.method, one.status) for one in said] == [
            ("read", "GET", 200), ("send", "POST", 200), ("read", "GET", 200),
        ]  # fmt: skip
        assert json.loads(said[1].request)["data"]["state"] == "suspended"
        assert json.loads(said[1].answer)["repeated"] is False
        for one in said:
            text = json.dumps([one.path, one.request, one.answer, one.error])
            assert SECRET not in text and "v1," not in text and "signature" not in text

    def test_no_answer_leaves_its_reason(self):
        with self.gateway("time-out-after-effect"):
            order = self.running()
            deliver_item(order.items.first().pk)
        last = order.items.first().exchanges.last()
        assert (last.step, last.status) == ("send", None) and "no answer" in last.error


def test_a_platform_that_repeats_secrets_has_them_hidden(monkeypatch):
    endpoint = Endpoint("https://platform.example/orders", SECRET)
    wire = Wire(endpoint)
    echo = f'{{"you": "{SECRET}", "key": "sk-abcDEF123456", "nul": "\0"}}' + "x" * 9000
    monkeypatch.setattr(
        "cases.connectors.protocol.request", lambda *args, **more: Answer(500, {}, echo.encode())
    )
    Webhook(endpoint, wire).post("k", b"{}")
    (said,) = wire.said
    assert SECRET not in said.answer and "abcDEF" not in said.answer and "\0" not in said.answer
    assert len(said.answer) < 2100 and "characters more" in said.answer


class WhatCannotBeCarriedTests(GatewayCase):
    def test_an_order_that_is_too_long_fails_by_itself_and_says_why(self):
        with self.gateway():
            order = self.running()
            type(order).objects.filter(pk=order.pk).update(notice="x" * 30_000)
            deliver_due()
            self.connector.refresh_from_db()
        assert self.states(order) == ["failed"] * 3
        assert "bytes" in order.items.first().last_error
        assert self.connector.failures == 0, "the platform is not to blame"


def test_a_kind_that_the_contract_has_not_is_not_sent():
    command = Command("k", "dance", Target("a"), "active", "O-1", timezone.now(), "r")
    with pytest.raises(CannotCarry, match="dance"):
        body_of(command)


def test_a_round_never_outlives_its_lease():
    """Read, send, read back, each in a thread of its own."""
    assert lease.LEASE.total_seconds() > 3 * outbound.SECONDS


def test_the_secret_is_not_in_the_representation_of_a_wire():
    endpoint = Endpoint("https://platform.example/", SECRET)
    assert SECRET not in repr(endpoint) + repr(Wire(endpoint))
