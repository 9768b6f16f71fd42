"""A whole private matching over the door: the number first, the names after two yeses."""

import pytest

from cases.errors import CaseError, NotAllowed
from cases.matching import transcript
from cases.models import Case, MatchKey, MatchSession, PartnerExchange
from cases.services import match_answer, match_ask, match_set
from cases.services.match_session import trust_key
from cases.services.partner import change_policy, start_epoch
from cases.services.signing import signing_key
from ingest import outbound
from ingest.models import Attribute, Job
from tests.base import make_case
from tests.cases.matching import MatchTestCase


class CountTests(MatchTestCase):
    def test_the_number_is_known_to_both_and_no_name_to_either(self):
        session = self.counted()
        assert (session.state, session.count, session.values) == ("counted", 1, 3)
        theirs = self.theirs()
        assert (theirs.state, theirs.count, theirs.asked, theirs.values) == (
            "counted", 1, 512, None,
        )  # fmt: skip
        assert session.found is theirs.found is None
        assert session.transcript == theirs.transcript
        key, _ = signing_key()
        transcript.check_all(
            session.transcript, str(session.uid), asker=bytes(key.public_key),
            answerer=bytes(key.public_key),
        )  # fmt: skip
        assert Job.objects.get(pk=session.job_id).state == "done"

    def test_nothing_on_the_wire_is_a_value_or_an_account(self):
        self.counted()
        sent = b"".join(body for _, body in self.wire)
        for private in (b"card-1", b"card1", b"card-ours", b"acct-1", b"Quiet", b"C-1"):
            assert private not in sent, private
        assert len(self.wire) >= 8

    def test_the_case_s_timeline_and_the_partner_s_log_say_what_happened(self):
        session = self.counted()
        kinds = list(self.case.events.order_by("seq").values_list("kind", flat=True))
        assert kinds[-2:] == ["match_asked", "match_counted"]
        said = self.case.events.last().content.body
        assert (said["partner"], said["count"], said["values"]) == ("South", 1, 3)
        kinds = set(PartnerExchange.objects.filter(partner=self.north).values_list("kind", flat=1))
        assert {"match_asked", "match_answered", "match_set_count", "match_count"} <= kinds
        assert bytes(session.sealed_scalar) == bytes(session.answer) == b""

    def test_what_brings_strangers_together_and_whom_an_analyst_took_out_is_not_asked_about(self):
        self.give("shared")
        Attribute.objects.filter(value="shared").update(hub="vpn")
        assert self.ask().values == 1
        MatchSession.objects.all().delete()
        self.case.members.update(verdict="out")
        with pytest.raises(CaseError, match="no value that is matched"):
            self.ask()

    def test_guessable_kinds_wait_for_a_policy_on_both_sides(self):
        self.give("198.51.100.7", kind="ip")
        assert self.ask().values == 1
        MatchSession.objects.all().delete()
        self.south = change_policy(self.south, actor=None, match_kinds=["ip"])
        session = self.turn(self.ask(), 3)
        assert (session.values, session.kinds.count("ip")) == (1, 0), "south does not match it"
        change_policy(self.north, actor=None, match_kinds=["ip"])
        session = self.turn(self.ask(), 3)
        assert (session.state, session.values, session.count) == ("counted", 2, 2)

    def test_what_may_not_go_out_is_not_asked_about(self):
        for fields, words in (
            ({"verdict": "benign", "status": "decided"}, "found benign"),
            ({"verdict": "undecided", "status": "in_review", "tlp": "red"}, "TLP:RED"),
        ):
            Case.objects.update(**fields)
            with pytest.raises(CaseError, match=words):
                self.ask()

    def test_one_ask_at_a_time(self):
        self.ask()
        with pytest.raises(CaseError, match="is being asked about C-1 already"):
            self.ask()


class NamesTests(MatchTestCase):
    def wanted(self):
        session = match_ask.want_names(self.counted(), actor=self.lea)
        return self.turn(session)

    def test_after_both_said_yes_both_know_the_same_values(self):
        session = self.wanted()
        assert (session.state, self.theirs().state) == ("wanted", "wanted")
        match_answer.agree(self.theirs(), actor=self.lea)
        session = self.turn(session)
        card = Attribute.objects.get(value="card-1")
        assert (session.state, session.found) == ("named", [card.pk])
        assert (self.theirs().state, self.theirs().found) == ("named", [card.pk])
        assert session.problem == self.theirs().problem == ""
        assert session.transcript == self.theirs().transcript
        assert self.case.events.last().kind == "match_named"

    def test_nothing_is_evaluated_and_no_tags_given_before_the_yes(self):
        session = self.wanted()
        key = self.theirs().key
        response = self.client.get(
            f"/match/v1/sets/{key.uid}/names", headers={"Authorization": self.login}
        )
        assert response.status_code == 404
        response = self.client.post(
            f"/match/v1/sessions/{session.uid}/evaluate/", {"start": 0, "points": "AAAA"},
            content_type="application/json", headers={"Authorization": self.login},
        )  # fmt: skip
        assert (response.status_code, response.json()["error"]) == (
            409, "session: it is names wanted, not agreed",
        )  # fmt: skip

    def test_a_no_ends_it(self):
        session = self.wanted()
        match_answer.refuse(self.theirs(), actor=self.lea)
        session = self.turn(session)
        assert (session.state, session.found, self.theirs().state) == ("refused", None, "refused")
        with pytest.raises(CaseError, match="names refused"):
            match_answer.agree(self.theirs(), actor=self.lea)

    def test_who_asked_for_the_number_does_not_ask_for_the_names(self):
        session = self.counted()
        with pytest.raises(NotAllowed, match="another person"):
            match_ask.want_names(session, actor=self.ana)

    def test_nothing_in_common_has_no_names(self):
        self.case.members.update(verdict="out")
        self.build()
        self.case.members.update(verdict="")
        session = self.turn(self.ask(), 3)
        assert session.count == 0
        with pytest.raises(CaseError, match="nothing to name"):
            match_ask.want_names(session, actor=self.lea)

    def test_each_place_is_evaluated_once(self):
        session = self.wanted()
        match_answer.agree(self.theirs(), actor=self.lea)
        self.turn(session)
        MatchSession.objects.filter(ours=False).update(state="agreed")
        with pytest.raises(match_answer.MatchRefused, match="other points were evaluated there"):
            match_answer.evaluate(self.north, session.uid, 0, b"\x01" * 32 * 512)


