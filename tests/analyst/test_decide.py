from datetime import timedelta

from django.utils import timezone

from cases.models import Case, Decision, Member, Note, TimelineEvent
from ingest.models import Signal
from tests.base import DeskTestCase, make_case

WHY = "One card, one template, one operator."
HOSTILE = "<img src=x onerror=alert(1)>\u202e"


class DeskPages(DeskTestCase):
    def post(self, path, data=None, user=None):
        self.client.force_login(user or self.ana)
        return self.client.post(f"/cases/C-1/{path}", data or {}, follow=False)

    def assert_done(self, response, anchor=""):
        # the page is not fetched: it would use up the message that the test looks for
        self.assertRedirects(response, f"/cases/C-1/{anchor}", fetch_redirect_response=False)

    def events(self):
        return list(self.case.events.order_by("seq").values_list("kind", flat=True))[1:]

    def assert_doors(self, path, data):
        """A stranger finds nothing, an onlooker may not, and nothing was written."""
        self.assertEqual(self.post(path, data, user=self.stranger).status_code, 404)
        self.assertEqual(self.post(path, data, user=self.aud).status_code, 403)
        self.assertEqual(self.events(), [])


class DecideTest(DeskPages):
    data = {
        "outcome": "confirmed", "rationale": WHY, "stated_probability": "0.91",
        "competing_hypothesis": "resale",
    }  # fmt: skip

    def test_a_verdict_is_recorded_with_how_sure_and_what_else(self):
        response = self.post("decide/?outcome=confirmed", self.data)
        self.assert_done(response)
        decision = Decision.objects.get()
        self.assertEqual(
            (
                decision.outcome,
                decision.rationale,
                decision.stated_probability,
                decision.decided_by,
            ),
            ("confirmed", WHY, 0.91, self.ana),
        )
        page = self.client.get("/cases/C-1/")
        self.assertContains(page, "C-1 is decided: confirmed.")
        self.assertContains(page, "Stated by A. Silva")
        self.assertContains(page, "<dd>resale</dd>")
        self.assertEqual(self.events(), ["decision_recorded"])

    def test_each_verdict_has_its_own_page_and_button(self):
        self.client.force_login(self.ana)
        for outcome, title, button in (
            ("confirmed", "Confirm C-1 as distillation", "Confirm <kbd>"),
            ("benign", "Dismiss C-1 as benign", "Dismiss <kbd>"),
            ("other_abuse", "C-1 is abuse of another kind", "Decide: other abuse <kbd>"),
            ("inconclusive", "C-1 is inconclusive", "Decide: inconclusive <kbd>"),
        ):
            response = self.client.get(f"/cases/C-1/decide/?outcome={outcome}")
            self.assertContains(response, title)
            self.assertContains(response, button)
            self.assertContains(response, f'type="hidden" name="outcome" value="{outcome}"')
        self.assertContains(self.client.get("/cases/C-1/decide/?outcome=x"), 'type="radio"')

    def test_strangers_and_onlookers_decide_nothing(self):
        self.assert_doors("decide/", self.data)
        for user, status in ((self.stranger, 404), (self.aud, 403)):
            self.client.force_login(user)
            self.assertEqual(self.client.get("/cases/C-1/decide/").status_code, status)

    def test_without_a_reason_or_with_an_impossible_number_nothing_is_decided(self):
        for wrong in (
            {"rationale": "  "}, {"stated_probability": "1.2"}, {"stated_probability": "nan"},
            {"outcome": "undecided"}, {"competing_hypothesis": "aliens"},
            {"rationale": "x" * 5001}, {"rationale": "a\x00b"},
        ):  # fmt: skip
            response = self.post("decide/", self.data | wrong)
            self.assertContains(response, "errorlist", status_code=422)
        self.assertFalse(Decision.objects.exists())

    def test_of_two_who_press_together_the_second_is_told_who_won(self):
        self.post("decide/", self.data)
        response = self.post("decide/", self.data | {"outcome": "benign"}, user=self.bo)
        self.assertContains(
            response, "C-1 is decided, claimed by ana. Reload to see it.", status_code=422
        )
        self.assertContains(response, WHY, status_code=422)  # what was typed is still there
        self.assertEqual(Decision.objects.count(), 1)
        self.assertEqual(Case.objects.get().verdict, "confirmed")

    def test_who_does_not_hold_the_case_is_told_who_does(self):
        self.post("claim/", user=self.bo)
        response = self.post("decide/", self.data)
        self.assertContains(response, "claimed by bo", status_code=422)

    def test_what_was_typed_comes_back_as_text(self):
        response = self.post("decide/", self.data | {"outcome": "x", "rationale": HOSTILE})
        self.assertNotContains(response, "<img", status_code=422)
        self.assertContains(response, "&lt;img src=x", status_code=422)


