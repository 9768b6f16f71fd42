"""The pages about orders: who may press which button, what hostile text does, how many queries."""

import csv
import io
from datetime import timedelta

from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from cases.models import (
    Appeal,
    Case,
    Enforcement,
    EnforcementItem,
    EventHook,
    Exchange,
    Member,
    NoticeVersion,
    Operator,
    Protected,
    Share,
    StandingAuthorisation,
)
from cases.services.appeal import decide_appeal, file_appeal, take_appeal
from cases.services.enforce import approve_enforcement, request_enforcement
from cases.services.hooks import set_up_hook
from ingest.models import Account, AccountPart
from tests.analyst.test_actions import HOSTILE, ActionsTestCase
from tests.base import make_user


class PagesTestCase(ActionsTestCase):
    @classmethod
    def setUpTestData(cls):
        super().setUpTestData()
        cls.cy = make_user("cy", "lead")
        cls.own = make_user("own", "platform owner")

    def done(self, **fields) -> Enforcement:
        order = approve_enforcement(self.order(**fields), actor=self.lea)
        order.items.update(
            state="done", due_at=None, state_before="active", state_after="limited",
            finished_at=timezone.now() - timedelta(hours=1),
        )  # fmt: skip
        Enforcement.objects.filter(pk=order.pk).update(state="done", finished_at=timezone.now())
        return Enforcement.objects.get(pk=order.pk)

    def doors(self, path, data=None, *, allowed, forbidden):
        """Who is let in by POST; a stranger finds nothing."""
        self.assertEqual(self.post(path, data, user=self.stranger).status_code, 404)
        for user in forbidden:
            self.assertEqual(self.post(path, data, user=user).status_code, 403, user)
        for user in allowed:
            self.assertIn(self.post(path, data, user=user).status_code, (302, 422), user)


class AskingTest(PagesTestCase):
    url = "/cases/C-1/act/"

    def test_keys_are_named_one_by_one_with_a_limit_in_stages(self):
        account = Account.objects.get(external_id="acct-1-0")
        AccountPart.objects.create(account=account, kind="key", external_id="k9", is_aggregate=True)
        data = self.data(
            target_kind="key", by="selection", names="acct-1-0 k9", rpm="10", plan="stages",
            stages="50, 100", stage_minutes="30", window_minutes="0",
        )  # fmt: skip
        self.assertEqual(self.post(self.url, data).status_code, 302)
        order = Enforcement.objects.get()
        self.assertEqual((order.target_kind, order.parameters, order.stages),
                         ("key", {"rpm": 10}, [50, 100]))  # fmt: skip
        self.assertEqual(order.items.get().target, "k9")
        page = self.client.get(f"/actions/{order.ref}/")
        for text in ("10 rpm", "k9", "50 %", "Stops by itself when", order.content_hash[:12]):
            self.assertContains(page, text)

    def test_a_watch_needs_no_connector_and_is_on_its_way(self):
        response = self.client.post(self.url, self.data(kind="watch", connector=""), follow=True)
        self.assertContains(response, "is on its way")
        self.assertContains(response, "the desk itself")

    def test_what_cannot_be_meant_is_said_beside_the_form_and_in_the_preview(self):
        for changes, says in (
            ({"by": "selection", "names": ""}, "Name at least one"),
            ({"by": "selection", "names": HOSTILE}, "no member of C-1"),
            ({"kind": "revoke"}, "is for keys"),
            ({"stages": "x", "plan": "stages"}, "Write percents"),
            ({"stages": "5,4", "plan": "stages"}, "Stages grow"), ({"least": "2"}, "less than or"),
            ({"kind": "suspend", "rpm": "1"}, "no confirmed verdict"),
            ({"connector": ""}, "This field is required"),
        ):  # fmt: skip
            with self.subTest(changes):
                response = self.post(self.url, self.data(**changes))
                self.assertContains(response, says, status_code=422)
                self.assertNotContains(response, "<img src=x", status_code=422)
        part = self.client.get(self.url + "?part=preview&kind=revoke&tiers=core")
        self.assertContains(part, "is for keys")
        part = self.client.get(self.url + "?part=preview&kind=limit&by=query&least=x&tiers=core")
        self.assertContains(part, "number from 0 to 1")

    def test_a_query_narrows_the_preview(self):
        Member.objects.filter(account__external_id="acct-1-0").update(probability=0.5)
        part = self.client.get(self.url + "?part=preview&kind=limit&by=query&least=0.9&tiers=core")
        self.assertContains(part, "Limit: 2 accounts")
        self.assertContains(part, "What it would give away")
        self.assertContains(part, "Its reversal")


