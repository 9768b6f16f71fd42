import hashlib
import json

from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from cases.models import Case, Share
from cases.services.partner import set_up_partner
from cases.services.share import approve_share, prepare_share
from tests.base import DeskTestCase, make_case, make_user

HOSTILE = "<img src=x onerror=alert(1)>\u202e"


class SharingTestCase(DeskTestCase):
    def setUp(self):
        self.client.force_login(self.ana)

    def post(self, path, data=None, user=None):
        self.client.force_login(user or self.ana)
        return self.client.post(path, data or {})

    def prepared(self, **fields):
        return prepare_share(self.case, actor=self.ana, tlp=fields.get("tlp", "amber"))

    def approved(self):
        return approve_share(self.prepared(), actor=self.lea)


class PrepareTest(SharingTestCase):
    url = "/cases/C-1/share/"

    def test_each_field_stands_here_and_as_it_leaves(self):
        response = self.client.get(self.url)
        for text in ("Campaign name", "Quiet Loom", "stays here", "3 tokens", "never leave"):
            self.assertContains(response, text)
        self.assertFalse(Share.objects.exists())

    def test_the_fields_follow_the_label(self):
        part = self.client.get(self.url + "?part=fields&tlp=red")
        self.assertContains(part, "TLP:RED")
        self.assertNotContains(part, "<html")
        self.assertEqual(self.client.get(self.url + "?tlp=nonsense").status_code, 200)

    def test_preparing_leads_to_the_share_which_waits(self):
        response = self.post(self.url, {"tlp": "amber"})
        share = Share.objects.get()
        self.assertRedirects(response, f"/sharing/{share.pk}/", fetch_redirect_response=False)
        page = self.client.get(f"/sharing/{share.pk}/")
        self.assertContains(page, "waiting for approval")
        self.assertContains(page, "You prepared it, so you cannot approve it")
        self.assertContains(page, share.sha256)
        self.assertNotContains(page, "/file/")

    def test_a_wider_audience_than_the_case_s_is_refused_in_words(self):
        response = self.post(self.url, {"tlp": "green"})
        self.assertContains(response, "may not go to the wider audience", status_code=422)
        self.assertContains(self.post(self.url, {"tlp": "x"}), "errorlist", status_code=422)
        self.assertFalse(Share.objects.exists())

    def test_the_same_share_twice_is_refused(self):
        self.post(self.url, {"tlp": "amber"})
        again = self.post(self.url, {"tlp": "amber"})
        self.assertContains(again, "waits for approval already", status_code=422)

    def test_strangers_and_onlookers_prepare_nothing(self):
        self.assertEqual(self.post(self.url, {"tlp": "amber"}, user=self.stranger).status_code, 404)
        self.assertEqual(self.post(self.url, {"tlp": "amber"}, user=self.aud).status_code, 403)
        self.assertFalse(Share.objects.exists())


class ReviewTest(SharingTestCase):
    def test_a_second_person_lets_it_leave(self):
        share = self.prepared()
        url = f"/sharing/{share.pk}/"
        self.client.force_login(self.lea)
        self.assertContains(self.client.get(url), ">Approve<")
        response = self.post(f"{url}review/", {"verdict": "approve"}, user=self.lea)
        self.assertRedirects(response, url, fetch_redirect_response=False)
        share.refresh_from_db()
        self.assertEqual((share.state, share.reviewed_by), ("approved", self.lea))
        again = self.post(f"{url}review/", {"verdict": "refuse"}, user=self.lea)
        self.assertContains(again, "is approved already", status_code=422)

    def test_counsel_may_refuse(self):
        share = self.prepared()
        counsel = make_user("cou", "counsel")
        self.post(f"/sharing/{share.pk}/review/", {"verdict": "refuse"}, user=counsel)
        share.refresh_from_db()
        self.assertEqual(share.state, "refused")

    def test_who_prepared_never_approves(self):
        share = prepare_share(self.case, actor=self.lea, tlp="amber")
        response = self.post(f"/sharing/{share.pk}/review/", {"verdict": "approve"}, user=self.lea)
        self.assertContains(response, "another person approves it", status_code=422)

    def test_analysts_onlookers_and_strangers_review_nothing(self):
        share = self.prepared()
        for user, status in ((self.bo, 403), (self.aud, 403), (self.stranger, 404)):
            response = self.post(f"/sharing/{share.pk}/review/", {"verdict": "approve"}, user=user)
            self.assertEqual(response.status_code, status)
        share.refresh_from_db()
        self.assertEqual(share.state, "prepared")


