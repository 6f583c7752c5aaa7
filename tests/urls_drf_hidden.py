"""A decorator where ``@api_view`` hides it."""

from __future__ import annotations

from django.urls import path
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response

from .urls_decorated import partner_only


@api_view(["GET", "PUT"])
@partner_only
def below_api_view(request: Request) -> Response:
    return Response({})


urlpatterns = [path("below/", below_api_view)]
