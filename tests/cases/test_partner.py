"""Who a partner is: secrets sealed, credentials hashed, and everything written down."""

import base64
import io

import pytest
from django.core.management import call_command
from django.db import DatabaseError, transaction

from cases.errors import CaseError
from cases.models import Partner, PartnerExchange
from cases.services.partner import (
    change_policy,
    issue_credential,
    login_header,
    pairwise_secret,
    partner_at_the_door,
    set_server,
    set_up_partner,
    start_epoch,
    token_key,
)
from tests.base import DeskTestCase

SECRET = bytes(range(32))


class PartnerTests(DeskTestCase):
    def setUp(self):
        self.north = set_up_partner("north", actor=self.lea, name="North Lab", secret=SECRET)

    def kinds(self):
        return list(PartnerExchange.objects.order_by("pk").values_list("kind", flat=True))

    def test_the_secret_and_the_login_are_sealed_and_open_again(self):
        set_server(self.north, actor=self.lea, url="https://north.example/api", login="us:pass")
        row = Partner.objects.get()
        for kept in (row.sealed_secret, row.sealed_login):
            assert SECRET not in bytes(kept)
            assert b"pass" not in bytes(kept)
        assert pairwise_secret(row) == SECRET
        assert login_header(row) == "Basic " + base64.b64encode(b"us:pass").decode()

    def test_the_credential_opens_the_door_for_its_partner_alone(self):
        token = issue_credential(self.north, actor=self.lea)
        assert partner_at_the_door("north", token) == self.north
        assert partner_at_the_door("south", token) is None
        assert partner_at_the_door("north", token + "x") is None
        assert partner_at_the_door("north", "") is None
        assert token not in str(list(Partner.objects.values()))
        newer = issue_credential(self.north, actor=self.lea)
        assert partner_at_the_door("north", token) is None
        change_policy(self.north, actor=self.lea, enabled=False)
        assert partner_at_the_door("north", newer) is None

    def test_a_partner_without_a_token_is_not_opened_by_an_empty_one(self):
        assert Partner.objects.get().token_digest == ""
        assert partner_at_the_door("north", "") is None

    def test_tokens_of_two_epochs_do_not_compare(self):
        before = token_key(self.north)
        later = start_epoch(self.north, actor=self.lea)
        assert later.epoch == 2
        assert token_key(later) != before
        assert token_key(later, 1) == before

    def test_both_desks_derive_the_same_key(self):
        south = set_up_partner("south", actor=None, name="South Lab", secret=SECRET)
        assert token_key(south) == token_key(self.north)

    def test_every_change_is_written_down_and_stays(self):
        change_policy(self.north, actor=self.lea, clearance="green", fields=["size"])
        issue_credential(self.north, actor=self.lea)
        start_epoch(self.north, actor=self.lea)
        assert self.kinds() == [
            "partner_set_up", "policy_changed", "credential_issued", "epoch_started",
        ]  # fmt: skip
        changed = PartnerExchange.objects.get(kind="policy_changed")
        assert changed.actor == self.lea
        assert changed.detail["clearance"] == ["amber", "green"]
        for spoil in (PartnerExchange.objects.all().delete, self._rewrite):
            with pytest.raises(DatabaseError, match="stays written"), transaction.atomic():
                spoil()

    def _rewrite(self):
        PartnerExchange.objects.update(kind="nothing")

    def test_what_does_not_hold_is_refused_by_name(self):
        for change, says in (
            ({"clearance": "purple"}, "clearance"),
            ({"fields": ["prompts"]}, "fields"),
            ({"sealed_secret": b""}, "not part of a partner's policy"),
        ):
            with self.subTest(says), pytest.raises(CaseError, match=says):
                change_policy(self.north, actor=self.lea, **change)
        with pytest.raises(CaseError, match="32 bytes"):
            set_up_partner("south", actor=None, name="South", secret=b"short")
        with pytest.raises(CaseError, match="a partner north already"):
            set_up_partner("north", actor=None, name="North")
        for url in ("http://north.example/", "ftp://x/", "https://u:p@x/"):
            with self.subTest(url), pytest.raises(CaseError, match="url"):
                set_server(self.north, actor=None, url=url, login="a:b")

    def test_the_command_makes_one_and_prints_its_secrets_once(self):
        out = io.StringIO()
        call_command("partner", "add", "east", "--name", "East Lab", stdout=out, stderr=out)
        secret = base64.b64decode(out.getvalue().splitlines()[-1])
        assert pairwise_secret(Partner.objects.get(slug="east")) == secret
        out = io.StringIO()
        call_command("partner", "token", "east", stdout=out, stderr=io.StringIO())
        assert partner_at_the_door("east", out.getvalue().strip()).slug == "east"