class DownloadTest(SharingTestCase):
    def test_the_file_is_the_stored_text_byte_by_byte_and_is_written_down(self):
        share = self.approved()
        response = self.post(f"/sharing/{share.pk}/file/")
        self.assertEqual(hashlib.sha256(response.content).hexdigest(), share.sha256)
        self.assertEqual(json.loads(response.content)["type"], "bundle")
        self.assertEqual(response["Content-Type"], "application/stix+json;version=2.1")
        self.assertEqual(
            response["Content-Disposition"], f'attachment; filename="C-1-share-{share.pk}.json"'
        )
        self.assertEqual(response["X-Content-Type-Options"], "nosniff")
        event = self.case.events.order_by("-seq").first()
        self.assertEqual((event.kind, event.actor), ("share_downloaded", self.ana))
        self.assertContains(self.client.get("/cases/C-1/"), "A. Silva downloaded a share")

    def test_the_same_share_leaves_as_a_misp_event_and_the_form_is_written_down(self):
        share = self.approved()
        response = self.post(f"/sharing/{share.pk}/file/", {"form": "misp"})
        told = json.loads(response.content)["Event"]
        self.assertIn(told["uuid"], share.bundle)
        self.assertEqual(response["Content-Type"], "application/json")
        self.assertIn(f"C-1-share-{share.pk}-misp.json", response["Content-Disposition"])
        event = self.case.events.order_by("-seq").first()
        self.assertEqual((event.kind, event.content.body["form"]), ("share_downloaded", "MISP"))

    def test_what_is_not_approved_does_not_leave(self):
        share = self.prepared()
        response = self.post(f"/sharing/{share.pk}/file/")
        self.assertContains(response, "it may not leave", status_code=422)

    def test_onlookers_and_strangers_take_nothing(self):
        share = self.approved()
        for user, status in ((self.aud, 403), (self.stranger, 404)):
            self.assertEqual(self.post(f"/sharing/{share.pk}/file/", user=user).status_code, status)
        self.client.force_login(self.ana)
        self.assertEqual(self.client.get(f"/sharing/{share.pk}/file/").status_code, 405)
        self.assertFalse(self.case.events.filter(kind="share_downloaded").exists())