class MovesTest(DeskPages):
    def test_escalate_asks_for_a_reason_and_is_written_down(self):
        self.assertContains(self.post("escalate/", {}), "errorlist", status_code=422)
        self.assert_done(self.post("escalate/", {"rationale": WHY}))
        self.assertEqual(Case.objects.get().status, "escalated")
        self.assertContains(self.client.get("/cases/C-1/"), f"“{WHY}”")
        # twice is once
        again = self.post("escalate/", {"rationale": WHY}, user=self.bo)
        self.assertContains(again, "C-1 is escalated", status_code=422)
        self.assertEqual(self.events(), ["case_escalated"])

    def test_reopen_brings_a_decided_case_back_and_an_open_one_is_refused(self):
        response = self.post("reopen/", {"rationale": WHY})
        self.assertContains(response, "C-1 is new", status_code=422)
        Case.objects.update(status="decided", verdict="benign", decided_at=timezone.now())
        self.assert_done(self.post("reopen/", {"rationale": WHY}))
        case = Case.objects.get()
        self.assertEqual((case.status, case.verdict), ("reopened", "undecided"))

    def test_claim_and_release(self):
        self.assert_done(self.post("claim/"))
        self.assertContains(self.client.get("/cases/C-1/"), "C-1 is yours until")
        taken = self.post("claim/", user=self.bo)
        self.assertContains(taken, "claimed by ana", status_code=422)
        self.assertContains(
            self.post("release/", user=self.bo), "only they or a lead", status_code=422
        )
        self.assert_done(self.post("release/", user=self.lea))
        self.assertEqual(self.events(), ["case_claimed", "case_released"])

    def test_snooze_ends_within_thirty_days(self):
        def until(days):
            return {"until": f"{timezone.now() + timedelta(days=days):%Y-%m-%dT%H:%M}"}

        self.assertContains(self.post("snooze/", until(31)), "30 days from now", status_code=422)
        self.assertContains(self.post("snooze/", {"until": "soon"}), "errorlist", status_code=422)
        self.assert_done(self.post("snooze/", until(2)))
        self.assertIsNotNone(Case.objects.get().snoozed_until)

    def test_strangers_and_onlookers_move_nothing(self):
        for path in ("escalate/", "reopen/", "claim/", "release/", "snooze/"):
            self.assert_doors(path, {"rationale": WHY, "until": "2026-11-30T00:00"})

    def test_what_changes_something_takes_no_get(self):
        self.client.force_login(self.ana)
        for path in ("claim/", "release/", "members/judge/"):
            self.assertEqual(self.client.get(f"/cases/C-1/{path}").status_code, 405)


class NotesTest(DeskPages):
    def test_a_note_is_kept_and_the_timeline_points_at_it(self):
        self.assertRedirects(
            self.post("notes/", {"text": HOSTILE}), "/cases/C-1/#notes",
            fetch_redirect_response=False,
        )  # fmt: skip
        self.assertEqual(Note.objects.get().text, HOSTILE)
        self.assertEqual(self.events(), ["note_added"])
        page = self.client.get("/cases/C-1/")
        self.assertNotContains(page, "<img")
        self.assertContains(page, "&lt;img src=x onerror=alert(1)&gt;‹U+202E›")

    def test_an_empty_note_is_refused(self):
        self.assertContains(self.post("notes/", {"text": " "}), "errorlist", status_code=422)
        self.assert_doors("notes/", {"text": "x"})


