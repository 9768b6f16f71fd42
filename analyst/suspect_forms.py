"""Uploads about suspect models become checked lines; keys become parameters."""

from django import forms

from analyst.forms import DeskForm
from ingest.services.suspects import LINES, MOST_ANSWER, MOST_REQUESTS, MOST_TOKENS
from ingest.services.watermark import tokenizer_folder
from ingest.watermark.lines import BadLine, read_lines, read_prompts
from ingest.watermark.schemes import SCHEMES, WIDEST
from ingest.watermark.tokenizers import DEFAULT

FILE_BYTES = 32 * 2**20
BAD_SHOWN = 20


class LinesField(forms.FileField):
    """A file of lines; every bad line is named, the first BAD_SHOWN of them one by one."""

    def __init__(self, *, reader=read_lines, **kwargs):
        self.reader = reader
        super().__init__(
            widget=forms.ClearableFileInput(attrs={"accept": ".jsonl,.ndjson,.txt"}), **kwargs
        )

    def clean(self, data, initial=None):
        file = super().clean(data, initial)
        if not file:
            return []
        if file.size > FILE_BYTES:
            raise forms.ValidationError(
                f"{file.size / 2**20:.0f} MiB; at most 32 MiB are taken. Send a random part of it."
            )
        good, bad = [], []
        for line in self.reader(file):
            (bad if isinstance(line, BadLine) else good).append(line)
            if len(good) > LINES:
                raise forms.ValidationError(f"More than {LINES:,} lines. Send a random part of it.")
        if bad:
            said = [f"Line {line.number}: {line.reason}." for line in bad[:BAD_SHOWN]]
            if len(bad) > BAD_SHOWN:
                said.append(f"And {len(bad) - BAD_SHOWN:,} more bad lines.")
            raise forms.ValidationError(said)
        if not good:
            raise forms.ValidationError("There is no line in it.")
        return good


def _area(rows: int) -> forms.Textarea:
    return forms.Textarea(attrs={"rows": rows})


class AboutForm(DeskForm):
    """What every test asks."""

    name = forms.CharField(
        label="Model", max_length=120, help_text="As it is called where you met it."
    )
    how = forms.CharField(
        label="How were its outputs got?",
        required=False,
        max_length=2000,
        widget=_area(2),
        help_text="Prompts, temperature, hardware, date: whoever reads the result will ask.",
    )


class RetiredForm(DeskForm):
    with_retired = forms.BooleanField(label="Try retired keys too", required=False)


class UploadForm(AboutForm, RetiredForm):
    outputs = LinesField(
        label="Outputs",
        help_text='JSON lines: {"text": …} or {"tokens": […]}, with "prompt" where known. '
        "Up to 50,000 lines, 32 MiB.",
    )
    marked = LinesField(
        label="Text known to be marked",
        required=False,
        help_text='Optional, the same form; "key": "K-12" says whose it is. Only contexts that '
        "occur in it are then scored.",
    )
    tokenizer = forms.ChoiceField(
        label="Token ids come from", required=False, help_text="Only where tokens are given."
    )
    field_order = ["name", "outputs", "how", "marked", "tokenizer", "with_retired"]

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        names = [(name, name) for name in tokenizer_names()]
        self.fields["tokenizer"].choices = [("", "there are none"), *names]


class EndpointForm(AboutForm, RetiredForm):
    url = forms.CharField(
        label="Address", max_length=300, help_text="OpenAI-compatible: https://host/v1"
    )
    model = forms.CharField(label="Model, as the endpoint calls it", max_length=120)
    token = forms.CharField(
        label="Its key",
        required=False,
        max_length=4000,
        strip=True,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        help_text="Kept sealed until the test ends, then forgotten.",
    )
    prompts = LinesField(
        label="Prompts", reader=read_prompts, help_text='One a line, bare or {"prompt": …}.'
    )
    request_budget = forms.IntegerField(
        label="Requests, at most", min_value=1, max_value=MOST_REQUESTS, initial=500
    )
    token_budget = forms.IntegerField(
        label="Tokens, at most", min_value=1, max_value=MOST_TOKENS, initial=200_000
    )
    answer_tokens = forms.IntegerField(
        label="Tokens an answer", min_value=1, max_value=MOST_ANSWER, initial=400
    )
    temperature = forms.FloatField(
        min_value=0, max_value=2, initial=1.0, widget=forms.NumberInput(attrs={"step": "0.1"})
    )
    field_order = [
        "name", "url", "model", "token", "prompts", "request_budget", "token_budget",
        "answer_tokens", "temperature", "how", "with_retired",
    ]  # fmt: skip


class KeyForm(DeskForm):
    issued_for = forms.CharField(
        label="Issued for",
        max_length=200,
        help_text="The campaign or the accounts, in words. Everybody on the desk reads it: name no "
        "restricted case.",
    )
    accounts = forms.CharField(
        label="Accounts that are served it",
        required=False,
        max_length=4_000_000,
        widget=_area(4),
        help_text="One a line. Cases with these members hear of a hit.",
    )
    scheme = forms.ChoiceField(choices=[(name, name) for name in SCHEMES])
    width = forms.IntegerField(
        label="Context width, tokens", min_value=0, max_value=WIDEST, initial=2
    )
    gamma = forms.FloatField(
        label="γ, share of green", required=False, min_value=0.01, max_value=0.99, initial=0.25,
        widget=forms.NumberInput(attrs={"step": "0.01"}), help_text="green-list",
    )  # fmt: skip
    delta = forms.FloatField(
        label="δ, added to green logits", required=False, min_value=0.01, max_value=20, initial=3.0,
        widget=forms.NumberInput(attrs={"step": "0.1"}), help_text="green-list",
    )  # fmt: skip
    temperature = forms.FloatField(
        required=False, min_value=0.01, max_value=10, initial=1.0,
        widget=forms.NumberInput(attrs={"step": "0.1"}), help_text="gumbel",
    )  # fmt: skip
    tokenizer_name = forms.ChoiceField(label="Tokenizer")

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["tokenizer_name"].choices = [(name, name) for name in tokenizer_names()]

    def asked(self) -> dict:
        """The arguments of make_key but the actor."""
        data = self.cleaned_data
        names = {"green-list": ("gamma", "delta"), "gumbel": ("temperature",)}[data["scheme"]]
        given = {name: data[name] for name in names if data[name] is not None}
        return {
            "issued_for": data["issued_for"],
            "accounts": data["accounts"].splitlines(),
            "scheme": data["scheme"],
            "parameters": {"width": data["width"], **given},
            "tokenizer_name": data["tokenizer_name"],
        }


def tokenizer_names() -> list[str]:
    """The bundled one and the files that the operator put there."""
    folder = tokenizer_folder()
    files = sorted(path.stem for path in folder.glob("*.json")) if folder else []
    return [DEFAULT, *(f"file:{name}" for name in files)]
