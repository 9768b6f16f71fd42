from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import FileResponse, Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from analyst.access import case_for_reading, case_for_sharing, packet_for_reading
from analyst.regroup import marks_of
from analyst.views.case import head_of
from cases.errors import CaseError
from cases.evidence.profiles import PROFILES
from cases.evidence.sheets import to_json
from cases.models import EvidencePacket
from cases.services.appeal import granted_about
from cases.services.seal import custody_of, record_download, request_packet
from ingest.models import Job

SHOWN = 100


@require_http_methods(["GET", "POST"])
@login_required
def request(request, ref):
    """The packets of a case; posted: ask for a new one."""
    if request.method == "POST":
        case = case_for_sharing(request.user, ref)
        try:
            profile = request.POST.get("profile", EvidencePacket.Profile.INTERNAL)
            packet = request_packet(case, actor=request.user, profile=profile)
        except CaseError as error:
            return _list(request, case, refusal=str(error))
        return redirect("analyst:case-packet", pk=packet.pk)
    return _list(request, case_for_reading(request.user, ref))


@require_GET
@login_required
def packet(request, pk):
    """A packet, or how far its sealing is. ?part=progress alone for polling."""
    packet = packet_for_reading(request.user, pk)
    final = packet.job.state in (Job.State.DONE, Job.State.FAILED)
    leaves_out = PROFILES[packet.profile].leaves_out
    context = {"packet": packet, "job": packet.job, "final": final, "leaves_out": leaves_out}
    if request.GET.get("part") == "progress":
        response = render(request, "analyst/_packet_progress.html", context)
        if final:
            response["HX-Refresh"] = "true"  # the download has come with it
        return response
    context["relies"] = marks_of("packet", packet.pk)
    context["appealed"] = granted_about("packets", packet.pk)
    return render(request, "analyst/packet.html", head_of(request, packet.case) | context)


@require_POST
@login_required
def download(request, pk):
    """The sealed file. Who took it is written down before it is given."""
    packet = packet_for_reading(request.user, pk)
    case_for_sharing(request.user, packet.case.ref)
    if not packet.file or not packet.sealed_at:
        messages.error(request, "This packet is not sealed yet.")
        return redirect("analyst:case-packet", pk=packet.pk)
    try:
        file = packet.file.open("rb")
    except FileNotFoundError:
        raise Http404("The packet's file is gone from the store.") from None
    record_download(packet, actor=request.user)
    name = f"{packet.case.ref}-packet-{packet.pk}.zip"
    response = FileResponse(file, as_attachment=True, filename=name, content_type="application/zip")
    response["X-Content-Type-Options"] = "nosniff"
    return response


@require_GET
@login_required
def custody(request, pk):
    """What became of this packet, until now, as JSON lines: it lies beside the sealed file."""
    packet = packet_for_reading(request.user, pk)
    lines = "".join(to_json(row) + "\n" for row in custody_of(packet))
    response = HttpResponse(lines, content_type="application/jsonl")
    name = f"{packet.case.ref}-packet-{packet.pk}-custody.jsonl"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _list(request, case, *, refusal=""):
    context = head_of(request, case) | {
        "rows": case.packets.select_related("job", "requested_by", "signed_by")[:SHOWN],
        "refusal": refusal,
        "profiles": [(name, PROFILES[name].leaves_out) for name in EvidencePacket.Profile],
    }
    status = 422 if refusal else 200
    return render(request, "analyst/packets.html", context, status=status)
