from datetime import timedelta
from unittest.mock import patch
from urllib.parse import quote

from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.html import strip_tags

from cases.models import Case, EventContent, Link, Member, Note, TimelineEvent
from cases.services.timeline import append_event
from ingest.models import Account, ActivityHour, Attribute, ContextEvent, Signal
from tests.base import NOON, DeskTestCase, make_case

HOSTILE = '"><img src=x onerror=alert(1)>\u202e\u200b'
SHOWN = "&quot;&gt;&lt;img src=x onerror=alert(1)&gt;‹U+202E›‹U+200B›"
EXPLANATION = {
    "method": "rarity-1",
    "census": {"as_of": NOON.isoformat(), "accounts": 4_100_000},
    "prior": 1 / 3000,
    "evidence": {
        "core": [
            {"family": "prior", "what": "1 in 3,000", "bits": -11.6, "capped": False},
            {"family": "template", "what": "T-88", "bits": 6.0, "capped": True, "members": 3},
            {"family": "payment", "what": "one card", "bits": 10.0, "capped": False},
        ]
    },
    "benign": [
        {"name": "evaluation harness", "fit": "does not fit", "why": "951 organisations pay"},
        {"name": "migrated workload", "fit": "not ruled out", "why": "61 began at full use"},
    ],
    "priority": {"says": "0.97 × 46.2 M tokens a day × 1.25"},
    "extraction": {"core": 4e6, "weighted": 8e6, "all": 9e6, "hours_missing": 5},
    "organisations": 951,
    "aggregates": 9,
    "expected_innocent": {"core": 5.3, "likely": 0.0, "possible": 0.0},
    "would_change": "An owner who names all the cards.",
    "summary": ["Three accounts ask one template.", "They pay with one card."],
}
FLIP = {
    "even": 0.5,
    "now": {"p_abuse": 0.97, "core": 3, "left": 3, "expected": 2.9},
    "families": [{"what": ["payment"], "members": 3, "flips": True, "p_abuse": 0.31, "core": 0,
                  "left": 2, "expected": 0.9}],
    "sets": [],
    "values": [{"what": ["payment card 41"], "attribute": 1, "members": 3, "flips": False,
                "p_abuse": 0.2, "core": 3, "left": 3, "expected": 2.9}],
    "benign": [{"what": ["migrated workload"], "fit": "not ruled out", "members": 3,
                "flips": True, "p_abuse": 0.4, "core": 3, "left": 3, "expected": 2.9}],
    "refuted": {"what": ["homework"], "members": 3, "flips": True, "p_abuse": 0.39, "core": 3,
                "left": 3, "expected": 2.9},
    "says": "Without what is shared in payment P(abuse) would be 0.31.",
}  # fmt: skip
PARTS = {
    "p_abuse": {"mean": 0.98, "over": 3, "likely": True,
                "doubts": [{"name": "homework", "fit": "not ruled out", "doubt": 0.03}]},
    "harm": {"tokens": 4e6, "days": 7, "from": "2026-11-14", "to": "2026-11-20"},
    "growth": {"now": 500, "before": 400, "to": "2026-11-20"},
}  # fmt: skip
SAYS = {"p_abuse": 0.97, "harm_per_day": 5e5, "growth_factor": 1.25, "says": "0.97 × 0.5"}


