from django.contrib.auth.views import LoginView, LogoutView
from django.urls import include, path, register_converter

from analyst.converters import AccountId, MemberId
from analyst.views import (
    accounts,
    actions,
    case,
    decide,
    detectors,
    explain,
    health,
    operators,
    packets,
    palette,
    queue,
    reshape,
    sampling,
    saved,
    sharing,
    suspects,
)

handler400 = "analyst.views.errors.bad_request"
handler403 = "analyst.views.errors.forbidden"
handler404 = "analyst.views.errors.not_found"
handler500 = "analyst.views.errors.broken"

register_converter(AccountId, "account")
register_converter(MemberId, "member")

desk = [
    path("", queue.queue, name="queue"),
    path("take-next/", queue.take_next_case, name="queue-take-next"),
    path("bulk/", queue.bulk, name="queue-bulk"),
    path("views/", saved.save, name="view-save"),
    path("views/<int:pk>/forget/", saved.forget, name="view-forget"),
    path("cases/<str:ref>/", case.case, name="case"),
    path("cases/<str:ref>/members/", case.members, name="case-members"),
    path("cases/<str:ref>/timeline/", case.timeline, name="case-timeline"),
    path("cases/<str:ref>/figures/<slug:name>.json", case.figure, name="case-figure"),
    path("cases/<str:ref>/figures/<slug:name>.csv", case.figure_csv, name="case-figure-csv"),
    path("cases/<str:ref>/notes/", decide.note, name="case-note"),
    path("cases/<str:ref>/samples/", decide.reveal, name="case-reveal"),
    path("cases/<str:ref>/claim/", decide.claim_case, name="case-claim"),
    path("cases/<str:ref>/release/", decide.release_case, name="case-release"),
    path("cases/<str:ref>/snooze/", decide.snooze_case, name="case-snooze"),
    path("cases/<str:ref>/decide/", decide.decide, name="case-decide"),
    path("cases/<str:ref>/escalate/", decide.escalate_case, name="case-escalate"),
    path("cases/<str:ref>/reopen/", decide.reopen_case, name="case-reopen"),
    path("cases/<str:ref>/members/judge/", decide.judge, name="case-judge"),
    path("cases/<str:ref>/members/<member:external_id>/", explain.member, name="case-member"),
    path("cases/<str:ref>/chain/", explain.chain, name="case-chain"),
    path("cases/<str:ref>/sample/", sampling.draw, name="case-sample"),
    path("cases/<str:ref>/sample/read/", sampling.read, name="case-sample-read"),
    path("cases/<str:ref>/sample/read/prompts/", sampling.reveal, name="case-sample-reveal"),
    path("cases/<str:ref>/sample/finish/", sampling.finish, name="case-sample-finish"),
    path("cases/<str:ref>/sample/second/", sampling.assign, name="case-sample-second"),
    path("cases/<str:ref>/sample/stop/", sampling.stop, name="case-sample-stop"),
    path("cases/<str:ref>/split/", reshape.split, name="case-split"),
    path("cases/<str:ref>/merge/", reshape.merge, name="case-merge"),
    path("cases/<str:ref>/undo/<int:pk>/", reshape.undo, name="case-undo"),
    path("cases/<str:ref>/decline/<int:pk>/", reshape.decline, name="case-decline"),
    path("cases/<str:ref>/operator/", operators.link, name="case-operator"),
    path("operators/<int:pk>/", operators.operator, name="operator"),
    path("cases/<str:ref>/act/", actions.order, name="case-act"),
    path("cases/<str:ref>/share/", sharing.prepare, name="case-share"),
    path("cases/<str:ref>/packets/", packets.request, name="case-packets"),
    path("packets/<int:pk>/", packets.packet, name="case-packet"),
    path("packets/<int:pk>/file/", packets.download, name="case-packet-file"),
    path("accounts/", accounts.accounts, name="accounts"),
    path(
        "accounts/<account:external_id>/figures/<slug:name>.json",
        accounts.figure, name="account-figure",
    ),
    path("accounts/<account:external_id>/", accounts.account, name="account"),
    path("actions/", actions.actions, name="actions"),
    path("actions/<str:ref>/", actions.action, name="action"),
    path("actions/<str:ref>/review/", actions.review, name="action-review"),
    path("actions/<str:ref>/cancel/", actions.cancel, name="action-cancel"),
    path("sharing/", sharing.sharing, name="sharing"),
    path("sharing/<int:pk>/", sharing.share, name="share"),
    path("sharing/<int:pk>/review/", sharing.review, name="share-review"),
    path("sharing/<int:pk>/file/", sharing.download, name="share-file"),
    path("suspects/", suspects.suspects, name="suspects"),
    path("suspects/new/", suspects.new, name="suspect-new"),
    path("suspects/keys/", suspects.keys, name="suspect-keys"),
    path("suspects/keys/<str:ref>/retire/", suspects.retire, name="suspect-key-retire"),
    path("suspects/<str:ref>/", suspects.suspect, name="suspect"),
    path("suspects/<str:ref>/keys.csv", suspects.results_csv, name="suspect-csv"),
    path("suspects/<str:ref>/cancel/", suspects.cancel, name="suspect-cancel"),
    path("detectors/", detectors.detectors, name="detectors"),
    path("detectors/<slug:slug>/", detectors.detector, name="detector"),
    path(
        "detectors/<slug:slug>/figures/<slug:name>.json",
        detectors.figure, name="detector-figure",
    ),
    path(
        "detectors/<slug:slug>/figures/<slug:name>.csv",
        detectors.figure_csv, name="detector-figure-csv",
    ),
    path("palette/", palette.palette, name="palette"),
    path("keys/", palette.keys, name="keys"),
]  # fmt: skip

urlpatterns = [
    path("", include((desk, "analyst"))),
    path("login/", LoginView.as_view(redirect_authenticated_user=True), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("healthz", health.healthz, name="healthz"),
    path("api/v1/", include("ingest.urls")),
    path("api/", include("analyst.api.urls")),
]
