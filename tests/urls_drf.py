"""Every way to decorate a view of Django REST framework."""

from __future__ import annotations

from django.urls import include, path
from django.utils.decorators import method_decorator
from rest_framework import generics, serializers
from rest_framework.decorators import action, api_view
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import SimpleRouter
from rest_framework.views import APIView
from rest_framework.viewsets import ViewSet

from django_cors_policy.decorators import cors_policy, same_origin_only

from .urls_decorated import partner_only


class PlainAPI(APIView):
    authentication_classes = ()
    permission_classes = ()

    def get(self, request: Request) -> Response:
        return Response({})

    def put(self, request: Request) -> Response:
        return Response({})


@partner_only
class OnAPIView(PlainAPI):
    pass


class OnAPIViewMethod(PlainAPI):
    @partner_only
    def put(self, request: Request) -> Response:
        return super().put(request)


@method_decorator(partner_only, name="dispatch")
class OnAPIViewDispatch(PlainAPI):
    pass


@partner_only
class OnGenericView(generics.RetrieveUpdateAPIView):
    authentication_classes = ()
    permission_classes = ()
    serializer_class = serializers.Serializer

    def get_object(self) -> object:
        return object()

    def perform_update(self, serializer: serializers.Serializer) -> None:
        """Keep nothing: the answer's headers are what matters."""


class Orders(ViewSet):
    authentication_classes = ()
    permission_classes = ()

    @cors_policy("public")
    def list(self, request: Request) -> Response:
        return Response([])

    @partner_only
    def update(self, request: Request, pk: str) -> Response:
        return Response({})

    def destroy(self, request: Request, pk: str) -> Response:
        return Response({})

    @action(detail=True, methods=["post"])
    @partner_only
    def ship(self, request: Request, pk: str) -> Response:
        return Response({})

    @partner_only
    @action(detail=True, methods=["post"])
    def bill(self, request: Request, pk: str) -> Response:
        return Response({})

    @bill.mapping.delete
    def unbill(self, request: Request, pk: str) -> Response:
        return Response({})

    @action(detail=True, methods=["post"])
    def plain(self, request: Request, pk: str) -> Response:
        return Response({})


@same_origin_only
class ClosedOrders(Orders):
    pass


@method_decorator(partner_only, name="dispatch")
class DispatchedOrders(Orders):
    pass


@partner_only
@api_view(["GET", "PUT"])
def above_api_view(request: Request) -> Response:
    return Response({})


@api_view(["GET", "PUT"])
def plain_api_view(request: Request) -> Response:
    return Response({})


router = SimpleRouter()
router.register("orders", Orders, basename="orders")
router.register("closed-orders", ClosedOrders, basename="closed-orders")
router.register("dispatched-orders", DispatchedOrders, basename="dispatched-orders")

urlpatterns = [
    path("api-view/", OnAPIView.as_view()),
    path("api-view-method/", OnAPIViewMethod.as_view()),
    path("api-view-dispatch/", OnAPIViewDispatch.as_view()),
    path("around-api-view/", partner_only(PlainAPI.as_view())),
    path("plain-api-view/", PlainAPI.as_view()),
    path("generic/", OnGenericView.as_view()),
    path("above/", above_api_view),
    path("plain/", plain_api_view),
    path("around-view-set/", partner_only(ClosedOrders.as_view({"get": "list"}))),
    path("", include(router.urls)),
]
