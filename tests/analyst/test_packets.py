import hashlib
import io
import zipfile

from cases.models import EvidencePacket
from cases.services.seal import request_packet, seal_packet
from ingest.models import Job
from tests.base import DeskTestCase

HOSTILE = "<img src=x onerror=alert(1)>\u202e"


class PacketsTest(DeskTestCase):
    url = "/cases/C-1/packets/"

    def setUp(self):
        self.client.force_login(self.ana)

    def post(self, path, user=None):
        self.client.force_login(user or self.ana)
        return self.client.post(path)

    def sealed(self):
        packet = request_packet(self.case, actor=self.ana)
        seal_packet(packet.pk)
        packet.refresh_from_db()
        return packet

    def test_asking_leads_to_a_page_that_polls_until_it_is_sealed(self):
        response = self.post(self.url)
        packet = EvidencePacket.objects.get()
        self.assertRedirects(response, f"/packets/{packet.pk}/", fetch_redirect_response=False)
        page = self.client.get(f"/packets/{packet.pk}/")
        self.assertContains(page, 'hx-trigger="every 2s"')
        self.assertContains(page, "Waits for a worker")
        Job.objects.update(state="running", step="members", done=2, total=8)
        part = self.client.get(f"/packets/{packet.pk}/?part=progress")
        self.assertContains(part, "members: 2 of 8")
        self.assertContains(part, 'width="25%"')
        self.assertNotIn("HX-Refresh", part)

    def test_a_sealed_packet_is_downloaded_as_it_is_and_that_is_written_down(self):
        packet = self.sealed()
        part = self.client.get(f"/packets/{packet.pk}/?part=progress")
        self.assertEqual(part["HX-Refresh"], "true")
        self.assertNotContains(part, "hx-trigger")
        page = self.client.get(f"/packets/{packet.pk}/")
        self.assertContains(page, packet.sha256)
        self.assertContains(page, packet.chain_head)
        response = self.post(f"/packets/{packet.pk}/file/")
        content = b"".join(response.streaming_content)
        self.assertEqual(hashlib.sha256(content).hexdigest(), packet.sha256)
        self.assertIsNone(zipfile.ZipFile(io.BytesIO(content)).testzip())
        self.assertEqual(response["Content-Type"], "application/zip")
        self.assertIn("attachment", response["Content-Disposition"])
        self.assertEqual(response["X-Content-Type-Options"], "nosniff")
        event = self.case.events.order_by("-seq").first()
        self.assertEqual((event.kind, event.actor), ("packet_downloaded", self.ana))
        self.assertContains(self.client.get("/cases/C-1/"), "downloaded an evidence packet")

    def test_one_at_a_time_is_built(self):
        self.post(self.url)
        self.assertContains(self.post(self.url), "is being built already", status_code=422)
        self.assertEqual(EvidencePacket.objects.count(), 1)

    def test_a_failure_is_said_and_can_be_tried_again(self):
        packet = request_packet(self.case, actor=self.ana)
        Job.objects.update(state="failed", error=HOSTILE)
        page = self.client.get(f"/packets/{packet.pk}/")
        self.assertContains(page, "Not sealed: &lt;img src=x onerror=alert(1)&gt;‹U+202E›")
        self.assertNotContains(page, "every 2s")
        self.assertContains(page, "Try again")

    def test_what_is_not_sealed_is_not_downloaded(self):
        packet = request_packet(self.case, actor=self.ana)
        response = self.post(f"/packets/{packet.pk}/file/")
        self.assertRedirects(response, f"/packets/{packet.pk}/", fetch_redirect_response=False)
        self.assertFalse(self.case.events.filter(kind="packet_downloaded").exists())

    def test_a_file_that_is_gone_from_the_store_is_not_found_and_not_recorded(self):
        packet = self.sealed()
        packet.file.storage.delete(packet.file.name)
        self.assertEqual(self.post(f"/packets/{packet.pk}/file/").status_code, 404)
        self.assertFalse(self.case.events.filter(kind="packet_downloaded").exists())

    def test_strangers_find_nothing_and_onlookers_only_read(self):
        packet = self.sealed()
        for user, reading, writing in ((self.stranger, 404, 404), (self.aud, 200, 403)):
            for path in (self.url, f"/packets/{packet.pk}/"):
                self.client.force_login(user)
                self.assertEqual(self.client.get(path).status_code, reading)
            for path in (self.url, f"/packets/{packet.pk}/file/"):
                self.assertEqual(self.post(path, user=user).status_code, writing)
        self.assertEqual(EvidencePacket.objects.count(), 1)
        self.client.force_login(self.aud)
        self.assertNotContains(self.client.get(self.url), "Seal a packet")

    def test_the_list_shows_what_was_sealed(self):
        self.assertContains(self.client.get(self.url), "No packet yet")
        packet = self.sealed()
        self.assertContains(self.client.get(self.url), packet.sha256)
