from django.db import migrations


class Migration(migrations.Migration):
    """The table of matches becomes the first of its partitions, by the numbers of their needs (decision 0029)."""

    dependencies = [("matching", "0008_states_of_all_pairs_hold"), ("kernel", "0008_events_in_partitions")]

    operations = [migrations.RunSQL("SELECT keqiao_split('matching_match', 'need_id', 250000)")]
