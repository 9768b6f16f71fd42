from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from analyst.access import case_for_reading
from analyst.api.door import DeskAPI
from analyst.api.errors import documented
from cases.models import Member
from cases.services.explain_chain import Chain, chain_between
from cases.services.explain_member import explain
from cases.services.explain_words import chain_words, membership_data
from cases.services.group_words import attribute_name

ACCOUNT = (
    "the platform's id of the account; one that holds other characters than letters, digits and "
    "_ . @ : + - as ~ and the base64url of its UTF-8 bytes"
)


def account_in_path(name: str) -> OpenApiParameter:
    return OpenApiParameter(name, str, OpenApiParameter.PATH, description=ACCOUNT)


class Without(serializers.Serializer):
    """What the account would be, the same sum taken again against the same voters."""

    probability = serializers.FloatField()
    tied = serializers.BooleanField(help_text="by evidence of two domains still")
    leaves = serializers.BooleanField(help_text="not tied, or below 0.20")


class FamilyTold(serializers.Serializer):
    family = serializers.CharField()
    bits = serializers.FloatField(help_text="what counts")
    bits_before_cap = serializers.FloatField()
    cap = serializers.FloatField()
    capped = serializers.BooleanField()
    without = Without()


class TermTold(serializers.Serializer):
    family = serializers.CharField()
    kind = serializers.CharField(help_text="empty: a detector's observation about a cluster")
    name = serializers.CharField(help_text="as the screens say it; a template by its number")
    shared_with = serializers.IntegerField(
        help_text="other organisations that vote in the case and carry it"
    )
    carriers = serializers.FloatField(allow_null=True, help_text="d(v)")
    population = serializers.FloatField(allow_null=True, help_text="N")
    counted_in = serializers.ChoiceField(
        ("accounts", "organisations"), allow_null=True, help_text="what d and N count"
    )
    rarity_bits = serializers.FloatField(help_text="log2(0.9 · N / d), or the p-value's")
    bits_here = serializers.FloatField(help_text="against the case's voters")
    adds = serializers.FloatField(help_text="after the looks, among those of its kind")
    counts = serializers.BooleanField(
        help_text="false: another kind of the family is stronger and speaks for it"
    )
    without = Without(allow_null=True, help_text="null: not among the twelve that add most")


class MembershipTold(serializers.Serializer):
    account = serializers.CharField()
    sentence = serializers.CharField()
    stored_probability = serializers.FloatField(help_text="of the last grouping run")
    worked_out = serializers.BooleanField(
        help_text="false: another method or a person said it, and there are no terms"
    )
    probability = serializers.FloatField(
        allow_null=True, help_text="from the facts as they are now"
    )
    prior = serializers.FloatField(allow_null=True)
    prior_bits = serializers.FloatField(allow_null=True)
    held_bits = serializers.FloatField(
        allow_null=True, help_text="below 0 where it is held at possible"
    )
    voters = serializers.IntegerField(
        allow_null=True, help_text="organisations that vote in the case, its own left out"
    )
    families = FamilyTold(many=True)
    terms = TermTold(many=True)
    method = serializers.CharField()
    as_of = serializers.DateTimeField()


class Explanation(DeskAPI):
    @extend_schema(
        operation_id="explain_member",
        tags=["members"],
        summary="Why an account belongs, and what it would be without each part",
        description="The bits of the prior, the families and held add up to the log2-odds.",
        parameters=[account_in_path("external_id")],
        responses={200: MembershipTold, **documented(401, 404)},
    )
    def get(self, request, ref, external_id):
        told = explain(_member(request, ref, external_id))
        return Response(MembershipTold(membership_data(told)).data)


class HopTold(serializers.Serializer):
    start = serializers.CharField()
    end = serializers.CharField()
    kind = serializers.CharField(help_text="empty: one organisation owns both, which is no tie")
    name = serializers.CharField()
    carriers = serializers.IntegerField(allow_null=True)
    population = serializers.IntegerField(allow_null=True)
    bits = serializers.FloatField()
    also = serializers.ListField(
        child=serializers.CharField(), help_text="what else both carry, the rarest first"
    )


class ChainTold(serializers.Serializer):
    found = serializers.BooleanField(help_text="false: no stored tie leads there")
    says = serializers.CharField()
    hops = HopTold(many=True)
    links = serializers.IntegerField(help_text="stored ties that were looked at")
    cut = serializers.BooleanField(help_text="true: only the rarest were")


class ChainOfTies(DeskAPI):
    @extend_schema(
        operation_id="chain_members",
        tags=["members"],
        summary="The shortest chain of ties between two members",
        description="A step costs 1 / bits of the value that both its ends carry.",
        parameters=[account_in_path("external_id"), account_in_path("other_id")],
        responses={200: ChainTold, **documented(401, 404)},
    )
    def get(self, request, ref, external_id, other_id):
        first = _member(request, ref, external_id, left_at=None)
        second = _member(request, ref, other_id, left_at=None)
        chain = chain_between(first.case, start=first.account, end=second.account)
        return Response(ChainTold(_chain_data(chain)).data)


def _member(request, ref: str, external_id: str, **more) -> Member:
    case = case_for_reading(request.user, ref)
    rows = Member.objects.select_related("account", "case")
    return get_object_or_404(rows, case=case, account__external_id=external_id, **more)


def _chain_data(chain: Chain) -> dict:
    return {
        "found": chain.hops is not None,
        "says": chain_words(chain),
        "links": chain.links,
        "cut": chain.cut,
        "hops": [
            {
                "start": hop.start.external_id,
                "end": hop.end.external_id,
                "kind": hop.attribute.kind if hop.attribute else "",
                "name": attribute_name(hop.attribute) if hop.attribute else "",
                "carriers": hop.attribute and hop.attribute.accounts,
                "population": hop.attribute and hop.attribute.population,
                "bits": hop.bits,
                "also": [attribute_name(value) for value in hop.also],
            }
            for hop in chain.hops or []
        ],
    }
