"""Error responses as JSON, for scripts."""

from __future__ import annotations

from django.http import HttpRequest, JsonResponse


class ApiError(Exception):
    """Ends a view with this status and message."""

    def __init__(self, status: int, message: str, **more: object) -> None:
        super().__init__(message)
        self.response = JsonResponse({"error": message, **more}, status=status)


def not_found(request: HttpRequest, exception: Exception) -> JsonResponse:
    return JsonResponse({"error": "This URL does not exist."}, status=404)


def server_error(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"error": "Internal server error."}, status=500)


def csrf_failure(request: HttpRequest, reason: str = "") -> JsonResponse:
    return JsonResponse({"error": "CSRF check failed.", "reason": reason}, status=403)
