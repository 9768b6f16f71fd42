"""How a person judges: theirs alone, unless they let leads see it."""

from django.db import connection
from django.test.utils import CaptureQueriesContext

from cases.models import Case, Decision
from cases.services.sample import answer_item, assign_reading, draw_sample, finish_reading
from tests.base import DeskTestCase, make_case


class JudgementTest(DeskTestCase):
    def get(self, user=None, path="/judgement/"):
        self.client.force_login(user or self.ana)
        return self.client.get(path)

    def state(self, case, who, p, outcome="confirmed"):
        return Decision.objects.create(
            case=case, outcome=outcome, rationale="why", stated_probability=p, decided_by=who
        )

    def test_a_stated_probability_is_scored_once_the_case_is_settled(self):
        self.state(self.case, self.ana, 0.9)
        self.assertContains(self.get(), "None is settled yet.")
        self.state(self.case, self.bo, 0.2, outcome="benign")
        page = self.get()
        self.assertContains(page, "0.810")  # (0.9 − 0)², settled by another person
        self.assertEqual(page.context["scores"].other.count, 1)
        Case.objects.update(status="closed", verdict="benign")
        scores = self.get(self.bo).context["scores"]
        self.assertAlmostEqual(scores.all.score, 0.04)
        self.assertIsNone(scores.other)

    def test_inconclusive_settles_nothing(self):
        self.state(self.case, self.ana, 0.9)
        self.state(self.case, self.bo, None, outcome="inconclusive")
        scores = self.get().context["scores"]
        self.assertEqual((scores.all, scores.waiting), (None, 1))

    def test_agreement_counts_accounts_that_two_have_read_to_the_end(self):
        sample = draw_sample(self.case, actor=self.ana, size=3)
        second = assign_reading(sample, actor=self.ana, reader=self.bo)
        for reading, words in (
            (sample.readings.get(reader=self.ana), ("in", "out", "in")), (second, ("in", "out")),
        ):  # fmt: skip
            for place, word in enumerate(words, start=1):
                answer_item(reading, actor=reading.reader, place=place, answer=word)
            self.assertEqual(self.get().context["agreement"].units, 0)
            finish_reading(reading, actor=reading.reader)
        agreement = self.get().context["agreement"]
        self.assertEqual((agreement.alpha, agreement.units, agreement.same), (1, 2, 2))
        self.assertEqual(self.get(self.lea).context["agreement"].units, 0)

    def test_it_is_private_until_the_person_lets_leads_see_it(self):
        of = "/judgement/of/ana/"
        self.assertEqual(self.get(self.lea, of).status_code, 404)
        self.client.force_login(self.ana)
        self.client.post("/judgement/share/", {"open": "1"})
        self.assertContains(self.get(self.lea, of), "lets leads see it")
        self.assertContains(self.get(self.lea), of)
        self.assertEqual(self.get(self.bo, of).status_code, 404)
        self.assertEqual(self.get(self.aud, of).status_code, 404)
        self.client.force_login(self.ana)
        self.client.post("/judgement/share/", {"open": "0"})
        self.assertEqual(self.get(self.lea, of).status_code, 404)
        self.assertEqual(self.get(self.stranger).status_code, 404)

    def test_a_restricted_case_that_one_may_no_longer_see_is_not_told(self):
        self.state(self.case, self.ana, 0.9)
        Case.objects.update(status="closed", verdict="benign", restricted=True)
        self.assertIsNone(self.get().context["scores"].all)

    def test_recall_stands_below_it_and_the_cost_is_constant(self):
        self.assertContains(self.get(), "Not estimable: 0 of 0", count=2)
        counts = []
        for number in (2, 3):
            for extra in range(number * 3):
                case = make_case(number * 100 + extra, accounts=1, status="closed",
                                 verdict="benign")  # fmt: skip
                self.state(case, self.ana, 0.5)
            self.get()
            with CaptureQueriesContext(connection) as queries:
                self.client.get("/judgement/")
            counts.append(len(queries))
        self.assertEqual(counts[0], counts[1])
