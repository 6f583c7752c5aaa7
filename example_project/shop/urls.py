from django.urls import path

from . import views

urlpatterns = [
    path("books/", views.BookList.as_view()),
    path("books/<int:pk>/", views.BookDetail.as_view()),
    path("books/<int:pk>/stock/", views.Stock.as_view()),
    path("session/", views.Session.as_view()),
    path("report/", views.Report.as_view()),
    path("broken/", views.broken),
    path("public/catalogue/", views.catalogue),
]