class FaultTests(MatchTestCase):
    def test_whatever_breaks_on_the_way_the_number_comes_and_one_ask_is_used(self):
        """Each request in turn is lost before it left, and answered but not heard."""
        self.build()
        for fault in (outbound.NotSent("down"), outbound.NoAnswer("cut")):
            for place in range(3):
                MatchSession.objects.all().delete()
                session = self.ask()
                for _ in range(place):
                    self.turn(session)
                self.break_next = [fault]
                session = self.turn(session, 6)
                assert (session.state, session.count) == ("counted", 1), (fault, place)
                assert self.theirs().count == 1
                self.break_next = []

    def test_the_names_come_though_the_last_word_was_lost(self):
        session = self.turn(match_ask.want_names(self.counted(), actor=self.lea))
        match_answer.agree(self.theirs(), actor=self.lea)
        real = self.request

        def lose_what_was_found(method, url, *, body=None, **options):
            if b'"found"' in (body or b""):
                raise outbound.NotSent("down")
            return real(method, url, body=body, **options)

        outbound.request = lose_what_was_found
        session = self.turn(session)
        assert (session.state, self.theirs().state) == ("named", "agreed")
        outbound.request = real
        session = self.turn(session)
        assert self.theirs().state == "named" and bytes(session.answer) == b""

    def test_the_same_sweep_twice_changes_nothing_more(self):
        session = self.counted()
        before = list(MatchSession.objects.order_by("pk").values())
        self.turn(session, 2)
        for row in before:
            row.pop("poll_at")
        after = list(MatchSession.objects.order_by("pk").values())
        for row in after:
            row.pop("poll_at")
        assert before == after

    def test_a_partner_in_another_epoch_is_told_apart_from_one_with_no_match(self):
        self.south = start_epoch(self.south, actor=None)
        self.build()
        session = self.turn(self.ask())
        assert session.state == "failed"
        assert "begin the same epoch on both desks" in session.problem

    def test_another_signing_key_than_the_known_one_stops_it_until_a_person_says_so(self):
        trust_key(self.south, b"k" * 32, actor=None)
        self.build()
        session = self.turn(self.ask())
        assert session.state == "failed" and "manage.py match trust" in session.problem


class KeyTests(MatchTestCase):
    def test_a_retired_key_is_gone_and_what_went_on_under_it_ends(self):
        session = self.turn(match_ask.want_names(self.counted(), actor=self.lea))
        old = self.theirs().key
        new = match_set.rotate(self.north, actor=self.lea)
        old.refresh_from_db()
        assert old.retired_at and not any(
            bytes(blob) for blob in (old.sealed_seed, old.count_tags, old.reveal_tags, old.ledger)
        )
        assert new.uid != old.uid and self.theirs().state == "failed"
        session = self.turn(session)
        assert session.state == "failed" and "the key was retired" in session.problem

    def test_a_new_epoch_brings_a_new_key_and_an_old_one_is_retired_by_the_sweep(self):
        key = self.build()
        start_epoch(self.north, actor=None)
        match_set.retire_old()
        key.refresh_from_db()
        assert key.retired_at
        self.north.refresh_from_db()
        assert match_set.key_for(self.north).epoch == 2

    def test_a_key_past_its_days_is_retired_once_nothing_goes_on_under_it(self):
        self.build()
        session = self.turn(self.ask())
        MatchKey.objects.update(made_at=session.asked_at.replace(year=2025))
        assert match_set.retire_old() == 0
        self.turn(session, 3)
        MatchSession.objects.filter(ours=False).update(state="named")
        assert match_set.retire_old() == 1

    def test_the_set_holds_what_core_and_likely_members_share_and_nothing_of_benign_cases(self):
        make_case(2)
        Case.objects.filter(number=2).update(verdict="benign")
        key = self.build()
        assert (key.values, key.held) == (1, 4096)
        assert len(bytes(MatchKey.objects.get(pk=key.pk).count_tags)) == 4096 * 16
