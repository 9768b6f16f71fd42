"""What the events of a case's timeline say, in words a person reads. Pure."""

from collections.abc import Mapping
from datetime import datetime

from cases.order_words import ORDER_WORDS


def words_of(kind: str, who: str, body: Mapping) -> tuple[str, str]:
    """What happened, and the quieter second half. Unknown kinds and missing content still read."""
    return WORDS.get(kind, _bare)(kind, who, body)


def order_ref(body: Mapping) -> str:
    """O-12 of an event about an order; empty for others."""
    return str(body.get("order") or "")


def _count(body: Mapping, name: str, noun: str) -> str:
    number = body.get(name)
    if not isinstance(number, int):
        return ""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _bare(kind: str, who: str, body: Mapping) -> tuple[str, str]:
    return f"{who}: {kind.replace('_', ' ')}", ""


def _says(verb: str, quote: str = "", *, of: str = ""):
    """Words of an event: a person, a verb, and what they said or what it is about."""

    def words(kind: str, who: str, body: Mapping) -> tuple[str, str]:
        said = str(body.get(quote) or "") if quote else ""
        about = f" {order_ref(body)}".rstrip() if of == "order" else ""
        return f"{who} {verb}{about}", f"“{said}”" if said else ""

    return words


def _opened(kind: str, who: str, body: Mapping) -> tuple[str, str]:
    members = _count(body, "members", "account")
    return f"Opened{f' with {members}' if members else ''}", str(body.get("reason") or "grouping")


def _members(kind: str, who: str, body: Mapping) -> tuple[str, str]:
    joined, left = body.get("joined") or 0, body.get("left") or 0
    parts = [f"{joined:,} joined"] if joined else []
    parts += [f"{left:,} left"] if left else []
    return f"Accounts: {', '.join(parts) or 'none changed'}", _count(body, "members", "member")


def _decided(kind: str, who: str, body: Mapping) -> tuple[str, str]:
    outcome = str(body.get("outcome") or "").replace("_", " ")
    sure = body.get("stated_probability")
    rival = str(body.get("competing_hypothesis") or "").replace("_", " ")
    facts = [f"P(distillation) {sure:.2f}"] if isinstance(sure, int | float) else []
    facts += [f"or else {rival}"] if rival else []
    facts += [str(body["sampled"])] if body.get("sampled") else []
    said = str(body.get("rationale") or "")
    facts += [f"“{said}”"] if said else []
    return f"{who} decided: {outcome or 'verdict'}", "; ".join(facts)


def _judged(kind: str, who: str, body: Mapping) -> tuple[str, str]:
    accounts = body.get("accounts")
    number = len(accounts) if isinstance(accounts, list) else 0
    verdict = str(body.get("verdict") or "")
    noun = f"{number:,} account{'' if number == 1 else 's'}"
    what = f"judged {noun} {verdict}" if verdict else f"took back the verdict on {noun}"
    names = [str(name) for name in accounts[:3]] if isinstance(accounts, list) else []
    more = f" and {number - 3:,} more" if number > 3 else ""
    return f"{who} {what}", f"{', '.join(names)}{more}"


def _about(verb: str, *, quote: str = "reason"):
    """Words of an act upon two cases: who, what, how many accounts, the other case, and why."""

    def words(kind: str, who: str, body: Mapping) -> tuple[str, str]:
        accounts = _count(body, "accounts", "account")
        other = str(body.get("other") or "another case")
        said = str(body.get(quote) or "")
        return (
            f"{who} {verb.format(accounts=accounts or 'accounts', other=other)}",
            f"“{said}”" if said else "",
        )

    return words


def _split(kind: str, who: str, body: Mapping) -> tuple[str, str]:
    verb = "split {accounts} off into {other}"
    if body.get("part") == "new":
        verb = "split {accounts} off {other} into this case"
    return _about(verb)(kind, who, body)


def _merged(kind: str, who: str, body: Mapping) -> tuple[str, str]:
    verb = "merged {other} into this case, with {accounts}"
    if body.get("part") == "absorbed":
        verb = "merged this case into {other}, with {accounts}"
    return _about(verb)(kind, who, body)


def _proposed(kind: str, who: str, body: Mapping) -> tuple[str, str]:
    return f"Grew together with {body.get('other') or 'another case'}: merge proposed", str(
        body.get("says") or ""
    )


