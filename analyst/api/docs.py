"""The OpenAPI text and a page to read it, for whoever has a role at the desk."""

from django.contrib.auth.decorators import login_required
from django.utils.decorators import method_decorator
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.permissions import IsAuthenticated
from rest_framework.renderers import JSONRenderer

from analyst.access import desk_for_reading
from analyst.api.door import DeskSession
from analyst.api.errors import answer


class Readable:
    """Opens to roles only, and refuses as the other doors do."""

    authentication_classes = (DeskSession,)
    permission_classes = (IsAuthenticated,)
    metadata_class = None

    def get_exception_handler(self):
        return answer

    def initial(self, request, *args, **kwargs):
        super().initial(request, *args, **kwargs)
        desk_for_reading(request.user)

    def handle_exception(self, exc):
        self.request.accepted_renderer = JSONRenderer()
        self.request.accepted_media_type = JSONRenderer.media_type
        return super().handle_exception(exc)


class Schema(Readable, SpectacularAPIView):
    pass


@method_decorator(login_required, name="dispatch")
class Docs(Readable, SpectacularSwaggerSplitView):
    """Swagger UI whose script is a file of ours, so that the desk's policy holds."""

    template_name = "analyst/api_docs.html"
