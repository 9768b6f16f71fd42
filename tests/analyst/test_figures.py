import csv
import io
import json
from datetime import timedelta

from django.db import connection
from django.test.utils import CaptureQueriesContext

from analyst.figures import FIGURES, window
from cases.models import Case, Member
from cases.plots import POINTS_MAX
from cases.services.decide import record_decision
from ingest.models import Account, ActivityHour, ContextEvent
from tests.base import NOON, DeskTestCase, make_case

HOSTILE = "=cmd|'<img src=x onerror=alert(1)>\u202e"


def points(figure):
    """What the figure holds, counted from its data."""
    total = 0
    for trace in figure["data"]:
        total += sum(map(len, trace["z"])) if "z" in trace else len(trace["y"])
    return total


class FiguresTest(DeskTestCase):
    def setUp(self):
        self.client.force_login(self.ana)

    def figure(self, name, ref="C-1"):
        response = self.client.get(f"/cases/{ref}/figures/{name}.json")
        self.assertEqual(response.status_code, 200)
        return json.loads(response.content)

    def rows(self, name, ref="C-1"):
        response = self.client.get(f"/cases/{ref}/figures/{name}.csv")
        return list(csv.reader(io.StringIO(response.content.decode())))

    def test_figures_count_every_request_of_the_members_once(self):
        total = 2 * (30 + 31 + 32)
        for name in ("activity", "accounts"):
            figure = self.figure(name)
            self.assertEqual(sum(sum(trace["y"]) for trace in figure["data"]), total, name)
        for name in ("heat", "heat-all", "week"):
            figure = self.figure(name)
            self.assertEqual(sum(map(sum, figure["data"][0]["z"])), total, name)
            self.assertEqual(points(figure), figure["points"])

    def test_hours_fall_into_their_bins(self):
        z = self.figure("week")["data"][0]["z"]
        # 20 November 2026 is a Friday; the hours are 10 and 11
        self.assertEqual((z[4][10], z[4][11]), (93, 93))
        heat = self.figure("heat")
        row = heat["data"][0]["y"].index("acct-1-2")
        where = {x: v for x, v in zip(heat["data"][0]["x"], heat["data"][0]["z"][row], strict=True)}
        self.assertEqual((where["2026-11-20T11:00"], where["2026-11-20T12:00"]), (32, 0))

    def test_who_left_and_other_cases_are_not_counted(self):
        make_case(2)
        Member.objects.filter(case=self.case, account__external_id="acct-1-0").update(left_at=NOON)
        self.assertEqual(sum(map(sum, self.figure("week")["data"][0]["z"])), 2 * (31 + 32))

    def test_no_figure_holds_more_than_its_limit_at_300_members_and_two_weeks(self):
        case = make_case(30, accounts=300, first_activity_at=NOON - timedelta(days=14))
        accounts = list(case.members.values_list("account", flat=True))
        with connection.cursor() as cursor:
            cursor.execute(
                f"INSERT INTO {ActivityHour._meta.db_table} (account_id, hour, model, requests)"
                " SELECT a, h, 'm', 1 + (a * 7 + extract(hour FROM h)::int) %% 9"
                " FROM unnest(%s::bigint[]) a,"
                " generate_series(%s - interval '14 days', %s, interval '1 hour') h",
                [accounts, NOON, NOON],
            )
            cursor.execute(f"ANALYZE {ActivityHour._meta.db_table}")
        for name in FIGURES:
            figure = self.figure(name, "C-30")
            self.assertLessEqual(points(figure), POINTS_MAX, name)
            self.assertGreater(points(figure), 150, name)
        self.assertEqual(len(self.figure("heat", "C-30")["data"][0]["z"]), 48)
        self.assertIn("48 busiest of 300 accounts", self.figure("heat", "C-30")["say"])
        self.assertEqual(self.figure("accounts", "C-30")["key"][-1]["label"], "295 others")

    def test_a_case_of_any_span_stays_within_the_bins(self):
        for days in (0, 0.1, 3, 14, 35, 91, 4000):
            self.case.first_activity_at = NOON - timedelta(days=days)
            self.case.last_activity_at = NOON
            when = window(self.case, bins=240)
            self.assertLessEqual(when.bins, 240)
            self.assertGreater(when.end, NOON)
            self.assertLessEqual(when.end, NOON + timedelta(hours=1))
            if days < 91:
                self.assertLessEqual(when.start, self.case.first_activity_at)

    def test_a_case_without_activity_has_figures_that_say_so(self):
        Case.objects.update(first_activity_at=None, last_activity_at=None)
        for name in FIGURES:
            self.assertIn("No request of a member is recorded", self.figure(name)["say"])

    def test_decisions_releases_and_silences_are_drawn(self):
        record_decision(self.case, actor=self.ana, outcome="other_abuse", rationale="x")
        self.case.decisions.update(decided_at=NOON - timedelta(days=1))
        ContextEvent.objects.create(
            kind="release", label="orion-large-2", start_at=NOON - timedelta(days=2)
        )
        ContextEvent.objects.create(
            kind="silence", label="volume silent", start_at=NOON - timedelta(hours=30),
            end_at=NOON - timedelta(hours=20),
        )  # fmt: skip
        for name in ("activity", "heat"):
            layout = self.figure(name)["layout"]
            names = {note["text"] for note in layout["annotations"]}
            self.assertEqual(names, {"other abuse", "orion-large-2", "volume silent"})
            self.assertEqual(
                sorted(shape["type"] for shape in layout["shapes"]), ["line", "line", "rect"]
            )

    def test_a_stranger_s_name_is_text_in_figure_table_and_csv(self):
        Account.objects.filter(external_id="acct-1-0").update(external_id=HOSTILE)
        figure = json.dumps(self.figure("heat"), ensure_ascii=False)
        self.assertFalse("<img" in figure)
        self.assertFalse("\u202e" in figure)
        page = self.client.get("/cases/C-1/?table=heat").content.decode()
        self.assertFalse("<img" in page)
        self.assertIn("‹U+202E›", page)
        names = {row[0] for row in self.rows("heat")}
        self.assertIn(f"'{HOSTILE}", names)  # no spreadsheet runs it as a formula

    def test_the_csv_holds_the_figure_s_rows(self):
        rows = self.rows("activity")
        self.assertEqual(rows[0], ["start_utc", "tier", "requests"])
        self.assertEqual(sum(int(row[2]) for row in rows[1:]), 186)
        response = self.client.get("/cases/C-1/figures/week.csv")
        self.assertEqual(response["Content-Type"], "text/csv; charset=utf-8")
        self.assertEqual(response["Content-Disposition"], 'attachment; filename="C-1-week.csv"')

    def test_every_figure_has_its_table_for_htmx_and_for_a_plain_visit(self):
        for name in FIGURES:
            part = self.client.get(f"/cases/C-1/?table={name}", headers={"HX-Request": "true"})
            self.assertContains(part, "<caption>")
            self.assertNotContains(part, "<html")
        page = self.client.get("/cases/C-1/?table=week")
        self.assertContains(page, "Requests by hour of the week, UTC")
        self.assertEqual(self.client.get("/cases/C-1/?table=nonsense").status_code, 200)

    def test_an_unknown_figure_is_not_found_and_a_stranger_finds_none(self):
        self.assertEqual(self.client.get("/cases/C-1/figures/pie.json").status_code, 404)
        self.assertEqual(self.client.get("/cases/C-1/figures/pie.csv").status_code, 404)
        self.client.force_login(self.stranger)
        for kind in ("json", "csv"):
            self.assertEqual(self.client.get(f"/cases/C-1/figures/week.{kind}").status_code, 404)

    def test_the_number_of_queries_does_not_follow_the_case_s_size(self):
        make_case(40, accounts=60)
        for name in FIGURES:
            counts = []
            for ref in ("C-1", "C-40"):
                with CaptureQueriesContext(connection) as captured:
                    self.figure(name, ref)
                counts.append(len(captured))
            self.assertEqual(counts[0], counts[1], name)
