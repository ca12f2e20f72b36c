from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("gateways", "0003_partner_slug_is_free"),
        ("ingest", "0007_schemes"),
        ("onboarding", "0002_invitation_sending"),
    ]

    operations = [
        migrations.AlterField(
            model_name="joinsession",
            name="partner_state",
            field=models.CharField(
                blank=True,
                help_text="Echoed to the partner as it stood in the address, percent signs and all.",
                max_length=2000,
            ),
        ),
        migrations.AddConstraint(
            model_name="enrollment",
            constraint=models.UniqueConstraint(
                condition=models.Q(("status__in", ["pending_vendor", "active"])),
                fields=("connection",),
                name="enrollment_one_lives_per_account",
            ),
        ),
        migrations.AddConstraint(
            model_name="joinflow",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("redirect_uri__startswith", "https://"),
                        ("redirect_uri__startswith", "http://"),
                        _connector="OR",
                    ),
                    models.Q(("redirect_uri__contains", "#"), _negated=True),
                    models.Q(("redirect_uri__contains", "*"), _negated=True),
                ),
                name="flow_redirect_uri_is_exact",
            ),
        ),
        migrations.AddConstraint(
            model_name="joinflow",
            constraint=models.CheckConstraint(
                condition=models.Q(models.Q(("purposes", []), _negated=True), models.Q(("kinds", []), _negated=True)),
                name="flow_asks_for_something",
            ),
        ),
        migrations.AddConstraint(
            model_name="joinflow",
            constraint=models.CheckConstraint(
                condition=models.Q(("secret", ""), _negated=True), name="flow_has_secret"
            ),
        ),
    ]