class CasePageTest(DeskTestCase):
    url = "/cases/C-1/"

    def get(self, query="", user=None, **headers):
        self.client.force_login(user or self.ana)
        return self.client.get(self.url + query, **headers)

    def explain(self, **changes):
        self.case.explanation = EXPLANATION | changes
        self.case.save(update_fields=["explanation"])

    def test_the_page_says_why_how_sure_what_harm_and_what_remains_innocent(self):
        self.explain()
        response = self.get()
        for text in (
            "Three accounts ask one template. They pay with one card.",
            "Odds 21 to 1, so 0.95",
            '+6.0 <span class="dim" title="One family counts no further than this">cap</span>',
            "1 does not fit, 1 is not ruled out",
            "61 began at full use",
            "0.97 × 46.2 M tokens a day × 1.25",
            "An owner who names all the cards.",
            "5.3 <small>of 3</small>",
            "base rate 1 in 3,000",
            "8.0 M <small>tokens</small>",
            "5 h missing",
            "Rarity counted over 4,100,000 accounts",
            "1 in 3,333 accounts, 11.5 bits; 3 members carry it",
        ):
            self.assertContains(response, text)

    def test_what_would_flip_it_stands_in_the_summary_and_each_way_in_a_table(self):
        self.explain(flip=FLIP)
        response = self.get()
        summary = response.text.split('id="summary"')[1].split("</section>")[0]
        self.assertIn("Without what is shared in payment P(abuse) would be 0.31.", summary)
        table = response.text.split('id="flip"')[1].split("</section>")[0]
        rows = [" ".join(strip_tags(row).split()) for row in table.split("<tr>")[2:]]
        self.assertEqual(rows[0], "as it stands0.9733")
        self.assertTrue(rows[1].startswith("nothing in payment30.3102"), rows[1])
        self.assertIn("flips", rows[1])
        self.assertTrue(rows[2].startswith("an innocent owner of payment card 413–≥ 3≥ 3"), rows[2])
        self.assertIn("it were migrated workload (not ruled out)30.40", rows[3])
        self.assertIn("it were one that does not fit: homework30.39", rows[4])

    def test_each_factor_of_the_priority_shows_what_it_is_made_of(self):
        self.explain(priority=SAYS | {"parts": PARTS})
        factors = self.get().text.split('id="factors"')[1].split("</section>")[0]
        for text in (
            "Mean probability 0.98 of 3 members at least likely × 0.97 for homework",
            "4.0 M output tokens, reasoning twice, each account by its probability, over 7 active "
            "days from 2026-11-14 to 2026-11-20.",
            "5 hours have no tokens recorded.",
            "500 requests in the 7 days to 2026-11-20, 400 in the 7 before.",
        ):
            self.assertIn(text, factors)
        why = PARTS | {"growth": {"why": "volume silent"}}
        self.explain(priority=SAYS | {"parts": why})
        self.assertContains(self.get(), "Not known: volume silent. It counts as steady.")

    def test_false_positives_are_expected_tier_by_tier_beside_the_base_rate(self):
        self.explain()
        response = self.get()
        self.assertContains(response, "Expected false positives: 5.3 of 3 core, 0.0 of 0 likely")
        self.assertContains(
            response, "1 account in 3,000 belongs, stated and not learnt; 4,100,000"
        )
        self.explain(census=None)
        self.assertContains(self.get(), "no census was taken")

    def test_a_case_without_computed_figures_says_so_and_is_no_error(self):
        self.case.first_activity_at = self.case.last_activity_at = None
        self.case.trend, self.case.growth = [], None
        self.case.save()
        response = self.get()
        self.assertContains(response, "is not computed yet")
        self.assertContains(response, "none is ruled out")
        self.assertContains(response, "by nobody yet")

    def test_a_stranger_finds_no_case(self):
        for path in ("", "members/", "timeline/", "figures/activity.json", "figures/activity.csv"):
            self.client.force_login(self.stranger)
            self.assertEqual(self.client.get(self.url + path).status_code, 404, path)

    def test_an_onlooker_reads_everything_and_is_offered_nothing(self):
        response = self.get(user=self.aud)
        self.assertContains(response, "You read this case and change nothing")
        for offered in ("/decide/", "/act/", "/claim/", 'name="verdict" value="in"', "/samples/"):
            self.assertNotContains(response, offered)

    def test_an_old_ref_leads_to_the_case_that_absorbed_it(self):
        middle, last = make_case(2), make_case(3)
        Case.objects.filter(pk=self.case.pk).update(merged_into=middle)
        Case.objects.filter(pk=middle.pk).update(merged_into=last)
        self.assertRedirects(self.get(), "/cases/C-3/?from=C-1", status_code=301)

    def test_the_foot_offers_what_the_status_allows(self):
        self.assertContains(self.get(), "Escalate <kbd>E</kbd>")
        self.assertNotContains(self.get(), "Reopen")
        Case.objects.update(status="decided", verdict="confirmed", decided_at=NOON)
        response = self.get()
        self.assertContains(response, "Reopen <kbd>U</kbd>")
        for gone in ("Confirm <kbd>", "Escalate", "Claim", 'name="verdict" value="in"'):
            self.assertNotContains(response, gone)

    def test_who_holds_a_case_is_said_and_only_a_lead_may_release_it(self):
        Case.objects.update(owner=self.bo, claimed_until=timezone.now() + timedelta(hours=1))
        self.assertContains(self.get(), "B. Lind holds it until")
        self.assertNotContains(self.get(), "/release/")
        self.assertContains(self.get(user=self.lea), "/release/")
        self.assertContains(self.get(user=self.bo), "Release <kbd>A</kbd>")

    def test_a_stranger_s_text_is_text_wherever_it_stands(self):
        self.explain(
            summary=[HOSTILE], would_change=HOSTILE, priority={"says": HOSTILE},
            benign=[{"name": HOSTILE, "fit": HOSTILE, "why": HOSTILE}],
            evidence={"core": [{"family": HOSTILE, "what": HOSTILE, "bits": 1.0}]},
            flip=FLIP | {"says": HOSTILE, "values": [FLIP["values"][0] | {"what": [HOSTILE]}]},
        )  # fmt: skip
        Case.objects.update(name=HOSTILE, reason=HOSTILE)
        Account.objects.filter(external_id="acct-1-0").update(
            external_id=HOSTILE, organisation=HOSTILE, plan=HOSTILE, state="limited",
            state_actor=HOSTILE, state_reason=HOSTILE, state_at=NOON,
        )  # fmt: skip
        Attribute.objects.update(label=HOSTILE)
        Signal.objects.update(summary=HOSTILE)
        Member.objects.update(evidence=[{"family": HOSTILE, "bits": 1.0, "why": HOSTILE}])
        Note.objects.create(case=self.case, author=self.ana, text=HOSTILE)
        ContextEvent.objects.create(kind="release", label=HOSTILE, start_at=NOON)
        with transaction.atomic():
            append_event(
                self.case, TimelineEvent.Kind.CASE_ESCALATED, actor=self.ana,
                content={"rationale": HOSTILE},
            )  # fmt: skip
        for query in ("", "?table=heat"):
            page = self.get(query).content.decode()
            for raw in ("<img", "\u202e", "\u200b"):
                self.assertFalse(raw in page, f"{raw!r} in {query}")
            self.assertTrue(SHOWN in page)
        # what is searched stays as typed, inside its own box alone
        page = self.get(f"?q={quote(HOSTILE)}").content.decode()
        self.assertFalse("<img" in page)
        self.assertEqual(page.count("\u202e"), 1)

    def test_a_template_s_text_stays_masked(self):
        card = Attribute.objects.get()
        card.kind, card.value, card.label = "template", "3f9a61c0d2e4f6", "Solve my secret task"
        card.save()
        response = self.get()
        self.assertContains(response, f"template T-{card.pk}")
        self.assertNotContains(response, "3f9a61c0d2")
        self.assertNotContains(response, "secret task")
        self.assertNotContains(response, "step by step")

    def test_the_number_of_queries_does_not_follow_the_case_s_size(self):
        counts = []
        for number, size in ((20, 3), (21, 200)):
            case = make_case(number, accounts=size)
            for member in case.members.all()[: size // 2]:
                member.verdict, member.verdict_by = "in", self.bo
                member.save()
            for _ in range(size):
                with transaction.atomic():
                    append_event(
                        case, TimelineEvent.Kind.CASE_WOKEN, actor=self.bo, content={"x": 1}
                    )
            self.client.force_login(self.ana)
            with CaptureQueriesContext(connection) as captured:
                self.assertEqual(self.client.get(f"/cases/C-{number}/").status_code, 200)
            counts.append(len(captured))
        self.assertEqual(counts[0], counts[1])
        self.assertLess(counts[0], 45)

    def test_the_queue_s_neighbours_are_one_key_away(self):
        make_case(5, priority=50.0), make_case(6, priority=30.0), make_case(7, priority=20.0)
        response = self.get()
        self.assertContains(response, 'href="/cases/C-5/" data-key="["')
        self.assertContains(response, 'href="/cases/C-6/" data-key="]"')

    def test_notes_keep_their_paragraphs_and_older_ones_are_a_link_away(self):
        for i in range(5):
            Note.objects.create(case=self.case, author=self.bo, text=f"note {i}\n\nsecond")
        response = self.get()
        self.assertContains(response, "2 older")
        self.assertContains(response, "<p>second</p>")
        self.assertNotContains(response, "note 0")
        self.assertContains(self.get("?notes=all"), "note 0")


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
