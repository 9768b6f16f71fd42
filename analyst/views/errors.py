from django.shortcuts import render


def not_found(request, exception):
    return render(request, "404.html", status=404)


def forbidden(request, exception):
    return render(request, "403.html", {"reason": str(exception)}, status=403)


def csrf_failure(request, reason=""):
    context = {"reason": "This form had expired. Go back, reload the page and send it again."}
    return render(request, "403.html", context, status=403)


def broken(request):
    return render(request, "500.html", status=500)
