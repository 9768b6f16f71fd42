"""Pages, filters and versions, through taxii2-client, which nobody here wrote."""

from datetime import timedelta
from unittest import mock

import msgspec
import pytest
import requests
from django.utils import timezone
from taxii2client.v21 import ApiRoot, Collection, Server, Status, as_pages

from cases.models import SharedObject
from cases.services.collections import keep_objects
from cases.services.partner import change_policy
from cases.services.submissions import check_waiting
from cases.sharing.stixcheck import moment, read_head
from tests.cases.stix_samples import domain, identity, indicator
from tests.cases.taxii import TaxiiTestCase

ROOT = "http://testserver/taxii2/"
LATER = "2026-11-21T09:00:00.000Z"
LATEST = "2026-11-22T09:00:00.000Z"


class ClientTests(TaxiiTestCase):
    def setUp(self):
        self.conn = self.connection()
        self.conn.version = "2.1"
        self.there = Collection(f"{ROOT}desk/collections/{self.inbox.pk}/", conn=self.conn)

    def test_it_finds_the_server_the_root_and_the_collections(self):
        server = Server(ROOT, conn=self.conn)
        (found,) = server.api_roots
        root = ApiRoot(found.url, conn=self.conn)
        assert root.versions == ["application/taxii+json;version=2.1"]
        titles = {one.title for one in root.collections}
        assert "From North Lab" in titles and "For North Lab, TLP:AMBER" in titles
        assert "For North Lab, TLP:RED" not in titles

    def test_it_adds_objects_and_follows_the_status_to_its_end(self):
        status = self.there.add_objects(
            {"objects": [identity(1), indicator(2)]}, wait_for_completion=False
        )
        assert (status.status, status.pending_count) == ("pending", 2)
        check_waiting()
        status = Status(f"{ROOT}desk/status/{status.id}/", conn=self.conn)
        assert (status.status, status.success_count, status.failure_count) == ("complete", 2, 0)
        found = self.there.get_objects()["objects"]
        assert found == [identity(1), indicator(2)]
        (one,) = self.there.get_object(identity(1)["id"])["objects"]
        assert one == identity(1)

    def test_pages_hold_every_object_once_in_order_of_receipt(self):
        self.send(*(identity(n) for n in range(1, 12)))
        for size in (1, 3, 11, 50):
            with self.subTest(size):
                pages = list(as_pages(self.there.get_objects, per_request=size))
                got = [one["name"] for page in pages for one in page["objects"]]
                assert got == [f"Lab {n}" for n in range(1, 12)]
                assert all(len(page["objects"]) <= size for page in pages)
        listed = [
            one["id"]
            for page in as_pages(self.there.get_manifest, per_request=4)
            for one in page["objects"]
        ]
        assert listed == [identity(n)["id"] for n in range(1, 12)]

    def test_a_page_that_fell_away_meanwhile_skips_and_repeats_nothing(self):
        self.send(*(identity(n) for n in range(1, 7)))
        first = self.there.get_objects(limit=3)
        self.send(identity(7))
        second = self.there.get_objects(limit=10, next=first["next"])
        names = [one["name"] for one in first["objects"] + second["objects"]]
        assert names == [f"Lab {n}" for n in range(1, 8)]
        with pytest.raises(requests.HTTPError, match="400"):
            self.there.get_objects(limit=3, next=first["next"], type="identity")

    def test_the_two_date_headers_are_those_of_first_and_last(self):
        self.send(identity(1), identity(2), identity(3))
        added = [one["date_added"] for one in self.there.get_manifest()["objects"]]
        assert added == sorted(set(added)), "never the same moment twice"
        answer = self.get(self.objects(query="?limit=2"))
        assert answer["X-TAXII-Date-Added-First"] == added[0]
        assert answer["X-TAXII-Date-Added-Last"] == added[1]
        empty = self.get(self.objects(query=f"?added_after={added[2]}"))
        assert empty.json() == {} and "X-TAXII-Date-Added-First" not in empty.headers

    def test_added_after_is_strict_and_of_our_clock_not_of_the_object(self):
        self.send(identity(1), identity(2))
        first, last = (one["date_added"] for one in self.there.get_manifest()["objects"])
        assert self.ids(f"?added_after={first}") == [identity(2)["id"]]
        assert self.ids(f"?added_after={last}") == []
        self.send(identity(3, modified="2026-11-20T09:00:00.000Z"))
        assert self.ids(f"?added_after={last}") == [identity(3)["id"]]
        assert timezone.now() - moment(last) < timedelta(minutes=10)

    def test_receipt_never_runs_backwards_even_when_the_clock_does(self):
        now = timezone.now()
        with mock.patch("cases.services.collections.timezone.now", return_value=now):
            self.send(identity(1))
        with mock.patch(
            "cases.services.collections.timezone.now", return_value=now - timedelta(hours=1)
        ):
            self.send(identity(2))
        assert self.ids() == [identity(1)["id"], identity(2)["id"]]

    def test_every_match_filter_alone_and_together(self):
        self.send(identity(1), identity(1, modified=LATER), indicator(2), domain())
        self.send(identity(1, modified=LATEST))
        one, two, three = identity(1)["id"], indicator(2)["id"], domain()["id"]
        assert self.ids() == [two, three, one]
        assert self.ids(f"?match[id]={one}") == [one]
        assert self.ids(f"?match[id]={two},{three}") == [two, three]
        assert self.ids("?match[type]=identity") == [one]
        assert self.ids("?match[type]=indicator,domain-name") == [two, three]
        assert self.ids("?match[type]=malware") == []
        assert self.ids("?match[spec_version]=2.1") == [two, three, one]
        assert self.ids("?match[spec_version]=2.0") == []
        assert self.ids("?match[spec_version]=2.0,2.1&match[type]=identity") == [one]
        assert self.ids("?match[version]=all&match[type]=identity") == [one] * 3
        assert self.ids(f"?match[version]={LATER}") == [one]
        assert self.ids("?match[version]=first,last&match[type]=identity") == [one] * 2
        for wanted, modified in (("first", identity(1)["modified"]), ("last", LATEST)):
            found = self.get(self.objects(query=f"?match[version]={wanted}&match[id]={one}"))
            assert [o["modified"] for o in found.json()["objects"]] == [modified]

    def test_versions_are_listed_and_each_can_be_had(self):
        self.send(identity(1), identity(1, modified=LATER))
        path = self.objects(more=f"{identity(1)['id']}/")
        versions = self.get(path + "versions/").json()["versions"]
        assert versions == ["2026-11-20T09:00:00.000000Z", "2026-11-21T09:00:00.000000Z"]
        assert self.get(path + "versions/?match[version]=last").json()["versions"] == versions[1:]
        for version in versions:
            (one,) = self.get(f"{path}?match[version]={version}").json()["objects"]
            assert moment(one["modified"]) == moment(version)
        older = identity(1, modified="2026-11-20T21:00:00.000Z")
        self.send(older)
        (last,) = self.get(path).json()["objects"]
        assert last["modified"] == LATER, "what came last is not what was changed last"

    def test_the_manifest_tells_versions_and_media_type(self):
        self.send(identity(1), identity(1, modified=LATER))
        (record,) = self.there.get_manifest()["objects"]
        assert record["version"] == "2026-11-21T09:00:00.000000Z"
        assert record["media_type"] == "application/stix+json;version=2.1"
        assert len(self.there.get_manifest(version="all")["objects"]) == 2

    def test_deleting_is_for_those_whose_policy_says_so(self):
        self.send(identity(1), identity(1, modified=LATER), identity(2))
        with pytest.raises(requests.HTTPError, match="403"):
            self.there.delete_object(identity(1)["id"])
        change_policy(self.north, actor=self.lea, may_delete=True)
        path = self.objects(more=f"{identity(1)['id']}/")
        assert self.ask("DELETE", f"{path}?match[version]=last").status_code == 200
        (left,) = self.get(path).json()["objects"]
        assert left["modified"] == identity(1)["modified"], "the one before is the last now"
        self.there.delete_object(identity(1)["id"])
        assert self.get(path).status_code == 404
        assert self.ask("DELETE", path).status_code == 404
        assert self.ids() == [identity(2)["id"]]
        assert SharedObject.objects.count() == 3, "what a partner sent stays as evidence"
        self.send(identity(1))
        assert self.ids() == [identity(2)["id"], identity(1)["id"]]

    def test_a_partner_never_deletes_or_reads_what_another_sent(self):
        change_policy(self.south, actor=self.lea, may_delete=True)
        self.send(identity(1))
        theirs = {"AUTHORIZATION": self.basic("south", self.south_token)}
        path = self.objects(more=f"{identity(1)['id']}/")
        assert self.ask("DELETE", path, **theirs).status_code == 404
        assert self.ask("GET", path, **theirs).status_code == 404

    def test_a_page_costs_the_same_number_of_queries_at_two_sizes(self):
        keep_objects(self.amber, [read_head(raw(n)) for n in range(1, 11)])
        path = self.objects(self.amber, query="?limit=500")
        with self.assertNumQueries(4 + 2):  # of the savepoint
            assert len(self.get(path).json()["objects"]) == 10
        keep_objects(self.amber, [read_head(raw(n)) for n in range(11, 201)])
        with self.assertNumQueries(4 + 2):
            assert len(self.get(path).json()["objects"]) == 200


def raw(number: int) -> bytes:
    return msgspec.json.encode(identity(number))
