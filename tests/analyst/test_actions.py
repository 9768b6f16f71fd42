from datetime import timedelta

from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from cases.models import Case, Enforcement, EnforcementItem, Member
from cases.services.connect import set_up_webhook
from cases.services.enforce import approve_enforcement, request_enforcement
from ingest.models import Account
from tests.base import DeskTestCase, make_case

HOSTILE = "<img src=x onerror=alert(1)>\u202e"
SECRET = "whsec_" + "A" * 40


class ActionsTestCase(DeskTestCase):
    @classmethod
    def setUpTestData(cls):
        super().setUpTestData()
        cls.gateway = set_up_webhook(
            "gateway", name="Gateway", url="https://gateway.example/orders", secret=SECRET
        )

    def setUp(self):
        self.client.force_login(self.ana)

    def data(self, **changes):
        return {
            "kind": "limit", "tiers": ["core"], "connector": self.gateway.pk,
            "reason": "Rule 4.2, one template over many accounts", **changes,
        }  # fmt: skip

    def order(self, actor=None, case=None, **fields):
        fields = {"kind": "limit", "tiers": ["core"], "reason": "r", **fields}
        return request_enforcement(
            case or self.case, actor=actor or self.ana, connector=self.gateway, **fields
        )

    def running(self, **states):
        """An approved order whose items are in the states asked for, by position."""
        order = approve_enforcement(self.order(), actor=self.lea)
        for item, (state, fields) in zip(order.items.order_by("pk"), states.items(), strict=False):
            for name, value in fields.items():
                setattr(item, name, value)
            item.state = state
            item.save()
        return order

    def post(self, path, data=None, user=None):
        self.client.force_login(user or self.ana)
        return self.client.post(path, data or {})


class AskTest(ActionsTestCase):
    url = "/cases/C-1/act/"

    def test_what_it_would_touch_stands_beside_the_form_before_anybody_asks(self):
        Member.objects.filter(account__external_id="acct-1-0").update(verdict="out")
        response = self.client.get(self.url)
        self.assertContains(response, "Limit: 2 accounts, of which about <b>0.1</b>")
        self.assertContains(response, "An analyst said out")
        self.assertContains(response, "Gateway")
        self.assertFalse(Enforcement.objects.exists())

    def test_a_confirmed_case_begins_with_a_suspension_another_with_a_limit(self):
        self.assertContains(self.client.get(self.url), "Limit: 3 accounts")
        Case.objects.update(status="decided", verdict="confirmed", decided_at=timezone.now())
        response = self.client.get(self.url)
        self.assertContains(response, "Suspend: 3 accounts")

    def test_the_preview_follows_the_choice(self):
        Member.objects.filter(account__external_id="acct-1-0").update(tier="likely")
        part = self.client.get(self.url + "?part=preview&kind=limit&tiers=core&tiers=likely")
        self.assertContains(part, "Limit: 3 accounts")
        self.assertNotContains(part, "<html")
        self.assertContains(
            self.client.get(self.url + "?part=preview&kind=limit"), "Nobody: choose a tier"
        )
        self.assertContains(self.client.get(self.url + "?part=preview&kind=x"), "Choose an action")
        # without JavaScript, by the button
        response = self.post(self.url, self.data(do="preview", reason="", tiers=["likely"]))
        self.assertContains(response, "Limit: 1 account,")
        self.assertFalse(Enforcement.objects.exists())

    def test_asking_leads_to_the_action_which_waits(self):
        end = timezone.now() + timedelta(days=14)
        response = self.post(
            self.url, self.data(notice="Why, and how to object", expires_at=f"{end:%Y-%m-%dT%H:%M}")
        )
        order = Enforcement.objects.get()
        self.assertRedirects(response, f"/actions/{order.ref}/", fetch_redirect_response=False)
        page = self.client.get(f"/actions/{order.ref}/")
        for text in (
            "waits for a second person",
            "waiting for approval",
            "Why, and how to object",
            "You asked for it, so you cannot approve it",
            "Nothing is sent before",
        ):
            self.assertContains(page, text)
        self.assertNotContains(page, ">Approve<")

    def test_what_stands_against_it_is_said_in_words(self):
        for changes, says in (
            ({"reason": ""}, "This field is required"),
            ({"kind": "suspend"}, "has no confirmed verdict"),
            ({"tiers": ["possible"]}, "reach no account"),
            ({"tiers": []}, "This field is required"),
            ({"kind": "reinstate"}, "reach no account"),
            ({"expires_at": "2020-01-01T00:00"}, "must lie ahead"),
            ({"connector": 999}, "Select a valid choice"),
            ({"kind": "shoot"}, "Select a valid choice"),
        ):
            with self.subTest(changes):
                response = self.post(self.url, self.data(**changes))
                self.assertContains(response, says, status_code=422)
        self.assertFalse(Enforcement.objects.exists())

    def test_the_same_action_twice_is_refused_naming_the_first(self):
        self.post(self.url, self.data())
        response = self.post(self.url, self.data(), user=self.bo)
        self.assertContains(response, "is the same order and waiting", status_code=422)
        self.assertEqual(Enforcement.objects.count(), 1)

    def test_without_a_connector_the_page_says_what_is_missing(self):
        self.gateway.enabled = False
        self.gateway.save()
        self.assertContains(self.client.get(self.url), "No connector is set up")

    def test_strangers_and_onlookers_ask_for_nothing(self):
        self.assertEqual(self.post(self.url, self.data(), user=self.stranger).status_code, 404)
        self.assertEqual(self.post(self.url, self.data(), user=self.aud).status_code, 403)
        self.assertFalse(Enforcement.objects.exists())


