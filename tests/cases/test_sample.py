"""Samples as rows: the draw, the readings, the verdict's sentence, what a suspension must bear."""

from django.test import override_settings

from cases.errors import CaseError
from cases.models import Case, Member, Reading, Sample, SampleAnswer, SampleItem
from cases.sampling import digest
from cases.services.decide import record_decision
from cases.services.enforce import approve_enforcement, request_enforcement
from cases.services.judge import judge_members
from cases.services.labels import reviewed_labels
from cases.services.sample import (
    answer_item,
    assign_reading,
    cancel_sample,
    draw_sample,
    drawn_again,
    finish_reading,
)
from tests.base import NOON, DeskTestCase, make_account
from tests.cases.orders import connector_at


class SampleCase(DeskTestCase):
    @classmethod
    def setUpTestData(cls):
        super().setUpTestData()
        tiers = ["core"] * 57 + ["likely"] * 30 + ["possible"] * 10
        Member.objects.bulk_create(
            Member(
                case=cls.case,
                account=make_account(f"more-{i:03}"),
                probability={"core": 0.97, "likely": 0.8, "possible": 0.3}[tier],
                tier=tier,
                method="test",
            )
            for i, tier in enumerate(tiers)
        )  # with the three of the cast: 60 core, 30 likely, 10 possible

    def draw(self, size=40, **fields) -> Sample:
        return draw_sample(self.case, actor=self.ana, size=size, **fields)

    def read(self, sample, *, reader=None, wrong=(), unsure=(), other=(), finish=True) -> Reading:
        reader = reader or self.ana
        reading = sample.readings.get(reader=reader)
        said = dict.fromkeys(unsure, "unsure") | dict.fromkeys(wrong, "out")
        said |= dict.fromkeys(other, "other")
        SampleAnswer.objects.bulk_create(
            SampleAnswer(
                reading=reading, item=item, answer=said.get(item.place, "in"), answered_at=NOON
            )
            for item in sample.items.all()
        )
        if finish:
            finish_reading(reading, actor=reader)
        return reading

    def done(self, size=40, tiers=None, **said) -> Sample:
        sample = self.draw(size, **({"tiers": tiers} if tiers else {}))
        self.read(sample, **said)
        sample.refresh_from_db()
        return sample

    def last(self, kind):
        return self.case.events.filter(kind=kind).order_by("-seq").first().content.body


