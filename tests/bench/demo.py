"""Does the whole path find what was planted, and nobody else? `python -m tests.bench.demo [SEED…]`

For each seed: simulate two weeks of traffic, detect, group, compare with the truth, on a scratch
database. One JSON line a figure.
"""

import contextlib
import io
import json
import os
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "analyst.settings")
SEEDS = (1, 2, 3)


def run(seed: int) -> dict:
    """What analyst.demo_report.compare says of one seed."""
    from django.conf import settings
    from django.core.management import call_command
    from django.test.runner import DiscoverRunner

    from analyst import embedded
    from analyst.demo_report import compare
    from cases.models import Member
    from ingest.simulate import simulate

    if settings.EMBEDDED_POSTGRES:
        embedded.start_postgres(settings.VAR)
    settings.DATABASES["default"].setdefault("TEST", {})["NAME"] = f"bench_demo_{seed}"
    runner = DiscoverRunner(verbosity=0, interactive=False)
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stderr(io.StringIO()):
        databases = runner.setup_databases()
        try:
            simulate(Path(folder), seed=seed)
            call_command("detect", f"{folder}/requests.parquet", stdout=io.StringIO())
            call_command("group", stdout=io.StringIO())
            members = (
                Member.objects.current()
                .filter(case__merged_into=None)
                .values_list("account__external_id", "case__number", "probability", "tier")
            )
            rows = [(name, f"C-{number}", p, tier) for name, number, p, tier in members]
            return compare(json.loads(Path(folder, "truth.json").read_text()), rows)
        finally:
            runner.teardown_databases(databases)


def figures(seed: int, report: dict):
    """(name, value, unit, limit, ok) of one seed."""
    yield f"demo_{seed}_missed_whole", len(report["missed_whole"]), "campaigns", 0
    yield f"demo_{seed}_mixed_cases", len(report["mixed_cases"]), "cases", 0
    yield f"demo_{seed}_lookalike_share", report["lookalike_share_of_members"], "of members", 0.03
    yield f"demo_{seed}_recall", report["recall"], "of campaign accounts", None
    yield f"demo_{seed}_pairwise_f1", report["pairwise"]["f1"], "F1", None


def main(seeds) -> int:
    import django

    django.setup()
    good = True
    for seed in seeds:
        begin = time.monotonic()
        report = run(seed)
        for name, value, unit, limit in figures(seed, report):
            ok = limit is None or value <= limit
            good &= ok
            line = {"name": name, "value": value, "unit": unit, "limit": limit, "ok": ok}
            print(json.dumps(line), flush=True)
        print(f"seed {seed}: {time.monotonic() - begin:.0f} s, {report}", file=sys.stderr)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main([int(seed) for seed in sys.argv[1:]] or SEEDS))
