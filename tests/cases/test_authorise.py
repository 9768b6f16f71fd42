"""Standing authorisations: what two people approve in advance, and what keeps it small."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from cases.errors import CaseError, NotAllowed
from cases.models import Case, Enforcement, Member, Operator, Protected, StandingAuthorisation
from cases.services.authorise import (
    act_on_authorisations,
    approve_authorisation,
    end_authorisation,
    propose_authorisation,
    refuse_authorisation,
    tie_bits,
)
from tests.base import make_case
from tests.cases.orders import OrderCase


class AuthorisationCase(OrderCase):
    def setUp(self):
        super().setUp()
        self.operator = Operator.objects.create(name="Grey Loom", created_by=self.lea)
        Case.objects.filter(pk=self.case.pk).update(operator=self.operator, wave=1)

    def propose(self, **fields) -> StandingAuthorisation:
        fields = {
            "kind": "limit", "connector": self.connector, "least_bits": 12.0,
            "most_accounts": 5, "ends_at": timezone.now() + timedelta(days=7),
            "lasts_hours": 48, "reason": "pools fail over within hours",
        } | fields  # fmt: skip
        return propose_authorisation(self.operator, actor=self.ana, **fields)

    def standing(self, **fields) -> StandingAuthorisation:
        return approve_authorisation(self.propose(**fields), actor=self.lea)

    def wave(self, number=50, accounts=3) -> Case:
        wave = make_case(number, accounts=accounts, name="Next Loom")
        Case.objects.filter(pk=wave.pk).update(operator=self.operator, predecessor=self.case)
        return wave


class TermsTests(AuthorisationCase):
    def test_a_suspension_is_never_approved_in_advance(self):
        for kind in ("suspend", "revoke", "contact", "watch", "reinstate"):
            with self.subTest(kind), pytest.raises(CaseError, match="never more"):
                self.propose(kind=kind)
        one = self.propose()
        with pytest.raises(IntegrityError), transaction.atomic():
            StandingAuthorisation.objects.filter(pk=one.pk).update(kind="suspend")

    def test_every_term_has_its_bounds(self):
        for fields, says in (
            ({"least_bits": 0}, "strength"), ({"most_accounts": 0}, "1 to 10,000"),
            ({"ends_at": timezone.now()}, "90 days"), ({"lasts_hours": 0}, "an hour"),
            ({"ends_at": timezone.now() + timedelta(days=91)}, "90 days"),
            ({"reason": " "}, "Say why"), ({"parameters": {"rps": 1}}, "no parameter"),
        ):  # fmt: skip
            with self.subTest(says), pytest.raises(CaseError, match=says):
                self.propose(**fields)

    def test_it_takes_two_people(self):
        one = self.propose()
        assert act_on_authorisations() == []
        with pytest.raises(NotAllowed, match="another person"):
            approve_authorisation(one, actor=self.ana)
        with pytest.raises(NotAllowed, match="end it instead"):
            refuse_authorisation(one, actor=self.ana, reason="r")
        with pytest.raises(IntegrityError), transaction.atomic():
            StandingAuthorisation.objects.update(state="standing", reviewed_by=self.ana)
        approve_authorisation(one, actor=self.lea)
        with pytest.raises(CaseError, match="standing already"):
            refuse_authorisation(one, actor=self.bo, reason="late")
        kinds = list(self.case.events.values_list("kind", flat=True))
        assert kinds[-2:] == ["authorisation_proposed", "authorisation_approved"]


class ActingTests(AuthorisationCase):
    def test_successors_above_the_strength_are_limited_at_once_and_it_lapses(self):
        one, wave = self.standing(parameters={"rpm": 5}), self.wave()
        weak = wave.members.first()
        Member.objects.filter(pk=weak.pk).update(
            evidence=[{"family": "prior", "bits": -11}, {"family": "payment", "bits": 11.9}]
        )
        (order,) = act_on_authorisations()
        assert (order.state, order.kind, order.parameters) == ("running", "limit", {"rpm": 5})
        assert (order.requested_by, order.reviewed_by) == (self.ana, self.lea)
        assert order.items.count() == 2 and weak.account_id not in set(
            order.items.values_list("account", flat=True)
        )
        assert order.expires_at - timezone.now() <= timedelta(hours=48)
        one.refresh_from_db()
        assert one.used == 2 and order.authorisation == one
        assert act_on_authorisations() == []

    def test_the_cap_on_heads_holds_over_all_waves_strongest_first(self):
        one = self.standing(most_accounts=4)
        self.wave(50)
        strong = self.wave(51)
        Member.objects.filter(case=strong).update(evidence=[{"family": "template", "bits": 30.0}])
        orders = act_on_authorisations()
        assert sum(order.items.count() for order in orders) == 4
        one.refresh_from_db()
        assert one.used == 4 and act_on_authorisations() == []
        with pytest.raises(IntegrityError), transaction.atomic():
            StandingAuthorisation.objects.update(used=5)

    def test_whoever_must_not_be_touched_stays_out(self):
        self.standing()
        wave = self.wave(accounts=4)
        first, second, third, fourth = wave.members.select_related("account").order_by("pk")
        Member.objects.filter(pk=first.pk).update(verdict="unsure")
        type(second.account).objects.filter(pk=second.account_id).update(is_aggregate=True)
        Protected.objects.create(
            kind="account", value=third.account.external_id, reason="press", added_by=self.lea
        )
        (order,) = act_on_authorisations()
        assert list(order.items.values_list("account", flat=True)) == [fourth.account_id]

    def test_nothing_happens_after_its_end_or_on_other_operators_or_benign_waves(self):
        one = self.standing()
        wave = self.wave()
        Case.objects.filter(pk=wave.pk).update(verdict="benign")
        assert act_on_authorisations() == []
        Case.objects.filter(pk=wave.pk).update(
            verdict="undecided", operator=Operator.objects.create(name="Other")
        )
        assert act_on_authorisations() == []
        Case.objects.filter(pk=wave.pk).update(operator=self.operator)
        end_authorisation(one, actor=self.bo, reason="wrong pool")
        assert act_on_authorisations() == []
        assert not Enforcement.objects.exists()

    def test_a_wave_that_was_there_before_the_approval_is_left_to_people(self):
        wave = self.wave()
        Case.objects.filter(pk=wave.pk).update(opened_at=timezone.now() - timedelta(days=1))
        self.standing()
        assert act_on_authorisations() == []

    def test_the_prior_and_partners_say_nothing_of_a_tie(self):
        bars = [
            {"family": "prior", "bits": 4.0}, {"family": "partner", "bits": 9.0},
            {"family": "payment", "bits": 7.0}, {"family": "held", "bits": -3.0},
        ]  # fmt: skip
        assert tie_bits(bars) == 7.0
