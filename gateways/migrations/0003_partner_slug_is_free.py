from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("gateways", "0002_triggers"),
    ]

    operations = [
        migrations.AddConstraint(
            model_name="partner",
            constraint=models.CheckConstraint(
                condition=models.Q(("slug", "flows"), _negated=True),
                name="partner_slug_is_free",
                violation_error_message="/join/flows/ is the address of Join flows: choose another slug.",
            ),
        ),
    ]
