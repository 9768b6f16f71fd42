"""Accounts: found by what they begin with, named by strangers, seen with what ties them."""

from datetime import timedelta

from django.db import connection
from django.test import SimpleTestCase
from django.test.utils import CaptureQueriesContext
from django.urls import Resolver404, resolve, reverse

from analyst import accounts as reading
from analyst.converters import AccountId
from analyst.views import accounts as page
from cases.models import Case, Member
from ingest.models import Account, ActivityHour, Attribute, AttributeUse, Signal
from tests.base import NOON, DeskTestCase, make_account, make_case

URL = "/accounts/"
HOSTILE = [
    "..", ".", "a/../../b", "/leading", "trailing/", "two//slashes", "per%2fcent", "?query#part",
    "~tilde", "a b", "new\nline", "tab\tand\rreturn", "\u202egnp.exe", "名前", "👩‍💻", "é" * 190,
    "<script>alert(1)</script>", "x/figures/activity.json", "acct_1;b", "-", "+1", "a@b:c",
]  # fmt: skip


def ids(response) -> list[str]:
    return [account.external_id for account in response.context["accounts"]]


class AccountAddressTest(SimpleTestCase):
    def test_any_id_comes_back_from_its_address(self):
        for external_id in HOSTILE:
            with self.subTest(external_id):
                url = reverse("analyst:account", args=[external_id])
                self.assertNotIn("..", url)
                self.assertEqual(url.count("/"), 3)
                self.assertEqual(resolve(url).kwargs, {"external_id": external_id})

    def test_a_plain_id_stays_readable(self):
        self.assertEqual(reverse("analyst:account", args=["acct_9c41"]), "/accounts/acct_9c41/")

    def test_what_no_id_has_is_no_address(self):
        for text in ("~", "~A", "~!!", "~_w", "~AA", "\0"):
            if text == "~":
                continue
            with self.subTest(text), self.assertRaises(ValueError):
                AccountId().to_python(text)
        with self.assertRaises(Resolver404):
            resolve("/accounts/~A/")


class AccountsPageTest(DeskTestCase):
    def setUp(self):
        self.client.force_login(self.ana)

    def test_each_person_gets_what_their_role_sees(self):
        account_url = "/accounts/acct-1-0/"
        for url in (URL, account_url, "/accounts/acct-1-0/figures/activity.json"):
            self.client.logout()
            self.assertEqual(self.client.get(url).status_code, 302)
            self.client.force_login(self.stranger)
            self.assertEqual(self.client.get(url).status_code, 404)
            self.client.force_login(self.aud)
            self.assertEqual(self.client.get(url).status_code, 200)
            self.assertEqual(self.client.post(url).status_code, 405)

    def test_an_account_is_found_by_what_it_or_its_organisation_begins_with(self):
        make_account("Acct-9", organisation="lab")
        make_account("zeta", organisation="acct-house")
        self.assertEqual(ids(self.client.get(URL, {"q": "acct-1-2"})), ["acct-1-2"])
        self.assertEqual(ids(self.client.get(URL, {"q": "acct-h"})), ["zeta"])
        self.assertEqual(ids(self.client.get(URL, {"q": "cct"})), [])
        self.assertEqual(ids(self.client.get(URL, {"q": "%"})), [])
        self.assertContains(self.client.get(URL, {"q": "_"}), "No account matches")

    def test_state_and_membership_filter(self):
        make_account("idle")
        Account.objects.filter(external_id="acct-1-1").update(state="suspended")
        self.assertEqual(ids(self.client.get(URL, {"state": "suspended"})), ["acct-1-1"])
        self.assertEqual(len(ids(self.client.get(URL, {"cases": "1"}))), 3)
        self.assertEqual(len(ids(self.client.get(URL, {"state": "vanished", "q": "a\0"}))), 4)

    def test_a_row_says_where_it_belongs_and_how_sure_that_is(self):
        response = self.client.get(URL, {"q": "acct-1-0"})
        self.assertContains(response, 'href="/cases/C-1/"')
        self.assertContains(response, "0.97")
        self.assertEqual(response.context["accounts"][0].requests, 60)
        Case.objects.update(restricted=True)
        response = self.client.get(URL, {"q": "acct-1-0"})
        self.assertNotContains(response, "C-1<")
        self.assertEqual(ids(self.client.get(URL, {"cases": "1"})), [])

    def test_paging_by_key_loses_and_repeats_nothing(self):
        for name in HOSTILE:
            make_account(name)
        expected = list(
            Account.objects.order_by("external_id").values_list("external_id", flat=True)
        )
        self.addCleanup(setattr, page, "PAGE", page.PAGE)
        page.PAGE = 4
        there, url = [], URL
        while url:
            response, last = self.client.get(url), url
            there.append(ids(response))
            url = response.context["next"] and URL + response.context["next"]
        self.assertEqual([name for rows in there for name in rows], expected)
        back, url = [], last
        while url:
            response = self.client.get(url)
            back.append(ids(response))
            url = response.context["back"] and URL + response.context["back"]
        self.assertEqual(back[::-1], there)

    def test_the_number_of_queries_does_not_grow_with_the_accounts(self):
        self.client.get(URL)
        with CaptureQueriesContext(connection) as few:
            self.assertEqual(len(ids(self.client.get(URL))), 3)
        make_case(2, accounts=57)
        with self.assertNumQueries(len(few)):
            self.assertEqual(len(ids(self.client.get(URL))), 60)

    def test_an_empty_desk_says_where_accounts_come_from(self):
        self.assertContains(self.client.get(URL, {"q": "nobody"}), "No account matches")


