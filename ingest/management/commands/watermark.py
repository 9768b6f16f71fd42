"""Watermark keys, marked text, and tests of suspects, from the command line."""

import json
import time
from pathlib import Path

import numpy as np
from django.core.management.base import BaseCommand, CommandError, CommandParser

from ingest.models import Job, SuspectTest, WatermarkKey
from ingest.services import suspect_run
from ingest.services.suspects import request_outputs_test
from ingest.services.watermark import (
    WatermarkError,
    key_by_ref,
    make_key,
    open_key,
    retire_key,
    tokenize_with,
)
from ingest.watermark import WatermarkProcessor
from ingest.watermark.lines import BadLine, Line, read_lines
from ingest.watermark.ngram import TrigramModel
from ingest.watermark.schemes import SCHEMES
from ingest.watermark.tokenizers import DEFAULT, WORD

VOCABULARY, SEQUENCE = 5000, 200
SHOWN = 10


class Command(BaseCommand):
    help = (
        "keys: list, make and retire watermark keys. embed: write text marked with a key, by a "
        "small model, to try things out. test: learn which keys a suspect model was trained on."
    )

    def add_arguments(self, parser: CommandParser):
        parts = parser.add_subparsers(dest="part", required=True, metavar="keys|embed|test")
        keys = parts.add_parser("keys", help="list the keys; --make and --retire change them")
        keys.add_argument(
            "--make", metavar="FOR", help="make a key: whom it is issued for, in words"
        )
        keys.add_argument("--scheme", choices=list(SCHEMES), default="green-list")
        keys.add_argument("--width", type=int, help="tokens of context (default 2; gumbel 4)")
        keys.add_argument("--gamma", type=float, help="green-list: share of green (default 0.25)")
        keys.add_argument("--delta", type=float, help="green-list: added to logits (default 3)")
        keys.add_argument("--temperature", type=float, help="gumbel: of sampling (default 1)")
        keys.add_argument("--tokenizer", default=DEFAULT, help=f"{DEFAULT}, or file:NAME")
        keys.add_argument(
            "--account", action="append", default=[], metavar="ID",
            help="an account that is served text with it; repeatable",
        )  # fmt: skip
        keys.add_argument("--accounts", type=Path, metavar="FILE", help="such accounts, one a line")
        keys.add_argument("--retire", metavar="K-12", help="it marks nothing new")
        embed = parts.add_parser("embed", help="marked text as JSON lines, for trying things out")
        embed.add_argument("key", metavar="K-12")
        embed.add_argument("text", type=Path, help="UTF-8 text that the small model learns from")
        embed.add_argument("--tokens", type=int, default=20_000, help="how many to write")
        embed.add_argument("--seed", type=int, default=0)
        embed.add_argument("--out", type=Path, help="a file instead of standard output")
        test = parts.add_parser("test", help="test a suspect's outputs, JSON lines")
        test.add_argument("outputs", type=Path, help='{"text": …} or {"tokens": […]} a line')
        test.add_argument("--name", required=True, help="what the model is called")
        test.add_argument("--marked", type=Path, help="text known to be marked: filters contexts")
        test.add_argument("--tokenizer", default="", help="of the token ids, where ids are given")
        test.add_argument(
            "--key", action="append", default=[], metavar="K-12",
            help="try this key alone; repeatable; default: all active ones",
        )  # fmt: skip
        test.add_argument("--retired", action="store_true", help="try retired keys too")
        for part in (keys, embed, test):
            part.add_argument("--json", action="store_true", help="answer in JSON")

    def handle(self, *, part, **options):
        try:
            getattr(self, part)(options)
        except WatermarkError as error:
            raise CommandError(str(error)) from None
        except OSError as error:
            raise CommandError(f"{error.filename}: {error.strerror}") from None

    def keys(self, options):
        if options["make"] is not None:
            self.make(options)
        elif options["retire"]:
            key = key_by_ref(options["retire"])
            retire_key(key, actor=None)
            self.tell(options, {"key": key.ref, "state": "retired"}, f"{key.ref} is retired.")
        else:
            self.list_keys(options)

    def make(self, options):
        names = list(options["account"])
        if options["accounts"]:
            names += options["accounts"].read_text(encoding="utf-8").splitlines()
        given = ("width", "gamma", "delta", "temperature")
        key = make_key(
            actor=None,
            issued_for=options["make"],
            scheme=options["scheme"],
            parameters={name: options[name] for name in given if options[name] is not None},
            accounts=names,
            tokenizer_name=options["tokenizer"],
        )
        held = key.accounts.count()
        said = f"{key.ref} is made for {key.issued_for}, {held:,} accounts. Its secret is sealed."
        self.tell(options, {"key": key.ref, "accounts": held}, said)

    def list_keys(self, options):
        keys = WatermarkKey.objects.defer("sealed_secret").order_by("pk")
        if options["json"]:
            rows = [
                {"key": key.ref, "issued_for": key.issued_for, "scheme": key.scheme,
                 "parameters": key.parameters, "tokenizer": key.tokenizer, "state": key.state}
                for key in keys
            ]  # fmt: skip
            self.stdout.write(json.dumps(rows))
            return
        for key in keys:
            law = " ".join(f"{name}={value:g}" for name, value in sorted(key.parameters.items()))
            self.stdout.write(
                f"{key.ref:<6} {key.state:<8} {key.scheme} {law}, {key.tokenizer}: {key.issued_for}"
            )
        if not keys:
            self.stdout.write('No key yet: manage.py watermark keys --make "campaign C-1042"')

    def embed(self, options):
        key = key_by_ref(options["key"])
        if key.tokenizer != DEFAULT:
            raise CommandError(
                f"{key.ref} marks tokens of {key.tokenizer}: take its logits processor in the "
                f"process that serves that model (docs/watermarks.md). embed writes {DEFAULT} only."
            )
        if not 1 <= options["tokens"] <= 10**6:
            raise CommandError("--tokens: from 1 to 1,000,000")
        words = WORD.findall(options["text"].read_text(encoding="utf-8"))
        if len(words) < 1000:
            raise CommandError(f"{options['text']}: {len(words)} words; the model needs 1,000")
        lines = marked_lines(key, words, options["tokens"], options["seed"])
        text = "".join(f"{json.dumps({'text': line, 'key': key.ref})}\n" for line in lines)
        if options["out"]:
            options["out"].write_text(text, encoding="utf-8")
            told = {"key": key.ref, "lines": len(lines), "out": str(options["out"])}
            self.tell(options, told, f"{len(lines):,} lines marked with {key.ref}")
        else:
            self.stdout.write(text, ending="")

    def test(self, options):
        test = request_outputs_test(
            actor=None,
            name=options["name"],
            outputs=lines_of(options["outputs"]),
            marked=lines_of(options["marked"]) if options["marked"] else (),
            tokenizer=options["tokenizer"],
            keys=[key_by_ref(ref) for ref in dict.fromkeys(options["key"])] or None,
            with_retired=options["retired"],
        )
        job = self.see_through(test)
        if job.state != Job.State.DONE:
            raise CommandError(f"{test.ref} {job.state}: {job.error}")
        test.refresh_from_db()
        told = told_of(test)
        if options["json"]:
            self.stdout.write(json.dumps(told))
            return
        for row in told["results"][:SHOWN]:
            p = "not tested" if row["why"] else f"{row['log10_p']:.2f}"
            corrected = "" if row["why"] else f"corrected {row['log10_p_corrected']:.2f}, "
            self.stdout.write(
                f"{row['key']:<6} log10 p {p}, {corrected}{row['pairs']:,} pairs: "
                f"{row['why'] or row['finding'].replace('_', ' ')}"
            )
        for control in told["controls"]:
            self.stdout.write(
                f"wrong keys: {control['share_below_0.05']:.1%} of {control['keys']:,} below 0.05, "
                f"Kolmogorov–Smirnov p {control['ks_p']:.2g} ({control['name']})"
            )
        if not test.is_sound:
            self.stdout.write("The control is off: nothing can be concluded.")
        self.stdout.write(
            "A hit shows training on marked text; not who collected it, nor how much of it."
        )

    def see_through(self, test: SuspectTest) -> Job:
        """Work on the test here; where the desk's own worker has it, wait for that."""
        mine = Job.objects.filter(pk=test.job_id)
        while not (job := mine.get()).is_over:
            if not suspect_run.run_slice(mine):
                time.sleep(0.5)
        return job

    def tell(self, options, record: dict, words: str):
        self.stdout.write(json.dumps(record) if options["json"] else words)


