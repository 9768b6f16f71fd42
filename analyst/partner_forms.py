"""What is asked before a partner is asked, and before a tip is kept."""

from django import forms

from analyst.forms import DeskForm
from analyst.regroup_forms import MomentField
from analyst.templatetags.desk import plain
from cases.models import Case, Partner, Tip
from cases.tips.read import LONGEST_TEXT

FILE_BYTES = 4 * LONGEST_TEXT


class PartnerField(forms.ModelChoiceField):
    def label_from_instance(self, partner):
        return plain(partner.name)


class MatchForm(DeskForm):
    partner = PartnerField(
        Partner.objects.filter(enabled=True).exclude(taxii_url=""),
        to_field_name="slug",
        empty_label="choose a partner",
        help_text="It learns that we asked, when, and the padded size. Nothing is named.",
    )


class TipForm(DeskForm):
    form = forms.ChoiceField(
        choices=Tip.Form.choices, label="What it is", widget=forms.RadioSelect, initial="text"
    )
    told_by = forms.CharField(
        max_length=120, label="Who told us", help_text="a lab, a colleague, a customer"
    )
    partner = PartnerField(
        Partner.objects.order_by("name"),
        to_field_name="slug",
        required=False,
        empty_label="no partner",
        help_text="Its record weighs the tip.",
    )
    origin = forms.CharField(
        max_length=120, required=False, label="Who saw it first",
        help_text="where that is another: one root is heard once, through however many",
    )  # fmt: skip
    hops = forms.IntegerField(
        min_value=1, max_value=20, initial=1, help_text="1: told by who saw it"
    )
    tlp = forms.ChoiceField(choices=Case.TLP.choices, initial=Case.TLP.AMBER, label="TLP")
    seen_at = MomentField(required=False, label="Seen at (UTC)")
    title = forms.CharField(max_length=200, required=False)
    text = forms.CharField(
        required=False,
        strip=False,
        max_length=LONGEST_TEXT,
        widget=forms.Textarea(attrs={"rows": 10}),
        label="The text",
        help_text="A table names the columns kind and value. Paste it, or choose a file.",
    )
    file = forms.FileField(required=False)

    def clean_file(self):
        file = self.cleaned_data["file"]
        if file and file.size > FILE_BYTES:
            raise forms.ValidationError(f"Larger than {FILE_BYTES:,} bytes: send it in parts.")
        return file

    def clean(self):
        data = super().clean()
        file = data.pop("file", None)
        if file:
            try:
                data["text"] = file.read().decode("utf-8-sig")
            except UnicodeDecodeError:
                self.add_error("file", "This is no text in UTF-8.")
        if not data.get("text", "").strip() and not self.errors:
            self.add_error("text", "Paste the text, or choose a file.")
        return data


class ReasonForm(DeskForm):
    reason = forms.CharField(max_length=300, label="Why nothing comes of it")
