"""manage.py watermark keys, embed and test: the whole way round, and what is said of bad input."""

import io
import json
import random
from pathlib import Path
from unittest import mock

import pytest
from django.core.management import CommandError, call_command
from django.test import TestCase

from ingest.models import WatermarkKey
from ingest.services.watermark import open_key
from tests.base import make_account
from tests.ingest.suspects import settled_secrets, spoken


class WatermarkCommandTest(TestCase):
    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path):
        self.folder: Path = tmp_path

    def call(self, *args) -> str:
        out = io.StringIO()
        with settled_secrets(), mock.patch("secrets.randbelow", lambda most: 11):
            call_command("watermark", *map(str, args), stdout=out)
        return out.getvalue()

    def file(self, name: str, *texts: str) -> Path:
        path = self.folder / name
        path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
        return path

    def test_keys_are_made_listed_and_retired(self):
        make_account("acct-1")
        (self.folder / "ids").write_text("acct-1\n\n")
        said = self.call("keys", "--make", "campaign C-1", "--gamma", 0.5, "--accounts",
                         self.folder / "ids")  # fmt: skip
        key = WatermarkKey.objects.get()
        self.assertIn(f"{key.ref} is made for campaign C-1, 1 accounts", said)
        self.assertEqual(key.parameters, {"gamma": 0.5, "delta": 3.0, "width": 2})
        self.call("keys", "--make", "b", "--scheme", "gumbel", "--json")
        self.assertIn("gamma=0.5 width=2, words-v1: campaign C-1", self.call("keys"))
        rows = json.loads(self.call("keys", "--json"))
        self.assertEqual([row["scheme"] for row in rows], ["green-list", "gumbel"])
        secret = open_key(key)[1]
        self.assertNotIn(secret.hex(), json.dumps(rows))
        self.call("keys", "--retire", key.ref)
        self.assertIn(f"{key.ref:<6} retired", self.call("keys"))

    def test_what_embed_marks_test_finds_in_json(self):
        self.assertIn("No key yet", self.call("keys"))
        for name in ("one", "two"):
            self.call("keys", "--make", name)
        key = WatermarkKey.objects.earliest("pk")
        words = [f"w{n % 97}{random.Random(n).choice('abcdefgh')}" for n in range(4000)]
        (self.folder / "book.txt").write_text(" ".join(words))
        out = self.folder / "marked.jsonl"
        self.call("embed", key.ref, self.folder / "book.txt", "--tokens", 4000, "--out", out)
        self.assertEqual(len(out.read_text().splitlines()), 20)
        told = json.loads(self.call("test", out, "--name", "heron", "--json"))
        best, other = told["results"]
        self.assertEqual((best["key"], best["finding"]), (key.ref, "found"))
        self.assertEqual(other["finding"], "not_found")
        self.assertTrue(told["sound"])
        self.assertEqual(told["controls"][0]["keys"], 1000)
        plain = self.call("test", out, "--name", "heron", "--key", key.ref, "--marked", out)
        self.assertIn("pairs: found", plain)
        self.assertIn("not who collected it", plain)

    def test_a_clean_model_is_not_flagged(self):
        self.call("keys", "--make", "one")
        clean = self.file("clean.jsonl", *spoken(None))
        self.assertIn("pairs: not found", self.call("test", clean, "--name", "clean"))

    def test_bad_input_is_said_in_one_line(self):
        good = self.file("good.jsonl", "a b")
        bad = self.folder / "bad.jsonl"
        bad.write_text('{"text": "a"}\n{\n')
        self.call("keys", "--make", "one")
        ref = WatermarkKey.objects.get().ref
        for args, said in (
            (["keys", "--make", " "], "whom the key is issued for"),
            (["keys", "--make", "x", "--gamma", 2], "gamma is 2.0"),
            (["keys", "--make", "x", "--account", "nobody"], "Not known: nobody"),
            (["keys", "--retire", "K-0"], "There is no key K-0"),
            (["keys", "--make", "x", "--accounts", "/nowhere"], "/nowhere: No such file"),
            (["test", bad, "--name", "m"], "1 bad lines: line 2: not JSON"),
            (["test", self.folder / "none", "--name", "m"], "No such file"),
            (["test", good, "--name", "m", "--key", "K-99999"], "There is no key"),
            (["test", good, "--name", "m"], "failed: No key could be tested"),
            (["embed", ref, good], "the model needs 1,000"),
            (["embed", ref, good, "--tokens", 0], "--tokens"),
        ):
            with self.subTest(said), self.assertRaisesRegex(CommandError, said):
                self.call(*args)
