"""What is done on the queue: to several cases at once, and taking the next."""

from datetime import UTC, datetime, time, timedelta

from django.test import Client
from django.utils import timezone

from cases.models import Case, TimelineEvent
from tests.analyst.test_queue import BULK, TAKE, plain_case
from tests.base import DeskTestCase, make_user


class BulkTest(DeskTestCase):
    @classmethod
    def setUpTestData(cls):
        super().setUpTestData()
        cls.other = plain_case(2, owner=cls.bo, status="in_review",
                               claimed_until=timezone.now() + timedelta(hours=1))  # fmt: skip

    def setUp(self):
        self.client.force_login(self.ana)

    def test_what_can_be_claimed_is_claimed_and_the_rest_is_told_why(self):
        data = {"do": "claim", "ref": ["C-1", "C-2", "C-99", "nonsense"], "here": "view=unclaimed"}
        response = self.client.post(BULK, data, follow=True)
        self.assertEqual(response.redirect_chain, [("/?view=unclaimed", 302)])
        self.assertContains(response, "C-1 claimed until")
        self.assertContains(response, "C-2 is in review, claimed by bo")
        self.case.refresh_from_db()
        self.other.refresh_from_db()
        self.assertEqual((self.case.owner, self.other.owner), (self.ana, self.bo))
        self.assertEqual(TimelineEvent.objects.filter(kind="case_claimed").count(), 1)

    def test_snoozing_ends_at_nine_on_the_day_chosen_and_waking_ends_it(self):
        self.client.post(BULK, {"do": "snooze", "days": "3", "ref": "C-1"})
        self.case.refresh_from_db()
        expected = datetime.combine(timezone.now().date() + timedelta(days=3), time(9), UTC)
        self.assertEqual(self.case.snoozed_until, expected)
        self.client.post(BULK, {"do": "wake", "ref": "C-1"})
        self.case.refresh_from_db()
        self.assertIsNone(self.case.snoozed_until)

    def test_releasing_gives_a_case_back_but_not_anothers(self):
        self.client.post(BULK, {"do": "claim", "ref": "C-1"})
        response = self.client.post(BULK, {"do": "release", "ref": ["C-1", "C-2"]}, follow=True)
        self.assertContains(response, "C-1 released.")
        self.assertContains(response, "only they or a lead")
        self.case.refresh_from_db()
        self.assertIsNone(self.case.owner)

    def test_nothing_selected_and_an_unknown_verb_are_said(self):
        self.assertContains(self.client.post(BULK, {"do": "claim"}, follow=True), "Tick some rows")
        response = self.client.post(BULK, {"do": "erase", "ref": "C-1"}, follow=True)
        self.assertContains(response, "can&#x27;t be done")

    def test_the_way_back_never_leaves_the_desk(self):
        for here in (
            "//evil.example",
            "https://evil.example/",
            "/cases/",
            "",
            "?\r\nSet-Cookie: a=b",
        ):
            response = self.client.post(BULK, {"do": "claim", "ref": "C-1", "here": here})
            self.assertTrue(response["Location"] == "/" or response["Location"].startswith("/?"))

    def test_a_post_from_elsewhere_is_refused(self):
        client = Client(enforce_csrf_checks=True)
        client.force_login(self.ana)
        self.assertEqual(client.post(BULK, {"do": "claim", "ref": "C-1"}).status_code, 403)


class TakeNextTest(DeskTestCase):
    def test_the_highest_that_nobody_holds_is_taken_and_opened(self):
        plain_case(2, priority=99, owner=self.bo, status="in_review",
                   claimed_until=timezone.now() + timedelta(hours=1))  # fmt: skip
        self.client.force_login(self.ana)
        self.assertRedirects(self.client.post(TAKE), "/cases/C-1/", fetch_redirect_response=False)
        self.case.refresh_from_db()
        self.assertEqual(self.case.owner, self.ana)

    def test_when_all_are_held_it_says_so(self):
        Case.objects.update(
            owner=self.bo, status="in_review", claimed_until=timezone.now() + timedelta(hours=1)
        )
        self.client.force_login(make_user("cy", "analyst"))
        self.assertContains(self.client.post(TAKE, follow=True), "somebody is on every open case")
