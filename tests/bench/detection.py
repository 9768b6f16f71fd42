"""Detection and grouping on labelled logs from outside: BENCH_DATA=folder, python -m this module.

The folder holds a log (requests.parquet or requests.jsonl) with truth.csv, or a builder and a
scorer (build_dev_log.py, score.py): then the log is built into a temporary folder. Without a
score.py in it the two account figures are counted here, and the figures about cases left out.
Prints one JSON line a figure; none has a limit, since nothing may be fitted to these labels.
"""

import csv
import io
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "analyst.settings")
BENIGN_SHARE = 0.01


def main() -> int:
    given = os.environ.get("BENCH_DATA")
    if not given:
        note("detection: BENCH_DATA names no folder, so the figures on labelled data are left out")
        return 0
    folder = Path(given)
    with tempfile.TemporaryDirectory() as scratch:
        log, truth = find_log(folder, Path(scratch))
        if log is None:
            note(f"detection: {folder} has neither a log with truth.csv nor build_dev_log.py")
            return 1
        scores, cases = Path(scratch, "scores.csv"), Path(scratch, "cases.csv")
        seconds = answer(log, scores, cases)
        print_figure("detection_seconds", seconds, "s")
        scorer = folder / "score.py"
        if scorer.exists():
            report_scored(scorer, truth, scores, cases)
        else:
            auc, recall = account_figures(truth, scores)
            print_figure("detection_roc_auc", auc, "ROC-AUC")
            print_figure("detection_recall_at_1_percent", recall, "of campaign accounts")
            note(f"detection: no score.py in {folder}, so the figures about cases are left out")
    return 0


def find_log(folder: Path, scratch: Path) -> tuple[Path | None, Path | None]:
    """The log and its truth, built first where only a builder is there."""
    for place in (folder, scratch / "log"):
        if place != folder:
            builder = folder / "build_dev_log.py"
            if not builder.exists():
                break
            note("detection: building the log")
            subprocess.run(
                [sys.executable, builder, "--out", place], check=True, stdout=subprocess.DEVNULL
            )
        for name in ("requests.parquet", "requests.jsonl"):
            if (place / name).exists() and (place / "truth.csv").exists():
                return place / name, place / "truth.csv"
    return None, None


def answer(log: Path, scores: Path, cases: Path) -> float:
    """Detect, group and export on a scratch database. Returns the seconds that it took."""
    import django

    django.setup()
    from django.conf import settings
    from django.core.management import call_command
    from django.test.runner import DiscoverRunner

    from analyst import embedded

    if settings.EMBEDDED_POSTGRES:
        embedded.start_postgres(settings.VAR)
    settings.DATABASES["default"].setdefault("TEST", {})["NAME"] = f"bench_detection_{os.getpid()}"
    runner = DiscoverRunner(verbosity=0, interactive=False)
    databases = runner.setup_databases()
    try:
        begin = time.monotonic()
        call_command("detect", str(log), scores=scores, stdout=sys.stderr)
        call_command("group", stdout=io.StringIO())
        seconds = time.monotonic() - begin
        call_command("export_members", format="csv", out=str(cases))
    finally:
        runner.teardown_databases(databases)
    return seconds


def report_scored(scorer: Path, truth: Path, scores: Path, cases: Path) -> None:
    told = subprocess.run(
        [sys.executable, scorer, "--truth", truth, "--scores", scores, "--cases", cases],
        check=True,
        capture_output=True,
        text=True,
    )
    report = json.loads(told.stdout)
    print(told.stdout, file=sys.stderr)
    account, grouped = report["scores"], report["cases"]
    at_rate = account["at_1_percent_benign_false_positives"]
    print_figure("detection_roc_auc", account["roc_auc"], "ROC-AUC")
    print_figure("detection_recall_at_1_percent", at_rate["recall"], "of campaign accounts")
    print_figure("detection_hazards_flagged_there", at_rate["hazard_flag_rate"], "of hazards")
    print_figure("grouping_pairwise_f1", grouped["pairwise"]["f1"], "F1")
    with open(cases, encoding="utf-8", newline="") as file:
        members = {row["account_id"] for row in csv.DictReader(file)}
    hazards = [name for name, label in labels_of(truth).items() if label == "hazard"]
    share = sum(name in members for name in hazards) / max(1, len(hazards))
    print_figure("grouping_hazards_in_any_case", share, "of hazards")


def labels_of(truth: Path) -> dict[str, str]:
    with open(truth, encoding="utf-8", newline="") as file:
        return {row["account_id"]: row["label"] for row in csv.DictReader(file)}


def account_figures(truth: Path, scores: Path) -> tuple[float, float]:
    """ROC-AUC of campaign against all others, and recall where 1 % of the benign are flagged."""
    from scipy.stats import rankdata

    labels = labels_of(truth)
    with open(scores, encoding="utf-8", newline="") as file:
        given = {row["account_id"]: float(row["score"]) for row in csv.DictReader(file)}
    label = np.array(list(labels.values()))
    value = np.array([given.get(name, -np.inf) for name in labels])
    campaign, benign = label == "campaign", np.sort(value[label == "benign"])[::-1]
    rank, wins = rankdata(value), campaign.sum()
    auc = (rank[campaign].sum() - wins * (wins + 1) / 2) / (wins * (~campaign).sum())
    threshold = benign[int(BENIGN_SHARE * len(benign))]
    return float(auc), float((value[campaign] > threshold).mean())


def print_figure(name: str, value: float, unit: str) -> None:
    line = {"name": name, "value": round(value, 4), "unit": unit, "limit": None, "ok": True}
    print(json.dumps(line), flush=True)


def note(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
