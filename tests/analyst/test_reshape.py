"""The pages of split, merge, undo and operators: who may, what they say before, what they do."""

from datetime import timedelta

from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from cases.models import Aftermath, Case, Enforcement, Member, MergeProposal, Operator, Reshaping
from cases.services.merge import merge_cases
from cases.services.operators import link_case
from cases.services.propose import propose_merges
from cases.services.split import split_case
from ingest.models import Attribute
from tests.analyst.test_decide import HOSTILE, WHY, DeskPages
from tests.base import NOON, make_case
from tests.cases.orders import connector_at


class ReshapePages(DeskPages):
    def setUp(self):
        self.big = make_case(7, accounts=6, name="Pale Cove")

    def get(self, path, user=None):
        self.client.force_login(user or self.ana)
        return self.client.get(path)

    def send(self, path, data, user=None):
        self.client.force_login(user or self.ana)
        return self.client.post(path, data)

    def pks(self, *places):
        rows = list(self.big.members.order_by("account_id").values_list("pk", flat=True))
        return [rows[place] for place in places]


class SplitPageTest(ReshapePages):
    path = "/cases/C-7/split/"

    def test_ticked_members_are_shown_first_and_moved_by_the_second_press(self):
        page = self.send(self.path, {"members": self.pks(4, 5)})
        self.assertContains(page, "Split 2 off")
        self.assertContains(page, "acct-7-5")
        self.assertContains(page, "<dt>stay</dt><dd>4</dd>")
        self.assertEqual(Case.objects.count(), 2)
        done = self.send(self.path, {"members": self.pks(4, 5), "do": "split", "reason": WHY})
        new = Case.objects.exclude(number__in=[1, 7]).get()
        self.assertRedirects(done, f"/cases/{new.ref}/", fetch_redirect_response=False)
        page = self.client.get(f"/cases/{new.ref}/")
        self.assertContains(page, f"2 accounts are {new.ref} now")
        self.assertContains(page, "Stays apart from")

    def test_nothing_moves_without_a_reason_or_members(self):
        wrong = self.send(self.path, {"members": self.pks(4), "do": "split", "reason": " "})
        self.assertContains(wrong, "errorlist", status_code=422)
        none = self.send(self.path, {"members": ["x", "9" * 30], "do": "split", "reason": WHY})
        self.assertContains(none, "None of these accounts is a member", status_code=422)
        self.assertEqual(Case.objects.count(), 2)

    def test_a_part_that_hangs_on_a_bridge_is_offered_looked_at_and_split_off(self):
        pair = Attribute.objects.create(kind="device", value="d", accounts=3, population=10_000)
        for link in list(self.big.links.order_by("account"))[3:]:
            link.pk, link.attribute = None, pair
            link.save(force_insert=True)
        page = self.get(self.path)
        self.assertContains(page, "behind a bridge")
        self.assertContains(page, "payment card card-7")
        key = page.content.decode().partition("?offer=")[2][:16]
        self.assertContains(self.get(f"{self.path}?offer={key}"), "Split 3 off")
        self.send(self.path, {"offer": key, "do": "split", "reason": WHY})
        self.assertEqual(self.big.members.current().count(), 3)
        gone = self.get(f"{self.path}?offer={key}")
        self.assertContains(gone, "does not offer this part any more")

    def test_all_that_match_a_filter_can_be_split_off_and_no_filter_is_not_all(self):
        self.assertContains(self.get(f"{self.path}?q=acct-7-5&by=filter"), "Split 1 off")
        self.assertNotContains(self.get(f"{self.path}?by=filter"), "Split 6 off")

    def test_doors(self):
        data = {"members": self.pks(4), "do": "split", "reason": WHY}
        for user, status in ((self.stranger, 404), (self.aud, 403)):
            self.assertEqual(self.get(self.path, user).status_code, status)
            self.assertEqual(self.send(self.path, data, user).status_code, status)
        self.assertFalse(Reshaping.objects.exists())

    def test_the_members_table_offers_it_and_a_decided_case_does_not(self):
        self.assertContains(self.get("/cases/C-7/"), 'formaction="/cases/C-7/split/"')
        Case.objects.filter(pk=self.big.pk).update(status="decided", verdict="benign")
        self.assertNotContains(self.get("/cases/C-7/"), "/cases/C-7/split/")
        page = self.send(self.path, {"members": self.pks(4)})
        self.assertContains(page, "Reopen it to split it")

    def test_strangers_text_is_text(self):
        account = self.big.members.first().account
        account.external_id = HOSTILE
        account.save(update_fields=["external_id"])
        page = self.send(self.path, {"members": self.pks(0)})
        self.assertNotContains(page, "<img")
        self.assertContains(page, "&lt;img src=x")


