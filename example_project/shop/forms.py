from django import forms

from .models import Book


class BookForm(forms.ModelForm):
    """Validates the JSON that scripts send."""

    class Meta:
        model = Book
        fields = ["title", "author", "price", "in_stock"]


class StockForm(forms.ModelForm):
    class Meta:
        model = Book
        fields = ["in_stock"]
