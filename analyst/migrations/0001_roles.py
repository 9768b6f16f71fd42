from django.db import migrations

ROLES = ("analyst", "lead", "counsel", "platform owner", "auditor", "administrator")


def add_roles(apps, schema_editor):
    group = apps.get_model("auth", "Group")
    for name in ROLES:
        group.objects.get_or_create(name=name)


class Migration(migrations.Migration):
    """Roles are groups; what each may do is written in analyst/access.py."""

    dependencies = [("auth", "0012_alter_user_first_name_max_length")]

    operations = [migrations.RunPython(add_roles, migrations.RunPython.noop)]
