"""The workbench around the shop: pages on two other origins call it, and show what happened.

``calls.py`` lists the calls. A browser plays them on the page (``page/``); ``browser.py`` plays the
browser's part for ``manage.py demo --check``. ``wire.py`` keeps what the API received and sent,
``verdict.py`` compares it with what was expected.
"""
