from django.db import connection
from django.http import JsonResponse


def healthz(request):
    """200 while the database answers; 503 comes from the middleware otherwise."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return JsonResponse({"status": "ok"})
