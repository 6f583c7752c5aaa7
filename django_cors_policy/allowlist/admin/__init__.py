"""The allowlist in Django's admin, for operators who do not know CORS."""

from django.contrib import admin

from ..models import AllowedOrigin, RefusedOrigin
from .allowed import AllowedOriginAdmin
from .forms import AllowedOriginForm
from .refused import RefusedOriginAdmin

__all__ = ["AllowedOriginAdmin", "AllowedOriginForm", "RefusedOriginAdmin"]

admin.site.register(AllowedOrigin, AllowedOriginAdmin)
admin.site.register(RefusedOrigin, RefusedOriginAdmin)