class MergePageTest(ReshapePages):
    path = "/cases/C-1/merge/"

    def test_the_other_case_is_looked_at_and_then_merged_and_its_ref_leads_on(self):
        page = self.get(f"{self.path}?with=c-7")
        self.assertContains(page, "Merge C-7 Pale Cove into C-1")
        self.assertContains(page, "6, so 9 in all")
        done = self.send(self.path, {"with": "C-7", "do": "merge", "reason": WHY})
        self.assertRedirects(done, "/cases/C-1/", fetch_redirect_response=False)
        old = self.client.get("/cases/C-7/")
        self.assertRedirects(
            old, "/cases/C-1/?from=C-7", status_code=301, fetch_redirect_response=False
        )
        self.assertEqual(old["Cache-Control"], "no-cache")
        self.assertContains(
            self.client.get("/cases/C-1/?from=C-7"), "You followed C-7 Pale Cove: it was merged"
        )
        self.assertNotContains(self.client.get("/cases/C-1/?from=C-99"), "You followed")

    def test_the_api_answers_with_the_new_ref(self):
        merge_cases(self.case, self.big, actor=self.ana, reason=WHY)
        answer = self.get("/api/v1/cases/C-7/")
        self.assertEqual((answer.status_code, answer["Location"]), (301, "/api/v1/cases/C-1/"))
        self.assertEqual(answer.json(), {"ref": "C-1", "merged": "C-7"})

    def test_an_old_ref_tells_nothing_of_a_case_that_the_person_may_not_see(self):
        merge_cases(self.case, self.big, actor=self.ana, reason=WHY)
        Case.objects.filter(pk=self.case.pk).update(restricted=True)
        self.case.readers.set([self.bo])
        self.assertEqual(self.get("/cases/C-7/").status_code, 404)
        self.assertEqual(self.get("/api/v1/cases/C-7/").status_code, 404)
        self.assertEqual(self.get("/cases/C-7/", self.bo).status_code, 301)

    def test_a_wrong_name_says_what_to_give(self):
        for name, says in (
            ("C-99", "There is no case C-99"), ("<b>", "There is no case C-&lt;B&gt;"),
            ("C-1", "cannot be merged with itself"),
        ):  # fmt: skip
            self.assertContains(self.get(f"{self.path}?with={name}"), says, status_code=422)

    def test_a_case_that_the_person_may_not_see_cannot_be_merged(self):
        Case.objects.filter(pk=self.big.pk).update(restricted=True)
        page = self.send(self.path, {"with": "C-7", "do": "merge", "reason": WHY})
        self.assertContains(page, "There is no case C-7", status_code=422)
        self.assertFalse(Reshaping.objects.exists())

    def test_doors(self):
        data = {"with": "C-7", "do": "merge", "reason": WHY}
        for user, status in ((self.stranger, 404), (self.aud, 403)):
            self.assertEqual(self.get(self.path, user).status_code, status)
            self.assertEqual(self.send(self.path, data, user).status_code, status)

    def test_the_direction_that_keeps_the_verdict_is_one_link_away(self):
        Case.objects.filter(pk=self.big.pk).update(status="decided", verdict="confirmed")
        page = self.get(f"{self.path}?with=C-7")
        self.assertContains(page, "/cases/C-7/merge/?with=C-1")
        self.assertNotContains(page, 'value="merge"')