class ReviewTest(ActionsTestCase):
    def test_a_lead_approves_and_it_is_on_its_way(self):
        order = self.order()
        self.client.force_login(self.lea)
        page = self.client.get(f"/actions/{order.ref}/")
        self.assertContains(page, ">Approve<")
        response = self.post(
            f"/actions/{order.ref}/review/", {"verdict": "approve", "note": "keys are out"},
            user=self.lea,
        )  # fmt: skip
        self.assertRedirects(response, f"/actions/{order.ref}/", fetch_redirect_response=False)
        order.refresh_from_db()
        self.assertEqual((order.state, order.reviewed_by), ("running", self.lea))
        page = self.client.get(f"/actions/{order.ref}/")
        self.assertContains(page, "being delivered")
        self.assertContains(page, "keys are out")
        self.assertContains(page, 'hx-trigger="every 2s"')

    def test_who_asked_never_approves_even_as_a_lead(self):
        order = self.order(actor=self.lea)
        response = self.post(f"/actions/{order.ref}/review/", {"verdict": "approve"}, user=self.lea)
        self.assertContains(response, "another person approves it", status_code=422)
        order.refresh_from_db()
        self.assertEqual(order.state, "requested")

    def test_a_refusal_says_why_and_stops_it(self):
        order = self.order()
        url = f"/actions/{order.ref}/review/"
        silent = self.post(url, {"verdict": "refuse", "note": ""}, user=self.lea)
        self.assertContains(silent, "Say why", status_code=422)
        self.post(url, {"verdict": "refuse", "note": "too wide"}, user=self.lea)
        order.refresh_from_db()
        self.assertEqual((order.state, order.review_note), ("refused", "too wide"))
        again = self.post(url, {"verdict": "approve"}, user=self.lea)
        self.assertContains(again, "is refused already", status_code=422)

    def test_analysts_onlookers_and_strangers_review_nothing(self):
        order = self.order()
        for user, status in ((self.bo, 403), (self.aud, 403), (self.stranger, 404)):
            response = self.post(f"/actions/{order.ref}/review/", {"verdict": "approve"}, user=user)
            self.assertEqual(response.status_code, status)
        order.refresh_from_db()
        self.assertEqual(order.state, "requested")

    def test_cancelling_stops_what_is_not_sent_and_a_second_time_is_told(self):
        order = self.order()
        url = f"/actions/{order.ref}/cancel/"
        self.assertEqual(self.post(url, user=self.aud).status_code, 403)
        self.assertEqual(self.post(url, user=self.stranger).status_code, 404)
        self.assertEqual(self.post(url).status_code, 302)
        order.refresh_from_db()
        self.assertEqual(order.state, "cancelled")
        self.assertContains(self.post(url), "is cancelled already", status_code=422)


