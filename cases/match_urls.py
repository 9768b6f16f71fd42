from django.urls import path, register_converter

from cases import match_api


class Part:
    regex = "count|names"

    def to_python(self, value):
        return value

    to_url = to_python


register_converter(Part, "match_part")

app_name = "matching"
urlpatterns = [
    path("key/", match_api.key, name="key"),
    path("sets/<uuid:uid>/<match_part:part>", match_api.tags, name="tags"),
    path("sessions/<uuid:uid>/", match_api.session, name="session"),
    path("sessions/<uuid:uid>/evaluate/", match_api.evaluated, name="evaluate"),
]
