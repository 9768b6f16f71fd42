import getpass
import secrets

from django.contrib.auth.models import Group, User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction


class Command(BaseCommand):
    help = "Make a login with one or more roles. Prints a password unless --ask is given."

    def add_arguments(self, parser):
        parser.add_argument("username")
        parser.add_argument(
            "--role",
            action="append",
            required=True,
            help="analyst, lead, counsel, platform owner, auditor or administrator; repeatable",
        )
        parser.add_argument("--first", default="", help="first name")
        parser.add_argument("--last", default="", help="last name")
        parser.add_argument("--ask", action="store_true", help="type the password yourself")

    @transaction.atomic
    def handle(self, *args, username, role, first, last, ask, **options):
        roles = list(Group.objects.filter(name__in=role))
        if unknown := set(role) - {group.name for group in roles}:
            known = ", ".join(Group.objects.order_by("name").values_list("name", flat=True))
            raise CommandError(f"no role {', '.join(sorted(unknown))}; there are: {known}")
        if User.objects.filter(username=username).exists():
            raise CommandError(f"{username} exists already")
        user = User(username=username, first_name=first, last_name=last)
        password = getpass.getpass() if ask else secrets.token_urlsafe(15)
        try:
            validate_password(password, user)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from None
        user.set_password(password)
        user.save(force_insert=True)
        user.groups.set(roles)
        self.stdout.write(f"{username} can log in" + ("" if ask else f" with {password}"))