class DrawTest(SampleCase):
    def test_seed_and_frozen_list_give_the_same_draw_again_whatever_became_of_the_members(self):
        sample = self.draw()
        Member.objects.filter(case=self.case, tier="likely").update(tier="core")
        Member.objects.filter(case=self.case, account__external_id="more-001").update(verdict="out")
        items = sample.items.order_by("place").values_list("member__account", flat=True)
        self.assertEqual(drawn_again(sample), list(items))
        frames = [(s.tier, s.frame) for s in sample.strata.order_by("pk")]
        self.assertEqual(digest(frames), sample.frame_digest)
        said = self.last("sample_drawn")
        self.assertEqual((said["seed"], said["frame_sha256"]), (sample.seed, sample.frame_digest))

    def test_each_account_keeps_its_stratum_and_the_chance_that_it_had(self):
        sample = self.draw()
        strata = {s.tier: s for s in sample.strata.all()}
        self.assertEqual(
            {tier: (s.members, s.drawn) for tier, s in strata.items()},
            {"core": (60, 17), "likely": (30, 13), "possible": (10, 10)},
        )
        for item in sample.items.select_related("member"):
            stratum = strata[item.member.tier]
            self.assertEqual(item.stratum_id, stratum.pk)
            self.assertAlmostEqual(item.inclusion_probability, stratum.drawn / stratum.members)
        weights = sum(1 / item.inclusion_probability for item in sample.items.all())
        self.assertAlmostEqual(weights, 100)

    def test_who_was_judged_out_or_has_left_is_not_drawn(self):
        core = Member.objects.filter(case=self.case, tier="core").order_by("pk")
        judge_members(self.case, actor=self.ana, members=[core[0].pk], verdict="out")
        Member.objects.filter(pk=core[1].pk).update(left_at=self.case.opened_at)
        sample = self.draw(100, tiers=["core"])
        self.assertEqual((sample.members, sample.size), (58, 58))

    def test_one_sample_is_read_at_a_time_and_one_that_is_stopped_stays_on_record(self):
        sample = self.draw()
        with self.assertRaisesMessage(CaseError, "finish or stop it first"):
            self.draw()
        answer_item(sample.readings.get(), actor=self.ana, place=1, answer="out")
        with self.assertRaisesMessage(CaseError, "Say why"):
            cancel_sample(sample, actor=self.ana, reason=" ")
        cancel_sample(sample, actor=self.ana, reason="wrong tiers")
        self.assertEqual(self.last("sample_cancelled")["answered"], 1)
        self.draw()
        self.assertEqual(Sample.objects.count(), 2)
        with self.assertRaisesMessage(CaseError, "is cancelled already"):
            cancel_sample(sample, actor=self.ana, reason="again")

    def test_nothing_to_draw_from_and_impossible_sizes_are_refused(self):
        for size in (0, 401):
            with self.assertRaisesMessage(CaseError, "1 to 400"):
                self.draw(size)
        Member.objects.filter(case=self.case, tier="possible").update(verdict="out")
        with self.assertRaisesMessage(CaseError, "nothing to draw from"):
            self.draw(tiers=["possible"])
        Case.objects.filter(pk=self.case.pk).update(merged_into=Case.objects.create(number=9))
        with self.assertRaisesMessage(CaseError, "was merged into C-9"):
            self.draw()


class ReadTest(SampleCase):
    def test_a_reading_ends_when_it_is_whole_and_its_answers_stand(self):
        sample = self.draw()
        reading = self.read(sample, finish=False)
        reading.answers.filter(item__place=7).delete()
        with self.assertRaisesMessage(CaseError, "1 of 40 accounts have no answer yet"):
            finish_reading(reading, actor=self.ana)
        answer_item(reading, actor=self.ana, place=7, answer="out")
        answer_item(reading, actor=self.ana, place=7, answer="in")  # a second thought
        finish_reading(reading, actor=self.ana)
        self.assertEqual(SampleAnswer.objects.filter(answer="in").count(), 40)
        with self.assertRaisesMessage(CaseError, "its answers stand"):
            answer_item(reading, actor=self.ana, place=7, answer="out")
        with self.assertRaisesMessage(CaseError, "its answers stand"):
            finish_reading(reading, actor=self.ana)

    def test_nobody_answers_for_another_person(self):
        reading = self.draw().readings.get()
        with self.assertRaisesMessage(CaseError, "Another person reads this"):
            answer_item(reading, actor=self.bo, place=1, answer="in")
        with self.assertRaisesMessage(CaseError, "Another person reads this"):
            finish_reading(reading, actor=self.bo)
        for place, answer in ((99, "in"), (1, "perhaps")):
            with self.assertRaises(CaseError):
                answer_item(reading, actor=self.ana, place=place, answer=answer)

    def test_the_result_counts_heads_by_tier_and_for_the_case(self):
        sample = self.draw(tiers=["core", "likely"])
        core = list(sample.items.filter(stratum__tier="core").values_list("place", flat=True))
        self.read(sample, wrong=core[:2], unsure=core[2:3], other=core[3:4])
        sample.refresh_from_db()
        result = sample.result
        by_tier = {row["tier"]: row for row in result["strata"]}
        self.assertEqual((by_tier["core"]["out"], by_tier["likely"]["out"]), (2, 0))
        self.assertEqual((result["out"], result["unsure"], result["other"]), (2, 1, 1))
        self.assertGreaterEqual(by_tier["core"]["low"], 2)
        self.assertLess(by_tier["core"]["high"], 60 - 20)
        self.assertIn("Sampled 40 of 90, blind: 2 wrong, 1 unsure, 1 other abuse; ", result["says"])
        self.assertEqual(self.last("sample_finished")["says"], result["says"])

    def test_all_read_leaves_nothing_to_chance(self):
        sample = self.done(100, wrong=(3,))
        self.assertEqual(sample.result["says"], "All 100 read blind: 1 wrong.")
        self.assertEqual((sample.result["low"], sample.result["high"]), (1, 1))

    def test_who_cannot_be_told_may_be_wrong_but_is_not_surely(self):
        result = self.done(100, wrong=(3,), unsure=(4,)).result
        self.assertEqual((result["low"], result["high"]), (1, 2))

    def test_a_verdict_states_the_sample_and_so_does_the_timeline(self):
        sample = self.done()
        decision = record_decision(self.case, actor=self.ana, outcome="confirmed", rationale="why")
        self.assertEqual(decision.sample, sample)
        said = self.last("decision_recorded")["sampled"]
        self.assertRegex(said, r"^Sampled 40 of 100, blind: 0 wrong; at most \d+ are \(95 %\)\.$")

    def test_a_verdict_without_a_finished_sample_states_none(self):
        self.draw()
        decision = record_decision(self.case, actor=self.ana, outcome="confirmed", rationale="why")
        self.assertIsNone(decision.sample)
        self.assertNotIn("sampled", self.last("decision_recorded"))


