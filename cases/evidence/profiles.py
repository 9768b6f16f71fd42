"""What of a case goes into a packet, by who will read it.

A profile names, file by file, the fields that may go; what it does not name stays. So a field that
somebody adds to a file later goes to nobody outside until it is named here.
"""

import hashlib
import hmac
from dataclasses import dataclass

from cases.models import EvidencePacket

# A file that a profile does not list is not written at all; "*" stands for every field.
ALL = frozenset("*")
ProfileName = EvidencePacket.Profile


def _only(fields: str) -> frozenset:
    return frozenset(fields.split())


_LEGAL_SIGNALS = _only(
    "detector family version ref account_id window_start window_end score p_value summary"
    " received_at body_sha256 samples_left_out"
)


@dataclass(frozen=True)
class Profile:
    name: ProfileName
    leaves_out: str
    files: dict[str, frozenset]
    tokens: bool = False  # accounts by a code that only this packet uses
    words: bool = True  # sentences that name attributes, accounts or people

    def has(self, file: str) -> bool:
        return file in self.files

    def row(self, file: str, row: dict, secret: bytes) -> dict:
        fields = self.files[file]
        kept = row if fields is ALL else {name: row[name] for name in row if name in fields}
        if self.tokens and "account_id" in kept:
            kept = kept | {"account_id": self.account(kept["account_id"], secret)}
        return kept

    def account(self, external_id: str, secret: bytes) -> str:
        """The account's name, or 16 hex digits of HMAC-SHA256 under the packet's own secret."""
        if not self.tokens:
            return external_id
        digest = hmac.new(secret, f"account:{external_id}".encode(), hashlib.sha256).hexdigest()
        return f"account-{digest[:16]}"


_EVERY_FILE = (
    "case.json", "members.csv", "members.json", "links.csv", "signals.jsonl", "activity.csv",
    "timeline.jsonl", "custody.jsonl", "decisions.json", "orders.json", "order_items.csv",
    "watermark_tests.jsonl", "bundle.stix.json", "shares.json",
)  # fmt: skip
_MEMBERS = _only("account_id tier probability flagged joined_at left_at")

PROFILES = {
    ProfileName.INTERNAL: Profile(
        ProfileName.INTERNAL,
        leaves_out="Prompts are left out: the samples stay at the desk, and signals.jsonl says how "
        "many each signal has.",
        files=dict.fromkeys(_EVERY_FILE, ALL),
    ),
    ProfileName.LEGAL: Profile(
        ProfileName.LEGAL,
        leaves_out="Left out: prompts, notes that analysts wrote to each other, what was sent to "
        "partners, and the inner figures of the detectors.",
        files={name: ALL for name in _EVERY_FILE if name != "shares.json"}
        | {
            "signals.jsonl": _LEGAL_SIGNALS,
            "case.json": _only(
                "as_of sealed_for chain prompts profile ref name reason status verdict tlp"
                " legal_hold opened_at decided_at p_abuse growth tiers expected_members"
                " first_activity_at last_activity_at explanation"
            ),
        },
    ),
    ProfileName.PARTNER: Profile(
        ProfileName.PARTNER,
        leaves_out="Left out: prompts, names of accounts (each has a code that only this packet "
        "uses), organisations, attribute values, notes, rationales and names of people. The "
        "contents of the timeline are left out; their digests stand, so the chain can be checked.",
        files={
            "case.json": _only(
                "as_of chain prompts profile ref status verdict tlp opened_at decided_at p_abuse"
                " tiers expected_members first_activity_at last_activity_at"
            ),
            "members.csv": _MEMBERS,
            "members.json": _MEMBERS,
            "links.csv": _only(
                "account_id kind members bits population_accounts population first_at last_at"
            ),
            "signals.jsonl": _only(
                "family version account_id window_start window_end score p_value"
            ),
            "activity.csv": _only(
                "account_id day hours requests input_tokens output_tokens reasoning_tokens refusals"
            ),
            "timeline.jsonl": _only(
                "seq kind at actor content salt content_digest previous_hash hash"
            ),
            "decisions.json": _only("decided_at outcome"),
            "orders.json": _only("order kind state requested_at finished_at"),
            "watermark_tests.jsonl": _only(
                "tested_at scheme tokenizer test version tokens_scored statistic log10_p"
                " log10_p_corrected correction keys_tried finding"
            ),
            "bundle.stix.json": ALL,
        },
        tokens=True,
        words=False,
    ),
}
