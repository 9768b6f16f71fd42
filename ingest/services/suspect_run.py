"""Works on a test of a suspect in slices, one test at a time.

Everything done is a row: an answer, a key's score, a part of the control. A slice ends after SLICE
seconds and the next sweep goes on; so does another worker when one is killed.
"""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from ingest.models import Job, SuspectControl, SuspectResult, SuspectTest, SuspectText
from ingest.services import jobs
from ingest.services.suspect_sample import EndpointFailed, Resting, ask_next
from ingest.services.suspects import KIND
from ingest.services.watermark import WatermarkError, open_key, tokenize_with
from ingest.watermark import GreenList, Scheme, holm, score, score_steps
from ingest.watermark.control import judge_control, wrong_key
from ingest.watermark.exact import detectable
from ingest.watermark.multiple import FOUND, WEAK
from ingest.watermark.windows import filtered, suspect_rows

log = logging.getLogger(__name__)

SLICE = 30.0
BEAT = 1.0
CONTROL_ROWS = 150_000  # of more pairs the control takes so many, drawn by the seed
CONTROL_AT_ONCE = 20
Finding = SuspectResult.Finding


class SliceOver(Exception):
    """Time for other work; the rest waits for the next sweep."""


def run_waiting() -> bool:
    """The sweep: a slice of the oldest test that waits or was left behind. False: none."""
    now = timezone.now()
    ready = Job.objects.filter(
        Q(suspect_test__resume_at=None) | Q(suspect_test__resume_at__lte=now)
    )
    return run_slice(ready)


def run_slice(candidates) -> bool:
    """One slice of the oldest of the candidates (jobs). False when none can be taken."""
    taken = jobs.take(candidates, KIND)
    if taken is None:
        return False
    job, was_left = taken
    test = SuspectTest.objects.get(job=job)
    hold = jobs.Hold(job)
    test.stalls = test.stalls + 1 if was_left else 0
    test.save(update_fields=["stalls"])
    try:
        if test.stalls >= jobs.GIVEN_UP:
            raise WatermarkError(f"Given up: {test.stalls} workers died on it, one after another")
        _Work(test, hold).go_on()
    except (SliceOver, Resting):
        hold.release()
    except jobs.Cancelled:
        _end(test, hold.stop)
    except jobs.Superseded:
        log.warning("%s was taken by another worker", test.ref)
    except (WatermarkError, EndpointFailed) as error:
        _end(test, partial(hold.fail, str(error)))
    except Exception as error:
        _end(test, partial(hold.fail, f"{type(error).__name__}: {error}"))
        raise
    return True


@transaction.atomic
def _end(test: SuspectTest, move) -> None:
    move()
    SuspectTest.objects.filter(pk=test.pk).update(sealed_token=b"", resume_at=None)


@dataclass
class _Rows:
    """What one key's test scores: distinct pairs, and how many there were with repeats."""

    rows: np.ndarray
    windows: int
    filtered: bool
    group: str