class StepTest(PagesTestCase):
    def test_anybody_who_acts_pauses_and_a_lead_lets_it_go_on(self):
        order = approve_enforcement(self.order(), actor=self.lea)
        url = f"/actions/{order.ref}/step/"
        self.doors(url, {"step": "pause", "reason": "a call"}, allowed=[self.bo],
                   forbidden=[self.aud])  # fmt: skip
        page = self.client.get(f"/actions/{order.ref}/")
        self.assertContains(page, "a call")
        self.assertContains(page, "paused")
        self.doors(url, {"step": "resume", "reason": "solved"}, allowed=[self.lea],
                   forbidden=[self.bo, self.aud])  # fmt: skip
        order.refresh_from_db()
        self.assertIsNone(order.paused_at)

    def test_a_step_that_is_not_possible_says_so_and_nonsense_is_no_500(self):
        order = self.order()
        url = f"/actions/{order.ref}/step/"
        for data, says in (
            ({"step": "pause", "reason": "x"}, "waiting for approval already"),
            ({"step": "jump"}, "Choose what to do"), ({}, "Choose what to do"),
            ({"step": "stage"}, "no stage is opened"),
            ({"step": "contacted"}, "no order to contact"),
            ({"step": "renew", "until": "never"}, "give a time"),
            ({"step": "renew"}, "Give the new end"),
        ):  # fmt: skip
            with self.subTest(data):
                self.client.force_login(self.cy)
                self.assertContains(self.client.post(url, data, follow=True), says)

    def test_an_order_that_changed_since_it_was_opened_is_not_approved(self):
        order = self.order()
        page = self.client.get(f"/actions/{order.ref}/")
        self.client.force_login(self.lea)
        page = self.client.get(f"/actions/{order.ref}/")
        self.assertContains(page, f'name="seen" value="{order.content_hash}"')
        data = {"verdict": "approve", "seen": "0" * 64}
        response = self.client.post(f"/actions/{order.ref}/review/", data)
        self.assertContains(response, "changed since you opened it", status_code=422)

    def test_one_item_shows_everything_that_was_said_as_text(self):
        order = self.done()
        item = order.items.first()
        Exchange.objects.create(
            connector=self.gateway, item=item, attempt=1, step="send", at=timezone.now(),
            method="POST", path="/orders", request=HOSTILE, status=503, answer=HOSTILE,
            milliseconds=5,
        )  # fmt: skip
        page = self.client.get(f"/actions/{order.ref}/items/{item.pk}/")
        self.assertContains(page, "503")
        self.assertNotContains(page, "<img src=x")
        self.assertEqual(self.client.get(f"/actions/{order.ref}/items/{2**70}/").status_code, 404)
        self.assertEqual(self.client.get(f"/actions/{order.ref}/items/1/").status_code, 404)

    def test_csv_holds_every_item_and_runs_no_formula(self):
        order = self.done(reason="=cmd()")
        EnforcementItem.objects.filter(pk=order.items.first().pk).update(last_error="=1+1")
        answer = self.client.get(f"/actions/{order.ref}/items.csv")
        rows = list(csv.reader(io.StringIO(answer.getvalue().decode())))
        self.assertEqual(len(rows), 4)
        self.assertIn("'=1+1", [cell for row in rows for cell in row])
        rows = list(
            csv.reader(io.StringIO(self.client.get("/actions/all.csv").getvalue().decode()))
        )
        self.assertEqual(rows[1][-1], "'=cmd()")
        Case.objects.update(restricted=True)
        self.assertEqual(len(self.client.get("/actions/all.csv").getvalue().splitlines()), 1)
        self.assertEqual(self.client.get(f"/actions/{order.ref}/items.csv").status_code, 404)


