"""A preview tells what a change would do, nothing changes by it, and what it told then happens."""

from datetime import timedelta

from django.test import TestCase
from django.utils import timezone

from cases.errors import CaseError
from cases.models import (
    AllowEntry,
    Case,
    GroupingRun,
    Member,
    TimelineEvent,
)
from cases.services.decide import record_decision
from cases.services.group import group_new_signals
from cases.services.judge import judge_members
from cases.services.terms import current_prior
from cases.services.triage import claim
from ingest.models import Account, Attribute, AttributeUse, Signal
from tests.base import NOON, make_user
from tests.cases.previews import applied, computed, entry, foretold, stored, withdrawal
from tests.cases.test_group_service import (
    carry,
    flag,
    make_accounts,
    make_campaign,
    make_census,
)


def rows_of_cases():
    return [
        list(model.objects.order_by("pk").values())
        for model in (Case, Member, TimelineEvent, GroupingRun, Signal)
    ]


class PreviewTest(TestCase):
    @classmethod
    def setUpTestData(cls):
        cls.lea = make_user("lea", "lead")
        make_census()
        cls.who = make_campaign()
        cls.other = make_campaign("other", 12)
        group_new_signals()
        cls.case = Case.objects.get(members__account=cls.who[0])

    def assert_happens(self, preview):
        """Applied and grouped, the cases hold what the preview told, and a full run agrees."""
        expected = foretold(preview, stored())
        applied(self.lea, preview)
        run = group_new_signals()
        self.assertFalse(run.whole and preview.kind != "threshold")
        known = set(Case.objects.filter(opened_at__lt=preview.requested_at).values_list(
            "number", flat=True))  # fmt: skip
        now = {(n if n in known else None, a): tier for (n, a), tier in stored().items()}
        self.assertEqual(now, expected)
        self.assertEqual(group_new_signals(full=True).report["difference"], {})

    def test_nothing_changes_by_looking(self):
        before = rows_of_cases()
        computed(self.lea, "threshold", prior=1e-6)
        computed(self.lea, "withdraw", withdrawal=withdrawal(self.lea, version=""))
        computed(self.lea, "allow", entry=entry(self.lea))
        self.assertEqual(rows_of_cases(), before)
        self.assertIsNone(group_new_signals())

    def test_a_rarer_prior_lets_tiers_fall_and_a_lead_applies_it(self):
        preview = computed(self.lea, "threshold", prior=1e-7)
        self.assertGreater(preview.summary["falls"] + preview.summary["leaves"], 0)
        self.assert_happens(preview)
        self.assertEqual(current_prior(), 1e-7)
        self.assertEqual(GroupingRun.objects.latest("pk").prior, 1e-7)

    def test_a_prior_at_which_nothing_holds_closes_the_cases(self):
        preview = computed(self.lea, "threshold", prior=1e-9)
        self.assert_happens(preview)

    def test_a_withdrawn_release_flags_nobody_any_more(self):
        preview = computed(self.lea, "withdraw", withdrawal=withdrawal(self.lea))
        self.assertEqual(preview.summary["signals"], 32)
        self.assertEqual(preview.summary["accounts"], 32)
        # tied by three families they are still a case, in which no detector flagged anybody
        self.assertEqual(preview.summary["falls"] + preview.summary["leaves"], 32)
        self.assert_happens(preview)
        self.assertFalse(Member.objects.current().filter(flagged=True).exists())
        self.assertEqual(Signal.objects.count(), 32)

    def test_a_withdrawal_is_undone_by_the_same_two_steps(self):
        before = stored()
        release = withdrawal(self.lea)
        self.assert_happens(computed(self.lea, "withdraw", withdrawal=release))
        release.refresh_from_db()
        self.assert_happens(computed(self.lea, "lift", withdrawal=release))
        release.refresh_from_db()
        self.assertEqual(stored(), before)
        self.assertIsNotNone(release.released_at)
        self.assertEqual(Signal.objects.counting().count(), 32)

    def test_only_the_version_and_the_window_that_are_named_are_withdrawn(self):
        Signal.objects.filter(account__in=self.other).update(detector_version="2")
        early = Signal.objects.filter(account__in=self.other[:6])
        early.update(window_start="2026-10-01T00:00Z", window_end="2026-10-02T00:00Z")
        for window, signals in (
            ({}, 12),
            ({"since": "2026-10-02T00:00Z"}, 6),
            ({"until": "2026-10-01T00:00Z"}, 0),
            ({"until": "2026-10-01T12:00Z"}, 6),
            ({"since": "2026-10-01T12:00Z", "until": "2026-10-03T00:00Z"}, 6),
        ):
            with self.subTest(window):
                moments = {name: timezone.datetime.fromisoformat(at) for name, at in window.items()}
                release = withdrawal(self.lea, version="2", **moments)
                preview = computed(self.lea, "withdraw", withdrawal=release)
                self.assertEqual(preview.summary["signals"], signals)

    def test_signals_of_a_withdrawn_release_that_come_later_count_for_nothing(self):
        self.assert_happens(computed(self.lea, "withdraw", withdrawal=withdrawal(self.lea)))
        late = make_accounts("late", 3)
        flag(late)
        group_new_signals()
        self.assertFalse(Signal.objects.counting().exists())
        self.assertEqual(Signal.objects.marked().exclude(withdrawn=None).count(), 35)
        preview = computed(self.lea, "threshold", prior=1e-7)
        self.assert_happens(preview)

    def test_an_observation_about_a_cluster_loses_its_withdrawn_half(self):
        """The fellows' median moves: they are news although none of their signals went."""
        flag(self.who[:10], "timing", group_key="burst", detector_version="2")
        flag(self.who[10:], "timing", group_key="burst", detector_version="3")
        Signal.objects.filter(detector_version="2").update(p_value=1e-30)
        group_new_signals()
        release = withdrawal(self.lea, "timing", "2")
        self.assert_happens(computed(self.lea, "withdraw", withdrawal=release))

    def test_an_allowed_account_leaves_and_comes_back_when_the_entry_ends(self):
        before = stored()
        row = entry(self.lea, value=self.who[0].external_id)
        preview = computed(self.lea, "allow", entry=row)
        self.assertEqual(preview.summary["leaves"], 1)
        self.assert_happens(preview)
        row.refresh_from_db()
        preview = computed(self.lea, "end", entry=row)
        self.assertEqual(preview.summary["joins"], 1)
        self.assert_happens(preview)
        self.assertEqual(stored(), before)
        row.refresh_from_db()
        self.assertEqual((row.state, row.end_reason), ("ended", "as agreed in the review"))

    def test_an_allowed_account_bridges_no_episodes_and_votes_in_no_observation(self):
        """Without it the uses of a value fall into two episodes, and an observation's median moves:
        its fellows are news although nothing of theirs changed."""
        bridge, early, late = self.who[0], self.who[1:10], self.who[10:]
        uses = AttributeUse.objects.filter(attribute__value="t-camp")
        uses.filter(account__in=[a.pk for a in early]).update(
            first_at=NOON - timedelta(days=40), last_at=NOON - timedelta(days=38)
        )
        uses.filter(account=bridge).update(first_at=NOON - timedelta(days=40), last_at=NOON)
        self.assertEqual(uses.filter(account__in=[a.pk for a in late]).count(), 10)
        flag([bridge, early[0], late[0]], "timing", group_key="burst")
        Signal.objects.filter(account=bridge, group_key="burst").update(p_value=1e-30)
        Signal.objects.filter(account=early[0], group_key="burst").update(p_value=1e-20)
        group_new_signals(full=True)
        row = entry(self.lea, value=bridge.external_id)
        self.assert_happens(computed(self.lea, "allow", entry=row))
        row.refresh_from_db()
        self.assert_happens(computed(self.lea, "end", entry=row))

    def test_an_allowed_organisation_takes_no_part_and_neither_does_its_next_account(self):
        Account.objects.filter(pk__in=[a.pk for a in self.who[:3]]).update(organisation="lab")
        group_new_signals(full=True)
        preview = computed(self.lea, "allow", entry=entry(self.lea, "organisation", "lab"))
        self.assertGreaterEqual(preview.summary["leaves"], 1)
        self.assert_happens(preview)
        [fresh] = Account.objects.bulk_create([Account(external_id="n", organisation="lab")])
        for attribute in Attribute.objects.filter(uses__account=self.who[5]).distinct():
            carry([fresh], attribute)
        flag([fresh])
        group_new_signals()
        self.assertFalse(Member.objects.current().filter(account=fresh).exists())
        self.assertEqual(group_new_signals(full=True).report["difference"], {})

    def test_an_allowed_value_makes_no_tie(self):
        row = entry(self.lea, "attribute", "t-camp", attribute_kind="template")
        self.assert_happens(computed(self.lea, "allow", entry=row))
        used = Attribute.objects.get(value="t-camp")
        self.assertFalse(self.case.links.filter(attribute=used).exists())
        self.assertTrue(used.uses.exists())

    def test_an_allowed_network_hides_the_addresses_inside_it(self):
        addresses = Attribute.objects.filter(kind="ip", value__startswith="ip-camp").order_by("pk")
        for place, address in enumerate(addresses):
            Attribute.objects.filter(pk=address.pk).update(
                value=f"198.51.{100 + place % 2}.{place}"
            )
        group_new_signals(full=True)
        row = entry(self.lea, "attribute", "198.51.100.0/24", attribute_kind="ip_prefix")
        self.assert_happens(computed(self.lea, "allow", entry=row))
        tied = self.case.links.filter(attribute__kind="ip").values_list("attribute__value")
        self.assertEqual({value[:10] for (value,) in tied}, {"198.51.101"})

    def test_an_entry_that_expires_brings_back_by_itself_what_it_hid(self):
        before = stored()
        row = entry(self.lea, value=self.who[0].external_id)
        self.assert_happens(computed(self.lea, "allow", entry=row))
        self.assertIsNone(group_new_signals())
        AllowEntry.objects.update(
            proposed_at=timezone.now() - timedelta(days=2),
            expires_at=timezone.now() - timedelta(seconds=1),
        )
        self.assertIsNotNone(group_new_signals())
        self.assertEqual(stored(), before)
        self.assertIsNone(group_new_signals())

    def test_what_people_said_is_shown_and_stands(self):
        claim(self.case, actor=self.lea)
        record_decision(self.case, actor=self.lea, outcome="confirmed", rationale="seen")
        group_new_signals()
        second = Case.objects.exclude(pk=self.case.pk).get()
        member = second.members.get(account=self.other[0])
        claim(second, actor=self.lea)
        judge_members(second, actor=self.lea, members=[member.pk], verdict="in")
        preview = computed(self.lea, "threshold", prior=1e-9)
        self.assert_happens(preview)
        rows = {row.case_id: row for row in preview.cases.all()}
        self.assertIn("Decided as confirmed", rows[self.case.pk].conflicts[0])
        self.assertEqual(rows[self.case.pk].leaves, 0)
        self.assertIn("A person has spoken on 1 account", rows[second.pk].conflicts[0])
        self.assertEqual(rows[second.pk].kept, 1)

    def test_the_allow_list_tells_what_it_hides(self):
        row = entry(self.lea, value=self.who[0].external_id)
        applied(self.lea, computed(self.lea, "allow", entry=row))
        group_new_signals()
        preview = computed(None, "hidden")
        joins = preview.cases.get().members.get()
        self.assertEqual((joins.account_id, joins.change), (self.who[0].pk, "joins"))
        with self.assertRaisesMessage(CaseError, "only counts"):
            applied(self.lea, preview)
