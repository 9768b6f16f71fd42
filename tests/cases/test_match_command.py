"""manage.py match: the whole of a matching from the command line."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from cases.models import MatchKey, MatchPeer, MatchSession
from tests.cases.matching import MatchTestCase


def run(*words, **options) -> str:
    out = StringIO()
    call_command("match", *words, stdout=out, **options)
    return out.getvalue()


class MatchCommandTests(MatchTestCase):
    def test_a_matching_from_ask_to_names(self):
        self.build()
        uid = run("ask", "south", "C-1", actor="ana").strip()
        for _ in range(3):
            MatchSession.objects.filter(ours=True).update(poll_at="2026-01-01T00:00Z")
            run("run")
        assert "counted, 1 of 1 in common" in run("list")
        run("want", uid, actor="lea")
        run("run")
        run("agree", uid, actor="lea")
        MatchSession.objects.filter(ours=True).update(poll_at="2026-01-01T00:00Z")
        run("run")
        told = json.loads(run("show", uid, json=True))
        assert (told["found"], told["transcript_holds"]) == ([["payment", "card-1"]], True)
        assert "payment\tcard-1" in run("show", uid)
        MatchSession.objects.filter(ours=True).update(transcript=told["transcript"][1:])
        session = MatchSession.objects.get(ours=True)
        MatchSession.objects.filter(ours=False).delete()
        assert "DOES NOT HOLD" in run("show", str(session.uid))

    def test_who_may_and_what_is_meant_is_checked(self):
        session = self.counted()
        for words, options, said in (
            (["ask", "south"], {"actor": "ana"}, "takes 2 words"),
            (["ask", "nobody", "C-1"], {"actor": "ana"}, "no partner is called 'nobody'"),
            (["ask", "south", "C-x"], {"actor": "ana"}, "no case 'C-x'"),
            (["ask", "south", "C-1"], {"actor": "aud"}, "--actor must be one of"),
            (["want", str(session.uid)], {"actor": "bo"}, "--actor must be one of: counsel, lead"),
            (["want", "7"], {"actor": "lea"}, "is no id"),
            (["agree", str(session.uid)], {"actor": "lea"}, "is counted"),
            (["trust", "south", "x!"], {"actor": "lea"}, "base64 of 32 bytes"),
        ):
            with self.subTest(words=words), pytest.raises(CommandError, match=said):
                run(*words, **options)

    def test_a_key_is_rotated_and_a_signing_key_trusted(self):
        self.build()
        run("rotate", "north", actor="lea")
        assert MatchKey.objects.filter(partner=self.north, retired_at=None).count() == 1
        assert MatchKey.objects.exclude(retired_at=None).count() == 1
        run("trust", "south", "a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s=", actor="lea")
        assert bytes(MatchPeer.objects.get().signing_key) == b"k" * 32
