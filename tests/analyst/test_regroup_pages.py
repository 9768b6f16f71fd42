"""Previews, withdrawn releases and the allow-list on screen: who may, what is said, what hides."""

from datetime import timedelta

from django.db import connection
from django.test import TestCase
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from cases.models import (
    AllowEntry,
    Calibration,
    Case,
    EvidencePacket,
    GroupingTerms,
    PreviewCase,
    RegroupPreview,
    Share,
)
from cases.services import preview as engine
from cases.services.decide import record_decision
from cases.services.group import group_new_signals
from cases.services.reliance import record_reliance
from cases.services.triage import claim
from ingest.models import Job, Withdrawal
from tests.base import make_user
from tests.cases.previews import applied, computed, entry, withdrawal
from tests.cases.test_group_service import make_campaign, make_census

HOSTILE = "<script>alert(1)</script>\u202e"


class RegroupPagesTest(TestCase):
    @classmethod
    def setUpTestData(cls):
        cls.ana = make_user("ana", "analyst")
        cls.lea = make_user("lea", "lead")
        cls.pat = make_user("pat", "platform owner")
        cls.aud = make_user("aud", "auditor")
        make_census()
        cls.who = make_campaign(size=12)
        group_new_signals()
        cls.case = Case.objects.get()
        cls.far = timezone.now() + timedelta(days=40)

    def as_(self, user):
        self.client.force_login(user)
        return self.client

    def compute(self):
        self.assertTrue(engine.run_waiting())

    def test_an_analyst_previews_a_threshold_and_a_lead_applies_it(self):
        response = self.as_(self.ana).post("/grouping/", {"one_in": "100000000"})
        preview = RegroupPreview.objects.get()
        url = f"/grouping/previews/{preview.pk}/"
        self.assertRedirects(response, url)
        self.assertContains(self.client.get(url), "Waits for a worker")
        self.compute()
        page = self.client.get(url)
        self.assertContains(page, "A lead applies it")
        self.assertContains(page, self.case.ref)
        data = {"rationale": "too many false ones"}
        self.assertEqual(self.client.post(f"{url}apply/", data).status_code, 403)
        self.assertEqual(self.as_(self.aud).post(f"{url}apply/", data).status_code, 403)
        self.as_(self.lea)
        empty = self.client.post(f"{url}apply/", {"rationale": " "})
        self.assertContains(empty, "This field is required", status_code=422)
        self.assertRedirects(self.client.post(f"{url}apply/", data), url)
        self.assertContains(self.client.get(url), "too many false ones")
        self.assertAlmostEqual(GroupingTerms.objects.get().prior, 1e-8)
        self.assertContains(self.client.get("/grouping/"), "1 in 100,000,000")

    def test_a_stale_preview_says_so_and_is_previewed_again(self):
        preview = computed(self.ana, "threshold", prior=1e-6)
        make_campaign("other", 12)
        group_new_signals()
        url = f"/grouping/previews/{preview.pk}/"
        page = self.as_(self.lea).get(url)
        self.assertContains(page, "Stale:")
        self.assertContains(page, "grouping moved accounts in 1 run")
        self.assertNotContains(page, f'action="{url}apply/"')
        refused = self.client.post(f"{url}apply/", {"rationale": "x"})
        self.assertContains(refused, "is stale", status_code=422)
        self.client.post(f"{url}again/")
        self.assertEqual(RegroupPreview.objects.latest("pk").prior, 1e-6)

    def test_numbers_that_are_none_are_refused_with_a_remedy(self):
        self.as_(self.lea)
        for one_in in ("", "nan", "inf", "-1", "1", "1e12", "often", "3000", "9" * 400):
            with self.subTest(one_in):
                response = self.client.post("/grouping/", {"one_in": one_in})
                self.assertEqual(response.status_code, 422)
                self.assertContains(response, "errorlist", status_code=422)
        self.assertFalse(RegroupPreview.objects.exists())

    def test_a_release_is_withdrawn_with_what_relied_on_it_and_marked(self):
        claim(self.case, actor=self.ana)
        record_decision(self.case, actor=self.ana, outcome="confirmed", rationale="seen")
        share = Share.objects.create(
            case=self.case, tlp="amber", bundle="{}", sha256="0" * 64, prepared_by=self.ana
        )
        packet = EvidencePacket.objects.create(
            case=self.case, job=Job.objects.create(kind="seal"), as_of=timezone.now(),
            requested_by=self.ana,
        )  # fmt: skip
        data = {"detector": "template", "version": "", "reason": HOSTILE}
        self.assertEqual(self.as_(self.ana).post("/detectors/withdrawals/", data).status_code, 403)
        response = self.as_(self.pat).post("/detectors/withdrawals/", data)
        preview = RegroupPreview.objects.get()
        self.assertRedirects(response, f"/grouping/previews/{preview.pk}/")
        self.compute()
        for url in (response.url, f"/detectors/withdrawals/{preview.withdrawal_id}/"):
            page = self.client.get(url)
            self.assertContains(page, "Confirmed")
            self.assertContains(page, f"S-{share.pk}")
            self.assertContains(page, "12 of 12")
            self.assertContains(page, "&lt;script&gt;alert(1)&lt;/script&gt;‹U+202E›")
            self.assertNotContains(page, "<script>alert")
        marked = (f"/sharing/{share.pk}/", f"/packets/{packet.pk}/")
        for url in marked:
            self.assertNotContains(self.client.get(url), "withdrawn since")
        self.client.post(f"{response.url}apply/", {"rationale": "one client’s style"})
        for url in marked:
            self.assertContains(self.client.get(url), f"W-{preview.withdrawal_id}</a>, template")
        account = self.client.get(f"/accounts/{self.who[0].external_id}/")
        self.assertContains(account, "withdrawn, counts for nothing")
        self.client.post(f"/detectors/withdrawals/{preview.withdrawal_id}/preview/")
        self.assertEqual(RegroupPreview.objects.latest("pk").kind, "lift")

    def test_a_release_without_sense_is_refused_by_field(self):
        self.as_(self.lea)
        good = {"detector": "template", "version": "1", "reason": "x"}
        for change, words in (
            ({"detector": "nobody"}, "Select a valid choice"),
            ({"reason": ""}, "This field is required"),
            ({"version": "v" * 41}, "at most 40 characters"),
            ({"since": "soon"}, "Enter a valid date/time"),
            ({"since": "0001-01-01T00:00+23:00"}, "A moment in UTC"),
            ({"since": "9999-12-31T23:59-23:00"}, "A moment in UTC"),
            ({"since": "2026-02-01T00:00", "until": "2026-01-01T00:00"}, "its end must come after"),
            ({"version": "a\0b"}, "Null characters are not allowed"),
        ):
            with self.subTest(change):
                response = self.client.post("/detectors/withdrawals/", good | change)
                self.assertContains(response, words, status_code=422)
        self.assertFalse(Withdrawal.objects.exists())

    def test_the_link_of_a_detector_fills_the_form(self):
        page = self.as_(self.lea).get("/detectors/withdrawals/?detector=template&version=2.1")
        self.assertContains(page, '<option value="template" selected>')
        self.assertContains(page, 'value="2.1"')

    def test_the_allow_list_is_for_leads_and_shows_what_it_hides(self):
        data = {
            "kind": "account", "value": self.who[0].external_id, "owner": self.ana.pk,
            "expires_at": self.far.strftime("%Y-%m-%dT%H:%M"), "reason": HOSTILE,
        }  # fmt: skip
        self.assertEqual(self.as_(self.ana).post("/grouping/allowed/", data).status_code, 403)
        response = self.as_(self.lea).post("/grouping/allowed/", data)
        self.compute()
        self.assertContains(self.client.get(response.url), "Would leave")
        self.client.post(f"{response.url}apply/", {"rationale": "ours"})
        row = AllowEntry.objects.get()
        url = f"/grouping/allowed/{row.pk}/"
        self.assertContains(self.client.get(url), "Not counted since it was added")
        group_new_signals()
        self.client.post("/grouping/allowed/count/")
        self.compute()
        page = self.client.get(url)
        self.assertContains(page, "1 account would be a member")
        self.assertContains(page, self.who[0].external_id)
        self.assertContains(page, self.case.ref)
        listed = self.client.get("/grouping/allowed/")
        self.assertContains(listed, "&lt;script&gt;")
        self.assertNotContains(listed, "<script>alert")
        self.client.post(f"{url}preview/")
        self.assertEqual(RegroupPreview.objects.latest("pk").kind, "end")

    def test_an_entry_without_sense_is_refused_by_field(self):
        self.as_(self.lea)
        good = {
            "kind": "account", "value": "acct-1", "owner": self.ana.pk, "reason": "ours",
            "expires_at": self.far.strftime("%Y-%m-%dT%H:%M"),
        }  # fmt: skip
        stranger = make_user("stranger")
        for change, words in (
            ({"value": ""}, "This field is required"),
            ({"owner": stranger.pk}, "Select a valid choice"),
            ({"owner": "9" * 30}, "Select a valid choice"),
            ({"expires_at": ""}, "This field is required"),
            ({"expires_at": "2020-01-01T00:00"}, "must lie ahead"),
            ({"expires_at": "2199-01-01T00:00"}, "at most 366 days"),
            ({"kind": "attribute"}, "Attribute: name its kind"),
            ({"kind": "attribute", "attribute_kind": "ip", "value": HOSTILE}, "not an address"),
        ):
            with self.subTest(change):
                response = self.client.post("/grouping/allowed/", good | change)
                self.assertContains(response, words, status_code=422)
        self.assertFalse(AllowEntry.objects.exists())

    def test_a_calibration_is_previewed_from_the_page(self):
        row = Calibration.objects.create(
            family="template", version=1, method="platt", abusive=9, innocent=9, brier=0.1, ece=0.1,
            parameters={"slope": 1.0, "intercept": -2.0, "base": 0.0, "most": 3.3},
        )  # fmt: skip
        self.assertContains(self.as_(self.ana).get("/grouping/"), "template v1")
        self.client.post(f"/grouping/calibrations/{row.pk}/")
        self.assertEqual(RegroupPreview.objects.get().calibration, row)
        self.assertEqual(self.client.post("/grouping/calibrations/999/").status_code, 404)

    def test_a_restricted_case_is_counted_and_not_named(self):
        claim(self.case, actor=self.ana)
        record_decision(self.case, actor=self.ana, outcome="benign", rationale="x")
        preview = computed(self.lea, "threshold", prior=1e-9)
        release = withdrawal(self.lea)
        record_reliance(release)
        Case.objects.update(restricted=True)
        row = PreviewCase.objects.create(
            preview=preview, place=99, fate="opens",
            others=[{"ref": self.case.ref, "accounts": 3, "how": "from"}],
        )  # fmt: skip
        page = self.as_(self.lea).get(f"/grouping/previews/{preview.pk}/")
        self.assertNotContains(page, self.case.ref)
        self.assertContains(page, "1 more in cases that you may not see")
        self.assertContains(page, "a case that you may not see")
        for pk in (row.pk, preview.cases.get(place=1).pk):
            self.assertEqual(self.client.get(f"/grouping/cases/{pk}/").status_code, 404)
        page = self.client.get(f"/detectors/withdrawals/{release.pk}/")
        self.assertContains(page, "1 more about cases that you may not see")
        answer = self.client.get(f"/api/v1/withdrawals/{release.pk}/relied-on/").json()
        self.assertEqual(answer["results"], [])
        answer = self.client.get(f"/api/v1/previews/{preview.pk}/cases/").json()
        self.assertEqual([r["place"] for r in answer["results"]], [99])
        self.assertEqual(answer["results"][0]["others"][0]["ref"], "a case that you may not see")

    def test_a_number_that_no_key_has_is_not_found(self):
        self.as_(self.lea)
        for url in ("/grouping/previews/{}/", "/grouping/cases/{}/", "/grouping/allowed/{}/",
                    "/detectors/withdrawals/{}/", "/api/v1/previews/{}/",
                    "/api/v1/withdrawals/{}/relied-on/"):  # fmt: skip
            for number in (0, 2**31, 2**63, 10**40):
                with self.subTest(url=url, number=number):
                    self.assertEqual(self.client.get(url.format(number)).status_code, 404)

    def test_the_accounts_of_a_case_are_listed(self):
        preview = computed(self.lea, "threshold", prior=1e-9)
        row = preview.cases.first()
        page = self.as_(self.aud).get(f"/grouping/cases/{row.pk}/")
        self.assertContains(page, self.who[0].external_id)
        self.assertContains(page, "leaves")

    def test_a_preview_is_stopped_from_its_page(self):
        preview = engine.request_preview(actor=self.ana, kind="threshold", prior=1e-6)
        url = f"/grouping/previews/{preview.pk}/"
        self.assertEqual(self.as_(self.aud).post(f"{url}cancel/").status_code, 403)
        self.as_(self.ana).post(f"{url}cancel/")
        self.assertContains(self.client.get(url), "Stopped")
        part = self.client.get(f"{url}?part=progress")
        self.assertEqual(part["HX-Refresh"], "true")

    def test_the_api_tells_the_same(self):
        claim(self.case, actor=self.ana)
        record_decision(self.case, actor=self.ana, outcome="confirmed", rationale="seen")
        release = withdrawal(self.lea)
        preview = computed(self.lea, "withdraw", withdrawal=release)
        self.as_(self.aud)
        one = self.client.get(f"/api/v1/previews/{preview.pk}/").json()
        self.assertEqual((one["state"], one["stale"], one["summary"]["signals"]), ("done", "", 12))
        [case] = self.client.get(f"/api/v1/previews/{preview.pk}/cases/").json()["results"]
        self.assertEqual((case["case"], case["falls"]), (self.case.ref, 12))
        [row] = self.client.get("/api/v1/withdrawals/").json()["results"]
        self.assertEqual((row["ref"], row["stands"]), (release.ref, False))
        [made] = self.client.get(f"/api/v1/withdrawals/{release.pk}/relied-on/").json()["results"]
        self.assertEqual((made["kind"], made["case"], made["accounts"]),
                         ("decision", self.case.ref, 12))  # fmt: skip

    def test_more_rows_ask_no_more_queries(self):
        preview = computed(self.lea, "threshold", prior=1e-9)
        release = withdrawal(self.lea)
        row = entry(self.lea)
        applied(self.lea, computed(self.lea, "allow", entry=row))
        group_new_signals()
        computed(None, "hidden")
        urls = ("/grouping/", "/grouping/allowed/", "/detectors/withdrawals/",
                f"/grouping/previews/{preview.pk}/", f"/detectors/withdrawals/{release.pk}/",
                f"/grouping/allowed/{row.pk}/")  # fmt: skip
        self.as_(self.lea)

        def counts():
            found = []
            for url in urls:
                with CaptureQueriesContext(connection) as queries:
                    self.assertEqual(self.client.get(url).status_code, 200)
                found.append(len(queries))
            return found

        few = counts()
        for place in range(90, 96):
            PreviewCase.objects.create(preview=preview, place=place, fate="opens")
            withdrawal(self.lea)
            AllowEntry.objects.filter(pk=entry(self.lea, value=f"acct-{place}").pk).update(
                added_at=timezone.now(), added_by=self.lea
            )
            engine.request_preview(actor=self.lea, kind="threshold", prior=1e-5)
        self.assertEqual(counts(), few)
