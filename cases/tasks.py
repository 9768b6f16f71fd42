"""An id in, one service out. Run twice they change nothing more; lost, the next sweep does it."""

import contextlib

from celery import shared_task

from cases.errors import CaseError
from cases.services import (
    aftermath,
    arrivals,
    authorise,
    connect,
    deliver,
    drift,
    feeds,
    findings,
    group,
    hooks,
    lots,
    match_answer,
    match_ask,
    match_set,
    order_ends,
    order_plan,
    pool,
    preview,
    reliance,
    seal,
    share,
    submissions,
    waves,
)


@shared_task(acks_late=True, reject_on_worker_lost=True)
def group_new_signals():
    group.group_new_signals()


@shared_task(acks_late=True, reject_on_worker_lost=True)
def deliver_due_items():
    connect.probe_asked()
    deliver.deliver_due()


@shared_task(acks_late=True, reject_on_worker_lost=True)
def deliver_item(pk):
    deliver.deliver_item(pk)


@shared_task(acks_late=True, reject_on_worker_lost=True)
def tend_orders():
    order_ends.expire_unapproved()
    order_plan.watch_due()
    order_plan.tend_running()
    order_ends.ask_for_renewal()
    order_ends.end_what_lapses()


@shared_task(acks_late=True, reject_on_worker_lost=True)
def tell_hooks():
    hooks.tell_hooks()


@shared_task(acks_late=True, reject_on_worker_lost=True)
def mark_drift():
    drift.skip_reinstated()
    drift.mark_drift()


@shared_task(acks_late=True, reject_on_worker_lost=True)
def seal_waiting_packets():
    seal.seal_waiting()


@shared_task(acks_late=True, reject_on_worker_lost=True)
def attach_watermark_findings():
    findings.attach_findings()


@shared_task(acks_late=True, reject_on_worker_lost=True)
def seal_packet(pk):
    seal.seal_packet(pk)


@shared_task(acks_late=True, reject_on_worker_lost=True)
def run_regroup_previews():
    preview.count_hidden_daily()
    preview.run_waiting()
    reliance.tell_cases()


@shared_task(acks_late=True, reject_on_worker_lost=True)
def run_pool_tests():
    pool.run_waiting()


@shared_task(acks_late=True, reject_on_worker_lost=True)
def watch_for_waves():
    waves.open_waves()
    authorise.act_on_authorisations()
    aftermath.count_aftermaths()


@shared_task(acks_late=True, reject_on_worker_lost=True)
def draw_labels():
    with contextlib.suppress(CaseError):  # grouping is at work: the next sweep draws
        lots.draw_labels()


@shared_task(acks_late=True, reject_on_worker_lost=True)
def check_submissions():
    submissions.check_waiting()


@shared_task(acks_late=True, reject_on_worker_lost=True)
def check_submission(pk):
    submissions.check_submission(pk)


@shared_task(acks_late=True, reject_on_worker_lost=True)
def build_match_sets():
    match_set.build_waiting()


@shared_task(acks_late=True, reject_on_worker_lost=True)
def answer_matches():
    match_answer.answer_waiting()


@shared_task(acks_late=True, reject_on_worker_lost=True)
def ask_partners():
    match_ask.ask_waiting()


@shared_task(acks_late=True, reject_on_worker_lost=True)
def end_shares():
    share.end_shares()


@shared_task(acks_late=True, reject_on_worker_lost=True)
def read_arrivals():
    arrivals.read_arrivals()


@shared_task(acks_late=True, reject_on_worker_lost=True)
def exchange_with_partners():
    feeds.exchange_with_partners()
