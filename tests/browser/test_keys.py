"""The keyboard alone, in a real browser: palette, key map, saved views, and where focus goes."""

import pytest
from django.contrib.staticfiles.testing import StaticLiveServerTestCase
from playwright.sync_api import expect, sync_playwright

from analyst.models import SavedView
from cases.models import Case
from tests.base import make_case, make_user
from tests.browser.test_main_job import FLAGS, PASSWORD

pytestmark = pytest.mark.browser


class KeysTest(StaticLiveServerTestCase):
    @pytest.fixture(autouse=True)
    def _browser(self, chromium):
        self.chromium = chromium

    def setUp(self):
        self.ana = make_user("ana", "analyst")
        for number, name in ((7, "Tin Lantern"), (8, "Quiet Loom"), (9, "Pale Orchard")):
            make_case(number, name=name, priority=90 - number, search_text=f"C-{number} {name}")
        driver = sync_playwright().start()
        self.addCleanup(driver.stop)
        browser = driver.chromium.launch(executable_path=self.chromium, args=FLAGS)
        self.addCleanup(browser.close)
        self.page = browser.new_page()
        self.problems = []
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.go("/login/")
        self.page.fill("#id_username", "ana")
        self.page.fill("#id_password", PASSWORD)
        self.page.keyboard.press("Enter")
        expect(self.page.locator("table.queue")).to_be_visible()

    def tearDown(self):
        self.assertEqual(self.problems, [], "a script failed")

    def go(self, path):
        self.page.goto(self.live_server_url + path)
        self.page.wait_for_load_state("networkidle")

    def press(self, *keys):
        for key in keys:
            self.page.keyboard.press(key)

    def focused(self) -> str:
        return self.page.evaluate("document.activeElement.textContent.trim()")

    def test_the_palette_finds_a_case_and_gives_the_focus_back_when_it_is_left(self):
        self.go("/")
        self.press("j", "j")
        self.assertEqual(self.focused(), "Quiet Loom")
        self.press("Control+k")
        chosen = self.page.locator("#palette [role=option][aria-selected=true]")
        expect(chosen).to_be_visible()
        self.page.keyboard.type("lantern")
        expect(chosen).to_contain_text("Tin Lantern")
        self.press("Escape")
        self.assertEqual(self.focused(), "Quiet Loom")
        self.press("Control+k")
        self.page.keyboard.type("orchard")
        expect(chosen).to_contain_text("Pale Orchard")
        self.press("Enter")
        self.page.wait_for_url("**/cases/C-9/")

    def test_a_command_of_the_palette_is_done_on_the_case_that_one_is_at(self):
        self.go("/cases/C-8/")
        self.press("Control+k")
        chosen = self.page.locator("#palette [role=option][aria-selected=true]")
        self.page.keyboard.type("> claim")
        expect(chosen).to_contain_text("Claim")
        self.press("Enter")
        expect(self.page.locator(".foot")).to_contain_text("Release")
        self.assertEqual(Case.objects.get(number=8).owner, self.ana)

    def test_a_view_is_saved_without_a_mouse_and_no_letter_of_its_name_acts(self):
        self.go("/?level=P1")
        self.press("j", "v")
        expect(self.page.locator("#view-name")).to_be_focused()
        self.page.keyboard.type("very first claims")
        self.press("Enter")
        expect(self.page.locator(".tabs [aria-current=page]")).to_contain_text("very first claims")
        self.assertEqual(SavedView.objects.get().query, "level=P1")
        self.assertFalse(Case.objects.exclude(owner=None).exists(), "c claimed while typing")

    def test_g_and_a_letter_go_to_a_page_and_the_letter_alone_does_not(self):
        self.go("/")
        self.press("d")
        self.page.wait_for_timeout(300)
        self.assertEqual(self.page.url, f"{self.live_server_url}/")
        self.press("g", "d")
        self.page.wait_for_url("**/detectors/")

    def test_the_key_map_opens_and_single_keys_can_be_switched_off(self):
        self.go("/")
        self.press("?")
        switch = self.page.locator("#keys [data-keys-switch]")
        expect(switch).to_be_checked()
        switch.press("Space")
        self.press("Escape", "j")
        self.assertEqual(self.page.locator(".queue tr.here").count(), 0)
        self.press("Control+k")
        expect(self.page.locator("#palette")).to_be_visible()
