from django.urls import path

from ingest import api

app_name = "ingest"
urlpatterns = [
    path("signals/", api.Signals.as_view(), name="signals"),
    path("signals/schema/", api.SignalSchema.as_view(), name="signal-schema"),
    path("platform-states/", api.PlatformStates.as_view(), name="platform-states"),
    path("census/", api.Census.as_view(), name="census"),
]
