"""The demo: pages on other origins call the shop's API and show the results.

``calls.py`` lists the calls. The page (``page/``) makes them in a browser; ``browser.py`` simulates
a browser for ``manage.py demo --check``. ``wire.py`` records the API's requests and responses, and
``verdict.py`` compares them with the expected results.
"""