def _grew(kind: str, who: str, body: Mapping) -> tuple[str, str]:
    accounts = _count(body, "accounts", "account") or "Accounts"
    verdict = str(body.get("verdict") or "").replace("_", " ")
    return f"{accounts} joined since the verdict: back in the queue", (
        f"{verdict} stands for the rest" if verdict else ""
    )


def _wave(kind: str, who: str, body: Mapping) -> tuple[str, str]:
    accounts = _count(body, "accounts", "account") or "accounts"
    other, order = body.get("other") or "another case", order_ref(body)
    if body.get("part") == "predecessor":
        return f"Next wave after {order}: {other} with {accounts}", str(body.get("why") or "")
    return f"Wave {body.get('wave') or ''} of {other}: {accounts} after {order}", str(
        body.get("why") or ""
    )


def _linked(kind: str, who: str, body: Mapping) -> tuple[str, str]:
    operator = str(body.get("operator") or "an operator")
    wave = f", wave {body['wave']}" if isinstance(body.get("wave"), int) else ""
    verb = "linked it to" if kind == "operator_linked" else "took it away from"
    said = str(body.get("reason") or "")
    return f"{who} {verb} {operator}{wave}", f"“{said}”" if said else ""


def _revealed(kind: str, who: str, body: Mapping) -> tuple[str, str]:
    samples = _count(body, "samples", "prompt")
    return f"{who} revealed {samples or 'content'}", f"“{body.get('reason') or ''}”"


def _until(verb: str):
    def words(kind: str, who: str, body: Mapping) -> tuple[str, str]:
        try:
            until = datetime.fromisoformat(str(body.get("until")))
        except ValueError:
            return f"{who} {verb}", ""
        return f"{who} {verb}", f"until {until:%-d %b %H:%M}"

    return words


def _ordered(kind: str, who: str, body: Mapping) -> tuple[str, str]:
    accounts = _count(body, "accounts", "account")
    what = " ".join(part for part in (str(body.get("kind") or ""), accounts) if part)
    said = str(body.get("reason") or "")
    return (
        f"{who} proposed {order_ref(body) or 'an action'}{f': {what}' if what else ''}",
        f"“{said}”" if said else "",
    )


def _finished(kind: str, who: str, body: Mapping) -> tuple[str, str]:
    counts = body.get("items") if isinstance(body.get("items"), Mapping) else {}
    parts = [
        f"{counts[name]:,} {words}"
        for name, words in (
            ("done", "read back"), ("unknown", "unknown"), ("failed", "failed"),
            ("skipped", "left out"),
        )
        if isinstance(counts.get(name), int) and counts[name]
    ]  # fmt: skip
    return f"{order_ref(body) or 'Action'} finished", ", ".join(parts)


def _sealed(kind: str, who: str, body: Mapping) -> tuple[str, str]:
    digest = str(body.get("sha256") or "")
    return "Evidence packet sealed", f"SHA-256 {digest[:12]}…" if digest else ""


def _shared(kind: str, who: str, body: Mapping) -> tuple[str, str]:
    tlp = str(body.get("tlp") or "")
    return f"{who} prepared a share", f"TLP:{tlp.upper()}" if tlp else ""


def _matched(sentence: str, number: str, noun: str):
    """Words of a private matching: what was asked or found with whom, and how many."""

    def words(kind: str, who: str, body: Mapping) -> tuple[str, str]:
        said = sentence.format(partner=str(body.get("partner") or "a partner"))
        quiet = _count(body, number, noun)
        if kind == "match_counted" and isinstance(body.get("values"), int):
            quiet += f" of {body['values']:,}; nothing was named"
        by_person = kind in ("match_asked", "match_names_wanted")
        return (f"{who} {said}" if by_person else said), quiet

    return words


def _watermark(kind: str, who: str, body: Mapping) -> tuple[str, str]:
    key, suspect = str(body.get("key") or "a key"), str(body.get("suspect") or "a model")
    name, p = str(body.get("name") or ""), body.get("log10_p")
    facts = [f"p below 1e{int(p)}" if isinstance(p, int | float) else ""]
    facts += [_count(body, "accounts", "member") + " hold it" if body.get("accounts") else ""]
    facts += ["shows training on marked text, not who collected it"]
    what = f"{key} found in suspect model {suspect} {name}".rstrip()
    return what, "; ".join(fact for fact in facts if fact)


def _withdrawn(verb: str):
    def words(kind: str, who: str, body: Mapping) -> tuple[str, str]:
        release = " ".join(str(body.get(name) or "") for name in ("detector", "version")).strip()
        relied = body.get("relied")
        number = len(relied) if isinstance(relied, list) else 0
        facts = [f"{number:,} here relied on it"] if number else []
        facts += [f"“{body['reason']}”"] if body.get("reason") else []
        what = f"{who} {verb} {release or 'a release'} ({body.get('withdrawal') or 'W-?'})"
        return what, "; ".join(facts)

    return words


