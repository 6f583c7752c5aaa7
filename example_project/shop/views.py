"""The API: books, their stock, the visitor's session, a public catalogue, a report, and a failure.

``CORS_POLICIES`` defines by path which origins may call it. Three views have decorators, because
they need other rules than their path: a book, its stock, and the report.
"""

from __future__ import annotations

import json
from typing import Any

from django.conf import settings
from django.contrib.auth import login, logout
from django.contrib.auth.forms import AuthenticationForm
from django.db.models import Count, Q, Sum
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.middleware.csrf import get_token
from django.utils.crypto import constant_time_compare
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.cache import cache_control, never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET

from django_cors_policy.decorators import cors_policy, same_origin_only

from .errors import ApiError
from .forms import BookForm, StockForm
from .models import Book

PAGE_SIZE = 20


class ApiView(View):
    """A view whose methods may end with an ``ApiError``."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            return super().dispatch(request, *args, **kwargs)
        except ApiError as error:
            return error.response

    def require(self, permission: str) -> None:
        """Raise 401 or 403: a script cannot use a redirect to a login page."""
        if not self.request.user.is_authenticated:
            raise ApiError(401, "Sign in first.")
        if not self.request.user.has_perm(permission):
            raise ApiError(403, "You may not do this.")

    def data(self) -> dict[str, Any]:
        if self.request.content_type != "application/json":
            raise ApiError(415, "Send JSON, as application/json.")
        try:
            data = json.loads(self.request.body)
        except ValueError:
            raise ApiError(400, "The body is not JSON.") from None
        if not isinstance(data, dict):
            raise ApiError(400, "The body is not a JSON object.")
        return data

    def book(self, pk: int) -> Book:
        try:
            book: Book = Book.objects.get(pk=pk)
        except Book.DoesNotExist:
            raise ApiError(404, "We do not have this book.") from None
        return book

    def save_book(self, book: Book, form_class: type[BookForm | StockForm] = BookForm) -> Book:
        form = form_class(self.data(), instance=book)
        if not form.is_valid():
            raise ApiError(400, "This is not a book we can sell.", fields=form.errors)
        form.save()
        return book


class BookList(ApiView):
    def get(self, request: HttpRequest) -> JsonResponse:
        page = request.GET.get("page", "1")
        if not (page.isascii() and page.isdigit() and 0 < len(page) < 6 and int(page)):
            raise ApiError(400, "Write the page as a number from 1.")
        start = (int(page) - 1) * PAGE_SIZE
        books = Book.objects.all()
        return JsonResponse(
            {"books": [book.as_json() for book in books[start : start + PAGE_SIZE]]},
            headers={"X-Total-Count": str(books.count())},
        )

    def post(self, request: HttpRequest) -> JsonResponse:
        self.require("shop.add_book")
        return JsonResponse(self.save_book(Book()).as_json(), status=201)


class BookDetail(ApiView):
    # Any page may show a book. The decorator applies only to this method and its preflights. For
    # all other methods, the policy of the path applies: only the front end may change a book.
    @cors_policy("public")
    def get(self, request: HttpRequest, pk: int) -> JsonResponse:
        return JsonResponse(self.book(pk).as_json())

    def put(self, request: HttpRequest, pk: int) -> JsonResponse:
        self.require("shop.change_book")
        return JsonResponse(self.save_book(self.book(pk)).as_json())

    def delete(self, request: HttpRequest, pk: int) -> HttpResponse:
        self.require("shop.delete_book")
        self.book(pk).delete()
        return HttpResponse(status=204)


# Every call here needs a preflight, and a partner's cash register makes a call for each sale. With
# max_age, browsers keep the preflight response for two hours, the maximum in Chromium.
@cors_policy("partner", max_age=7200)
@method_decorator(csrf_exempt, name="dispatch")
class Stock(ApiView):
    """The number of copies, which partners may change.

    Their scripts send a token. The view ignores cookies, so the policy allows no credentials. A
    forged request cannot misuse a cookie either, so the view is ``csrf_exempt``.
    """

    def put(self, request: HttpRequest, pk: int) -> JsonResponse:
        sent = request.headers.get("Authorization", "")
        if not constant_time_compare(sent, f"Bearer {settings.PARTNER_TOKEN}"):
            raise ApiError(401, "Only partners may do this. Send the partner token.")
        return JsonResponse(self.save_book(self.book(pk), StockForm).as_json())


@method_decorator(never_cache, name="dispatch")
class Session(ApiView):
    """The current user (GET), sign in (POST), sign out (DELETE).

    Every response has the CSRF token in its body, because a script on another host cannot read our
    cookies. It can read the body if the policy allows its origin with credentials. Scripts on
    other origins cannot, so they do not get the token.
    """

    def get(self, request: HttpRequest) -> JsonResponse:
        return self.answer()

    def post(self, request: HttpRequest) -> JsonResponse:
        form = AuthenticationForm(request, self.data())
        if not form.is_valid():
            raise ApiError(400, "Name or password is wrong.")
        login(request, form.get_user())
        return self.answer()

    def delete(self, request: HttpRequest) -> JsonResponse:
        logout(request)
        return self.answer()

    def answer(self) -> JsonResponse:
        user = self.request.user
        return JsonResponse(
            {
                "user": user.get_username() if user.is_authenticated else None,
                # Signing in makes a new token: always use the one from the latest answer.
                "csrf_token": get_token(self.request),
            }
        )


@require_GET
@cache_control(public=True, max_age=60)
def catalogue(request: HttpRequest) -> JsonResponse:
    """Public data for any page: the view ignores cookies and returns nothing private."""
    books = Book.objects.filter(in_stock__gt=0)[:PAGE_SIZE]
    return JsonResponse({"books": [{"title": b.title, "price": b.price} for b in books]})


@same_origin_only
class Report(ApiView):
    """A report for our own pages only. Not even the front end's origin may read it."""

    def get(self, request: HttpRequest) -> JsonResponse:
        self.require("shop.view_book")
        totals = Book.objects.aggregate(
            titles=Count("pk"),
            copies=Sum("in_stock", default=0),
            sold_out=Count("pk", filter=Q(in_stock=0)),
        )
        return JsonResponse(totals)


def broken(request: HttpRequest) -> HttpResponse:
    """Fail on purpose: a front end must be able to read errors too."""
    raise RuntimeError("This endpoint fails on purpose.")


@require_GET
def index(request: HttpRequest) -> JsonResponse:
    """List the URLs of the API, for people who open it in a browser."""
    return JsonResponse(
        {
            "books": "/api/books/",
            "session": "/api/session/",
            "public catalogue": "/api/public/catalogue/",
            "report": "/api/report/",
            "fails on purpose": "/api/broken/",
            "admin": "/admin/",
        }
    )