def marked_lines(key: WatermarkKey, words: list[str], tokens: int, seed: int) -> list[str]:
    """Text of a small model trained on those words, each line of SEQUENCE words marked."""
    names, counts = np.unique(words, return_counts=True)
    kept = [str(name) for name in names[np.argsort(-counts, kind="stable")][:VOCABULARY]]
    place = {name: i for i, name in enumerate(kept)}
    columns = np.array([tokenize_with(key.tokenizer)(name)[0] for name in kept])
    model = TrigramModel(len(kept)).fit([place[word] for word in words if word in place])
    mark = WatermarkProcessor(*open_key(key), columns=columns)
    rows = -(-tokens // SEQUENCE)
    written = model.write(
        np.random.default_rng(seed), rows, min(tokens, SEQUENCE),
        lambda ids, scores: mark(columns[ids], scores),
    )  # fmt: skip
    return [" ".join(kept[i] for i in row) for row in written]


def lines_of(path: Path) -> list[Line]:
    """Raises WatermarkError, naming the first bad lines."""
    with open(path, "rb") as file:
        found = list(read_lines(file))
    bad = [line for line in found if isinstance(line, BadLine)]
    if bad:
        said = "; ".join(f"line {line.number}: {line.reason}" for line in bad[:5])
        raise WatermarkError(f"{path}: {len(bad):,} bad lines: {said}")
    return found


def told_of(test: SuspectTest) -> dict:
    results = test.results.select_related("key").order_by("log10_p", "pk")
    return {
        "test": test.ref,
        "name": test.name,
        "seed": test.seed,
        "sound": test.is_sound,
        "results": [
            {"key": r.key.ref, "issued_for": r.key.issued_for, "finding": r.finding,
             "log10_p": r.log10_p, "log10_p_corrected": r.log10_corrected, "pairs": r.rows,
             "sum": r.total, "z": r.z, "filtered": r.filtered, "why": r.problem}
            for r in results
        ],
        "controls": [
            {"name": c.name, "keys": len(c.ps), "share_below_0.05": c.below / len(c.ps),
             "ks_p": c.ks_p, "pairs": c.rows}
            for c in test.controls.order_by("name")
        ],
    }  # fmt: skip
