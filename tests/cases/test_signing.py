"""Packets are signed, checked by others' tools, built again to the same bytes, cut to profile."""

import base64
import hashlib
import json
import subprocess
import zipfile
from io import StringIO
from pathlib import Path

import bagit
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.core.files.base import ContentFile
from django.core.management import CommandError, call_command
from django.db import transaction
from django.test import TestCase, override_settings

from cases.crypto import CannotOpen
from cases.errors import CaseError
from cases.evidence.bag import PUBLIC_KEY, SIGNATURE, zip_bag
from cases.evidence.verify import verify
from cases.models import Case, EvidencePacket, Note, SigningKey, TimelineEvent
from cases.services.seal import request_packet, seal_packet
from cases.services.signing import public_pem, rotate_signing_key, signing_key
from cases.services.timeline import append_event
from ingest.models import Account, Attribute
from tests.base import DeskTestCase

CANARY = "canary-7f3a"


class SignedPacketTests(DeskTestCase):
    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path):
        self.folder = tmp_path

    def sealed(self, profile="internal") -> Path:
        packet = request_packet(self.case, actor=self.ana, profile=profile)
        assert seal_packet(packet.pk)
        packet.refresh_from_db()
        self.packet = packet
        return Path(packet.file.path)

    def unpacked(self, path: Path) -> Path:
        folder = self.folder / path.stem
        with zipfile.ZipFile(path) as archive:
            archive.extractall(folder)
        (root,) = folder.iterdir()
        return root

    def changed(self, path: Path, place: int) -> Path:
        data = bytearray(path.read_bytes())
        data[place] ^= 1
        target = self.folder / "changed.zip"
        target.write_bytes(data)
        return target

    def test_openssl_finds_the_signature_good_by_the_command_in_the_packets_own_readme(self):
        root = self.unpacked(self.sealed())
        readme = (root / "README.txt").read_text()
        command = readme[readme.index("    openssl") :].split("\n\n")[0].replace("\\\n", " ")
        good = subprocess.run(command.split(), cwd=root, capture_output=True, text=True)
        assert "Verified Successfully" in good.stdout, good
        with open(root / "tagmanifest-sha256.txt", "a") as manifest:
            manifest.write("\n")
        bad = subprocess.run(command.split(), cwd=root, capture_output=True, text=True)
        assert bad.returncode != 0

    def test_the_key_in_the_packet_is_the_one_that_the_desk_publishes(self):
        root = self.unpacked(self.sealed())
        key = self.packet.signed_by
        page = self.client.get(f"/.well-known/stillwatch-signing-keys/{key.key_id}.pem")
        assert page.content == (root / PUBLIC_KEY).read_bytes()
        listed = self.client.get("/.well-known/stillwatch-signing-keys.json").json()["keys"]
        assert [one["key_id"] for one in listed] == [key.key_id]
        assert self.client.get("/.well-known/stillwatch-signing-keys/0.pem").status_code == 404

    def test_with_the_senders_key_given_another_desks_packet_is_found_out(self):
        path, ours = self.sealed(), public_pem(SigningKey.objects.get().public_key)
        assert verify(path, trusted=ours) == []
        other = public_pem(Ed25519PrivateKey.generate().public_key().public_bytes_raw())
        assert verify(path, trusted=other) == ["signed with another key than the one that you gave"]
        assert "cannot be read" in verify(path, trusted=b"nonsense")[0]

    def test_who_makes_the_manifests_anew_without_our_key_is_found_out(self):
        path = self.sealed()
        root = self.unpacked(path)
        members = root / "data/members.csv"
        members.write_bytes(members.read_bytes().replace(b"0.97", b"0.10", 1))
        bagit.Bag(str(root)).save(manifests=True)
        again = self.folder / "again.zip"
        zip_bag(root, again, at=self.packet.as_of, beat=lambda: None)
        assert verify(again) == [
            f"{SIGNATURE}: does not fit tagmanifest-sha256.txt and {PUBLIC_KEY}"
        ]

    def test_one_flipped_bit_anywhere_is_found_and_its_place_is_named(self):
        path = self.sealed()
        size = path.stat().st_size
        with zipfile.ZipFile(path) as archive:
            inside = {
                one.filename.split("/", 1)[1]: one.header_offset + 30 + len(one.filename)
                for one in archive.infolist()
            }
        step = max(1, size // 150)
        for place in [*range(0, size, step), size - 1, size - 30]:
            assert verify(self.changed(path, place)), f"byte {place}"
        for name in ("data/case.json", "data/report.pdf", SIGNATURE, PUBLIC_KEY, "README.txt"):
            found = verify(self.changed(path, inside[name] + 50))
            assert any(name in problem for problem in found), (name, found)
        assert verify(path) == []

    def test_it_is_built_again_to_the_same_bytes_from_its_own_data(self):
        path = self.sealed()
        assert verify(path, again=True) == []
        out = StringIO()
        call_command("verify_packet", str(path), "--rebuild", stdout=out)
        assert SigningKey.objects.get().key_id in out.getvalue()

    def test_a_report_that_says_something_else_than_the_data_is_found_though_it_is_signed(self):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("cases.evidence.build.as_html", lambda report: "<p>All innocent.</p>")
            path = self.sealed()
        assert verify(path) == []
        assert "data/report.html: is not what the packet's data make" in verify(path, again=True)

    def test_custody_says_who_had_earlier_packets_made_and_took_them(self):
        self.sealed()
        self.client.force_login(self.lea)
        self.client.post(f"/packets/{self.packet.pk}/file/")
        root = self.unpacked(self.sealed())
        lines = [json.loads(one) for one in (root / "data/custody.jsonl").read_text().splitlines()]
        assert [(one["who"], one["what"]) for one in lines] == [
            ("ana", "packet_requested"), ("the desk", "packet_sealed"),
            ("lea", "packet_downloaded"), ("ana", "packet_requested"),
        ]  # fmt: skip
        self.client.post(f"/packets/{self.packet.pk}/file/")
        beside = self.client.get(f"/packets/{self.packet.pk}/custody.jsonl")
        rows = [json.loads(one) for one in beside.content.decode().splitlines()]
        assert [row["what"] for row in rows] == [
            "packet_requested", "packet_sealed", "packet_downloaded",
        ]  # fmt: skip

    def test_what_a_partner_gets_names_no_account_attribute_person_or_note(self):
        Case.objects.update(name=f"{CANARY}-name", reason=f"{CANARY}-reason")
        Case.objects.update(explanation={"summary": [f"{CANARY}-summary"]})
        for account in Account.objects.all():
            Account.objects.filter(pk=account.pk).update(
                external_id=f"{CANARY}-{account.pk}", organisation=f"{CANARY}-org"
            )
        Attribute.objects.update(value=f"{CANARY}-value")
        Note.objects.create(case=self.case, author=self.ana, text=f"{CANARY}-note")
        with transaction.atomic():
            append_event(
                self.case,
                TimelineEvent.Kind.CASE_ESCALATED,
                actor=self.ana,
                content={"rationale": f"{CANARY}-rationale"},
            )
        for profile, leaks in {"internal": True, "legal": True, "partner": False}.items():
            root = self.unpacked(self.sealed(profile))
            found = [
                path.relative_to(root).as_posix()
                for path in root.rglob("*")
                if path.is_file() and CANARY.encode() in path.read_bytes()
            ]
            assert bool(found) == leaks, (profile, found)
            told = b"".join(path.read_bytes() for path in root.rglob("*") if path.is_file())
            assert (f"{CANARY}-note".encode() in told) == (profile == "internal")
            assert verify(Path(self.packet.file.path), again=True) == []
        members = (root / "data/members.csv").read_text()
        assert "account-" in members and "organisation" not in members
        assert b'"ana"' not in told

    def test_accounts_have_another_code_in_each_packet(self):
        codes = []
        for _ in range(2):
            root = self.unpacked(self.sealed("partner"))
            codes.append(set((root / "data/members.csv").read_text().splitlines()[1:]))
        assert not codes[0] & codes[1]

    def test_an_unknown_profile_is_refused_in_words(self):
        with pytest.raises(CaseError, match="no profile 'press'"):
            request_packet(self.case, actor=self.ana, profile="press")
        self.client.force_login(self.ana)
        page = self.client.post(f"/cases/{self.case.ref}/packets/", {"profile": "press"})
        assert page.status_code == 422 and not EvidencePacket.objects.exists()

    def test_a_packet_from_before_signatures_is_told_so(self):
        path = self.sealed()
        root = self.unpacked(path)
        bare = self.folder / "bare.zip"
        with zipfile.ZipFile(bare, "w") as archive:
            for one in sorted(root.rglob("*")):
                if one.is_file() and "signature" not in one.parts:
                    archive.write(one, f"{root.name}/{one.relative_to(root)}")
        assert verify(bare) == [f"{PUBLIC_KEY}: is missing, so it is not signed"]
        self.packet.file.save("bare.zip", ContentFile(bare.read_bytes()))
        with pytest.raises(CommandError, match="1 problems"):
            call_command("verify_packet", str(bare), stderr=StringIO())


class SigningKeyTests(TestCase):
    def test_one_key_signs_until_it_is_rotated_and_old_ones_stay_published_without_a_secret(self):
        first, _ = signing_key()
        assert signing_key()[0] == first
        out = StringIO()
        call_command("signing_key", "--rotate", stdout=out)
        second, secret = signing_key()
        assert second != first and second.key_id in out.getvalue()
        first.refresh_from_db()
        assert first.retired_at and bytes(first.sealed_secret) == b""
        assert bytes(second.sealed_secret) != secret.private_bytes_raw()
        listed = self.client.get("/.well-known/stillwatch-signing-keys.json").json()["keys"]
        assert [(k["key_id"], k["retired_at"] is None) for k in listed] == [
            (second.key_id, True), (first.key_id, False),
        ]  # fmt: skip

    def test_a_key_in_the_settings_is_used_and_is_rotated_there(self):
        seed = bytes(range(32))
        with override_settings(SIGNING_KEY=seed):
            key, secret = signing_key()
            assert secret.private_bytes_raw() == seed and bytes(key.sealed_secret) == b""
            assert signing_key()[0] == key
            with pytest.raises(ValueError, match="SIGNING_KEY names the key"):
                rotate_signing_key()
            with pytest.raises(CommandError, match="SIGNING_KEY names the key"):
                call_command("signing_key", "--rotate")
        made, _ = signing_key()
        assert made != key and SigningKey.objects.filter(retired_at=None).get() == made
        with override_settings(SIGNING_KEY=seed):
            assert signing_key()[0] == key
            assert SigningKey.objects.filter(retired_at=None).get() == key

    def test_the_id_is_the_hash_of_the_public_half(self):
        key, secret = signing_key()
        digest = hashlib.sha256(secret.public_key().public_bytes_raw()).hexdigest()
        assert key.key_id == digest[:16]

    def test_without_the_key_that_sealed_it_nothing_is_signed(self):
        signing_key()
        others = override_settings(ENCRYPTION_KEYS=[base64.b64decode(b"A" * 43 + b"=")])
        with others, pytest.raises(CannotOpen, match="ENCRYPTION_KEYS"):
            signing_key()
