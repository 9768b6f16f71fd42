"""Our client: against our own server over a wire that breaks, and against medallion's."""

import json
import threading
import uuid
from datetime import timedelta
from unittest import mock

import medallion
import msgspec
from django.db.models import F
from django.utils import timezone
from werkzeug.serving import make_server

from cases.models import Feed, PartnerExchange, Push, SharedObject, Submission
from cases.services import feeds
from cases.services.collections import keep_objects
from cases.services.feeds import exchange_with_partners, find_collections, read_feed
from cases.services.partner import set_server
from cases.services.publish import publish
from cases.services.submissions import check_waiting
from cases.sharing.stixcheck import read_head
from ingest import outbound
from tests.cases.stix_samples import AT, identity, indicator
from tests.cases.taxii import TAXII, TaxiiTestCase

HERE = "http://localhost/taxii2/desk/"


def all_due(model):
    model.objects.update(due_at=timezone.now() - timedelta(seconds=1))


class WireTests(TaxiiTestCase):
    """South's server is our own: what we fetch as "south" comes in from "north"."""

    def setUp(self):
        self.faults: list = []
        self.asked: list[str] = []
        self.north = set_server(
            self.north, actor=self.lea, url=HERE, login=f"south:{self.south_token}",
            allowed_private_hosts=["localhost"],
        )  # fmt: skip
        self.there = self.south.collections.get(way="out", tlp="amber")
        patched = mock.patch.object(outbound, "request", self.carry)
        patched.start()
        self.addCleanup(patched.stop)

    def carry(self, method, url, *, headers, body=None, **kwargs):
        self.asked.append(f"{method} {url.removeprefix(HERE)}")
        fault = self.faults.pop(0) if self.faults else None
        if isinstance(fault, Exception) and not isinstance(fault, outbound.NoAnswer):
            raise fault
        if isinstance(fault, outbound.Answer):
            return fault
        answer = self.client.generic(
            method, url.removeprefix("http://localhost"), body or b"",
            content_type=headers.get("Content-Type", ""),
            headers={k: v for k, v in headers.items() if k != "Content-Type"},
        )  # fmt: skip
        if fault:  # it arrived, and the answer was lost
            raise fault
        found = {name.lower(): value for name, value in answer.headers.items()}
        return outbound.Answer(answer.status_code, found, answer.content)

    def offer(self, *objects):
        keep_objects(self.there, [read_head(msgspec.json.encode(one)) for one in objects])

    def fetch(self):
        all_due(Feed)
        exchange_with_partners()
        check_waiting()

    def came(self) -> list[str]:
        rows = SharedObject.objects.filter(collection=self.inbox).order_by("pk")
        return [json.loads(row.body)["name"] for row in rows]

    def feed(self) -> Feed:
        return Feed.objects.get(remote_id=str(self.there.pk))

    def test_it_finds_the_collections_and_fetches_only_what_is_new(self):
        self.offer(*(identity(n) for n in range(1, 6)))
        self.fetch()
        assert self.came() == [f"Lab {n}" for n in range(1, 6)]
        self.fetch()
        assert Submission.objects.count() == 1, "nothing new makes no submission"
        self.offer(identity(6))
        self.fetch()
        assert self.came()[-1] == "Lab 6" and len(self.came()) == 6

    def test_a_feed_is_left_alone_until_it_is_due(self):
        self.fetch()
        self.asked.clear()
        exchange_with_partners()
        assert self.asked == []
        assert self.feed().due_at > timezone.now() + timedelta(seconds=200)

    def test_pages_are_gone_on_with_after_a_fault_where_it_broke(self):
        self.offer(*(identity(n) for n in range(1, 8)))
        find_collections(self.north)
        with mock.patch("cases.connectors.taxii.PAGE", 3):
            self.faults = [None, outbound.NotSent("away")]
            read_feed(self.feed().pk)
            feed = self.feed()
            assert feed.following and feed.failures == 1 and "away" in feed.problem
            assert feed.due_at > timezone.now()
            check_waiting()
            assert len(self.came()) == 3
            all_due(Feed)
            read_feed(feed.pk)
        check_waiting()
        assert self.came() == [f"Lab {n}" for n in range(1, 8)]
        assert sum("objects" in asked for asked in self.asked) == 4, "no page twice but the broken"
        feed = self.feed()
        assert (feed.failures, feed.problem, feed.following) == (0, "", "")

    def test_a_server_that_forgot_its_cursor_is_begun_again_and_nothing_is_twice(self):
        self.offer(*(identity(n) for n in range(1, 8)))
        find_collections(self.north)
        with mock.patch("cases.connectors.taxii.PAGE", 3):
            self.faults = [None, outbound.Answer(400, {}, b"{}")]
            read_feed(self.feed().pk)
            assert self.feed().following == ""
            all_due(Feed)
            read_feed(self.feed().pk)
        check_waiting()
        assert self.came() == [f"Lab {n}" for n in range(1, 8)]

    def test_a_page_and_its_cursor_are_kept_together_or_not_at_all(self):
        self.offer(identity(1))
        find_collections(self.north)
        with mock.patch.object(Feed, "save", side_effect=KeyError):
            exchange_with_partners()
        assert not Submission.objects.exists() and self.feed().read_until == ""
        self.fetch()
        assert self.came() == ["Lab 1"]

    def test_it_rests_longer_each_time_and_as_long_as_it_is_asked_to(self):
        find_collections(self.north)
        rests = []
        for _ in range(3):
            self.faults = [outbound.Answer(503, {}, b"")]
            all_due(Feed)
            read_feed(self.feed().pk)
            rests.append((self.feed().due_at - timezone.now()).total_seconds())
        assert 20 < rests[0] < 40 and 40 < rests[1] < 80 and 85 < rests[2] < 160
        self.faults = [outbound.Answer(429, {"retry-after": "900"}, b"")]
        all_due(Feed)
        read_feed(self.feed().pk)
        assert self.feed().due_at > timezone.now() + timedelta(seconds=890)

    def test_answers_that_are_no_taxii_break_nothing(self):
        find_collections(self.north)
        for body in (b"", b"<html>", b"[]", b'{"objects": 7}', b'{"more": true}', b"\xff",
                     b"[" * 100_000, b'{"objects":[{"id":7},"x",null]}'):  # fmt: skip
            with self.subTest(body[:20]):
                self.faults = [outbound.Answer(200, {}, body)]
                all_due(Feed)
                exchange_with_partners()
                check_waiting()
        assert self.came() == []
        assert not Submission.objects.filter(finished_at=None).exists()

    def push(self, *objects) -> Push:
        publish(self.north, "amber", objects, actor=self.lea, kind="objects_published")
        return Push.objects.latest("pk")

    def send(self):
        all_due(Push)
        exchange_with_partners()

    def arrived(self) -> int:
        return SharedObject.objects.filter(collection__partner=self.south).count()

    def test_what_was_approved_is_sent_and_followed_to_its_end(self):
        push = self.push(indicator(1), identity(2))
        self.send()
        push.refresh_from_db()
        assert (push.state, push.accepted) == ("sent", 0), "taken is not yet gone through"
        check_waiting()
        self.send()
        push.refresh_from_db()
        assert (push.state, push.accepted, push.refused) == ("done", 2, 0)
        assert PartnerExchange.objects.get(kind="objects_pushed").detail["accepted"] == 2
        self.send()
        assert self.arrived() == 2

    def test_an_answer_that_was_lost_is_sent_again_and_stored_once(self):
        push = self.push(indicator(1))
        find_collections(self.north)
        self.faults = [outbound.NoAnswer("no answer in time")]
        self.send()
        push.refresh_from_db()
        assert (push.state, push.failures) == ("waiting", 1)
        self.send()
        check_waiting()
        self.send()
        push.refresh_from_db()
        assert (push.state, push.attempts, push.accepted) == ("done", 2, 1)
        assert self.arrived() == 1 and Submission.objects.count() == 2

    def test_a_refusal_ends_it_and_says_why(self):
        push = self.push(identity(1))
        find_collections(self.north)
        self.faults = [outbound.Answer(422, {}, b'{"title":"Not STIX","description":"why"}')]
        self.send()
        push.refresh_from_db()
        assert push.state == "failed" and "Not STIX: why" in push.problem
        self.asked.clear()
        self.send()
        assert not [one for one in self.asked if one.startswith("POST")]

    def test_a_status_that_is_gone_makes_it_send_again(self):
        push = self.push(identity(1))
        self.send()
        Submission.objects.all().delete()
        self.send()
        self.send()
        check_waiting()
        self.send()
        push.refresh_from_db()
        assert push.state == "done" and self.arrived() == 1

    def test_two_workers_send_it_once(self):
        push = self.push(identity(1))
        find_collections(self.north)
        self.asked.clear()
        feeds.push_one(push.pk)
        feeds.push_one(push.pk)
        assert sum(one.startswith("POST") for one in self.asked) == 1


