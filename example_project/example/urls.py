"""URLs of the API (``/api/``) and the admin (``/admin/``)."""

from django.contrib import admin
from django.urls import include, path
from shop.views import index

urlpatterns = [
    path("", index),
    path("api/", include("shop.urls")),
    path("admin/", admin.site.urls),
]

handler404 = "shop.errors.not_found"
handler500 = "shop.errors.server_error"
