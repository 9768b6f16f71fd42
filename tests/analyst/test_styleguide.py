"""The style guide shows every token, and its text can be read in both modes."""

import re
from pathlib import Path

from django.conf import settings
from django.test import SimpleTestCase

from analyst.styleguide import SURFACES, TEXT, colours, contrast, groups
from tests.base import DeskTestCase, make_user

CSS = Path(settings.BASE_DIR) / "static" / "css"


class ContrastTest(SimpleTestCase):
    def test_the_ratio_is_that_of_wcag(self):
        self.assertAlmostEqual(contrast("#000000", "#ffffff"), 21)
        self.assertAlmostEqual(contrast("#777777", "#ffffff"), 4.478, delta=0.001)
        self.assertEqual(contrast("#123456", "#123456"), 1)

    def test_every_text_colour_reaches_aa_on_every_surface_in_both_modes(self):
        found = colours()
        for name in TEXT:
            for surface in SURFACES:
                for mode in ("light", "dark"):
                    text, below = getattr(found[name], mode), getattr(found[surface], mode)
                    with self.subTest(name, surface=surface, mode=mode):
                        self.assertGreaterEqual(contrast(text, below), 4.5)

    def test_words_on_the_soft_grounds_reach_it_too(self):
        found = colours()
        for name in ("accent", "bad", "warn", "good", "note"):
            for mode in ("light", "dark"):
                ground = getattr(found[f"{name}-soft"], mode)
                for text in (name, "ink"):
                    with self.subTest(name, text=text, mode=mode):
                        self.assertGreaterEqual(contrast(getattr(found[text], mode), ground), 4.5)

    def test_each_token_is_in_one_group_and_has_its_patch(self):
        shown = [one.name for _, found in groups() for one in found]
        self.assertEqual(sorted(shown), sorted(colours()))
        patches = re.findall(r"\.patch\.c-([\w-]+) \{ background: var\(--\1\); \}",
                             (CSS / "styleguide.css").read_text())  # fmt: skip
        self.assertEqual(sorted(patches), sorted(shown))


class StyleguideTest(DeskTestCase):
    def test_staff_alone_see_it(self):
        self.client.force_login(self.lea)
        self.assertEqual(self.client.get("/styleguide/").status_code, 404)
        self.client.force_login(make_user("root", "administrator", is_staff=True))
        page = self.client.get("/styleguide/")
        self.assertContains(page, "--ink-3")
        self.assertContains(page, "TLP:AMBER+STRICT")
