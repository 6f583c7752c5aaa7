"""A bookshop with a JSON API in plain Django."""
