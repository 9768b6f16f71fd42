from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from cases.grouping import METHOD
from cases.models import Member
from cases.services.group_memory import freeze_all
from cases.services.judge import judge_members
from ingest.models import Account
from tests.analyst.api import ApiTestCase
from tests.base import make_account


class MembersTest(ApiTestCase):
    def setUp(self):
        self.client.force_login(self.ana)
        for number, (probability, tier) in enumerate([(0.8, "likely"), (0.3, "possible")]):
            Member.objects.create(
                case=self.case,
                account=make_account(f"more-{number}", organisation="<script>alert(1)</script>"),
                probability=probability,
                tier=tier,
                method="test",
                flagged=False,
            )

    def names(self, **query):
        return [row["account"]["id"] for row in self.results("C-1/members/", **query)]

    def test_a_member_comes_with_its_account_and_the_bits_that_add_up(self):
        row = self.results("C-1/members/", limit=1)[0]
        self.assertEqual(row["account"]["organisation"], "org-acct-1-2")
        self.assertEqual(row["account"]["state"], "active")
        self.assertEqual([e["family"] for e in row["evidence"]], ["prior", "payment", "volume"])
        self.assertAlmostEqual(sum(e["bits"] for e in row["evidence"]), 4.4)
        self.assertEqual((row["verdict"], row["verdict_by"]), ("", None))

    def test_strangers_text_is_passed_on_as_it_is_and_as_json(self):
        row = self.results("C-1/members/", tier="likely")[0]
        self.assertEqual(row["account"]["organisation"], "<script>alert(1)</script>")

    def test_no_prompt_is_shown(self):
        self.assertNotIn("step by step", self.get("C-1/members/").text)

    def test_members_come_by_probability_and_each_filter_narrows(self):
        core = ["acct-1-2", "acct-1-1", "acct-1-0"]
        judge_members(
            self.case,
            actor=self.bo,
            members=[Member.objects.get(account__external_id="acct-1-1").pk],
            verdict="out",
        )
        Account.objects.filter(external_id="acct-1-0").update(state="suspended")
        Member.objects.filter(account__external_id="more-1").update(left_at=timezone.now())
        self.assertEqual(self.names(), [*core, "more-0"])
        for query, found in {
            (("tier", "likely"),): ["more-0"],
            (("tier", ("core", "likely")),): [*core, "more-0"],
            (("tier", "possible"),): [],
            (("state", "suspended"),): ["acct-1-0"],
            (("verdict", "out"),): ["acct-1-1"],
            (("verdict", "none"),): ["acct-1-2", "acct-1-0", "more-0"],
            (("verdict", ("none", "out")), ("state", "active")): [*core[:2], "more-0"],
            (("min_probability", "0.9"),): core,
        }.items():
            with self.subTest(query=query):
                self.assertEqual(self.names(**dict(query)), found)
        judged = self.results("C-1/members/", verdict="out")[0]
        self.assertEqual((judged["verdict"], judged["verdict_by"]), ("out", "bo"))

    def test_pages_hold_every_member_once(self):
        rows, pages = self.all_pages("C-1/members/", limit=2)
        self.assertEqual(pages, 3)
        self.assertEqual(
            [row["account"]["id"] for row in rows],
            ["acct-1-2", "acct-1-1", "acct-1-0", "more-0", "more-1"],
        )

    def test_the_list_takes_as_many_queries_at_any_size(self):
        def queries():
            with CaptureQueriesContext(connection) as asked:
                self.results("C-1/members/", limit=1000)
            return len(asked)

        few = queries()
        for number in range(40):
            Member.objects.create(
                case=self.case,
                account=make_account(f"many-{number}"),
                probability=0.5,
                tier="possible",
                method="test",
                verdict="in",
                verdict_by=self.bo,
            )
        self.assertEqual(queries(), few)
        self.assertLessEqual(few, 5)


class ExplanationTest(ApiTestCase):
    def setUp(self):
        self.client.force_login(self.ana)
        Member.objects.update(method=METHOD)
        freeze_all(new_epoch=True)

    def test_the_parts_add_up_and_each_says_what_it_would_be_without(self):
        told = self.get("C-1/members/acct-1-0/explanation/").json()
        bits = told["prior_bits"] + told["held_bits"] + sum(f["bits"] for f in told["families"])
        self.assertAlmostEqual(told["probability"], 1 / (1 + 2**-bits))
        (card,) = told["terms"]
        self.assertEqual((card["name"], card["shared_with"]), ("payment card card-1", 2))
        self.assertEqual(
            (card["carriers"], card["population"], card["counted_in"]), (3, 10_000, "accounts")
        )
        self.assertTrue(card["without"]["leaves"])
        self.assertTrue(told["worked_out"])
        self.assertIn("payment card card-1", told["sentence"])

    def test_a_chain_names_each_step(self):
        told = self.get("C-1/members/acct-1-0/chain/acct-1-2/").json()
        self.assertTrue(told["found"])
        self.assertEqual(
            [(hop["start"], hop["end"], hop["kind"], hop["carriers"]) for hop in told["hops"]],
            [("acct-1-0", "acct-1-2", "payment", 3)],
        )

    def test_who_is_no_member_is_not_there(self):
        make_account("outside")
        for path in ("outside/explanation/", "acct-1-0/chain/outside/", "~!/explanation/"):
            self.assertRefused(self.get(f"C-1/members/{path}"), 404)