class LabelTest(SampleCase):
    def test_who_was_read_blind_is_a_label_once_the_case_has_a_verdict(self):
        sample = self.done(wrong=(1,), unsure=(2,))
        second = assign_reading(sample, actor=self.ana, reader=self.bo)
        answer_item(second, actor=self.bo, place=3, answer="out")
        self.assertEqual(list(reviewed_labels().values()), ["innocent"])
        record_decision(self.case, actor=self.ana, outcome="confirmed", rationale="why")
        account = dict(sample.items.values_list("place", "member__account"))
        labels = reviewed_labels()
        self.assertEqual((labels[account[1]], labels[account[3]]), ("innocent", "abuse"))
        self.assertNotIn(account[2], labels)
        self.assertEqual(len(labels), 39)
        finish_reading(second, actor=self.bo)
        self.assertNotIn(account[3], reviewed_labels())  # two differ: no label


class SecondReadingTest(SampleCase):
    def test_another_person_reads_the_same_and_what_they_differ_on_may_be_wrong(self):
        sample = self.done(wrong=(1, 2))
        assign_reading(sample, actor=self.ana, reader=self.bo)
        self.read(sample, reader=self.bo, wrong=(2, 3))
        sample.refresh_from_db()
        result = sample.result
        self.assertEqual((result["out"], result["disputed"], result["twice"]), (1, 2, 40))
        self.assertLess(result["alpha"], 1)
        self.assertIn("2 disputed", result["says"])

    def test_the_timeline_tells_no_result_while_somebody_still_reads_blind(self):
        sample = self.draw()
        assign_reading(sample, actor=self.ana, reader=self.bo)
        self.read(sample, wrong=(1,))
        self.assertNotIn("says", self.last("sample_finished"))
        self.read(sample, reader=self.bo)
        self.assertIn("1 disputed", self.last("reading_finished")["says"])

    def test_a_part_of_a_second_reading_counts_too(self):
        sample = self.done()
        second = assign_reading(sample, actor=self.ana, reader=self.bo)
        with self.assertRaisesMessage(CaseError, "Nothing was answered"):
            finish_reading(second, actor=self.bo)
        answer_item(second, actor=self.bo, place=5, answer="out")
        finish_reading(second, actor=self.bo)
        sample.refresh_from_db()
        self.assertEqual((sample.result["twice"], sample.result["disputed"]), (1, 1))

    def test_only_another_person_who_decides_and_may_see_the_case_is_asked(self):
        sample = self.draw()
        for reader, why in (
            (self.ana, "reads this sample already"), (self.aud, "not an analyst or a lead"),
        ):  # fmt: skip
            with self.assertRaisesMessage(CaseError, why):
                assign_reading(sample, actor=self.ana, reader=reader)
        Case.objects.filter(pk=self.case.pk).update(restricted=True)
        self.case.readers.add(self.ana)
        with self.assertRaisesMessage(CaseError, "not on the list of C-1"):
            assign_reading(sample, actor=self.ana, reader=self.bo)


