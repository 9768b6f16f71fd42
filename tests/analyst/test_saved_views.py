"""Saved views: own and the team's, counted, forgotten and brought back."""

from django.db import connection
from django.test.utils import CaptureQueriesContext

from analyst.models import SavedView
from tests.analyst.test_queue import plain_case
from tests.base import DeskTestCase, make_user

SAVE = "/views/"


class SavedViewTest(DeskTestCase):
    def save(self, who=None, here="level=P2", **data):
        self.client.force_login(who or self.ana)
        return self.client.post(SAVE, {"name": "Second level", "here": here, **data}, follow=True)

    def forget(self, view, who=None, **data):
        self.client.force_login(who or self.ana)
        return self.client.post(f"/views/{view.pk}/forget/", data, follow=True)

    def test_a_view_keeps_the_filters_and_counts_its_cases(self):
        plain_case(21, priority=40)
        plain_case(22, priority=12)
        self.save()
        page = self.client.get("/").content.decode()
        self.assertIn('Second level <span class="count">1</span>', page)
        self.assertIn('href="/?level=P2"', page)
        here = self.client.get("/?level=P2").content.decode()
        self.assertIn("Forget view", here)
        self.assertEqual(here.count('aria-current="page"'), 2, "the navigation and one tab")

    def test_only_the_queues_own_parameters_are_kept(self):
        self.save(here="level=P2&after=9,9&next=//evil.example&status=nonsense")
        self.assertEqual(SavedView.objects.get().query, "level=P2")

    def test_a_queue_without_a_filter_and_a_second_view_of_one_name_are_refused(self):
        self.assertContains(self.save(here=""), "without any filter")
        self.save()
        self.assertContains(self.save(here="level=P3"), "choose another name")
        self.assertEqual(SavedView.objects.count(), 1)

    def test_ones_own_view_is_not_shown_to_others_and_the_teams_is(self):
        self.save()
        bea = make_user("bea", "analyst")
        self.client.force_login(bea)
        self.assertNotContains(self.client.get("/"), "Second level")
        self.save(name="Of all", team="on")
        self.client.force_login(bea)
        self.assertContains(self.client.get("/"), "Of all")

    def test_an_auditor_keeps_views_of_their_own_and_none_for_the_team(self):
        self.assertContains(self.save(who=self.aud, team="on"), "keep it for yourself")
        self.save(who=self.aud)
        self.assertEqual(SavedView.objects.get().owner, self.aud)

    def test_forgetting_offers_to_undo_and_undo_brings_it_back(self):
        self.save()
        view = SavedView.objects.get()
        self.assertContains(self.forget(view), "Undo")
        self.assertNotContains(self.client.get("/"), ">Second level")
        self.assertContains(self.forget(view, undo="1"), "is back")
        self.assertContains(self.client.get("/"), "Second level")

    def test_anothers_view_is_forgotten_by_a_lead_if_it_is_the_teams(self):
        self.save(team="on")
        view = SavedView.objects.get()
        bea = make_user("bea", "analyst")
        self.assertContains(self.forget(view, bea), "Its owner or a lead")
        view.refresh_from_db()
        self.assertIsNone(view.forgotten_at)
        self.forget(view, self.lea)
        view.refresh_from_db()
        self.assertIsNotNone(view.forgotten_at)

    def test_a_name_of_markup_is_text(self):
        self.save(name="<b>x</b>")
        self.assertContains(self.client.get("/"), "&lt;b&gt;x&lt;/b&gt;")

    def test_the_queues_queries_do_not_grow_with_the_views(self):
        counts = []
        for size in (1, 5):
            for i in range(size):
                self.save(name=f"view {size} {i}", here=f"level=P2&p=0.{size}{i}")
            self.client.get("/")
            with CaptureQueriesContext(connection) as asked:
                self.client.get("/")
            counts.append(len(asked))
        self.assertEqual(*counts)
