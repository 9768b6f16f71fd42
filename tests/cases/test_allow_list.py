"""The allow-list refuses what nobody could answer for, and its networks hold what lies inside."""

from datetime import timedelta

from django.test import TestCase
from django.utils import timezone

from cases.errors import CaseError
from cases.models import AllowEntry
from cases.services.allow import add_entry, end_entry, propose_entry
from cases.services.left_out import attributes_of
from ingest.models import Attribute
from tests.base import make_user
from tests.cases.previews import entry


class AllowListTest(TestCase):
    @classmethod
    def setUpTestData(cls):
        cls.lea = make_user("lea", "lead")

    def test_an_entry_needs_an_owner_a_reason_and_an_end_in_sight(self):
        now = timezone.now()
        gone = make_user("gone", "lead", is_active=False)
        good = {
            "actor": self.lea, "kind": "account", "value": "acct-1", "owner": self.lea,
            "reason": "our own tests", "expires_at": now + timedelta(days=30),
        }  # fmt: skip
        address = {"kind": "attribute", "attribute_kind": "ip"}
        network = {"kind": "attribute", "attribute_kind": "ip_prefix"}
        for change, words in (
            ({"kind": "everybody"}, "Kind:"),
            ({"kind": "attribute"}, "Attribute:"),
            ({"attribute_kind": "ip"}, "Attribute:"),
            ({"kind": "attribute", "attribute_kind": "shoe size"}, "Attribute:"),
            ({"value": ""}, "Value:"),
            ({"value": "a\0b"}, "Value:"),
            ({"value": "x" * 501}, "Value:"),
            (address | {"value": "here"}, "Value: not an address"),
            (network | {"value": "198.51.100.7/24"}, "Value: not an address"),
            (network | {"value": "0.0.0.0/0"}, "Value: a network of /0 would hide too many"),
            (network | {"value": "2001::/16"}, "Value: a network of /16 would hide too many"),
            ({"reason": " "}, "Reason:"),
            ({"reason": "x" * 501}, "Reason:"),
            ({"owner": gone}, "Owner:"),
            ({"expires_at": now - timedelta(seconds=1)}, "Expiry: it must"),
            ({"expires_at": now + timedelta(days=367)}, "Expiry: at most"),
        ):
            with self.subTest(change), self.assertRaisesMessage(CaseError, words):
                propose_entry(**good | change)
        self.assertFalse(AllowEntry.objects.exists())

    def test_added_and_ended_once_with_who_did_it(self):
        row = entry(self.lea)
        self.assertFalse(end_entry(row, actor=self.lea, reason="x"), "it does not stand yet")
        self.assertTrue(add_entry(row, actor=self.lea))
        self.assertFalse(add_entry(row, actor=self.lea))
        self.assertTrue(end_entry(row, actor=self.lea, reason="the contract ended"))
        self.assertFalse(end_entry(row, actor=self.lea, reason="again"))
        row.refresh_from_db()
        self.assertEqual((row.state, row.end_reason), ("ended", "the contract ended"))
        self.assertEqual((row.added_by, row.ended_by), (self.lea, self.lea))

    def test_a_proposal_that_expired_is_not_added(self):
        row = entry(self.lea)
        AllowEntry.objects.update(
            proposed_at=timezone.now() - timedelta(days=9),
            expires_at=timezone.now() - timedelta(days=1),
        )
        self.assertFalse(add_entry(row, actor=self.lea))

    def test_a_network_holds_its_addresses_and_no_others(self):
        values = {
            "198.51.100.1": ("198.51.100.0/24", "198.51.0.0/16"),
            "198.51.100.255": ("198.51.100.0/24", "198.51.0.0/16", "198.51.100.192/26"),
            "198.51.10.1": ("198.51.0.0/16",),
            "198.5.100.1": (),
            "198.51.100.0/28": ("198.51.100.0/24", "198.51.0.0/16"),
            "2001:db8::1": ("2001:db8::/32", "2001:db8::/64"),
            "2001:db8:0:0:0:0:0:2": ("2001:db8::/32", "2001:db8::/64"),
            "2001:db8:1::1": ("2001:db8::/32",),
            "2001:db80::1": (),
            "198.51.100.<b>": (),
        }
        for value in values:
            kind = "ip_prefix" if "/" in value else "ip"
            Attribute.objects.create(kind=kind, value=value)
        Attribute.objects.create(kind="template", value="198.51.100.9")
        for network in {name for names in values.values() for name in names}:
            with self.subTest(network):
                row = entry(self.lea, "attribute", network, attribute_kind="ip_prefix")
                found = Attribute.objects.filter(pk__in=attributes_of([row.pk]).tolist())
                self.assertEqual(
                    set(found.values_list("value", flat=True)),
                    {value for value, names in values.items() if network in names},
                )
