"""Others ban and reinstate too: it is seen, said once, and not overwritten in silence."""

from datetime import timedelta

from django.utils import timezone

from cases.models import EnforcementItem
from cases.services.deliver import deliver_due
from cases.services.drift import drifted_items, mark_drift, skip_reinstated
from cases.services.enforce import approve_enforcement
from ingest.models import AccountPart
from ingest.platform_wire import StateReport, Told
from ingest.services.platform import record_platform_states
from tests.cases.orders import GatewayCase, effects


def tell(account, state, actor="support desk", minutes=1, **fields):
    at = timezone.now() + timedelta(minutes=minutes)
    report = StateReport(account=account, state=state, actor=actor, at=at, **fields)
    return record_platform_states([Told(1, report)], source="test")


class DriftTests(GatewayCase):
    def done(self, kind="limit"):
        with self.gateway():
            order = self.running(kind)
            deliver_due()
        return order

    def test_a_reinstatement_by_others_is_shown_and_said_once(self):
        order = self.done()
        first, second, _ = [i.account for i in order.items.select_related("account")]
        assert mark_drift() == []
        tell(first.external_id, "active")
        tell(second.external_id, "suspended", actor="fraud team")
        (found,) = mark_drift()
        assert (found.accounts, found.says) == (2, "1 active now, 1 suspended now")
        assert {item.account for item in drifted_items()} == {first, second}
        assert self.case.events.last().kind == "platform_drifted"
        assert mark_drift() == [] and drifted_items().count() == 2

    def test_who_is_as_we_left_it_again_does_not_drift_any_more(self):
        first = self.done().items.first().account
        tell(first.external_id, "active")
        mark_drift()
        tell(first.external_id, "limited", minutes=2)
        assert mark_drift() == [] and not drifted_items().exists()

    def test_what_our_own_orders_did_is_no_drift(self):
        first = self.done().items.first()
        tell(first.account.external_id, "limited", minutes=-600)
        first.account.refresh_from_db()
        assert first.account.state_actor.startswith("O-")
        assert mark_drift() == []

    def test_a_key_drifts_by_itself(self):
        order = self.done()
        account = order.items.first().account
        AccountPart.objects.create(account=account, kind="key", external_id="k")
        order.items.all().update(target="", state="skipped")
        EnforcementItem.objects.create(
            enforcement=order, account=account, target="k", state="done", state_after="limited",
            finished_at=timezone.now(),
        )  # fmt: skip
        type(order).objects.filter(pk=order.pk).update(target_kind="key")
        tell(account.external_id, "active", key="k")
        assert [f.accounts for f in mark_drift()] == [1]

    def test_whom_others_reinstate_while_an_order_runs_is_left_out_of_it(self):
        with self.gateway():
            order = approve_enforcement(self.request("suspend"), actor=self.lea)
            first = order.items.select_related("account").first()
            tell(first.account.external_id, "active", actor="support desk", minutes=2)
            assert skip_reinstated() == 1 and skip_reinstated() == 0
            deliver_due()
            first.refresh_from_db()
        assert first.state == "skipped"
        assert "reinstated by support desk" in first.last_error
        assert first.account.external_id not in {e["account"] for e in effects(self.file)}
