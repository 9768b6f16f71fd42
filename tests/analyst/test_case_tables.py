"""The members table and the timeline of a case: order, filters, pages."""

from datetime import timedelta
from unittest.mock import patch
from urllib.parse import quote

from django.db import transaction

from cases.models import Case, EventContent, Link, Member
from cases.services.timeline import append_event
from ingest.models import Account, ActivityHour, Attribute, ContextEvent, Signal
from tests.base import NOON, DeskTestCase, make_case


class MembersTest(DeskTestCase):
    def setUp(self):
        self.client.force_login(self.ana)
        self.big = make_case(9, accounts=130)
        for i, member in enumerate(self.big.members.order_by("pk")):
            member.probability = round(0.999 - 0.007 * (i // 3), 6)  # a page ends among equals
            member.tier = "core" if i < 40 else "likely" if i < 100 else "possible"
            member.save()
        Case.objects.filter(pk=self.big.pk).update(core=40, likely=60, possible=30)

    def rows(self, query="", part=False):
        path = "/cases/C-9/members/" if part else "/cases/C-9/"
        headers = {"headers": {"HX-Request": "true"}} if part else {}
        response = self.client.get(path + query, **headers)
        self.assertEqual(response.status_code, 200)
        return response.context["members"], response.context["following"]

    def test_pages_by_key_show_every_member_once_by_probability(self):
        first, following = self.rows()
        second, end = self.rows(following)
        self.assertEqual((len(first), len(second), end), (100, 30, None))
        found = [(m.probability, m.pk) for m in first + second]
        self.assertEqual(found, sorted(found, reverse=True))
        self.assertEqual(len(set(found)), 130)

    def test_the_other_direction_too(self):
        first, following = self.rows("?sort=rising")
        second, _ = self.rows(following)
        found = [(m.probability, m.pk) for m in first + second]
        self.assertEqual((len(set(found)), found), (130, sorted(found)))

    def test_filters_by_tier_state_verdict_and_text(self):
        some = self.big.members.order_by("pk")[:3]
        for member in some:
            Account.objects.filter(pk=member.account_id).update(state="suspended")
            Member.objects.filter(pk=member.pk).update(verdict="out", verdict_by=self.bo)
        for query, expected in (
            ("?tier=likely", 60),
            ("?state=suspended", 3),
            ("?verdict=out&tier=core", 3),
            ("?verdict=none&tier=core", 37),
            ("?q=acct-9-12", 11),
            ("?q=ORG-ACCT-9-129", 1),
            ("?q=%25", 0),
            ("?tier=nonsense&state=x&verdict=y&after=nan~1&q=%00", 100),
        ):
            self.assertEqual(len(self.rows(query, part=True)[0]), expected, query)

    def test_the_part_pushes_the_page_s_own_url_and_a_plain_visit_is_sent_there(self):
        response = self.client.get(
            "/cases/C-9/members/?tier=core&q=a", headers={"HX-Request": "true"}
        )
        self.assertEqual(response["HX-Push-Url"], "/cases/C-9/?tier=core&q=a")
        self.assertNotContains(response, "<html")
        plain = self.client.get("/cases/C-9/members/?tier=core&q=a")
        self.assertRedirects(
            plain, "/cases/C-9/?tier=core&q=a#members", fetch_redirect_response=False
        )

    def test_rates_are_means_of_the_last_days_and_a_newcomer_s_is_not_thinned(self):
        member = self.rows()[0][0]
        # two hours of 30 requests and more in the last 7 days
        self.assertAlmostEqual(member.requests_a_day, (30 + 0) * 2 / 7, delta=40)
        old = member.requests_a_day
        Account.objects.filter(pk=member.account_id).update(first_seen_at=NOON - timedelta(hours=3))
        self.assertAlmostEqual(self.rows()[0][0].requests_a_day, 7 * old)
        ActivityHour.objects.filter(account=member.account).update(output_tokens=None)
        self.assertIsNone(self.rows()[0][0].tokens_a_day)

    def test_a_member_is_tied_by_its_rarest_value_of_each_kind_three_at_most(self):
        member = self.big.members.order_by("-probability", "-id").first()
        for kind, bits in (
            ("template", 16.0), ("template", 15.0), ("device", None), ("device", 9.0),
            ("ip_prefix", 12.0), ("user_agent", None),
        ):  # fmt: skip
            attribute = Attribute.objects.create(kind=kind, value=f"{kind}-{bits}")
            Link.objects.create(
                case=self.big, account=member.account, attribute=attribute, bits=bits, members=2
            )
        ties = self.rows()[0][0].ties
        self.assertEqual(
            [(link.attribute.kind, link.bits) for link in ties],
            [("template", 16.0), ("ip_prefix", 12.0), ("payment", 11.5)],
        )

    def test_who_left_is_not_shown(self):
        Member.objects.filter(case=self.big, tier="core").update(left_at=NOON)
        self.assertEqual(len(self.rows("?tier=core")[0]), 0)
        self.assertContains(self.client.get("/cases/C-9/?tier=core"), "No member matches")


class TimelineTest(DeskTestCase):
    def setUp(self):
        self.client.force_login(self.ana)

    def part(self, query=""):
        return self.client.get("/cases/C-1/timeline/" + query, headers={"HX-Request": "true"})

    def record(self, kind, **content):
        with transaction.atomic():
            return append_event(self.case, kind, actor=self.ana, content=content)

    def lines(self, query=""):
        page = self.part(query).context["page"]
        return [entry for _, entries in page.days for entry in entries], page.older

    def test_signals_people_actions_and_the_world_are_one_list(self):
        self.record("case_escalated", rationale="needs a second reader")
        Account.objects.filter(external_id="acct-1-0").update(
            state="limited", state_actor="gateway", state_reason="O-3", state_at=NOON
        )
        ContextEvent.objects.create(kind="outage", label="Platform down", start_at=NOON)
        response = self.part()
        for text in (
            "A. Silva escalated",
            "“needs a second reader”",
            "volume: 3 accounts",
            "strongest 0.90: 40 times the median of its plan",
            "1 account limited at the platform",
            "Platform down",
            "Opened with 3 accounts",
            "chain head",
        ):
            self.assertContains(response, text)

    def test_each_filter_shows_its_own(self):
        self.record("case_escalated", rationale="x")
        self.record("share_refused", share=1)
        for show, expected in (
            ("people", ["A. Silva escalated"]),
            ("actions", ["A. Silva refused a share"]),
            ("signals", ["Opened with 3 accounts", "volume: 3 accounts"]),
            ("nonsense", None),
        ):
            lines, _ = self.lines(f"?show={show}")
            if expected:
                self.assertEqual([line.text for line in lines], expected)
            else:
                self.assertEqual(len(lines), 4)

    def test_a_walk_over_the_pages_meets_everything_once(self):
        for i in range(130):
            self.record("note_added", note=i)
        seen, query = [], ""
        while True:
            lines, older = self.lines(query)
            seen += [line.place for line in lines]
            if not older:
                break
            query = f"?older={quote(older, safe='')}"
        self.assertEqual(len(seen), 132)
        self.assertEqual(len(set(seen)), 132)
        self.assertEqual(seen, sorted(seen, reverse=True))

    def test_signals_beyond_the_bound_are_at_least_so_many_and_nothing_is_lost(self):
        signal = Signal.objects.filter(account__external_id="acct-1-0").get()
        for day in range(1, 6):
            for copy in range(3):
                signal.pk, signal.ref = None, f"more-{day}-{copy}"
                signal.window_end = NOON - timedelta(days=day, minutes=copy)
                signal.window_start = signal.window_end - timedelta(days=1)
                signal.save(force_insert=True)
        with patch("analyst.timeline.SIGNALS_READ", 6):  # two a member
            days, query = [], ""
            for _ in range(20):
                lines, older = self.lines(f"?show=signals{query}")
                days += [line for line in lines if line.whole_day]
                if not older:
                    break
                query = f"&older={quote(older, safe='')}"
        self.assertEqual(len(days), 6)
        self.assertEqual(len({line.at for line in days}), 6)
        self.assertTrue(any("or more" in line.text for line in days))

    def test_an_erased_event_keeps_its_place(self):
        event = self.record("case_escalated", rationale="a name that must go")
        EventContent.objects.filter(event=event).delete()
        response = self.part("?show=people")
        self.assertContains(response, "content erased")
        self.assertNotContains(response, "must go")

    def test_a_broken_place_shows_the_first_page(self):
        for older in (
            "x",
            "2026~",
            "9999-99-99T00:00:00+00:00~e1",
            "2026-11-20T00:00:00+00:00~e%00",
        ):
            self.assertEqual(self.part(f"?older={older}").status_code, 200)

    def test_a_plain_visit_is_sent_to_the_page(self):
        response = self.client.get("/cases/C-1/timeline/?show=people")
        self.assertRedirects(
            response, "/cases/C-1/?show=people#timeline", fetch_redirect_response=False
        )

    def test_counts_stop_at_their_bound(self):
        with patch("analyst.timeline.COUNTED", 2):
            self.assertContains(self.part(), "Signals 2+")
