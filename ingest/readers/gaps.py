"""What a log does not tell, and what is then not tested: said beside the figures, not guessed."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Gap:
    """Something that is not recorded or was left out. words is one line for the operator."""

    field: str  # of the normal form; "" for the log as a whole
    words: str

    def __str__(self) -> str:
        return self.words


# What the absence of these fields means: the first of them that is there is enough.
MEANING = (
    (("prompt",), "no prompts: template, behaviour and content are not tested"),
    (("ip", "asn"), "no addresses: shared networks are not seen"),
    (("payment",), "no payment marks: shared cards are not seen"),
    (("organisation",), "no organisations: each account stands for itself"),
    (("user_agent",), "no user agents: shared programs are not seen"),
    (("plan", "account_created_at"), "no plan and no age: volume compares all with all"),
    (("status",), "no status: refused requests (429) and fail-over after them are not tested"),
    (("stop_reason",), "no stop reasons: refusals are not counted"),
    (("output_tokens",), "no output tokens: how much was extracted is not known"),
    (("request_id",), "no request ids: a line that was delivered twice counts twice"),
)  # fmt: skip


def gaps_of(recorded: Collection[str]) -> Iterable[Gap]:
    """The gaps of a log that records these fields of the normal form."""
    for fields, words in MEANING:
        if not any(field in recorded for field in fields):
            yield Gap(fields[0], words)
