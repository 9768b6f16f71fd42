"""The TAXII 2.1 server by raw HTTP: doors, media types, refusals with their bodies."""

import json
from unittest import mock

from django.db import OperationalError
from django.test import override_settings

from cases.models import Collection, PartnerExchange, SharedObject, Submission, SubmissionItem
from cases.services import submissions
from cases.services.partner import change_policy
from cases.services.submissions import check_waiting
from tests.cases.stix_samples import domain, identity, indicator
from tests.cases.taxii import TAXII, TaxiiTestCase

NEVER = "00000000-0000-4000-8000-000000000000"


class DoorTests(TaxiiTestCase):
    def refused(self, response, status: int, *names: str) -> dict:
        """Every refusal has the body of §3.6.1 and says what to do."""
        assert response.status_code == status, response.content
        assert response["Content-Type"] == TAXII
        body = response.json()
        assert body["http_status"] == str(status)
        assert body["title"] and body["description"] and body["error_id"] and body["error_code"]
        for name in names:
            assert name in json.dumps(body), (name, body)
        return body

    def test_discovery_root_and_collections_say_what_is_here(self):
        found = self.get("")
        assert found.status_code == 200 and found["Content-Type"] == TAXII
        assert found.json()["default"] == "http://testserver/taxii2/desk/"
        assert found.json()["api_roots"] == [found.json()["default"]]
        root = self.get("desk/").json()
        assert root["versions"] == [TAXII] and root["max_content_length"] > 0
        listed = self.get("desk/collections/").json()["collections"]
        one = next(c for c in listed if c["id"] == str(self.inbox.pk))
        assert one["can_read"] is True and one["can_write"] is True
        assert one["media_types"] == ["application/stix+json;version=2.1"]
        assert self.get(f"desk/collections/{self.inbox.pk}/").json() == one

    def test_who_shows_no_good_credentials_learns_nothing_but_how(self):
        for header in (
            None, "Basic", "Basic !!", self.basic(token="x"), self.basic(user="south"),
            self.basic(user="no\0rth"), f"Bearer {self.token}", "Basic /w==",
        ):  # fmt: skip
            for path in ("", "desk/", self.objects(), "nowhere/"):
                with self.subTest(header, path=path):
                    response = self.get(path, AUTHORIZATION=header)
                    self.refused(response, 401, "Basic")
                    assert response["WWW-Authenticate"].startswith("Basic realm=")

    def test_a_disabled_partner_is_refused_at_once(self):
        change_policy(self.north, actor=self.lea, enabled=False)
        self.refused(self.get(""), 401)

    def test_another_partners_collection_is_not_there(self):
        theirs = Collection.objects.get(partner=self.south, way="in")
        for path in (
            f"desk/collections/{theirs.pk}/", self.objects(theirs),
            f"desk/collections/{theirs.pk}/manifest/", f"desk/collections/{NEVER}/",
            "desk/collections/no-uuid/", "desk/collections/%00/",
        ):  # fmt: skip
            with self.subTest(path):
                self.refused(self.get(path), 404)
        answer = self.ask("POST", self.objects(theirs), {"objects": [identity()]})
        self.refused(answer, 404)

    def test_a_partner_sees_no_label_narrower_than_its_clearance(self):
        change_policy(self.north, actor=self.lea, clearance="green")
        labels = set(
            Collection.objects.filter(
                pk__in=[c["id"] for c in self.get("desk/collections/").json()["collections"]]
            ).values_list("tlp", flat=True)
        )
        assert labels == {"", "green", "clear"}
        self.refused(self.get(self.objects(self.amber)), 404)

    def test_only_taxii_2_1_is_answered(self):
        for accept in ("application/taxii+json;version=2.0", "application/xml", "text/html",
                       "application/taxii+json;version=2.1;q=0"):  # fmt: skip
            with self.subTest(accept):
                self.refused(self.get("", ACCEPT=accept), 406, "version=2.1")
        for accept in (TAXII, "application/taxii+json", "*/*", None,
                       "text/html, application/taxii+json; version=2.1"):  # fmt: skip
            with self.subTest(accept):
                assert self.get("", ACCEPT=accept).status_code == 200

    def test_only_bodies_labelled_as_taxii_are_taken(self):
        body = {"objects": [identity()]}
        for kind in ("application/json", "application/taxii+json;version=2.0", ""):
            with self.subTest(kind):
                self.refused(self.ask("POST", self.objects(), body, CONTENT_TYPE=kind), 415)
        assert not Submission.objects.exists()

    def test_what_is_no_envelope_is_refused_and_nothing_is_stored(self):
        for body, status in (
            (b"{", 400), (b" ", 400), (b"\xff", 400), (b"[]", 422), (b"{}", 422), (b"7", 422),
            (b'{"objects": [{"name": "\\ud800"}]}', 400),
            (b'{"objects": []}', 422), (b'{"objects": 7}', 422), (b'{"objects": null}', 422),
            (b'{"objects": ' + b"[" * 200_000 + b"]" * 200_000 + b"}", 422),
        ):  # fmt: skip
            with self.subTest(body[:20]):
                self.refused(self.ask("POST", self.objects(), body), status)
        assert not Submission.objects.exists()

    def test_a_body_over_the_limit_is_413(self):
        body = {"objects": [identity(name="x" * 5000)]}
        with override_settings(TAXII_BODY_LIMIT=2000):
            self.refused(self.ask("POST", self.objects(), body), 413, "2,000 bytes")
        with mock.patch("cases.sharing.taxii.envelope.OBJECTS", 1):
            two = {"objects": [identity(1), identity(2)]}
            self.refused(self.ask("POST", self.objects(), two), 413)
        assert not Submission.objects.exists()

    def test_a_collection_to_read_and_a_partner_that_may_not_send_are_403(self):
        body = {"objects": [identity()]}
        self.refused(self.ask("POST", self.objects(self.amber), body), 403)
        change_policy(self.north, actor=self.lea, may_send=False)
        self.refused(self.ask("POST", self.objects(), body), 403)

    def test_filters_that_do_not_hold_are_400_and_name_themselves(self):
        for query, name in (
            ("limit=0", "limit"), ("limit=-1", "limit"), ("limit=x", "limit"),
            ("limit=%C2%B2", "limit"),
            ("added_after=yesterday", "added_after"),
            ("added_after=2026-13-01T00:00:00Z", "added_after"),
            ("next=abc", "next"), ("next=", "next"), ("next=%00", "next"),
            ("match[version]=newest", "match[version]"), ("match[id]=", "match[id]"),
            ("match[type]=%00", "match[type]"), ("match[name]=x", "match[name]"),
            ("next=" + "9" * 79, "next"),
        ):  # fmt: skip
            with self.subTest(query):
                self.refused(self.get(self.objects(query="?" + query)), 400, name)
        self.refused(
            self.get(self.objects(more=f"{identity()['id']}/", query="?match[type]=x")), 400
        )

    def test_what_is_not_there_is_404(self):
        for path in (
            self.objects(more=f"{identity()['id']}/"), self.objects(more="x/versions/"),
            self.objects(more="%00/"), f"desk/status/{NEVER}/", "desk/status/x/", "desk/nothing/",
            "desk", "desk/collections", "other/", self.objects()[:-1],
        ):  # fmt: skip
            with self.subTest(path):
                self.refused(self.get(path), 404)

    def test_another_method_is_405(self):
        response = self.ask("PUT", self.objects(), {"objects": [identity()]})
        self.refused(response, 405)
        assert response["Allow"] == "GET, POST, HEAD, OPTIONS" or "GET" in response["Allow"]

    def test_a_database_that_is_away_is_503_in_the_words_of_taxii(self):
        with mock.patch(
            "cases.sharing.taxii.views.partner_at_the_door", side_effect=OperationalError
        ):
            response = self.get("")
        self.refused(response, 503)
        assert response["Retry-After"]

    def test_too_much_that_waits_is_429(self):
        with mock.patch("cases.sharing.taxii.views.WAITING", 1):
            assert self.ask("POST", self.objects(), {"objects": [identity()]}).status_code == 202
            response = self.ask("POST", self.objects(), {"objects": [identity()]})
        self.refused(response, 429)
        assert response["Retry-After"]