class AccountPageTest(DeskTestCase):
    def setUp(self):
        self.client.force_login(self.ana)
        self.account = Account.objects.get(external_id="acct-1-0")
        self.url = reverse("analyst:account", args=["acct-1-0"])

    def test_strangers_names_stay_text_and_lead_to_their_page(self):
        for name in HOSTILE:
            account = make_account(name, organisation=f"{name[:60]}<img src=x>", plan="<b>plan</b>")
            with self.subTest(name):
                url = reverse("analyst:account", args=[name])
                response = self.client.get(url)
                self.assertEqual(response.context["account"], account)
                for markup in ("<script>alert", "<img", "<b>plan", "\u202e"):
                    self.assertNotContains(response, markup)
                listed = self.client.get(URL, {"q": name[:100]})
                for markup in ("<script>alert", "<img", "<b>plan"):
                    self.assertNotContains(listed, markup)

    def test_an_unknown_account_is_not_found(self):
        self.assertEqual(self.client.get("/accounts/nobody/").status_code, 404)
        self.assertEqual(self.client.get("/accounts/~AA/").status_code, 404)
        self.assertEqual(self.client.get("/accounts/%00/").status_code, 404)

    def test_the_state_at_the_platform_has_an_actor_a_reason_and_a_time(self):
        Account.objects.update(
            state="limited", state_actor="abuse desk", state_reason="<i>rule 14</i>", state_at=NOON
        )
        response = self.client.get(self.url)
        for said in ("limited", "abuse desk", "&lt;i&gt;rule 14", "20 Nov 2026 12:00 UTC"):
            self.assertContains(response, said)

    def test_its_cases_come_with_probability_and_tier_but_not_those_of_another_list(self):
        hidden = make_case(2, accounts=0, name="Hidden Heron", restricted=True)
        Member.objects.create(
            case=hidden, account=self.account, probability=0.5, tier="possible", method="test"
        )
        response = self.client.get(self.url)
        self.assertContains(response, "Quiet Loom")
        self.assertContains(response, "core")
        self.assertNotContains(response, "Hidden Heron")
        self.assertNotContains(response, "C-2")

    def test_rarity_is_one_in_so_many_and_unknown_is_said(self):
        card = Attribute.objects.get(value="card-1")
        for accounts, population, said in (
            (164, 4_100_000, "1 in 25,000 accounts"),
            (3, 10_000, "1 in 3,300 accounts"),
            (4_000_000, 4_100_000, "1 in 1.0 accounts"),
            (0, 10_000, "prevalence unknown"),
            (None, None, "prevalence unknown"),
        ):
            Attribute.objects.filter(pk=card.pk).update(accounts=accounts, population=population)
            with self.subTest(said):
                said = said.replace("1.0", "1")
                self.assertContains(self.client.get(self.url), said)
        self.assertNotContains(self.client.get(self.url), "1 in ")

    def test_the_bits_are_on_hover_and_what_is_common_ties_nobody(self):
        Attribute.objects.update(accounts=164, population=4_100_000)
        self.assertContains(self.client.get(self.url), "+14.5 bits")
        Attribute.objects.update(accounts=5_000, population=10_000)
        self.assertContains(self.client.get(self.url), "too common to tie anybody")

    def test_the_rarest_attribute_comes_first_and_the_unknown_last(self):
        for value, accounts in (("common", 900), ("unknown", None), ("rare", 2)):
            attribute = Attribute.objects.create(
                kind="device", value=value, accounts=accounts, population=accounts and 10_000
            )
            AttributeUse.objects.create(account=self.account, attribute=attribute)
        carried, total = reading.carried_by(self.account, self.ana)
        self.assertEqual(
            [item.use.attribute.value for item in carried], ["rare", "card-1", "common", "unknown"]
        )
        self.assertEqual(total, 4)

    def test_prompts_stay_masked_and_are_revealed_on_a_case(self):
        response = self.client.get(self.url)
        self.assertNotContains(response, "Solve task")
        self.assertContains(response, reverse("analyst:case-reveal", args=["C-1"]))
        self.client.force_login(self.aud)
        self.assertNotContains(self.client.get(self.url), "/samples/")

    def test_a_p_value_stands_beside_how_many_such_chance_would_bring(self):
        self.assertNotContains(self.client.get(self.url), "by chance")
        Signal.objects.update(accounts_tested=250_000, base_rate=0.0004)
        response = self.client.get(self.url)
        self.assertContains(response, "0.25 by chance")
        self.assertContains(response, "250,000 accounts were tested, it told of 0.04 % of them")

    def test_signals_are_paged_newest_first(self):
        first = Signal.objects.get(ref="v-1-0")
        Signal.objects.bulk_create(
            Signal(
                detector=first.detector, ref=f"more-{i}", account=self.account, batch=first.batch,
                body_digest="0" * 64, window_start=NOON - timedelta(days=2),
                window_end=NOON - timedelta(hours=i // 3), score=0.5, summary=f"seen {i}",
            )
            for i in range(70)
        )  # fmt: skip
        seen, url = [], self.url
        while url:
            response = self.client.get(url)
            seen += [signal.ref for signal in response.context["signals"]]
            older = response.context["older"]
            url = older and f"{self.url}?signals={older.replace('+', '%2B')}"
        expected = Signal.objects.filter(account=self.account).order_by("-window_end", "-id")
        self.assertEqual(seen, list(expected.values_list("ref", flat=True)))
        for place in ("x", "2026-11-20,", ",1", "2026-11-20,99999999999999999999999"):
            self.assertEqual(self.client.get(self.url, {"signals": place}).status_code, 200)

    def test_the_figure_holds_the_requests_by_model(self):
        ActivityHour.objects.create(
            account=self.account, hour=NOON - timedelta(hours=1), model="<b>small</b>", requests=7
        )
        figure = self.client.get(f"{self.url}figures/activity.json").json()
        self.assertEqual([sum(series["y"]) for series in figure["data"]], [60, 7])
        self.assertNotIn("<b>", str(figure["data"]))
        self.assertContains(
            self.client.get(self.url), 'data-figure-url="/accounts/acct-1-0/figures/'
        )
        self.assertEqual(self.client.get(f"{self.url}figures/other.json").status_code, 404)

    def test_an_account_without_hours_says_that_they_are_unknown(self):
        make_account("silent")
        response = self.client.get("/accounts/silent/")
        self.assertContains(response, "No hour of it is known")
        self.assertEqual(self.client.get("/accounts/silent/figures/activity.json").status_code, 200)

    def test_the_number_of_queries_does_not_grow_with_what_is_known(self):
        self.client.get(self.url)
        with CaptureQueriesContext(connection) as few:
            self.client.get(self.url)
        for i in range(40):
            attribute = Attribute.objects.create(kind="ip", value=f"10.0.0.{i}")
            AttributeUse.objects.create(account=self.account, attribute=attribute)
            case = Case.objects.create(number=100 + i, name="Slate Heron", reason="a reason")
            Member.objects.create(
                case=case, account=self.account, probability=0.5, tier="possible", method="test"
            )
        with self.assertNumQueries(len(few)):
            self.client.get(self.url)

    def test_a_template_is_named_by_its_number_and_never_quoted(self):
        account = Account.objects.get(external_id="acct-1-0")
        template = Attribute.objects.create(
            kind="template", value="t-1", label="Take problem and set out each step",
            accounts=3, population=9_000,
        )  # fmt: skip
        AttributeUse.objects.create(
            account=account, attribute=template, first_at=NOON, last_at=NOON
        )
        self.client.force_login(self.ana)
        response = self.client.get(reverse("analyst:account", args=[account.external_id]))
        self.assertContains(response, f"T-{template.pk}")
        self.assertNotContains(response, "set out each step")