class ProposalPageTest(ReshapePages):
    def setUp(self):
        super().setUp()
        Case.objects.filter(pk=self.big.pk).update(status="decided", verdict="confirmed")
        self.big.refresh_from_db()
        propose_merges([(self.case, self.big)])
        self.row = MergeProposal.objects.get()

    def test_it_stands_on_both_cases_and_in_the_queue(self):
        for ref, other in (("C-1", "C-7"), ("C-7", "C-1")):
            page = self.get(f"/cases/{ref}/")
            self.assertContains(page, f'aria-label="Merge proposed with {other}"')
            self.assertContains(page, "/cases/C-7/merge/?with=C-1")
        queue = self.get("/?view=merges")
        self.assertContains(queue, "merge proposed", count=2)

    def test_to_decline_it_takes_a_reason(self):
        path = f"/cases/C-1/decline/{self.row.pk}/"
        self.send(path, {"reason": ""})
        self.row.refresh_from_db()
        self.assertEqual(self.row.state, "open")
        self.send(path, {"reason": WHY})
        self.row.refresh_from_db()
        self.assertEqual(self.row.state, "declined")
        page = self.client.get("/cases/C-1/")
        self.assertContains(page, "C-1 and C-7 stay apart.")
        self.assertContains(page, "stays apart from")

    def test_doors_and_pairs_that_are_not_the_case_s(self):
        path = f"/cases/C-1/decline/{self.row.pk}/"
        for user, status in ((self.stranger, 404), (self.aud, 403)):
            self.assertEqual(self.send(path, {"reason": WHY}, user).status_code, status)
        make_case(9)
        other = self.send(f"/cases/C-9/decline/{self.row.pk}/", {"reason": WHY})
        self.assertEqual(other.status_code, 404)

    def test_who_may_not_see_the_other_case_is_told_nothing_of_it(self):
        Case.objects.filter(pk=self.big.pk).update(restricted=True)
        self.assertNotContains(self.get("/cases/C-1/"), "C-7</a>")
        self.assertEqual(
            self.send(f"/cases/C-1/decline/{self.row.pk}/", {"reason": WHY}).status_code, 404
        )


class UndoPageTest(ReshapePages):
    def test_an_act_is_listed_looked_at_and_undone_once(self):
        new = split_case(self.big, actor=self.bo, members=self.pks(4, 5), reason=WHY)
        act = Reshaping.objects.get()
        path = f"/cases/C-7/undo/{act.pk}/"
        self.assertContains(self.get("/cases/C-7/"), path)
        page = self.get(path)
        self.assertContains(page, "What was split off comes back")
        self.assertContains(page, WHY)
        done = self.send(path, {})
        self.assertRedirects(done, "/cases/C-7/", fetch_redirect_response=False)
        self.assertEqual(self.big.members.current().count(), 6)
        again = self.send(path, {}, self.bo)
        self.assertContains(again, "ana undid this already", status_code=422)
        self.assertEqual(self.client.get(f"/cases/{new.ref}/").status_code, 301)

    def test_a_verdict_on_members_is_undone_from_the_page(self):
        self.send("/cases/C-7/members/judge/", {"verdict": "out", "members": self.pks(0)})
        act = Reshaping.objects.get()
        self.send(f"/cases/C-7/undo/{act.pk}/", {})
        self.assertEqual(Member.objects.get(pk=self.pks(0)[0]).verdict, "")

    def test_doors_and_acts_on_other_cases(self):
        split_case(self.big, actor=self.bo, members=self.pks(4, 5), reason=WHY)
        act = Reshaping.objects.get()
        for user, status in ((self.stranger, 404), (self.aud, 403)):
            self.assertEqual(self.get(f"/cases/C-7/undo/{act.pk}/", user).status_code, status)
            self.assertEqual(self.send(f"/cases/C-7/undo/{act.pk}/", {}, user).status_code, status)
        self.assertEqual(self.send(f"/cases/C-1/undo/{act.pk}/", {}).status_code, 404)
        Case.objects.filter(pk=act.other_id).update(restricted=True)
        self.assertEqual(self.send(f"/cases/C-7/undo/{act.pk}/", {}).status_code, 404)

    def test_the_page_costs_the_same_however_many_acts_there_are(self):
        self.get("/cases/C-7/")
        split_case(self.big, actor=self.ana, members=self.pks(0), reason=WHY)
        with CaptureQueriesContext(connection) as one:
            self.get("/cases/C-7/")
        for place in (1, 2, 3):
            split_case(self.big, actor=self.ana, members=self.pks(place), reason=WHY)
        with CaptureQueriesContext(connection) as four:
            self.get("/cases/C-7/")
        self.assertEqual(len(one), len(four))


