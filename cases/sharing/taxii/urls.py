from django.urls import path, re_path

from . import views

app_name = "taxii"
COLLECTION = "desk/collections/<str:pk>/"
urlpatterns = [
    path("", views.Discovery.as_view(), name="discovery"),
    path("desk/", views.Root.as_view(), name="root"),
    path("desk/status/<str:pk>/", views.Status.as_view(), name="status"),
    path("desk/collections/", views.Collections.as_view(), name="collections"),
    path(COLLECTION, views.OneCollection.as_view(), name="collection"),
    path(f"{COLLECTION}manifest/", views.Manifest.as_view(), name="manifest"),
    path(f"{COLLECTION}objects/", views.Objects.as_view(), name="objects"),
    path(f"{COLLECTION}objects/<str:object_id>/", views.OneObject.as_view(), name="object"),
    path(
        f"{COLLECTION}objects/<str:object_id>/versions/", views.Versions.as_view(), name="versions"
    ),
    re_path(".+", views.Nothing.as_view()),
]