class AppealPagesTest(PagesTestCase):
    def test_it_is_entered_taken_and_decided_by_who_had_no_part(self):
        order = self.done()
        path = f"/actions/{order.ref}/appeal/"
        data = {"account": "acct-1-0", "text": HOSTILE}
        self.doors(path, data, allowed=[self.bo], forbidden=[self.aud])
        appeal = Appeal.objects.get()
        url = f"/actions/appeals/{appeal.ref}/"
        for who in (self.ana, self.lea):
            self.client.force_login(who)
            self.assertContains(self.client.post(url, {"do": "take"}), "another person reviews",
                                status_code=422)  # fmt: skip
        self.doors(url, {"do": "take"}, allowed=[self.cy], forbidden=[self.aud])
        page = self.client.get(url)
        self.assertNotContains(page, "<img src=x")
        self.assertContains(page, "Decide it")
        response = self.client.post(url, {"do": "decide", "outcome": "granted"})
        self.assertContains(response, "This field is required", status_code=422)
        self.client.post(url, {"do": "decide", "outcome": "granted", "rationale": "a school"})
        page = self.client.get(url)
        self.assertContains(page, "What follows")
        self.assertContains(page, "others acted upon")
        listed = self.client.get("/actions/appeals/")
        self.assertContains(listed, "of the decided; 95 %")
        self.client.force_login(self.stranger)
        self.assertEqual(self.client.get(url).status_code, 404)
        self.assertEqual(self.client.get("/actions/appeals/A-x/").status_code, 404)

    def test_a_share_made_before_a_granted_appeal_is_marked(self):
        order = self.done()
        share = Share.objects.create(
            case=self.case, tlp="amber", bundle="{}", sha256="0" * 64, prepared_by=self.ana
        )
        page = f"/sharing/{share.pk}/"
        self.assertNotContains(self.client.get(page), "An appeal was granted since")
        appeal = file_appeal(order, account="acct-1-0", text="a school", actor=None)
        take_appeal(appeal, actor=self.cy)
        decide_appeal(appeal, actor=self.cy, outcome="granted", rationale="it is")
        self.assertContains(self.client.get(page), "An appeal was granted since")

    def test_the_list_costs_the_same_queries_at_two_sizes(self):
        order = self.done()
        counts = []
        for size in (1, 3):
            for item in order.items.order_by("pk")[len(counts) : size]:
                Appeal.objects.create(
                    order=order, item=item, text="t", filed_at=timezone.now(),
                    due_at=timezone.now() + timedelta(days=size),
                )  # fmt: skip
            self.client.get("/actions/appeals/")
            with CaptureQueriesContext(connection) as queries:
                self.client.get("/actions/appeals/")
            counts.append(len(queries))
        self.assertEqual(counts[0], counts[1])


