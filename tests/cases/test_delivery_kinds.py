"""Every kind and target goes out by the webhook contract, and is read back as itself."""

from django.db.models import F, Value
from django.db.models.functions import Concat

from cases.models import Enforcement
from cases.services.deliver import deliver_due
from ingest.models import AccountPart
from tests.cases.orders import GatewayCase, effects


class KindTests(GatewayCase):
    def ordered(self, kind, target="account", **fields) -> Enforcement:
        """An approved order as it stands in its rows, delivered."""
        order = self.running("limit")
        Enforcement.objects.filter(pk=order.pk).update(kind=kind, target_kind=target, **fields)
        if target != "account":
            order.items.update(target=Concat(Value("part/"), F("account_id")))
        deliver_due()
        order.refresh_from_db()
        return order

    def test_each_kind_and_target_is_carried_and_read_back(self):
        for kind, target, state in (
            ("verify", "account", "verify"),
            ("limit", "key", "limited"),
            ("limit", "end_user", "limited"),
            ("suspend", "organisation", "suspended"),
            ("suspend", "end_user", "suspended"),
            ("revoke", "key", "revoked"),
        ):
            with self.subTest(kind=kind, target=target), self.gateway():
                self.file.unlink(missing_ok=True)
                order = self.ordered(kind, target)
                assert self.states(order) == ["done"] * 3, order.items.first().last_error
                assert set(order.items.values_list("state_after", flat=True)) == {state}
                assert {effect["state"] for effect in effects(self.file)} == {state}
                assert len({effect["target"] for effect in effects(self.file)}) == 3

    def test_a_limit_is_done_only_at_the_figures_that_were_ordered(self):
        with self.gateway():
            first = self.ordered("limit", parameters={"rpm": 100, "tpm": 5_000})
            second = self.ordered("limit", parameters={"rpm": 10})
        assert self.states(first) == self.states(second) == ["done"] * 3
        said = [effect["limits"] for effect in effects(self.file)]
        assert said == [{"rpm": 100, "tpm": 5_000}] * 3 + [{"rpm": 10}] * 3
        assert second.items.first().native_before == {"rpm": 100, "tpm": 5_000}

    def test_putting_back_restores_the_figures_that_were_recorded(self):
        with self.gateway():
            self.ordered("limit", parameters={"rpm": 100})
            order = self.ordered("limit", parameters={"rpm": 10})
            self.ordered("reinstate", reverses=order)
        assert [effect["limits"] for effect in effects(self.file)][-3:] == [{"rpm": 100}] * 3

    def test_a_part_that_is_known_gets_its_state_and_its_account_keeps_its_own(self):
        account = self.case.members.first().account
        part = AccountPart.objects.create(
            account=account, kind="key", external_id=f"part/{account.pk}"
        )
        with self.gateway():
            order = self.ordered("revoke", "key")
        part.refresh_from_db()
        account.refresh_from_db()
        assert (part.state, part.state_actor) == ("revoked", order.ref)
        assert account.state == "active"

    def test_two_keys_of_one_account_go_side_by_side_in_one_order(self):
        with self.gateway():
            order = self.running("limit")
            Enforcement.objects.filter(pk=order.pk).update(kind="revoke", target_kind="key")
            account = order.items.first().account
            order.items.update(account=account, target=Concat(Value("k"), F("pk")))
            deliver_due()
        assert self.states(order) == ["done"] * 3

    def test_what_is_milder_never_loosens_what_is_stricter(self):
        with self.gateway():
            self.ordered("limit")
            order = self.ordered("verify")
        assert self.states(order) == ["skipped"] * 3
        assert "loosen" in order.items.first().last_error