class _Work:
    def __init__(self, test: SuspectTest, hold: jobs.Hold):
        self.test, self.hold = test, hold
        self.until, self._told = time.monotonic() + SLICE, 0.0
        self._moved = False  # a slice that leaves no row behind would be done again for ever
        self._texts: dict[str, list] = {}
        self._rows: dict[tuple, tuple[np.ndarray, int]] = {}
        self._marked: dict[tuple, list] = {}

    def go_on(self) -> None:
        if self.test.source == SuspectTest.Source.ENDPOINT:
            self._sample()
        results = list(self.test.results.select_related("key").order_by("pk"))
        for result in results:
            if result.scored_at is None:
                left = sum(result.scored_at is None for result in results)
                self._tell("scoring keys", self._base() - left)
                self._score(result)
                self._moved = True
        self._control(results)
        self._finish(results)

    def _sample(self) -> None:
        outputs = self.test.texts.filter(role=SuspectText.Role.OUTPUT)
        got = outputs.exclude(answered_at=None).count()
        while not self.hold.job.error:
            self._tell("asking the model", got, total=self._base(), at_once=True)
            try:
                if not ask_next(self.test):
                    break
            except EndpointFailed as error:
                if not got:
                    raise
                # what it said before is tested; the page says why there is no more of it
                self.hold.job.error = str(error)[:500]
                self.hold.beat(error=self.hold.job.error)
                break
            got += 1
            self._moved = True
            self.test.failures = 0
        if not got:
            raise EndpointFailed("The budget ran out before the first answer came.")

    def _score(self, result: SuspectResult) -> None:
        """Score one key; what cannot be tested says why, and counts as no key tried."""
        try:
            scheme, secret = open_key(result.key)
            found = self._rows_for(result, scheme)
        except WatermarkError as error:
            _untested(result, str(error))
            return
        if not len(found.rows):
            why = "no context of the marked text occurs" if found.filtered else "too short"
            _untested(result, f"no pair of context and token to score: {why}")
            return
        made = score(scheme, secret, found.rows)
        result.rows, result.windows, result.filtered = made.n, found.windows, found.filtered
        result.total, result.z, result.log10_p = made.total, made.z, min(0.0, made.log10_p)
        result.trace = score_steps(scheme, secret, found.rows)
        result.scored_at = timezone.now()
        result.save()

    def _rows_for(self, result: SuspectResult, scheme: Scheme) -> _Rows:
        """The rows that this key is scored on, shared by keys with the same tokenizer and width."""
        name, width = result.key.tokenizer, scheme.width
        if (name, width) not in self._rows:
            texts = self._outputs(name)
            rows = suspect_rows(texts, width)
            self._rows[name, width] = rows, sum(max(0, len(t) - width) for t, _ in texts)
        rows, every = self._rows[name, width]
        marked = self._marked_text(name, result.key_id)
        group = f"{_null_of(scheme)}, {name}"
        if not marked:
            return _Rows(rows, every, False, group)
        kept = filtered(rows, marked, width)
        own = any(key == result.key_id for key, _ in self._marked[name])
        return _Rows(kept, every, True, f"{group}, marked {result.key.ref if own else 'text'}")

    def _outputs(self, name: str) -> list[tuple[list[int], list[int] | None]]:
        """(output, prompt or None) in token ids of that tokenizer; others' ids are left out."""
        if name not in self._texts:
            tokenize = tokenize_with(name)
            rows = (
                self.test.texts.filter(role=SuspectText.Role.OUTPUT)
                .exclude(answered_at=None)
                .order_by("number")
                .values_list("text", "tokens", "prompt", "prompt_tokens")
            )
            found = []
            for text, tokens, prompt, prompt_tokens in rows.iterator(chunk_size=1000):
                ids = self._ids(name, tokenize, text, tokens)
                if ids is not None:
                    found.append((ids, self._ids(name, tokenize, prompt, prompt_tokens)))
                self._tell("reading outputs")
            if not found:
                raise WatermarkError(f"its tokens come from {self.test.tokenizer}, not {name}")
            self._texts[name] = found
        return self._texts[name]

    def _marked_text(self, name: str, key: int) -> list[Sequence[int]]:
        """Text known to be marked with that key, or with no key named."""
        if name not in self._marked:
            tokenize = tokenize_with(name)
            rows = self.test.texts.filter(role=SuspectText.Role.MARKED).order_by("number")
            found = []
            for text, tokens, of in rows.values_list("text", "tokens", "key").iterator():
                ids = self._ids(name, tokenize, text, tokens)
                if ids is not None:
                    found.append((of, ids))
            self._marked[name] = found
        return [ids for of, ids in self._marked[name] if of in (None, key)]

    def _ids(self, name: str, tokenize, text: str, tokens: list | None) -> list[int] | None:
        if tokens is not None:
            return tokens if name == self.test.tokenizer else None
        return tokenize(text) if text else None

    def _control(self, results: list[SuspectResult]) -> None:
        """Wrong keys on the rows of every group of keys that was scored."""
        groups = {}
        for result in results:
            if result.scored_at and not result.problem:
                scheme, _ = open_key(result.key)
                found = self._rows_for(result, scheme)
                groups.setdefault(found.group, (scheme, found.rows))
        done = self._base()
        total = done + len(groups) * self.test.control_keys
        for name, (scheme, rows) in sorted(groups.items()):
            if len(rows) > CONTROL_ROWS:
                drawn = np.random.default_rng(self.test.seed).permutation(len(rows))
                rows = rows[np.sort(drawn[:CONTROL_ROWS])]
            control, _ = SuspectControl.objects.get_or_create(
                test=self.test, name=name, defaults={"rows": len(rows)}
            )
            while (have := len(control.ps)) < self.test.control_keys:
                self._tell("trying wrong keys", done + have, total=total)
                last = min(have + CONTROL_AT_ONCE, self.test.control_keys)
                more = [wrong_key(scheme, rows, self.test.seed, i) for i in range(have, last)]
                control.ps += [p for p, _ in more]
                control.zs += [z for _, z in more]
                kept = SuspectControl.objects.filter(pk=control.pk, ps__len=have)
                if not kept.update(ps=control.ps, zs=control.zs):
                    raise jobs.Superseded
                self._moved = True
            done += self.test.control_keys

    def _finish(self, results: list[SuspectResult]) -> None:
        scored = [result for result in results if not result.problem]
        if not scored:
            raise WatermarkError(f"No key could be tested: {results[0].problem}")
        controls = list(self.test.controls.all())
        sound = True
        for control in controls:
            judged = judge_control(control.ps)
            control.below, control.ks_p = judged.below, judged.ks_p
            sound = sound and judged.clean
        corrected = holm([result.log10_p for result in scored])
        for result, log10_corrected in zip(scored, corrected, strict=True):
            scheme, _ = open_key(result.key)
            result.log10_corrected = log10_corrected
            result.detectable = detectable(scheme, result.rows, FOUND / len(scored))
            result.finding = finding_of(log10_corrected, sound)
        with transaction.atomic():
            self.hold.finish()
            SuspectControl.objects.bulk_update(controls, ["below", "ks_p"])
            SuspectResult.objects.bulk_update(
                scored, ["log10_corrected", "detectable", "finding"], batch_size=500
            )
            SuspectTest.objects.filter(pk=self.test.pk).update(
                tested_at=timezone.now(), is_sound=sound, sealed_token=b"", resume_at=None
            )

    def _base(self) -> int:
        """Steps before the control: prompts to send, keys to score."""
        sampled = self.test.source == SuspectTest.Source.ENDPOINT
        prompts = self.test.texts.filter(role=SuspectText.Role.OUTPUT)
        return (prompts.count() if sampled else 0) + self.test.results.count()

    def _tell(self, step: str, done: int | None = None, *, total=None, at_once=False) -> None:
        """A sign of life now and then. Raises SliceOver when it is time to let others work."""
        now = time.monotonic()
        if at_once or now - self._told >= BEAT:
            fields = {"step": step}
            fields |= {"done": done} if done is not None else {}
            fields |= {"total": total} if total is not None else {}
            self.hold.beat(**fields)
            self._told = now
        if now >= self.until and self._moved:
            raise SliceOver


def finding_of(log10_corrected: float, sound: bool) -> str:
    """What a corrected p is called. Where the control is off, nothing is concluded."""
    if log10_corrected > np.log10(WEAK):
        return Finding.NOT_FOUND
    if not sound:
        return Finding.VOID
    return Finding.FOUND if log10_corrected <= np.log10(FOUND) else Finding.WEAK


def _untested(result: SuspectResult, problem: str) -> None:
    result.problem, result.finding = problem[:300], Finding.UNTESTED
    result.scored_at = timezone.now()
    result.save(update_fields=["problem", "finding", "scored_at"])


def _null_of(scheme: Scheme) -> str:
    """What the wrong keys share with the right ones: all that the null law depends on."""
    share = f", gamma {scheme.gamma:g}" if isinstance(scheme, GreenList) else ""
    return f"{scheme.name}{share}, width {scheme.width}"
