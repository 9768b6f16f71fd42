from django.apps import AppConfig


class AnalystConfig(AppConfig):
    name = "analyst"
    default_auto_field = "django.db.models.BigAutoField"
