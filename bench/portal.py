"""Import this before any model: it sets Django up from the environment that `bench.database` made."""

import gc

import django

django.setup()
gc.freeze()  # as the Celery workers do, see config/celery.py