def _drawn(kind: str, who: str, body: Mapping) -> tuple[str, str]:
    drawn, of = _count(body, "size", "account"), _count(body, "members", "member")
    seed = str(body.get("seed") or "")
    return f"{who} drew a sample of {drawn or 'accounts'} from {of or 'the members'}", (
        f"seed {seed}" if seed else ""
    )


def _read(kind: str, who: str, body: Mapping) -> tuple[str, str]:
    what = "read it a second time" if body.get("second") else "read it"
    answered = _count(body, "answered", "account")
    return f"{who} finished a sample: {what}{f', {answered}' if answered else ''}", str(
        body.get("says") or "its result waits until every blind reading has ended"
    )


def _stopped(kind: str, who: str, body: Mapping) -> tuple[str, str]:
    said = str(body.get("reason") or "")
    answered = _count(body, "answered", "answer") or "no answer"
    return f"{who} stopped a sample after {answered}", f"“{said}”" if said else ""


def _assigned(kind: str, who: str, body: Mapping) -> tuple[str, str]:
    reader = str(body.get("reader") or "another person")
    return f"{who} asked {reader} for a second blind reading", ""


def _pooled(kind: str, who: str, body: Mapping) -> tuple[str, str]:
    if body.get("not_tested") or not isinstance(body.get("p"), int | float):
        return "Pooled prompts: not tested", str(body.get("not_tested") or "")
    accounts = _count(body, "accounts", "account")
    return f"Pooled prompts of {accounts} tested", f"p {body['p']:.2g} that they are like the rest"


WORDS = {
    "case_opened": _opened,
    "members_changed": _members,
    "case_claimed": _until("claimed the case"),
    "case_released": _says("released the case"),
    "case_snoozed": _until("snoozed the case"),
    "case_woken": _says("woke the case"),
    "case_escalated": _says("escalated", "rationale"),
    "case_reopened": _says("reopened", "rationale"),
    "case_closed": _says("closed the case"),
    "decision_recorded": _decided,
    "member_judged": _judged,
    "verdict_undone": _about("undid the verdict on {accounts}"),
    "case_split": _split,
    "split_undone": _about("undid the split from {other}, {accounts} went back"),
    "cases_merged": _merged,
    "merge_undone": _about("undid the merge with {other}, {accounts} went back"),
    "merge_proposed": _proposed,
    "merge_declined": _about("declined to merge it with {other}: they stay apart"),
    "decline_undone": _about("took back that it stays apart from {other}"),
    "case_grew": _grew,
    "wave_opened": _wave,
    "operator_linked": _linked,
    "operator_unlinked": _linked,
    "note_added": _says("wrote a note"),
    "content_revealed": _revealed,
    "enforcement_requested": _ordered,
    "enforcement_approved": _says("approved", "note", of="order"),
    "enforcement_refused": _says("refused", "note", of="order"),
    "enforcement_cancelled": _says("cancelled", of="order"),
    "enforcement_finished": _finished,
    **ORDER_WORDS,
    "share_prepared": _shared,
    "share_approved": _says("approved a share"),
    "share_refused": _says("refused a share"),
    "share_downloaded": _says("downloaded a share", "form"),
    "match_asked": _matched("asked {partner} privately how many it holds", "values", "value"),
    "match_counted": _matched("{partner} holds values of this case", "count", "value"),
    "match_names_wanted": _matched("asked {partner} which ones it holds", "count", "value"),
    "match_named": _matched("{partner} and we know which values both hold", "found", "value"),
    "share_recalled": _says("recalled a share", "reason"),
    "share_expired": _says("let a share expire", "reason"),
    "packet_requested": _says("asked for an evidence packet"),
    "packet_sealed": _sealed,
    "packet_downloaded": _says("downloaded an evidence packet"),
    "watermark_found": _watermark,
    "signals_withdrawn": _withdrawn("withdrew the signals of"),
    "signals_restored": _withdrawn("restored the signals of"),
    "sample_drawn": _drawn,
    "sample_finished": _read,
    "sample_cancelled": _stopped,
    "reading_assigned": _assigned,
    "reading_finished": _read,
    "pool_test_requested": _says("asked for a test of the pool"),
    "pool_tested": _pooled,
}
