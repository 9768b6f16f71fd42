from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from analyst.access import case_for_deciding, case_for_reading
from analyst.api.door import DeskAPI
from analyst.api.errors import READING, WRITING, documented
from analyst.api.paging import Falling, Key, paged
from analyst.api.serializers import NoteBody, NotePage, NoteRow
from cases.services.note import add_note

NEWEST_FIRST = Falling(tuple[Key], "id")


class NoteQuery(paged(size=50, most=200)):
    pass


class Notes(DeskAPI):
    @extend_schema(
        operation_id="list_notes",
        tags=["notes"],
        summary="Notes, newest first",
        parameters=[NoteQuery],
        responses={200: NotePage, **documented(*READING)},
    )
    def get(self, request, ref):
        case = case_for_reading(request.user, ref)
        asked = NoteQuery.of(request.query_params)
        rows = case.notes.select_related("author")
        found, following = NEWEST_FIRST.page(rows, request, asked)
        return Response({"next": following, "results": NoteRow(found, many=True).data})

    @extend_schema(
        operation_id="add_note",
        tags=["notes"],
        summary="Write a note",
        request=NoteBody,
        responses={201: NoteRow, **documented(*(s for s in WRITING if s != 409))},
    )
    def post(self, request, ref):
        case = case_for_deciding(request.user, ref)
        body = NoteBody.of(request.data)
        note = add_note(case, actor=request.user, **body)
        return Response(NoteRow(note).data, status=201)