class ProgressTest(ActionsTestCase):
    def test_unknown_is_not_failed(self):
        order = self.running(
            done={"last_status": 200, "state_before": "active", "state_after": "limited"},
            unknown={"attempts": 1, "last_error": "timed out"},
            failed={"last_status": 404, "last_error": HOSTILE},
        )
        page = self.client.get(f"/actions/{order.ref}/")
        self.assertContains(page, "1 read back, 1 unknown, 1 failed of 3.")
        self.assertContains(page, "active → limited")
        self.assertContains(page, "timed out")
        self.assertNotContains(page, "<img")
        self.assertContains(page, "‹U+202E›")
        for state in ("done", "unknown", "failed"):
            items = self.client.get(f"/actions/{order.ref}/?state={state}").context["items"]
            self.assertEqual([item.state for item in items], [state])

    def test_the_part_is_polled_until_the_action_is_final(self):
        order = self.running()
        part = self.client.get(f"/actions/{order.ref}/?part=progress")
        self.assertContains(part, 'hx-trigger="every 2s"')
        self.assertNotIn("HX-Refresh", part)
        Enforcement.objects.update(state="done", finished_at=timezone.now())
        part = self.client.get(f"/actions/{order.ref}/?part=progress")
        self.assertNotContains(part, "hx-trigger")
        self.assertEqual(part["HX-Refresh"], "true")
        self.assertNotContains(self.client.get(f"/actions/{order.ref}/"), "every 2s")

    def test_accounts_are_paged_by_key_at_a_constant_number_of_queries(self):
        numbers = []
        for number, size in ((20, 3), (21, 230)):
            order = self.order(case=make_case(number, accounts=size))
            with CaptureQueriesContext(connection) as captured:
                response = self.client.get(f"/actions/{order.ref}/")
            numbers.append(len(captured))
        self.assertEqual(numbers[0], numbers[1])
        seen = []
        while response:
            seen += [item.pk for item in response.context["items"]]
            following = response.context["following"]
            url = f"/actions/{order.ref}/?after={following}"
            response = self.client.get(url) if following else None
        self.assertEqual((len(seen), len(set(seen))), (230, 230))
        self.assertEqual(self.client.get(f"/actions/{order.ref}/?after=x&state=y").status_code, 200)

    def test_a_stranger_finds_no_action_and_an_onlooker_reads_it(self):
        order = self.running()
        self.client.force_login(self.stranger)
        for path in (f"/actions/{order.ref}/", "/actions/"):
            self.assertEqual(self.client.get(path).status_code, 404)
        self.client.force_login(self.aud)
        page = self.client.get(f"/actions/{order.ref}/")
        self.assertNotContains(page, "/cancel/")

    def test_a_restricted_case_s_action_is_not_there_for_others(self):
        order = self.order()
        Case.objects.update(restricted=True)
        self.assertEqual(self.client.get(f"/actions/{order.ref}/").status_code, 404)
        self.assertNotContains(self.client.get("/actions/"), order.ref)


class ReinstateTest(ActionsTestCase):
    def finished(self):
        order = self.running(
            done={"state_before": "active", "state_after": "limited"},
            failed={"last_error": "gone"},
        )
        Enforcement.objects.filter(pk=order.pk).update(state="done", finished_at=timezone.now())
        return order

    def test_a_finished_action_can_be_put_back_by_a_second_order(self):
        order = self.finished()
        page = self.client.get(f"/actions/{order.ref}/")
        self.assertContains(page, f"/cases/C-1/act/?reverse={order.ref}")
        url = f"/cases/C-1/act/?reverse={order.ref}"
        self.assertContains(self.client.get(url), f"Put back what {order.ref} changed")
        self.assertContains(self.post(url, {"reason": ""}), "required", status_code=422)
        response = self.post(url, {"reason": "appeal granted"})
        back = Enforcement.objects.get(kind="reinstate")
        self.assertRedirects(response, f"/actions/{back.ref}/", fetch_redirect_response=False)
        self.assertEqual(back.items.count(), 1)
        self.assertContains(self.client.get(f"/actions/{back.ref}/"), f"of {order.ref}")

    def test_a_running_action_is_not_put_back(self):
        order = self.running()
        self.assertNotContains(self.client.get(f"/actions/{order.ref}/"), "?reverse=")
        response = self.post(f"/cases/C-1/act/?reverse={order.ref}", {"reason": "x"})
        self.assertContains(response, "let it end, or cancel it", status_code=422)
        self.assertEqual(self.client.get("/cases/C-1/act/?reverse=O-999").status_code, 404)


class ListTest(ActionsTestCase):
    def test_what_waits_stands_first(self):
        Account.objects.filter(external_id="acct-1-0").update(state="active")
        running = self.running()
        waiting = self.order(case=make_case(2), reason=HOSTILE)
        page = self.client.get("/actions/").content.decode()
        self.assertLess(page.index(waiting.ref), page.index(running.ref))
        self.assertFalse("<img" in page)
        only = self.client.get("/actions/?case=C-1")
        self.assertContains(only, running.ref)
        self.assertNotContains(only, waiting.ref)

    def test_it_is_paged_by_key_at_a_constant_number_of_queries(self):
        def fill(count):
            Enforcement.objects.bulk_create(
                Enforcement(
                    number=9000 + Enforcement.objects.count() + i, case=self.case, kind="limit",
                    connector=self.gateway, reason="r", state="refused", requested_by=self.ana,
                    reviewed_by=self.lea, blast_radius={"accounts": 1}, finished_at=timezone.now(),
                )
                for i in range(count)
            )  # fmt: skip

        numbers = []
        for count in (3, 120):
            fill(count)
            with CaptureQueriesContext(connection) as captured:
                first = self.client.get("/actions/")
            numbers.append(len(captured))
        self.assertEqual(numbers[0], numbers[1])
        second = self.client.get(f"/actions/?after={first.context['following']}")
        found = [o.number for r in (first, second) for o in r.context["orders"]]
        self.assertEqual((len(found), found), (123, sorted(set(found), reverse=True)))

    def test_an_empty_list_says_how_an_action_comes_about(self):
        self.assertContains(self.client.get("/actions/"), "No action yet")
        self.assertEqual(EnforcementItem.objects.count(), 0)
