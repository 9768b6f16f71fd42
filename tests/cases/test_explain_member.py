"""A member's explanation says what grouping summed, and what it would be without each part."""

from datetime import timedelta

from django.db import connection
from django.test import TestCase
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from cases.models import AllowEntry, Case, Member
from cases.services.explain_member import explain
from cases.services.explain_words import membership_data, sentence
from cases.services.group import group_new_signals
from cases.services.judge import judge_members
from ingest.models import Account, Attribute
from tests.base import make_user
from tests.cases.test_group_service import carry, flag, make_accounts, make_campaign, make_census


class ExplainMemberTest(TestCase):
    @classmethod
    def setUpTestData(cls):
        make_census()
        cls.who = make_campaign(size=20)
        cls.aside = make_accounts("aside", 1)[0]  # no detector has flagged it
        cls.template = Attribute.objects.get(kind="template")
        for kind in ("template", "payment", "ip"):
            carry([cls.aside], Attribute.objects.filter(kind=kind).order_by("pk")[0])
        flag(cls.who, group_key="ring")
        flag(cls.who[:4], "volume")
        Account.objects.filter(pk=cls.who[0].pk).update(is_aggregate=True)
        group_new_signals()

    def members(self):
        return Member.objects.select_related("account", "case")

    def test_the_terms_of_every_member_add_up_to_what_grouping_stored(self):
        said = set()
        for member in self.members():
            told = explain(member)
            self.assertAlmostEqual(told.now.probability, member.probability, places=12)
            self.assertFalse(told.moved)
            stored = {row["family"]: row["bits"] for row in member.evidence}
            for family in told.now.families:
                self.assertAlmostEqual(stored[family.family], family.bits, places=4)
            said |= {(told.now.aggregate, told.now.flagged, told.now.held < 0)}
        self.assertEqual(said, {(False, True, False), (True, True, True), (False, False, True)})

    def test_the_sentence_names_values_counts_and_what_decides(self):
        member = self.members().get(account=self.who[5])
        text = sentence(explain(member))
        self.assertIn(f"template T-{self.template.pk} shared with", text)
        self.assertIn("on 22 of 20,000 organisations", text)
        self.assertIn("capped at 8.0", text)
        self.assertRegex(text, r"^0\.999: .* Without all of \w+: it would be 0\.\d+\.")

    def test_a_person_s_out_has_no_vote_and_the_page_says_that_it_moved(self):
        bo = make_user("bo", "analyst")
        out = list(self.members().filter(account__in=self.who[4:]))
        judge_members(out[0].case, actor=bo, members=[m.pk for m in out], verdict="out")
        told = explain(self.members().get(account=self.who[1]))
        # neither the aggregate nor itself votes, but who came in at even odds does
        self.assertEqual(told.now.voters, 3)
        self.assertTrue(told.moved)

    def test_what_another_formula_said_is_told_as_stored_and_nothing_is_made_up(self):
        member = self.members().get(account=self.who[5])
        member.method = "wave-1"
        data = membership_data(explain(member))
        self.assertFalse(data["worked_out"])
        self.assertEqual((data["terms"], data["probability"]), ([], None))
        self.assertIn("wave-1", data["sentence"])

    def test_what_grouping_leaves_out_is_left_out_here_too(self):
        member = self.members().get(account=self.who[5])
        now, lea = timezone.now(), make_user("lea", "lead")
        fields = {"owner": lea, "proposed_by": lea, "added_by": lea, "added_at": now}
        fields |= {"expires_at": now + timedelta(days=9), "taken_at": now, "reason": "a product"}
        AllowEntry.objects.create(
            kind="attribute", attribute_kind="template", value=self.template.value, **fields
        )
        kinds = {term.kind for term in explain(member).now.terms}
        self.assertEqual(kinds, {"payment", "ip", ""})
        AllowEntry.objects.create(kind="account", value=member.account.external_id, **fields)
        self.assertIn("the allow-list left the account out", sentence(explain(member)))

    def test_the_number_of_queries_does_not_follow_values_or_members(self):
        member = self.members().get(account=self.who[5])
        with CaptureQueriesContext(
            connection,
        ) as few:
            explain(member)
        more = make_accounts("more", 30)
        for turn in range(20):
            value = Attribute.objects.create(
                kind="device", value=f"d-{turn}", accounts=31, population=20_000
            )
            carry([self.who[5], *more], value)
        Member.objects.bulk_create(
            Member(case=Case.objects.get(), account=account, probability=0.9, tier="likely")
            for account in more
        )
        with CaptureQueriesContext(connection) as many:
            explain(member)
        self.assertEqual(len(few), len(many))
