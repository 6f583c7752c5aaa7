from __future__ import annotations

from django.urls import path

from tests.browsers import views

urlpatterns = [
    path("api/items/", views.items),
    path("api/login/", views.login),
    path("api/failing/", views.failing),
    path("api/moved/", views.moved),
    path("api/cacheable/", views.cacheable),
    path("api/stream/", views.stream),
    path("api/download/", views.download),
    path("api/decorated/", views.decorated),
    path("api/neighbour/", views.items),
    path("api/orders/", views.Orders.as_view()),
    path("api/transfer/", views.Transfer.as_view()),
    path("api/shared/", views.Shared.as_view()),
    path("api/closed-delete/", views.ClosedDelete.as_view()),
    path("api/hidden/", views.hidden),
]
