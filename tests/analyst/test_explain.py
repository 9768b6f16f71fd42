"""Why a member belongs and how two hang together, on screen."""

from itertools import pairwise

from django.db import connection
from django.test.utils import CaptureQueriesContext

from cases.grouping import METHOD
from cases.models import Case, Link, Member
from cases.services.group_memory import freeze_all
from ingest.models import Account, Attribute, AttributeUse
from tests.analyst.test_case import HOSTILE, SHOWN
from tests.base import NOON, DeskTestCase, make_account, make_case

POPULATION = 10_000


def add_member(case, name, **fields):
    fields = {"probability": 0.9, "tier": "likely", "method": METHOD} | fields
    account = make_account(name)
    return Member.objects.create(case=case, account=account, **fields)


def tie(case, members, kind, value, bits=10.0, **fields):
    attribute = Attribute.objects.create(
        kind=kind, value=value, accounts=len(members) + 2, population=POPULATION, **fields
    )
    for member in members:
        AttributeUse.objects.create(
            account=member.account, attribute=attribute, first_at=NOON, last_at=NOON
        )
        Link.objects.create(
            case=case, account=member.account, attribute=attribute, bits=bits,
            members=len(members),
        )  # fmt: skip
    return attribute


class WhyTest(DeskTestCase):
    url = "/cases/C-1/members/acct-1-0/"

    @classmethod
    def setUpTestData(cls):
        super().setUpTestData()
        Member.objects.update(method=METHOD)
        cls.members = list(Member.objects.select_related("account").order_by("pk"))
        tie(cls.case, cls.members, "template", "Solve <b>this</b>", label="Solve <b>this</b>")
        freeze_all(new_epoch=True)  # as grouping takes the counts that detectors told

    def get(self, url=None, user=None, **headers):
        self.client.force_login(user or self.ana)
        return self.client.get(url or self.url, **headers)

    def test_the_page_shows_each_term_with_its_figures_and_what_it_would_be_without(self):
        response = self.get()
        template = Attribute.objects.get(kind="template")
        for text in (
            'Why <span class="mono">acct-1-0</span> is in C-1',
            f"template T-{template.pk}",
            "payment card card-1",
            "on 3 of 10,000 accounts",
            "on 5 of 10,000 accounts",
            "1 in 3,333",
            "prior 1 in 3,000",
            "2 other organisations vote",
            "Grouping stored 0.97",
        ):
            self.assertContains(response, text)
        self.assertContains(response, "leaves")  # two terms: without either, one kind is left

    def test_a_template_s_text_stays_masked_and_hostile_values_are_text(self):
        Attribute.objects.filter(kind="payment").update(value=HOSTILE, label="")
        Account.objects.filter(external_id="acct-1-0").update(
            external_id=HOSTILE, organisation=HOSTILE
        )
        page = self.get("/cases/C-1/")
        link = page.text.split('class="whylink" href="')[1:]
        for url in [part.split('"')[0] for part in link]:
            for headers in ({}, {"HX-Request": "true"}):
                response = self.get(url, headers=headers)
                self.assertContains(response, SHOWN)
                self.assertNotContains(response, "<img src=x")
                self.assertNotContains(response, "Solve")

    def test_htmx_gets_a_row_and_a_plain_visit_a_page(self):
        row = self.get(headers={"HX-Request": "true"})
        self.assertTrue(row.text.lstrip().startswith('<tr class="why"'))
        self.assertNotContains(row, "<html")
        self.assertContains(self.get(), "<html")

    def test_an_account_that_is_called_like_a_page_has_an_address(self):
        add_member(self.case, "judge")
        page = self.get("/cases/C-1/")
        self.assertContains(page, "/cases/C-1/members/~anVkZ2U/")
        self.assertContains(self.get("/cases/C-1/members/~anVkZ2U/"), "Why <span")

    def test_doors(self):
        self.assertEqual(self.get(user=self.stranger).status_code, 404)
        self.assertEqual(self.get("/cases/C-1/members/nobody/").status_code, 404)
        self.assertEqual(self.get("/cases/C-9/members/acct-1-0/").status_code, 404)
        self.assertContains(self.get(user=self.aud), "Why <span")
        other = make_case(2)
        self.assertEqual(self.get("/cases/C-2/members/acct-1-0/").status_code, 404)
        Case.objects.filter(pk=self.case.pk).update(merged_into=other)
        self.assertRedirects(
            self.get(), "/cases/C-2/members/acct-1-0/", fetch_redirect_response=False
        )

    def test_what_another_formula_said_shows_what_is_stored(self):
        Member.objects.update(method="wave-1")
        response = self.get()
        self.assertContains(response, "which is not the membership formula")
        self.assertContains(response, "40 times the median")

    def test_the_account_page_leads_here(self):
        self.assertContains(self.get("/accounts/acct-1-0/"), f'href="{self.url}"')


