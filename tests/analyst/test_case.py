from datetime import timedelta
from urllib.parse import quote

from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.html import strip_tags

from cases.models import Case, Member, Note, TimelineEvent
from cases.services.timeline import append_event
from ingest.models import Account, Attribute, ContextEvent, Signal
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
