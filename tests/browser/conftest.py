import os

# Playwright keeps an event loop in this thread; our queries are still one at a time.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
