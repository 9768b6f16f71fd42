"""What the platform tells of accounts: by the API and by a file, late and twice."""

import io
import json
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.test import TestCase

from ingest.models import Account, AccountPart, PlatformReport
from tests.base import NOON, make_account
from tests.ingest.test_api import NDJSON, DoorTestCase


def report(account="a-1", state="suspended", **fields) -> dict:
    return {
        "account": account, "state": state, "actor": "fraud team", "reason": "chargebacks",
        "at": NOON.isoformat(),
    } | fields  # fmt: skip


class DoorTests(DoorTestCase, TestCase):
    url = "/api/v1/platform-states/"

    def setUp(self):
        self.token = self.give_token("platform")
        self.account = make_account("a-1")

    def send(self, *reports):
        return self.post("\n".join(json.dumps(r) for r in reports), NDJSON)

    def state(self):
        self.account.refresh_from_db()
        return self.account.state, self.account.state_actor

    def test_a_ban_by_others_is_seen_with_who_why_and_when(self):
        self.assertAnswer(self.send(report()), 200, stored=1, repeated=0, changed=1, rejected=0)
        assert self.state() == ("suspended", "fraud team")
        assert (self.account.state_reason, self.account.state_at) == ("chargebacks", NOON)
        kept = PlatformReport.objects.get()
        assert (kept.state, kept.source, kept.part) == ("suspended", "api", None)

    def test_news_that_comes_twice_is_kept_once_and_late_news_changes_nothing(self):
        self.send(report())
        self.assertAnswer(self.send(report()), 200, stored=0, repeated=1, changed=0)
        late = report(state="limited", at=(NOON - timedelta(hours=1)).isoformat())
        self.assertAnswer(self.send(late), 200, stored=1, changed=0)
        assert self.state()[0] == "suspended" and PlatformReport.objects.count() == 2

    def test_of_several_in_one_delivery_the_newest_counts(self):
        later = report(state="active", actor="support", at=(NOON + timedelta(hours=1)).isoformat())
        self.assertAnswer(self.send(later, report()), 200, stored=2, changed=1)
        assert self.state() == ("active", "support")

    def test_keys_and_end_users_are_parts_of_their_own(self):
        self.send(
            report(key="k-1", state="revoked"), report(end_user="u-1", state="verify"),
            report(key="k-2", state="active", aggregate=True),
        )  # fmt: skip
        assert list(
            AccountPart.objects.order_by("external_id").values_list(
                "kind", "external_id", "state", "is_aggregate"
            )
        ) == [
            ("key", "k-1", "revoked", False), ("key", "k-2", "active", True),
            ("end_user", "u-1", "verify", False),
        ]  # fmt: skip
        assert self.state()[0] == "active"

    def test_an_account_may_be_marked_as_standing_for_many(self):
        self.send(report(state="active", aggregate=True))
        assert Account.objects.get(pk=self.account.pk).is_aggregate
        self.send(report(state="active", at=(NOON + timedelta(hours=1)).isoformat()))
        assert Account.objects.get(pk=self.account.pk).is_aggregate  # not said is not denied

    def test_what_does_not_hold_is_named_by_line_and_field_and_the_rest_is_kept(self):
        answer = self.assertAnswer(
            self.send(
                report(), report("a-9"), report(state="banned"), report(state="revoked"),
                report(key="k", end_user="u"), report(actor="O-12"), report(at="2050-01-01T00:00Z"),
                report(actor="a\0b"), report(at="yesterday"), report(extra=1),
            ),
            200, stored=1, rejected=9,
        )  # fmt: skip
        fields = [(p["line"], p["field"]) for p in answer["problems"]]
        assert fields == [
            (2, "account"), (3, "state"), (4, "state"), (5, "end_user"), (6, "actor"), (7, "at"),
            (8, "actor"), (9, "at"), (10, "extra"),
        ]  # fmt: skip

    def test_nothing_that_holds_is_a_422_and_garbage_never_a_500(self):
        self.assertAnswer(self.send(report("a-9")), 422, stored=0, rejected=1)
        for body in ("", "[", "{", "[[[[", '{"account":' + "[" * 2000, "null", "\x00", '"x"'):
            with self.subTest(body[:10]):
                assert self.post(body).status_code in (400, 422)

    def test_only_the_platforms_own_token_opens_it_and_opens_nothing_else(self):
        platform, volume = self.token, self.give_token("volume")
        assert self.post(json.dumps(report()), token=volume).status_code == 403
        answer = self.post("{}", token=platform, url="/api/v1/signals/")
        assert answer.status_code == 403
        assert self.post("{}", token=platform, url="/api/v1/census/").status_code == 403
        assert self.state()[0] == "active"

    def test_the_number_of_queries_does_not_grow_with_the_delivery(self):
        for name in range(30):
            make_account(f"b-{name}")
        with self.assertNumQueries(16):
            self.send(report("b-0"))
        with self.assertNumQueries(16):
            self.send(*[report(f"b-{name}", key="k", state="limited") for name in range(30)])


class FileTests(TestCase):
    def setUp(self):
        self.account = make_account("a-1")

    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path):
        self.folder = tmp_path

    def read(self, name, text):
        path, out, err = self.folder / name, io.StringIO(), io.StringIO()
        path.write_text(text)
        call_command("platform_states", str(path), stdout=out, stderr=err)
        return out.getvalue(), err.getvalue()

    def test_a_csv_is_read_row_by_row(self):
        out, err = self.read(
            "states.csv",
            "account,state,actor,reason,at\n"
            f"a-1,limited,ops,too fast,{NOON.isoformat()}\n"
            f"a-1,gone,ops,,{NOON.isoformat()}\n",
        )
        assert "1 stored, 0 repeated, 1 changed a state, 1 rejected" in out
        assert err.startswith("line 3, state:")
        self.account.refresh_from_db()
        assert self.account.state == "limited"

    def test_lines_of_json_are_read_and_twice_is_once(self):
        text = json.dumps(report())
        assert "1 stored" in self.read("states.jsonl", text)[0]
        assert "0 stored, 1 repeated" in self.read("states.jsonl", text)[0]

    def test_a_file_that_cannot_be_meant_says_why(self):
        for name, text, says in (
            ("a.csv", "account,colour\n", "'colour' is no column"),
            ("b.csv", "account,state,actor,at\na-9,active,x,2026-11-20T00:00:00Z\n", "nothing"),
        ):
            with self.subTest(name), pytest.raises(CommandError, match=says):
                self.read(name, text)
        with pytest.raises(CommandError, match="cannot be read"):
            call_command("platform_states", str(self.folder / "none.csv"))
