from __future__ import annotations

from typing import Any

from django.core.validators import MinValueValidator
from django.db import models


class Book(models.Model):
    title = models.CharField(max_length=200)
    author = models.CharField(max_length=200)
    price = models.DecimalField(max_digits=6, decimal_places=2, validators=[MinValueValidator(0)])
    in_stock = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["title", "pk"]

    def __str__(self) -> str:
        return f"{self.title} ({self.author})"

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.pk,
            "title": self.title,
            "author": self.author,
            "price": self.price,
            "in_stock": self.in_stock,
        }
