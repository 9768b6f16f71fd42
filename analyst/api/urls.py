from django.urls import path, re_path

from analyst.api import (
    cases,
    decisions,
    detectors,
    docs,
    explain,
    members,
    notes,
    previews,
    timeline,
    withdrawals,
)
from analyst.api.door import Nothing

urlpatterns = [
    path("v1/cases/", cases.Cases.as_view(), name="api-cases"),
    path("v1/cases/<str:ref>/", cases.OneCase.as_view(), name="api-case"),
    path("v1/cases/<str:ref>/claim/", cases.Claim.as_view(), name="api-claim"),
    path("v1/cases/<str:ref>/release/", cases.Release.as_view(), name="api-release"),
    path("v1/cases/<str:ref>/escalate/", cases.Escalate.as_view(), name="api-escalate"),
    path("v1/cases/<str:ref>/reopen/", cases.Reopen.as_view(), name="api-reopen"),
    path("v1/cases/<str:ref>/members/", members.Members.as_view(), name="api-members"),
    path(
        "v1/cases/<str:ref>/members/<account:external_id>/explanation/",
        explain.Explanation.as_view(), name="api-member-explanation",
    ),
    path(
        "v1/cases/<str:ref>/members/<account:external_id>/chain/<account:other_id>/",
        explain.ChainOfTies.as_view(), name="api-member-chain",
    ),
    path("v1/cases/<str:ref>/timeline/", timeline.Timeline.as_view(), name="api-timeline"),
    path("v1/cases/<str:ref>/decisions/", decisions.Decisions.as_view(), name="api-decisions"),
    path("v1/cases/<str:ref>/notes/", notes.Notes.as_view(), name="api-notes"),
    path("v1/detectors/", detectors.Detectors.as_view(), name="api-detectors"),
    path("v1/detectors/<slug:slug>/", detectors.OneDetector.as_view(), name="api-detector"),
    path("v1/withdrawals/", withdrawals.Withdrawals.as_view(), name="api-withdrawals"),
    path(
        "v1/withdrawals/<int:pk>/relied-on/",
        withdrawals.ReliedOn.as_view(),
        name="api-relied-on",
    ),
    path("v1/previews/<int:pk>/", previews.Preview.as_view(), name="api-preview"),
    path("v1/previews/<int:pk>/cases/", previews.PreviewCases.as_view(), name="api-preview-cases"),
    path("schema/", docs.Schema.as_view(), name="schema"),
    path("docs/", docs.Docs.as_view(url_name="schema"), name="api-docs"),
    re_path(r"", Nothing.as_view()),
]  # fmt: skip
