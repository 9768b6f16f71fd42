"""Orders: who may ask and approve, whom they reach, and one effect per account at the target."""

import base64
import json
import socket
import threading
from contextlib import contextmanager
from datetime import timedelta
from io import StringIO
from unittest import mock

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import TransactionTestCase
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from cases.connectors import http
from cases.connectors.recording_gateway import GatewayServer, RecordingGateway
from cases.errors import CaseError, NotAllowed
from cases.models import Case, Connector, Enforcement, EnforcementItem, Member
from cases.services import deliver, lease, nudge
from cases.services.connect import endpoint_of, set_up_webhook
from cases.services.deliver import deliver_due, deliver_item
from cases.services.enforce import (
    approve_enforcement,
    cancel_enforcement,
    preview,
    refuse_enforcement,
    request_enforcement,
    request_reversal,
)
from ingest.models import Account, ActivityHour
from tests.base import DeskTestCase, make_case, make_user
from tests.processes import open_port

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


class PreviewTests(OrderCase):
    def test_it_counts_whom_it_reaches_and_whom_it_leaves_out_and_why(self):
        case = make_case(2, accounts=6)
        members = list(case.members.order_by("pk"))
        for member, fields in zip(
            members,
            [{"verdict": "out"}, {"verdict": "unsure"}, {}, {"tier": "likely"}, {}, {}],
            strict=True,
        ):
            Member.objects.filter(pk=member.pk).update(**fields)
        Account.objects.filter(pk=members[2].account_id).update(is_aggregate=True)
        Account.objects.filter(pk=members[4].account_id).update(state="suspended")
        found = preview(case, kind="suspend", tiers=["core"])
        assert (found["accounts"], found["organisations"], found["already"]) == (2, 2, 1)
        assert found["aggregates"] == 1
        assert found["expected_innocent"] == pytest.approx(0.06)
        assert found["left_out"] == [
            {"why": "an analyst said out", "accounts": 1},
            {"why": "an analyst is unsure", "accounts": 1},
            {"why": "stands for many people", "accounts": 1},
            {"why": "likely, not ordered", "accounts": 1},
        ]
        assert [t["accounts"] for t in found["tiers"]] == [2, 1, 0]
        assert found["tokens_a_day"] == round(2 * 2 * 9000 / 7)
        json.dumps(found)

    def test_activity_that_was_not_recorded_is_not_nought(self):
        ActivityHour.objects.all().delete()
        assert preview(self.case, kind="limit", tiers=["core"])["tokens_a_day"] is None

    def test_it_changes_nothing(self):
        preview(self.case, kind="suspend", tiers=["core", "likely", "possible"])
        assert not Enforcement.objects.exists() and self.kinds() == []

    def test_a_case_of_any_size_costs_the_same_queries(self):
        counts = []
        for accounts in (3, 30):
            case = make_case(accounts, accounts=accounts)
            with self.assertNumQueries(9):
                counts.append(preview(case, kind="suspend", tiers=["core"])["accounts"])
        assert counts == [3, 30]


class RequestTests(OrderCase):
    def test_it_waits_for_approval_with_its_preview_and_an_item_for_each_account(self):
        order = self.request()
        assert order.state == "requested" and order.tiers == ["core"]
        assert order.blast_radius["accounts"] == 3 == order.items.count()
        assert self.states() == ["waiting"] * 3
        assert not order.items.exclude(due_at=None).exists()
        assert len(set(order.items.values_list("key", flat=True))) == 3
        assert order.ref.startswith("O-") and self.kinds() == ["enforcement_requested"]
        assert deliver_due() == 0

    def test_members_judged_out_or_unsure_and_aggregates_get_no_item(self):
        members = list(self.case.members.order_by("pk"))
        Member.objects.filter(pk=members[0].pk).update(verdict="out")
        Account.objects.filter(pk=members[1].account_id).update(is_aggregate=True)
        order = self.request()
        assert list(order.items.values_list("account", flat=True)) == [members[2].account_id]

    def test_a_suspension_needs_a_confirmed_verdict_and_a_limit_does_not(self):
        for verdict in ("undecided", "inconclusive", "other_abuse", "benign"):
            Case.objects.update(status="in_review", verdict=verdict)
            with pytest.raises(CaseError, match="no confirmed verdict"):
                self.request()
        with pytest.raises(CaseError, match="found benign"):
            self.request("limit")
        Case.objects.update(verdict="undecided")
        assert self.request("limit").state == "requested"

    def test_each_thing_that_stands_against_it_is_said(self):
        soon = timezone.now() + timedelta(days=1)
        for fields, said in (
            ({"kind": "watch"}, "read back only"),
            ({"kind": "revoke"}, "read back only"),
            ({"reason": "  "}, "Say why"),
            ({"tiers": ["everybody"]}, "core, likely and possible"),
            ({"tiers": ["possible"]}, "no account"),
            ({"reason": "é" * 3000, "notice": "é" * 4000}, "too long"),
            ({"expires_at": soon}, "Only a limit"),
            ({"kind": "limit", "expires_at": timezone.now()}, "lie ahead"),
            ({"connector": connector_at("http://127.0.0.1:1/", "off", enabled=False)}, "off"),
            ({"kind": "reinstate"}, "no account"),
        ):
            with self.subTest(said), pytest.raises(CaseError, match=said):
                self.request(**fields)
        assert not Enforcement.objects.exists() and self.kinds() == []

    def test_an_equal_order_that_waits_or_runs_is_named(self):
        first = self.request()
        with pytest.raises(CaseError, match=f"{first.ref} is the same order"):
            self.request()
        approve_enforcement(first, actor=self.lea)
        with pytest.raises(CaseError, match=f"{first.ref} is the same order"):
            self.request()
        cancel_enforcement(first, actor=self.ana)
        self.request()


