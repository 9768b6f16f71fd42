"""The connectors page: everybody sees how each is; a platform owner probes and switches."""

from datetime import timedelta

from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from cases.connectors import protocol
from cases.models import Case, Connector, EnforcementItem, Exchange
from cases.services.connect import probe_asked
from cases.services.lease import BREAKER
from ingest.outbound import Answer
from tests.base import make_user
from tests.cases.orders import SECRET, OrderCase, connector_at

URL = "/connectors/"


class ConnectorsPageTest(OrderCase):
    def setUp(self):
        super().setUp()
        self.client.force_login(self.ana)

    def owner(self) -> User:
        return User.objects.filter(username="own").first() or make_user("own", "platform owner")

    def words(self, **fields) -> str:
        Connector.objects.update(**fields)
        (shown,) = self.client.get(URL).context["connectors"]
        return shown.words

    def test_each_person_gets_what_their_role_sees(self):
        self.client.logout()
        self.assertRedirects(
            self.client.get(URL), f"/login/?next={URL}", fetch_redirect_response=False
        )
        self.client.force_login(self.stranger)
        self.assertEqual(self.client.get(URL).status_code, 404)
        for person in (self.aud, self.ana, self.lea):
            self.client.force_login(person)
            page = self.client.get(URL)
            self.assertContains(page, "Platform")
            self.assertNotContains(page, "Switch off")
            for do in ("probe", "switch"):
                answer = self.client.post(f"{URL}platform/{do}/", {"do": "off"})
                self.assertEqual(answer.status_code, 403)
        self.client.force_login(self.owner())
        self.assertContains(self.client.get(URL), "Switch off")
        self.assertEqual(self.client.post(f"{URL}other/switch/").status_code, 404)
        self.assertEqual(self.client.get(f"{URL}platform/switch/").status_code, 405)

    def test_everybody_sees_what_the_breaker_does(self):
        ahead = timezone.now() + timedelta(minutes=5)
        self.assertEqual(self.words(), "on")
        self.assertEqual(self.words(failures=2), "2 failures in a row")
        self.assertIn("slow down", self.words(failures=0, open_until=ahead))
        said = self.words(failures=BREAKER, open_until=ahead)
        self.assertIn(f"rests until {ahead:%H:%M:%S} UTC: {BREAKER} failures", said)
        self.assertIn("tries one account", self.words(open_until=None))
        self.assertIn("410", self.words(enabled=False, off_because="it answered 410 Gone"))

    def test_an_owner_switches_it_off_and_on_rested_and_it_says_who(self):
        self.client.force_login(self.owner())
        Connector.objects.update(failures=9, open_until=timezone.now() + timedelta(hours=1))
        for do, enabled in (("off", False), ("off", False), ("on", True), ("on", True)):
            answer = self.client.post(f"{URL}platform/switch/", {"do": do}, follow=True)
            self.connector.refresh_from_db()
            self.assertEqual(self.connector.enabled, enabled)
        self.assertContains(answer, "switched on already")
        self.assertContains(answer, "switched by own")
        self.assertEqual((self.connector.failures, self.connector.open_until), (0, None))

    def test_a_probe_is_asked_for_once_and_made_by_a_worker(self):
        self.client.force_login(self.owner())
        for _ in range(2):
            page = self.client.post(f"{URL}platform/probe/", follow=True)
        self.assertContains(page, "asked")
        self.assertContains(page, "every 3s")
        with self.subTest("the sweep"):
            original, protocol.request = protocol.request, lambda *a, **m: Answer(404, {}, b"{}")
            self.addCleanup(setattr, protocol, "request", original)
            self.assertEqual((probe_asked(), probe_asked()), (1, 0))
        rows = self.client.get(URL, {"part": "rows"})
        self.assertContains(rows, "It took the signature")
        self.assertNotContains(rows, "every 3s")
        self.assertEqual(Exchange.objects.get().step, "probe")

    def test_no_secret_is_on_it_and_strangers_text_is_text(self):
        Connector.objects.update(name="Edge <script>alert(1)</script>\u202e")
        order = self.request()
        Exchange.objects.create(
            connector=self.connector, item=order.items.first(), step="send", at=timezone.now(),
            method="POST", path="/<b>", error="<img src=x>", milliseconds=3,
        )  # fmt: skip
        page = self.client.get(URL, {"connector": "platform"})
        self.assertContains(page, "&lt;script&gt;alert(1)")
        self.assertContains(page, "/&lt;b&gt;")
        self.assertNotContains(page, "<script>alert")
        self.assertNotContains(page, "<img")
        self.assertNotContains(page, SECRET)
        self.assertContains(page, order.ref)
        Case.objects.update(restricted=True)
        page = self.client.get(URL)
        self.assertContains(page, "a case you do not see")
        self.assertNotContains(page, "/&lt;b&gt;")
        self.assertNotContains(page, order.ref)

    def test_it_counts_what_is_still_to_do(self):
        order = self.running()
        order.items.filter(pk=order.items.first().pk).update(state="unknown")
        page = self.client.get(URL)
        self.assertContains(page, "1 unknown")
        (shown,) = page.context["connectors"]
        self.assertEqual(shown.open_total, EnforcementItem.objects.count())

    def test_its_queries_are_as_many_for_one_connector_as_for_many(self):
        items = list(self.request().items.all())

        def said(connector):
            Exchange.objects.bulk_create(
                Exchange(
                    connector=connector, item=item, step="read", at=timezone.now(), method="GET",
                    path="/", milliseconds=1,
                )
                for item in items
            )  # fmt: skip

        said(self.connector)
        with CaptureQueriesContext(connection) as few:
            self.client.get(URL)
        for number in range(12):
            said(connector_at("http://127.0.0.1:1/", slug=f"edge-{number}"))
        with CaptureQueriesContext(connection) as many:
            self.client.get(URL)
        self.assertEqual(len(many), len(few))

    def test_without_a_connector_it_says_how_one_comes(self):
        Connector.objects.all().delete()
        self.assertContains(self.client.get(URL), "manage.py connect")
