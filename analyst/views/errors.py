"""Error pages; under /api/ the same in JSON."""

from django.http import HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string


def is_machine(request) -> bool:
    return request.path.startswith("/api/")


def bad_request(request, exception):
    if is_machine(request):
        return JsonResponse({"error": "The request could not be understood."}, status=400)
    # no context processors: the request may have no user yet, and its host cannot be trusted
    return HttpResponse(render_to_string("400.html"), status=400)


def forbidden(request, exception):
    if is_machine(request):
        return JsonResponse({"error": str(exception) or "Not allowed."}, status=403)
    return render(request, "403.html", {"reason": str(exception)}, status=403)


def csrf_failure(request, reason=""):
    return forbidden(request, "This form had expired. Go back, reload the page and send it again.")


def not_found(request, exception):
    if is_machine(request):
        return JsonResponse({"error": "There is nothing at this address."}, status=404)
    return render(request, "404.html", status=404)


def broken(request):
    if is_machine(request):
        return JsonResponse(
            {"error": "The desk could not finish this. The error was logged; try again."},
            status=500,
        )
    return HttpResponse(render_to_string("500.html"), status=500)