class ListsTest(PagesTestCase):
    def test_a_lead_protects_and_ends_and_others_only_read(self):
        data = {"kind": "account", "value": HOSTILE[:40], "reason": "press"}
        self.doors("/actions/protected/", data, allowed=[self.lea], forbidden=[self.ana, self.aud])
        entry = Protected.objects.get()
        self.client.force_login(self.aud)
        page = self.client.get("/actions/protected/")
        self.assertNotContains(page, "<img src=x")
        self.assertContains(page, "press")
        end = f"/actions/protected/{entry.pk}/end/"
        self.doors(end, {"reason": "over"}, allowed=[self.lea], forbidden=[self.ana])
        entry.refresh_from_db()
        self.assertEqual(entry.ended_by, self.lea)
        self.assertEqual(
            self.post(f"/actions/protected/{2**70}/end/", user=self.lea).status_code, 404
        )

    def test_a_letter_is_written_by_one_and_approved_by_another(self):
        data = {"slug": "l", "title": "L", "kinds": ["limit"], "language": "en", "text": HOSTILE}
        self.doors("/actions/notices/", data, allowed=[self.ana], forbidden=[self.aud])
        version = NoticeVersion.objects.get()
        step = f"/actions/notices/{version.pk}/"
        self.doors(step, {"do": "approve"}, allowed=[self.lea], forbidden=[self.ana])
        self.assertNotContains(self.client.get("/actions/notices/"), "<img src=x")
        version.refresh_from_db()
        self.assertEqual(version.approved_by, self.lea)
        page = self.client.get("/cases/C-1/act/")
        self.assertContains(page, "L, version 1")
        self.post(f"/actions/notices/{version.notice_id}/", {"do": "retire"}, user=self.lea)
        self.assertNotContains(self.client.get("/cases/C-1/act/"), "L, version 1")

    def test_drift_is_shown_with_who_did_it(self):
        order = self.done()
        item = order.items.first()
        Account.objects.filter(pk=item.account_id).update(
            state="active", state_actor=HOSTILE, state_at=timezone.now()
        )
        EnforcementItem.objects.filter(pk=item.pk).update(drifted_at=timezone.now())
        page = self.client.get("/actions/drift/")
        self.assertContains(page, "acct-1-")
        self.assertNotContains(page, "<img src=x")
        self.assertContains(self.client.get("/actions/"), "Drift 1")

    def test_a_platform_owner_switches_a_hook_and_sees_no_secret(self):
        _, secret = set_up_hook("siem", actor=None, url="https://siem.example/in")
        self.doors("/actions/hooks/", {"slug": "siem", "do": "off"}, allowed=[self.own],
                   forbidden=[self.ana, self.lea])  # fmt: skip
        self.assertFalse(EventHook.objects.get().enabled)
        page = self.client.get("/actions/hooks/")
        self.assertNotContains(page, secret)
        self.assertEqual(
            self.post("/actions/hooks/", {"slug": "x"}, user=self.own).status_code, 404
        )

    def test_what_is_approved_in_advance_takes_two_and_is_ended_by_anybody_who_acts(self):
        operator = Operator.objects.create(name="Grey", created_by=self.lea)
        url = f"/operators/{operator.pk}/standing/"
        self.assertEqual(self.post(url).status_code, 404)  # nobody may know of it
        Case.objects.filter(number=1).update(operator=operator)
        data = {
            "kind": "limit", "connector": self.gateway.pk, "least_bits": 20, "most_accounts": 5,
            "ends_at": f"{timezone.now() + timedelta(days=7):%Y-%m-%dT%H:%M}", "lasts_hours": 24,
            "reason": "hydra",
        }  # fmt: skip
        self.doors(url, data, allowed=[self.ana], forbidden=[self.aud])
        one = StandingAuthorisation.objects.get()
        step = f"/actions/standing/{one.pk}/"
        self.doors(step, {"do": "approve"}, allowed=[self.lea], forbidden=[self.ana, self.aud])
        one.refresh_from_db()
        self.assertEqual((one.state, one.reviewed_by), ("standing", self.lea))
        self.assertContains(self.client.get("/actions/standing/"), "hydra")
        self.doors(step, {"do": "end", "reason": "r"}, allowed=[self.bo], forbidden=[self.aud])
        one.refresh_from_db()
        self.assertEqual(one.state, "ended")

    def test_every_page_is_read_by_an_onlooker_and_by_no_stranger(self):
        request_enforcement(self.case, actor=self.ana, kind="watch", reason="r")
        for path in (
            "/actions/", "/actions/appeals/", "/actions/drift/", "/actions/protected/",
            "/actions/notices/", "/actions/standing/", "/actions/hooks/",
        ):  # fmt: skip
            with self.subTest(path):
                self.client.force_login(self.aud)
                self.assertEqual(self.client.get(path).status_code, 200)
                self.assertEqual(self.client.get(path + "?after=x").status_code, 200)
                self.client.force_login(self.stranger)
                self.assertEqual(self.client.get(path).status_code, 404)
