import csv
import io
import json
from datetime import timedelta

from django.db import connection
from django.test.utils import CaptureQueriesContext

from analyst.sweep_figure import SWEEPS
from cases.plots import POINTS_MAX
from ingest.models import Attribute, TemplateSlot
from tests.base import NOON, DeskTestCase, make_case


def cover(case, template, slots, *, count=2, everybody=False):
    """The case's members divide the slots, or everybody asks for all of them."""
    accounts = list(case.members.order_by("pk").values_list("account", flat=True))
    TemplateSlot.objects.bulk_create(
        TemplateSlot(
            account_id=account, template=template, slot=f"{place:032x}", count=count,
            first_at=NOON + timedelta(minutes=place),
        )
        for place in range(slots)
        for number, account in enumerate(accounts)
        if everybody or place % len(accounts) == number
    )  # fmt: skip


class SweepFigureTest(DeskTestCase):
    def setUp(self):
        self.client.force_login(self.ana)
        self.template = Attribute.objects.create(
            kind="template", value="t-1", label="<b>grade</b> ⟨…⟩", accounts=9, population=900
        )

    def figure(self, name="sweep", ref="C-1"):
        return json.loads(self.client.get(f"/cases/{ref}/figures/{name}.json").content)

    def test_a_divided_list_is_told_with_its_chance_and_p(self):
        cover(self.case, self.template, 60)
        figure = self.figure()
        name = f"T-{self.template.pk}"
        self.assertTrue(
            figure["say"].startswith(
                f"3 accounts and 60 values of one slot of {name}; 0.0 % of them asked by two "
                "accounts or more, chance would give 6"
            ),
            figure["say"],
        )
        self.assertIn("(p 0.001): they divide it", figure["say"])
        z = figure["data"][0]["z"]
        self.assertEqual([sum(row) for row in z], [40, 40, 40])
        self.assertTrue(all(sum(n > 0 for n in column) == 1 for column in zip(*z, strict=True)))

    def test_a_list_that_everybody_asks_for_is_not(self):
        cover(self.case, self.template, 30, everybody=True)
        self.assertIn("nothing says that they divide it", self.figure()["say"])
        self.assertIn("100.0 % of them", self.figure()["say"])

    def test_values_that_never_came_again_tell_nothing_and_say_so(self):
        cover(self.case, self.template, 30, count=1)
        self.assertIn("no value came again", self.figure()["say"])

    def test_by_template_tells_prevalence_and_entropy_and_no_stranger_s_words(self):
        cover(self.case, self.template, 60)
        other = Attribute.objects.create(kind="template", value="t-2")
        cover(self.case, other, 12, everybody=True)
        figure = self.figure("sweep-templates")
        self.assertEqual(len(figure["data"][0]["z"]), 2)
        page = self.client.get("/cases/C-1/?table=sweep-templates", headers={"HX-Request": "true"})
        self.assertContains(page, "9 of 900")
        self.assertContains(page, "4.09")  # ln 60
        self.assertContains(page, "not counted")
        self.assertNotIn("grade", json.dumps(figure))
        text = self.client.get("/cases/C-1/figures/sweep-templates.csv").content.decode()
        rows = list(csv.reader(io.StringIO(text)))
        self.assertEqual(rows[0], ["template", "bin", "accounts"])
        self.assertEqual(len(rows), 1 + 60 + 12)

    def test_who_left_and_other_cases_are_not_counted(self):
        cover(self.case, self.template, 60)
        cover(make_case(2), self.template, 60)
        self.case.members.filter(account__external_id="acct-1-0").update(left_at=NOON)
        self.assertIn("2 accounts and 40 values", self.figure()["say"])

    def test_a_case_without_slots_says_so(self):
        for name in SWEEPS:
            self.assertIn("No slot value", self.figure(name)["say"])
            self.assertEqual(self.client.get(f"/cases/C-1/?table={name}").status_code, 200)

    def test_neither_points_nor_queries_follow_the_size(self):
        case = make_case(30, accounts=90)
        for number in range(9):
            template = Attribute.objects.create(kind="template", value=f"t-x{number}")
            cover(case, template, 400)
        cover(self.case, self.template, 6)
        for name in SWEEPS:
            counts = []
            for ref in ("C-1", "C-30"):
                with CaptureQueriesContext(connection) as captured:
                    figure = self.figure(name, ref)
                counts.append(len(captured))
                self.assertLessEqual(figure["points"], POINTS_MAX)
                self.assertEqual(figure["points"], sum(map(len, figure["data"][0]["z"])))
            self.assertEqual(counts[0], counts[1], name)

    def test_a_stranger_finds_no_sweep(self):
        self.client.force_login(self.stranger)
        for kind in ("json", "csv"):
            self.assertEqual(self.client.get(f"/cases/C-1/figures/sweep.{kind}").status_code, 404)
