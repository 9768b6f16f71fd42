from django.db import migrations


class Migration(migrations.Migration):
    """Read by grouping: everybody whom one observation about a cluster names, by the code that
    stands for detector and group key."""

    dependencies = [
        ("ingest", "0004_attribute_hubs"),
    ]

    operations = [
        migrations.RunSQL(
            """
            CREATE INDEX signal_by_observation ON ingest_signal (
                (-1 - (hashtextextended(detector_id::text || ':' || group_key, 0)
                       & 4611686018427387903))
            ) WHERE group_key <> ''
            """,
            "DROP INDEX signal_by_observation",
        ),
    ]
