"""Import this before any model: it sets Django up from the environment that `bench.database` made."""

import django

django.setup()
