from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from cases.calibration import FEWEST, PRIOR
from cases.errors import CaseError
from cases.models import Calibration
from cases.services.calibrate import (
    FAMILIES,
    activate_calibration,
    fit_calibrations,
    fit_families,
    state_priors,
)


class Command(BaseCommand):
    help = (
        "Fit what detectors' scores are worth, by family, to accounts that people reviewed one by"
        f" one. Below {FEWEST} reviewed accounts of either class the stated priors hold. A fit is"
        " stored as a new version and counts for nothing until it is activated; the grouping run"
        " after that groups everything anew."
    )

    def add_arguments(self, parser):
        parser.add_argument(
            "families", nargs="*", metavar="FAMILY", help=f"of {', '.join(FAMILIES)}; else all"
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="fit and print the scores, store nothing"
        )
        parser.add_argument(
            "--activate",
            metavar="VERSION",
            type=int,
            help="let this version of the one FAMILY named count from now on; fits nothing",
        )
        parser.add_argument(
            "--stated-priors",
            action="store_true",
            help="let the one FAMILY named go back to the stated priors; fits nothing",
        )
        parser.add_argument("--actor", help="username of who does it; needed to activate")
        parser.add_argument("--reason", default="", help="why; needed to activate")

    def handle(self, *, families, dry_run, activate, stated_priors, actor, reason, **options):
        unknown = sorted(set(families) - set(FAMILIES))
        if unknown:
            raise CommandError(f"No family {', '.join(unknown)}: choose of {', '.join(FAMILIES)}.")
        person = self._person(actor)
        try:
            if activate is not None or stated_priors:
                if dry_run or (activate is not None and stated_priors):
                    raise CommandError(
                        "--activate, --stated-priors and --dry-run go one at a time."
                    )
                self._activate(families, activate, person, reason)
            elif dry_run:
                self._tell_fits(fit_families(families or FAMILIES))
            else:
                self._tell_made(fit_calibrations(actor=person, families=families or FAMILIES))
        except CaseError as error:
            raise CommandError(str(error)) from None

    def _person(self, name: str | None) -> User | None:
        if not name:
            return None
        person = User.objects.filter(username=name, is_active=True).first()
        if person is None:
            raise CommandError(f"--actor: nobody active is called {name}.")
        return person

    @transaction.atomic
    def _activate(self, families, version, person, reason):
        if len(families) != 1:
            raise CommandError("Name the one family to activate for.")
        if person is None:
            raise CommandError("--actor: say who activates it.")
        if version is None:
            chosen = state_priors(families[0], actor=person)
        else:
            chosen = Calibration.objects.filter(family=families[0], version=version).first()
            if chosen is None:
                raise CommandError(f"--activate: {families[0]} has no version {version}.")
        activate_calibration(chosen, actor=person, reason=reason)
        self.stdout.write(
            f"{chosen} ({chosen.get_method_display()}) counts from the next grouping run on, which "
            "groups everything anew."
        )

    def _tell_fits(self, fits):
        if not fits:
            self.stdout.write("No account that a detector spoke of was reviewed by itself yet.")
        for fitted in fits:
            fit = fitted.fit
            self._tell(fitted.family, fit.method, fit.abusive, fit.innocent, fitted.other_abuse)
            for name, measured in fit.measured.items():
                self.stdout.write(
                    f"    {name}: Brier {measured.brier:.4f}, ECE {measured.ece:.4f} out of fold"
                )

    def _tell_made(self, made):
        if not made:
            self.stdout.write("No verdict or score changed since the latest versions.")
        for row in made:
            self._tell(row, row.method, row.abusive, row.innocent, row.other_abuse)
            if row.method != PRIOR:
                self.stdout.write(
                    f"    Brier {row.brier:.4f} (the base rate alone "
                    f"{row.report['base rate']['brier']:.4f}), ECE {row.ece:.4f} out of fold"
                )

    def _tell(self, what, method, abusive, innocent, other):
        cold = f"; fewer than {FEWEST} of a class: the stated priors hold"
        self.stdout.write(
            f"{what}: {method}, {abusive:,} abusive and {innocent:,} innocent accounts reviewed, "
            f"{other:,} of other abuse left out{cold if method == PRIOR else ''}"
        )