class PostTests(TaxiiTestCase):
    def test_a_post_is_kept_then_checked_and_the_status_tells_the_truth(self):
        good, bad = identity(1), identity(2, modified="2015-01-01T00:00:00.000Z")
        answer = self.ask("POST", self.objects(), {"objects": [good, bad]})
        assert answer.status_code == 202
        told = answer.json()
        assert (told["status"], told["total_count"], told["pending_count"]) == ("pending", 2, 2)
        assert not SharedObject.objects.exists(), "in quarantine until it was checked"
        assert [one["id"] for one in told["pendings"]] == [good["id"], bad["id"]]
        check_waiting()
        told = self.get(f"desk/status/{told['id']}/").json()
        assert (told["status"], told["success_count"], told["failure_count"]) == ("complete", 1, 1)
        assert told["successes"] == [{"id": good["id"], "version": good["modified"]}]
        assert told["failures"][0]["id"] == bad["id"]
        assert "modified" in told["failures"][0]["message"]
        assert self.ids() == [good["id"]]

    def test_objects_are_kept_letter_by_letter(self):
        text = json.dumps(identity(), indent=3).replace("Lab 1", "L\\u00e4b \\ud83d\\ude00 1")
        self.ask("POST", self.objects(), b'{"objects": [ %s ]}' % text.encode())
        self.send(identity(2))
        assert SharedObject.objects.order_by("pk").first().body == text
        assert text.encode() in self.get(self.objects()).content

    def test_a_small_post_in_which_nothing_holds_is_422_with_the_reasons(self):
        for broken, says in (
            (identity(modified="2015-01-01T00:00:00.000Z"), "modified"),
            ({k: v for k, v in identity().items() if k != "modified"}, "modified"),
            ({k: v for k, v in identity().items() if k != "spec_version"}, "spec_version"),
            (identity(spec_version="2.0"), "spec_version"),
            (identity(id="identity--1"), "id"),
            (indicator(pattern="[file:size = ]"), "Pattern failed"),
            ({"type": "bundle", "id": "bundle--" + NEVER, "objects": []}, "bundle"),
            ("text", "object"), (identity(name=7), "name"), (identity(created="soon"), "created"),
        ):  # fmt: skip
            with self.subTest(says):
                response = self.ask("POST", self.objects(), {"objects": [broken]})
                assert response.status_code == 422, response.content
                assert says in response.json()["details"]["objects[0]"]
        assert not Submission.objects.exists() and not SharedObject.objects.exists()

    def test_hostile_objects_are_refused_by_reason_and_never_break_the_worker(self):
        deep = b'{"type":"identity","id":' + b'{"a":' * 100 + b"1" + b"}" * 100 + b"}"
        null = json.dumps(identity(3, name="a\0b")).encode()
        huge = json.dumps(identity(4, name="x" * 300_000)).encode()
        wide = json.dumps(indicator(5, pattern="[" + "a:b=1 OR " * 20_000 + "a:b=1]")).encode()
        body = b'{"objects":[%s]}' % b",".join(
            [json.dumps(identity(1)).encode(), deep, null, huge, wide]
        )
        answer = self.ask("POST", self.objects(), body)
        assert answer.status_code == 202, answer.content
        self.send(identity(9))
        told = self.get(f"desk/status/{answer.json()['id']}/").json()
        assert told["status"] == "complete"
        reasons = [one["message"] for one in told["failures"]]
        assert any("nests deeper" in says for says in reasons)
        assert any("256 KiB" in says for says in reasons)
        assert any("pattern: has more" in says for says in reasons)

    def test_the_same_version_is_stored_once_and_another_body_of_it_refused(self):
        self.send(identity(1))
        again = self.send(identity(1)).json()
        told = self.get(f"desk/status/{again['id']}/").json()
        assert told["success_count"] == 1 and SharedObject.objects.count() == 1
        other = self.send(identity(1, name="Other")).json()
        told = self.get(f"desk/status/{other['id']}/").json()
        assert told["failure_count"] == 1 and "another body" in told["failures"][0]["message"]
        self.send(domain(), domain())
        assert SharedObject.objects.filter(type="domain-name").count() == 1

    def test_another_partners_status_is_not_there(self):
        told = self.send(identity(1)).json()
        response = self.get(
            f"desk/status/{told['id']}/", AUTHORIZATION=self.basic("south", self.south_token)
        )
        assert response.status_code == 404

    def test_a_worker_that_dies_half_way_is_gone_on_with(self):
        many = [identity(n) for n in range(1, 8)]
        answer = self.ask("POST", self.objects(), {"objects": many}).json()
        with mock.patch.object(submissions, "PIECE", 3):
            assert submissions._check_piece(answer["id"])
            with mock.patch.object(submissions, "keep_objects", side_effect=KeyError):
                submissions.check_waiting()
            told = self.get(f"desk/status/{answer['id']}/").json()
            assert (told["success_count"], told["pending_count"]) == (3, 4)
            submissions.check_waiting()
        told = self.get(f"desk/status/{answer['id']}/").json()
        assert (told["status"], told["success_count"]) == ("complete", 7)
        assert SubmissionItem.objects.filter(state="stored").count() == 7

    def test_what_came_and_what_was_read_is_written_down(self):
        self.send(identity(1))
        self.get(self.objects())
        found = PartnerExchange.objects.filter(partner=self.north, kind__startswith="objects")
        assert list(found.order_by("pk").values_list("way", "kind", "objects_count")) == [
            ("in", "objects_posted", 1), ("out", "objects_read", 1),
        ]  # fmt: skip
