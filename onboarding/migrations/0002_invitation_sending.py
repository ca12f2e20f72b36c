from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("gateways", "0002_triggers"),
        ("onboarding", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="invitation",
            name="send_due_at",
            field=models.DateTimeField(
                blank=True,
                db_index=True,
                help_text="When its mail is sent, or tried again; empty: nothing waits.",
                null=True,
            ),
        ),
        migrations.AddField(
            model_name="invitation",
            name="send_error",
            field=models.CharField(blank=True, help_text="Why the mail did not leave.", max_length=300),
        ),
        migrations.AddField(
            model_name="invitation",
            name="send_failures",
            field=models.PositiveSmallIntegerField(default=0, help_text="Tries since the last mail that left."),
        ),
        migrations.AddConstraint(
            model_name="invitation",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("send_due_at__isnull", True), models.Q(("email", ""), _negated=True), _connector="OR"
                ),
                name="invitation_mailed_to_somebody",
            ),
        ),
    ]