class RevealTest(DeskPages):
    def test_prompts_are_shown_after_a_reason_that_is_written_down(self):
        Signal.objects.update(samples=[{"text": f"Solve 7 {HOSTILE}\u200bend", "model": HOSTILE}])
        response = self.post("samples/", {"reason": "is it homework?"})
        self.assertContains(
            response, "Solve 7 &lt;img src=x onerror=alert(1)&gt;‹U+202E›‹U+200B›end"
        )
        self.assertNotContains(response, "<img")
        self.assertEqual(response["Cache-Control"], "no-store")
        event = TimelineEvent.objects.get(kind="content_revealed")
        self.assertEqual(event.content.body, {"samples": 3, "reason": "is it homework?"})
        self.assertContains(self.client.get("/cases/C-1/"), "A. Silva revealed 3 prompts")

    def test_no_reason_no_prompt(self):
        response = self.post("samples/", {"reason": ""})
        self.assertNotContains(response, "step by step", status_code=422)
        self.client.force_login(self.ana)
        self.assertNotContains(self.client.get("/cases/C-1/samples/"), "step by step")
        self.assert_doors("samples/", {"reason": "x"})

    def test_at_most_twenty_are_shown_and_a_long_one_is_cut(self):
        Signal.objects.update(samples=[{"text": "word " * 800}] * 20)
        response = self.post("samples/", {"reason": "x"})
        self.assertLessEqual(response.content.decode().count("<pre"), 20)
        self.assertContains(response, "…</pre>")


class JudgeTest(DeskPages):
    def members(self, *places):
        pks = list(self.case.members.order_by("pk").values_list("pk", flat=True))
        return [pks[i] for i in places]

    def test_a_selection_is_judged_in_one_event(self):
        data = {"members": self.members(0, 1), "verdict": "out", "here": "?tier=core"}
        response = self.post("members/judge/", data)
        self.assertRedirects(
            response, "/cases/C-1/?tier=core#members", fetch_redirect_response=False
        )
        self.assertEqual(
            list(Member.objects.order_by("pk").values_list("verdict", "verdict_by")),
            [("out", self.ana.pk), ("out", self.ana.pk), ("", None)],
        )
        self.assertEqual(self.events(), ["member_judged"])
        self.assertContains(self.client.get("/cases/C-1/"), "out, A. Silva", count=2)

    def test_a_verdict_can_be_taken_back(self):
        self.post("members/judge/", {"members": self.members(0), "verdict": "in"})
        self.post("members/judge/", {"members": self.members(0), "verdict": ""})
        self.assertFalse(Member.objects.exclude(verdict="").exists())

    def test_nothing_ticked_and_nonsense_are_said_in_words(self):
        for data in ({"verdict": "in"}, {"verdict": "x", "members": self.members(0)},
                     {"verdict": "in", "members": ["a", "9" * 30, "-1"]}):  # fmt: skip
            self.post("members/judge/", data)
            self.assertContains(self.client.get("/cases/C-1/"), "No member was selected")
        self.assertEqual(self.events(), [])

    def test_a_decided_case_is_reopened_first(self):
        Case.objects.update(status="decided", verdict="confirmed", decided_at=timezone.now())
        self.post("members/judge/", {"members": self.members(0), "verdict": "in"})
        self.assertContains(self.client.get("/cases/C-1/"), "Reopen it to judge members")

    def test_the_way_back_leads_nowhere_else(self):
        for here in ("https://evil.example/", "//evil.example", "/admin"):
            response = self.post(
                "members/judge/", {"members": self.members(0), "verdict": "in", "here": here}
            )
            self.assertEqual(response["Location"], "/cases/C-1/#members")

    def test_another_case_s_members_are_out_of_reach(self):
        other = make_case(2).members.first()
        self.post("members/judge/", {"members": [other.pk], "verdict": "out"})
        other.refresh_from_db()
        self.assertEqual(other.verdict, "")

    def test_strangers_and_onlookers_judge_nothing(self):
        self.assert_doors("members/judge/", {"members": self.members(0), "verdict": "in"})