class PagesTest(SharingTestCase):
    def test_strangers_find_nothing_and_onlookers_read(self):
        share = self.prepared()
        for path in ("/sharing/", f"/sharing/{share.pk}/"):
            self.client.force_login(self.stranger)
            self.assertEqual(self.client.get(path).status_code, 404)
            self.client.force_login(self.aud)
            self.assertEqual(self.client.get(path).status_code, 200)

    def test_strangers_text_is_text(self):
        Case.objects.update(name=HOSTILE, reason=HOSTILE)
        share = self.prepared()
        Share.objects.update(bundle=json.dumps({"name": HOSTILE}, ensure_ascii=False))
        for path in ("/sharing/", f"/sharing/{share.pk}/", "/cases/C-1/share/"):
            page = self.client.get(path).content.decode()
            self.assertFalse("<img" in page, path)
            self.assertFalse("\u202e" in page, path)
            self.assertTrue("‹U+202E›" in page, path)

    def test_what_waits_stands_first_and_a_case_can_be_asked_for(self):
        old = self.approved()
        waiting = prepare_share(make_case(2), actor=self.bo, tlp="amber")
        page = self.client.get("/sharing/").content.decode()
        self.assertLess(page.index(f"S-{waiting.pk}<"), page.index(f"S-{old.pk}<"))
        only = self.client.get("/sharing/?case=C-1")
        self.assertContains(only, f"S-{old.pk}<")
        self.assertNotContains(only, f"S-{waiting.pk}<")

    def test_the_list_is_paged_by_key_at_a_constant_number_of_queries(self):
        numbers = []
        for count in (3, 120):
            Share.objects.bulk_create(
                Share(
                    case=self.case, tlp="red", bundle="{}", sha256="0" * 64, state="refused",
                    prepared_by=self.ana, reviewed_by=self.lea, reviewed_at=timezone.now(),
                )
                for _ in range(count)
            )  # fmt: skip
            with CaptureQueriesContext(connection) as captured:
                first = self.client.get("/sharing/")
            numbers.append(len(captured))
        self.assertEqual(numbers[0], numbers[1])
        second = self.client.get(f"/sharing/?after={first.context['following']}")
        found = [s.pk for r in (first, second) for s in r.context["shares"]]
        self.assertEqual((len(found), found), (123, sorted(set(found), reverse=True)))


class PartnerPagesTest(SharingTestCase):
    def setUp(self):
        super().setUp()
        self.north = set_up_partner("north", actor=self.lea, name=HOSTILE, legal_basis="MoU")
        set_up_partner("south", actor=self.lea, name="South Lab", clearance="green", fields=[])

    def test_the_page_says_what_each_partner_would_learn(self):
        page = self.client.get("/cases/C-1/share/")
        self.assertContains(page, "What each partner would learn")
        self.assertContains(page, "not at this label")
        self.assertNotContains(page, "<img src=x")
        part = self.client.get("/cases/C-1/share/?part=fields&tlp=green&partner=south")
        self.assertContains(part, "by the policy for this partner")
        self.assertEqual(self.client.get("/cases/C-1/share/?partner=%00x").status_code, 200)

    def test_it_goes_to_the_partner_and_is_recalled_by_who_approves(self):
        response = self.post("/cases/C-1/share/", {"tlp": "amber", "partner": "north"})
        share = Share.objects.get()
        self.assertRedirects(response, f"/sharing/{share.pk}/", fetch_redirect_response=False)
        self.assertEqual((share.partner, share.legal_basis), (self.north, "MoU"))
        approve_share(share, actor=self.lea)
        url = f"/sharing/{share.pk}/recall/"
        self.assertEqual(self.post(url, {"reason": "x"}, user=self.stranger).status_code, 404)
        self.assertEqual(self.post(url, {"reason": "x"}).status_code, 403)
        self.assertEqual(self.post(url, {"reason": ""}, user=self.lea).status_code, 422)
        self.post(url, {"reason": "an appeal was granted"}, user=self.lea)
        page = self.client.get(f"/sharing/{share.pk}/")
        self.assertContains(page, "an appeal was granted")
        self.assertNotContains(page, "/file/")
        again = self.post(url, {"reason": "again"}, user=self.lea)
        self.assertContains(again, "nothing to recall", status_code=422)

    def test_an_unknown_partner_and_no_legal_basis_are_refused_in_words(self):
        response = self.post("/cases/C-1/share/", {"tlp": "amber", "partner": "nobody"})
        self.assertContains(response, "errorlist", status_code=422)
        response = self.post("/cases/C-1/share/", {"tlp": "green", "partner": "south"})
        self.assertEqual(response.status_code, 422)
        Case.objects.update(tlp="green")
        response = self.post("/cases/C-1/share/", {"tlp": "green", "partner": "south"})
        self.assertContains(response, "Legal basis", status_code=422)
        self.assertFalse(Share.objects.exists())