class ReviewTests(OrderCase):
    def test_a_second_person_approves_and_the_items_are_due(self):
        order = approve_enforcement(self.request(), actor=self.lea, note="seen")
        assert (order.state, order.reviewed_by, order.review_note) == ("running", self.lea, "seen")
        assert order.items.filter(due_at__lte=timezone.now()).count() == 3
        assert self.kinds() == ["enforcement_requested", "enforcement_approved"]

    def test_who_asked_neither_approves_nor_refuses(self):
        order = self.request()
        with pytest.raises(NotAllowed, match="another person"):
            approve_enforcement(order, actor=self.ana)
        with pytest.raises(NotAllowed, match="cancel it instead"):
            refuse_enforcement(order, actor=self.ana, note="no")
        assert Enforcement.objects.get().state == "requested"

    def test_a_second_review_is_refused_with_a_reason(self):
        order, stale = self.request(), Enforcement.objects.get()
        approve_enforcement(order, actor=self.lea)
        for review in (
            lambda: approve_enforcement(stale, actor=self.bo),
            lambda: refuse_enforcement(stale, actor=self.bo, note="no"),
        ):
            with pytest.raises(CaseError, match="being delivered already"):
                review()
        assert Enforcement.objects.get().reviewed_by == self.lea
        assert self.kinds().count("enforcement_approved") == 1

    def test_a_member_judged_out_since_is_skipped(self):
        order = self.request()
        member = self.case.members.first()
        Member.objects.filter(pk=member.pk).update(verdict="out")
        approve_enforcement(order, actor=self.lea)
        assert order.items.get(account=member.account).state == "skipped"
        assert self.case.events.last().content.body["accounts"] == 2

    def test_a_case_reopened_since_is_not_suspended(self):
        order = self.request()
        Case.objects.update(status="reopened", verdict="undecided")
        with pytest.raises(CaseError, match="no confirmed verdict"):
            approve_enforcement(order, actor=self.lea)

    def test_an_end_that_has_passed_or_a_connector_off_is_not_approved(self):
        order = self.request("limit", expires_at=timezone.now() + timedelta(hours=1))
        Enforcement.objects.update(expires_at=timezone.now())
        with pytest.raises(CaseError, match="has passed"):
            approve_enforcement(order, actor=self.lea)
        Enforcement.objects.update(expires_at=None)
        Connector.objects.update(enabled=False)
        with pytest.raises(CaseError, match="switched off"):
            approve_enforcement(Enforcement.objects.get(), actor=self.lea)

    def test_every_step_locks_the_case_before_the_order(self):
        """Or two of them at once wait for each other until the database ends one of them."""
        steps = {
            "approve": lambda o: approve_enforcement(o, actor=self.lea),
            "refuse": lambda o: refuse_enforcement(o, actor=self.lea, note="no"),
            "cancel": lambda o: cancel_enforcement(o, actor=self.ana),
            "finish": deliver._finish,
        }
        for name, step in steps.items():
            with self.subTest(name):
                order = self.request()
                if name == "finish":
                    approve_enforcement(order, actor=self.lea)
                    order.items.update(state="done", due_at=None)
                with CaptureQueriesContext(connection) as queries:
                    step(order)
                sql = [query["sql"] for query in queries]
                locks = [s for s in sql if "FOR UPDATE" in s or s.startswith("UPDATE")]
                assert '"cases_case"' in locks[0] and "FOR UPDATE" in locks[0], locks[0]
                Enforcement.objects.filter(state="running").update(state="done")

    def test_a_refusal_needs_a_reason_and_skips_every_item(self):
        order = self.request()
        with pytest.raises(CaseError, match="Say why"):
            refuse_enforcement(order, actor=self.lea, note=" ")
        refuse_enforcement(order, actor=self.lea, note="too wide")
        assert order.state == "refused" and order.finished_at
        assert self.states() == ["skipped"] * 3
        assert self.kinds() == ["enforcement_requested", "enforcement_refused"]

    def test_cancelling_before_it_runs_ends_it(self):
        order = cancel_enforcement(self.request(), actor=self.ana)
        assert order.state == "cancelled" and order.finished_at
        assert self.states() == ["skipped"] * 3
        with pytest.raises(CaseError, match="cancelled already"):
            cancel_enforcement(order, actor=self.ana)
        with pytest.raises(CaseError, match="cancelled already"):
            approve_enforcement(order, actor=self.lea)


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
            with mock.patch.object(deliver.webhook, "send", side_effect=AssertionError("sent")):
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
                mock.patch.object(deliver, "_after_answer", side_effect=KeyboardInterrupt),
                pytest.raises(KeyboardInterrupt),
            ):
                deliver_item(item.pk)
            item.refresh_from_db()
            assert item.state == "sending" and len(effects(self.file)) == 1
            assert deliver_item(item.pk) is False, "its lease holds"
            make_due()
            with mock.patch.object(deliver.webhook, "send", side_effect=AssertionError("sent")):
                assert deliver_item(item.pk)
            item.refresh_from_db()
        assert (item.state, item.state_before) == ("done", "active")

    def test_a_worker_killed_at_any_point_leaves_one_effect(self):
        points = [
            (deliver.webhook, "read_state"),
            (lease.Lease, "note_before"),
            (deliver.webhook, "send"),
            (deliver, "_after_answer"),
            (deliver, "_done"),
            (deliver, "record_account_state"),
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
            slow = lease.take(EnforcementItem.objects.filter(pk=item.pk))
            make_due()
            assert deliver_item(item.pk)
            assert slow.note_before("limited") is False
            assert slow.settle("failed") is False
        item.refresh_from_db()
        assert (item.state, item.state_before) == ("done", "active")

    def test_of_two_leases_on_one_item_the_later_one_holds(self):
        order = self.running()
        item = EnforcementItem.objects.filter(enforcement=order)[:1].get()
        slow = lease.take(EnforcementItem.objects.filter(pk=item.pk))
        make_due()
        later = lease.take(EnforcementItem.objects.filter(pk=item.pk))
        assert later.sent_before and not slow.sent_before
        assert (slow.note_before("limited"), slow.settle("failed")) == (False, False)
        assert later.settle("done") is True

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
            with mock.patch.object(deliver.webhook, "send", side_effect=http.NoAnswer("lost")):
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
            body = json.loads(deliver._body(item, "suspended"))
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
            with pytest.raises(CaseError, match="same order"):
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


class TogetherTests(TransactionTestCase):
    """Threads with connections of their own, as two browsers or two workers have."""

    @pytest.fixture(autouse=True)
    def _file(self, tmp_path):
        self.file = tmp_path / "gateway.jsonl"

    def setUp(self):
        self.people = [make_user(name) for name in ("ana", "bo", "lea", "max")]
        self.case = make_case(accounts=24, status="decided", verdict="confirmed")

    def together(self, *jobs):
        outcomes, barrier = [], threading.Barrier(len(jobs))

        def run(job):
            barrier.wait()
            try:
                outcomes.append(job())
            except Exception as error:
                outcomes.append(error)
            finally:
                connection.close()

        threads = [threading.Thread(target=run, args=(job,)) for job in jobs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        unexpected = [
            e for e in outcomes if isinstance(e, Exception) and not isinstance(e, CaseError)
        ]
        assert unexpected == []
        return outcomes

    def request(self, actor):
        return request_enforcement(
            self.case, actor=actor, kind="suspend", reason="r",
            connector=Connector.objects.get(),
        )  # fmt: skip

    def test_two_who_ask_together_make_one_order(self):
        connector_at("http://127.0.0.1:1/")
        ana, bo, *_ = self.people
        self.together(lambda: self.request(ana), lambda: self.request(bo))
        assert Enforcement.objects.count() == 1

    def test_an_approval_and_a_refusal_together_one_wins(self):
        connector_at("http://127.0.0.1:1/")
        ana, _, lea, other = self.people
        order = self.request(ana)
        self.together(
            lambda: approve_enforcement(Enforcement.objects.get(pk=order.pk), actor=lea),
            lambda: refuse_enforcement(
                Enforcement.objects.get(pk=order.pk), actor=other, note="no"
            ),
        )
        kinds = list(self.case.events.values_list("kind", flat=True))
        reviews = [
            kind for kind in kinds if kind in ("enforcement_approved", "enforcement_refused")
        ]
        assert len(reviews) == 1

    def test_many_sweeps_at_once_have_one_effect_per_account_and_finish_once(self):
        with gateway_at(self.file) as url:
            connector_at(url)
            order = self.request(self.people[0])
            approve_enforcement(order, actor=self.people[2])
            tried = self.together(*[deliver_due] * 4)
            deliver_due()
        assert sum(tried) == 24
        assert len(effects(self.file)) == 24 == len({e["key"] for e in effects(self.file)})
        assert list(order.items.values_list("state", flat=True).distinct()) == ["done"]
        assert self.case.events.filter(kind="enforcement_finished").count() == 1
