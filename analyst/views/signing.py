"""Public keys of packets, for anybody: whoever holds a packet may check whose it is."""

from django.http import HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_GET

from cases.models import SigningKey
from cases.services.signing import public_pem


@require_GET
def keys(request):
    return JsonResponse(
        {
            "algorithm": "Ed25519",
            "keys": [
                {
                    "key_id": key.key_id,
                    "pem": request.build_absolute_uri(reverse("signing-key", args=[key.key_id])),
                    "created_at": key.created_at,
                    "retired_at": key.retired_at,
                }
                for key in SigningKey.objects.order_by("-created_at", "-pk")
            ],
        }
    )


@require_GET
def key(request, key_id):
    found = get_object_or_404(SigningKey, key_id=key_id)
    return HttpResponse(public_pem(found.public_key), content_type="application/x-pem-file")
