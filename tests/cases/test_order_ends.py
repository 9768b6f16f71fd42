"""Ends: approvals that run out, limits that lapse, suspensions that ask to be renewed."""

from datetime import timedelta

import pytest
from django.utils import timezone

from cases.errors import CaseError, NotAllowed
from cases.models import Enforcement
from cases.services.deliver import deliver_due
from cases.services.enforce import approve_enforcement
from cases.services.order_ends import (
    ask_for_renewal,
    end_what_lapses,
    expire_unapproved,
    renew_enforcement,
)
from cases.services.reverse import request_reversal
from tests.cases.orders import GatewayCase, OrderCase, effects

DAY = timedelta(days=1)


def soon(days=1):
    return timezone.now() + days * DAY


class ExpiryTests(OrderCase):
    def test_what_nobody_approves_in_time_expires_once_and_is_not_approved_after(self):
        order = self.request()
        assert expire_unapproved() == 0
        Enforcement.objects.update(approve_by=timezone.now())
        assert expire_unapproved() == 1 and expire_unapproved() == 0
        order.refresh_from_db()
        assert order.state == "expired" and self.states(order) == ["skipped"] * 3
        with pytest.raises(CaseError, match="not approved in time already"):
            approve_enforcement(order, actor=self.lea)
        assert self.kinds()[-1] == "enforcement_expired"
        self.request()  # and can be asked for anew


class LapseTests(GatewayCase):
    def done(self, kind, **fields) -> Enforcement:
        order = self.running(kind, **fields)
        deliver_due()
        order.refresh_from_db()
        assert order.state == "done", order.items.values("state", "last_error")
        return order

    def over(self, order):
        Enforcement.objects.filter(pk=order.pk).update(expires_at=timezone.now())

    def test_a_limit_lapses_by_itself_and_each_account_gets_its_own_state_back(self):
        with self.gateway():
            order = self.done("limit", expires_at=soon())
            assert end_what_lapses() == 0
            self.over(order)
            assert end_what_lapses() == 1 and end_what_lapses() == 0
            back = order.reversals.get()
            assert (back.state, back.second_person, back.kind) == ("running", False, "reinstate")
            deliver_due()
        assert self.states(back) == ["done"] * 3
        assert [e["state"] for e in effects(self.file)] == ["limited"] * 3 + ["active"] * 3
        assert "enforcement_lapsed" in self.kinds()

    def test_a_limit_that_was_put_back_before_is_not_put_back_again(self):
        with self.gateway():
            order = self.done("limit", expires_at=soon())
            back = request_reversal(order, actor=self.ana, reason="enough")
            approve_enforcement(back, actor=self.lea)
            deliver_due()
            self.over(order)
            assert end_what_lapses() == 1
        assert order.reversals.count() == 1

    def test_a_suspension_asks_first_and_is_not_lifted_by_itself(self):
        with self.gateway():
            order = self.done("suspend", expires_at=soon(3))
            assert ask_for_renewal() == 1 and ask_for_renewal() == 0
            assert self.case.events.last().kind == "renewal_asked"
            self.over(order)
            assert end_what_lapses() == 1
            back = order.reversals.get()
            assert back.state == "requested"
            deliver_due()
        assert [e["state"] for e in effects(self.file)] == ["suspended"] * 3

    def test_a_second_person_renews_it_and_it_asks_again_before_the_new_end(self):
        with self.gateway():
            order = self.done("suspend", expires_at=soon(3))
        ask_for_renewal()
        with pytest.raises(NotAllowed, match="another person renews"):
            renew_enforcement(order, actor=self.ana, until=soon(30), reason="still at it")
        with pytest.raises(CaseError, match="after the present one"):
            renew_enforcement(order, actor=self.lea, until=soon(2), reason="still at it")
        stale = Enforcement.objects.get(pk=order.pk)
        renew_enforcement(order, actor=self.lea, until=soon(30), reason="still at it")
        assert order.approved_hash == order.content_hash and end_what_lapses() == 0
        assert ask_for_renewal() == 0
        Enforcement.objects.filter(pk=order.pk).update(expires_at=soon(2))
        assert ask_for_renewal() == 1
        Enforcement.objects.filter(pk=order.pk).update(ended_at=timezone.now())
        with pytest.raises(CaseError, match="no end"):
            renew_enforcement(stale, actor=self.lea, until=soon(60), reason="again")

    def test_a_limit_is_not_renewed(self):
        with self.gateway():
            order = self.done("limit", expires_at=soon())
        with pytest.raises(CaseError, match="no end that could be moved"):
            renew_enforcement(order, actor=self.lea, until=soon(9), reason="more")
