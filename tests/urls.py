from __future__ import annotations

from django.urls import path

from . import views

urlpatterns = [
    path("hello/", views.hello),
    path("public/hello/", views.hello),
    path("fail/", views.fail),
    path("own-headers/", views.own_headers),
    path("stray-credentials/", views.stray_credentials),
    path("stream/", views.stream),
    path("async-stream/", views.async_stream),
    path("file/", views.file),
    path("vary/", views.vary),
    path("vary-star/", views.vary_star),
    path("async/", views.async_hello),
]