@override_settings(SAMPLE_ABOVE=50, SAMPLE_MAX_WRONG=0.1)
class SuspensionTest(SampleCase):
    def setUp(self):
        self.connector = connector_at("http://127.0.0.1:1/")

    def order(self, kind="suspend", tiers=("core",), case="confirmed"):
        Case.objects.update(status="decided", verdict=case)
        return request_enforcement(
            self.case, actor=self.ana, kind=kind, connector=self.connector, tiers=list(tiers),
            reason="rule 4.2",
        )  # fmt: skip

    def assert_refused(self, why, **order):
        with self.assertRaisesMessage(CaseError, why):
            self.order(**order)

    def test_a_large_one_needs_a_sample_that_was_read_to_its_end(self):
        self.assert_refused("This would stop 60 accounts, and above 50 a sample of C-1 must be")
        self.draw()
        self.assert_refused("a sample of C-1 must be read blind first")

    def test_a_small_one_and_anything_lighter_do_not(self):
        self.assertEqual(self.order(tiers=["likely"]).items.count(), 30)
        self.assertEqual(self.order(kind="limit").items.count(), 60)

    def test_what_the_sample_bears_out_goes_through(self):
        self.done(45, tiers=["core"])
        self.assertEqual(self.order().items.count(), 60)

    def test_it_is_refused_where_the_upper_limit_is_above_the_bound(self):
        self.done(20, tiers=["core"])  # none wrong in 20 allows 12 %
        self.assert_refused("of these 60 accounts may be wrong (12%")

    def test_who_was_found_wrong_is_judged_out_and_then_it_goes_through(self):
        sample = self.done(60, tiers=["core"], wrong=range(1, 8))
        self.assert_refused("Up to 7 of these 60 accounts may be wrong (12%")
        wrong = sample.items.filter(place__lt=8).values_list("member", flat=True)
        judge_members(self.case_again(), actor=self.ana, members=list(wrong), verdict="out")
        self.assertEqual(self.order().items.count(), 53)

    def case_again(self):
        Case.objects.update(status="reopened", verdict="undecided")
        self.case.refresh_from_db()
        return self.case

    def test_whoever_came_after_the_draw_may_all_be_wrong(self):
        self.done(57, tiers=["core"])
        Member.objects.bulk_create(
            Member(case=self.case, account=make_account(f"late-{i}"), probability=0.97,
                   tier="core", method="test")
            for i in range(8)
        )  # fmt: skip
        self.assert_refused("8 of them came after the draw")

    def test_a_small_one_is_stopped_by_a_sample_that_is_plainly_against_it(self):
        self.done(30, tiers=["likely"], wrong=range(1, 16))
        self.assert_refused("of these 30 accounts may be wrong", tiers=["likely"])

    def test_the_second_person_is_held_to_it_too(self):
        self.done(45, tiers=["core"])
        order = self.order()
        self.case_again()
        self.done(45, tiers=["core"], wrong=range(1, 30))
        Case.objects.update(status="decided", verdict="confirmed")
        with self.assertRaisesMessage(CaseError, "may be wrong"):
            approve_enforcement(order, actor=self.lea)
        order.refresh_from_db()
        self.assertEqual(order.state, "requested")

    def test_reading_a_sample_writes_no_verdict_on_members(self):
        self.done(20, wrong=(1,))
        self.assertFalse(Member.objects.exclude(verdict="").exists())
        self.assertEqual(SampleItem.objects.count(), 20)
