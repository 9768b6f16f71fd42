from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("cases", "0026_connector_probes"),
    ]

    operations = [
        migrations.AddField(
            model_name="push",
            name="failures",
            field=models.PositiveIntegerField(default=0, help_text="in a row"),
        ),
    ]