class OperatorPageTest(ReshapePages):
    def test_a_case_is_linked_as_the_next_wave_and_unlinked(self):
        self.assertContains(self.get("/cases/C-7/operator/"), "Link C-7 to an operator")
        self.send("/cases/C-7/operator/", {"predecessor": "c-1", "reason": WHY})
        operator = Operator.objects.get()
        page = self.get("/cases/C-7/")
        self.assertContains(page, f'<a href="/operators/{operator.pk}/">Quiet Loom</a>')
        self.assertContains(page, "It followed")
        waves = self.get(f"/operators/{operator.pk}/").content.decode()
        self.assertLess(waves.index("C-1<"), waves.index("C-7<"))
        self.send("/cases/C-7/operator/", {"reason": WHY})
        self.big.refresh_from_db()
        self.assertIsNone(self.big.operator)

    def test_wrong_answers_are_named_at_their_field(self):
        for data, says in (
            ({"predecessor": "C-99", "reason": WHY}, "There is no case C-99"),
            ({"reason": WHY}, "Name the operator"),
            ({"name": "Heron"}, "errorlist"),
            ({"operator": "12", "reason": WHY}, "errorlist"),
        ):
            self.assertContains(self.send("/cases/C-7/operator/", data), says, status_code=422)

    def test_an_operator_shows_only_cases_that_the_person_may_see(self):
        link_case(self.big, actor=self.ana, reason=WHY, name="Heron")
        link_case(self.case, actor=self.ana, reason=WHY, operator=Operator.objects.get())
        path = f"/operators/{Operator.objects.get().pk}/"
        self.assertContains(self.get(path), "each once; 0 in several cases")
        Case.objects.filter(pk=self.big.pk).update(restricted=True)
        self.assertNotContains(self.get(path), "C-7")
        Case.objects.update(restricted=True)
        self.assertEqual(self.get(path).status_code, 404)
        self.assertEqual(self.get(path, self.stranger).status_code, 404)

    def test_an_onlooker_links_nothing(self):
        for user, status in ((self.stranger, 404), (self.aud, 403)):
            answer = self.send("/cases/C-7/operator/", {"name": "x", "reason": WHY}, user)
            self.assertEqual(answer.status_code, status)


class WavesPartTest(ReshapePages):
    def told(self, **returned):
        order = Enforcement.objects.create(
            number=3, case=self.big, kind="suspend", reason="x", requested_by=self.ana,
            reviewed_by=self.lea, state="done", finished_at=NOON,
            connector=connector_at("https://gateway.example/hook"),
        )  # fmt: skip
        window = {
            "requests_before": 1000, "accounts_before": 6, "requests_after": 620,
            "accounts_after": 4, "start": NOON.isoformat(), "end": NOON.isoformat(),
            "unknown": "", "share": 0.62, "accounts_share": 4 / 6,
        }  # fmt: skip
        return Aftermath.objects.create(
            order=order, acted_at=NOON, accounts=6, tokens_before=1_200_000, as_of=timezone.now(),
            first_signal_at=NOON - timedelta(hours=31),
            returned={"1": window, "7": window | returned, "30": window},
        )  # fmt: skip

    def test_return_traffic_stands_with_its_parts_and_what_it_means(self):
        self.told()
        page = self.get("/cases/C-7/")
        self.assertContains(page, "<b>62 %</b>", count=3)
        self.assertContains(page, "Back in 7 d, at least")
        self.assertContains(page, "31 h")
        self.assertContains(page, '<td class="num">620</td><td class="num">1,000</td>')
        self.assertContains(page, "It is a lower bound")

    def test_what_is_not_known_is_never_0(self):
        self.told(share=None, requests_after=0, unknown="detector <b> is silent")
        page = self.get("/cases/C-7/")
        self.assertContains(page, "not known: detector &lt;b&gt; is silent")
        self.assertContains(page, "<b>62 %</b>", count=2)
        self.assertNotContains(page, "0 %</b>")

    def test_an_account_in_two_cases_shows_both(self):
        member = self.big.members.first()
        Member.objects.create(
            case=self.case, account=member.account, probability=0.4, tier="possible", method="x"
        )
        page = self.get(f"/accounts/{member.account.external_id}/")
        self.assertContains(page, '<a href="/cases/C-7/">')
        self.assertContains(page, '<a href="/cases/C-1/">')