class ChainTest(DeskTestCase):
    url = "/cases/C-1/chain/"

    @classmethod
    def setUpTestData(cls):
        super().setUpTestData()
        first = Member.objects.select_related("account").get(account__external_id="acct-1-0")
        middle, cls.last, cls.lone = (add_member(cls.case, name) for name in ("mid", "end", "lone"))
        cls.value = tie(cls.case, [first, middle], "device", HOSTILE)
        tie(cls.case, [middle, cls.last], "template", "Solve this", bits=9.0)
        tie(cls.case, [middle, cls.last], "ip", "192.0.2.7", bits=4.0)

    def get(self, user=None, **query):
        self.client.force_login(user or self.ana)
        return self.client.get(self.url, query)

    def test_the_path_is_drawn_with_what_ties_each_step(self):
        response = self.get(start="acct-1-1", end="end")
        self.assertContains(response, "3 ties from one to the other; the weakest is 9.0 bits.")
        drawn = response.text.split('<ol class="tiechain">')[1].split("</ol>")[0]
        names = [part.split("<")[0] for part in drawn.split('/">')[1:]]
        self.assertEqual(names, ["acct-1-1", "acct-1-0", "mid", "end"])
        self.assertIn("payment card card-1", drawn)
        self.assertIn("also address 192.0.2.7", drawn)
        self.assertIn(SHOWN, drawn)
        self.assertNotIn("<img", drawn)
        self.assertNotIn("Solve this", drawn)

    def test_no_chain_is_said(self):
        response = self.get(start="acct-1-1", end="lone")
        self.assertContains(response, "No chain of stored ties leads from one to the other.")
        self.assertNotContains(response, '<ol class="tiechain">')

    def test_who_was_ruled_out_carries_no_chain(self):
        Member.objects.filter(account__external_id="mid").update(verdict="out")
        self.assertContains(self.get(start="acct-1-1", end="end"), "No chain of stored ties")

    def test_one_organisation_is_no_tie(self):
        Account.objects.filter(external_id__in=["acct-1-1", "lone"]).update(organisation="one")
        self.assertContains(self.get(start="acct-1-1", end="lone"), "One organisation owns both")

    def test_a_wrong_id_is_named_with_the_remedy(self):
        response = self.get(start="acct-1-1", end="<b>nobody")
        self.assertContains(response, "No member of C-1 has this id now.", status_code=422)
        self.assertNotContains(response, "<b>nobody", status_code=422)
        self.assertEqual(self.get(start="a\0b", end="x").status_code, 422)
        self.assertEqual(self.get(start="x" * 201, end="x").status_code, 422)

    def test_two_ticked_members_lead_to_their_chain_and_others_to_the_form(self):
        self.client.force_login(self.ana)
        keys = [self.last.pk, self.lone.pk]
        response = self.client.post(self.url, {"members": keys})
        self.assertRedirects(response, self.url + "?start=end&end=lone")
        response = self.client.post(self.url, {"members": ["x", keys[0]]})
        self.assertRedirects(response, self.url + "?start=end&end=", target_status_code=422)

    def test_doors(self):
        self.assertEqual(self.get(user=self.stranger).status_code, 404)
        self.assertEqual(self.get(user=self.aud, start="mid", end="end").status_code, 200)
        other = make_case(2)
        response = self.get(start="mid", end=Member.objects.filter(case=other)[0].account)
        self.assertEqual(response.status_code, 422)

    def test_the_number_of_queries_does_not_follow_the_chain_s_length(self):
        self.client.force_login(self.ana)
        with CaptureQueriesContext(connection) as short:
            self.get(start="mid", end="end")
        members = [self.last, *(add_member(self.case, f"far-{i}") for i in range(12))]
        for here, there in pairwise(members):
            tie(self.case, [here, there], "device", f"d-{here.pk}")
        with CaptureQueriesContext(connection) as long:
            response = self.get(start="acct-1-1", end="far-11")
        self.assertContains(response, "15 ties")
        self.assertEqual(len(short), len(long))
