from django.apps import AppConfig


class AnalystConfig(AppConfig):
    name = "analyst"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self):
        from analyst import checks  # noqa: F401 (registers itself)