class MedallionTests(TaxiiTestCase):
    """OASIS's own server, over real HTTP, through the way out that checks addresses."""

    def setUp(self):
        self.collection = str(uuid.uuid4())
        root = {
            "information": {"title": "peer", "versions": [TAXII], "max_content_length": 10**7},
            "status": [],
            "collections": [
                {
                    "id": self.collection, "title": "both ways", "can_read": True,
                    "can_write": True, "media_types": [], "objects": [], "manifest": [],
                }
            ],
        }  # fmt: skip
        app = medallion.application_instance
        app.users_backend = {"us": "pass"}
        app.taxii_config = {"max_page_size": 3}
        backend = "medallion.backends.memory_backend"
        app.medallion_backend = medallion.connect_to_backend(
            {"module": backend, "module_class": "MemoryBackend"}
        )
        app.medallion_backend.data = {"/discovery": {"title": "peer"}, "api": root}
        if "objects" not in app.blueprints:
            medallion.register_blueprints(app)
        server = make_server("127.0.0.1", 0, app)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.shutdown)
        self.stored = root["collections"][0]["objects"]
        self.north = set_server(
            self.north, actor=self.lea, url=f"http://127.0.0.1:{server.port}/api/",
            login="us:pass", allowed_private_hosts=["127.0.0.1"],
        )  # fmt: skip

    def test_what_we_push_is_there_and_a_second_push_of_it_is_done_too(self):
        for _ in range(2):
            publish(self.north, "amber", [identity(1), indicator(2)], actor=None, kind="published")
            exchange_with_partners()
        assert [one["id"] for one in self.stored] == [identity(1)["id"], indicator(2)["id"]]
        assert list(Push.objects.values_list("state", flat=True)) == ["done", "done"]

    def test_we_fetch_all_pages_and_then_only_what_is_new(self):
        publish(
            self.north, "amber", [identity(n) for n in range(1, 9)], actor=None, kind="published"
        )
        exchange_with_partners()
        assert len(self.stored) == 8
        for _ in range(2):
            Feed.objects.update(due_at=F("due_at") - timedelta(hours=1))
            exchange_with_partners()
        check_waiting()
        found = SharedObject.objects.filter(collection=self.inbox)
        assert found.count() == 8
        feed = Feed.objects.get()
        assert (feed.problem, feed.following) == ("", "") and feed.read_until > AT

    def test_wrong_credentials_are_told_and_tried_again_later(self):
        set_server(
            self.north, actor=self.lea, url=self.north.taxii_url, login="us:wrong",
            allowed_private_hosts=["127.0.0.1"],
        )  # fmt: skip
        Feed.objects.create(partner=self.north, remote_id=self.collection, can_read=True)
        exchange_with_partners()
        feed = Feed.objects.get()
        assert "401" in feed.problem and feed.due_at > timezone.now()
