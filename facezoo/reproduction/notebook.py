"""`Study`: what a notebook shows of a study, from its data to its mistakes."""

import dataclasses
import os
from pathlib import Path

import pandas as pd

from facezoo.errors import DatasetNotFound, unknown
from facezoo.evaluation import load_run
from facezoo.recipes import load_data
from facezoo.report import Report
from facezoo.reproduction.page import paired_difference
from facezoo.reproduction.results import read_results
from facezoo.reproduction.running import places, run_plans
from facezoo.reproduction.studies import STUDIES, plans

PROFILE = "FACEZOO_PROFILE"  # environment variable: quick or full


class Study:
    """A study's plans, their data and, once run, their reports and models.

    The quick profile trains on a few drawn faces in seconds; the full one takes up finished
    runs of the study, or trains. Where the study's data are not prepared, the quick profile
    takes their place and `said` says so.

    Args:
        name: key of `STUDIES`.
        profile: "quick" or "full"; None for the environment's FACEZOO_PROFILE, or "quick".
        folder: that holds results/ and runs/; None for the current one, or the nearest above
            it that holds results/, so that a notebook may lie in a folder beside them.
        root: folder of prepared data sets; None for the default.

    Raises:
        UnknownName: no such study or profile.

    Example:
        study = facezoo.Study("pooling")
        study.run()
        study.report("pooling-base-max").macro_f1
    """

    def __init__(self, name, profile=None, *, folder=None, root=None):
        if name not in STUDIES:
            raise unknown("study", name, STUDIES)
        self.name, self.root = name, root
        self.profile = profile or os.environ.get(PROFILE, "quick")
        self.said = f"{STUDIES[name]}: {self.profile} profile."
        self.outcomes = {}
        wanted = plans(name, self.profile)
        missing = [reason for reason in map(self._missing, wanted) if reason]
        if len(missing) == len(wanted):
            self.profile = "quick"
            self.said += f" Drawn faces take the place of the data. {missing[0]}"
        folder = Path(folder) if folder is not None else project_folder()
        self.runs, self.out = (folder / place for place in places(self.profile))

    def __repr__(self):
        return self.said

    @property
    def plans(self):
        """The study's plans; those of the full profile as long as their stored rows say."""
        if self.profile == "quick":
            return plans(self.name, "quick")
        stored = {row["plan"]: row for row in read_results(self.name, self.out / "results")}
        return [
            plan.within(stored[plan.name]["epochs_allowed"]) if plan.name in stored else plan
            for plan in plans(self.name)
        ]

    def data(self, recipe=None):
        """Return the `FaceDataset` of a plan by its recipe's name; None for the first."""
        return load_data(self._plan(recipe).recipe, self.root)

    def run(self, callbacks=()):
        """Train what is missing; return what was reported beside what came out.

        Args:
            callbacks: more Keras callbacks.

        Returns:
            DataFrame, a row a plan that could be run.
        """
        outcomes = run_plans(
            self.plans,
            self.profile,
            resume=True,
            runs=self.runs,
            out=self.out,
            root=self.root,
            callbacks=callbacks,
        )
        self.outcomes = {outcome.plan.name: outcome for outcome in outcomes}
        rows = [outcome.row for outcome in self.outcomes.values() if outcome.row]
        return pd.DataFrame([_summary(row) for row in rows])

    def report(self, recipe=None, seed=0):
        """Return the `Report` of a plan's test pictures, of its seed by number."""
        return Report.from_dict(self._seed(recipe, seed).metrics["test"])

    def history(self, recipe=None, seed=0):
        """Return the DataFrame of a training, a row an epoch."""
        return self._seed(recipe, seed).history

    def model(self, recipe=None, seed=0):
        """Return the trained Keras model."""
        return load_run(self._seed(recipe, seed))

    def difference(self, one, other):
        """Return (difference, low, high) of two recipes' test accuracies, picture by picture.

        See `facezoo.reproduction.page.paired_difference`.
        """
        rows = [self.outcomes[self._plan(recipe).name].row for recipe in (one, other)]
        return paired_difference(*rows)

    def elsewhere(self):
        """Return a DataFrame of the models' figures on other data sets; empty where none is."""
        rows = [outcome.row for outcome in self.outcomes.values() if outcome.row]
        return pd.DataFrame(
            {
                "recipe": row["recipe"]["name"],
                "tested on": name,
                "accuracy": round(found["accuracy"]["mean"], 3) if "accuracy" in found else None,
                "pictures": found.get("pictures"),
                "note": found.get("refused") or found["note"],
            }
            for row in rows
            for name, found in row["elsewhere"].items()
        )

    def _plan(self, recipe):
        names = {plan.recipe.name: plan for plan in reversed(self.plans)}
        if recipe is None:
            return self.plans[0]
        if recipe not in names:
            raise unknown(f"recipe of {self.name!r}", recipe, names)
        return names[recipe]

    def _seed(self, recipe, seed):
        plan = self._plan(recipe)
        outcome = self.outcomes.get(plan.name)
        if outcome is None or outcome.run is None:
            ran = [key for key, found in self.outcomes.items() if found.run is not None]
            raise unknown(f"finished run of {self.name!r}", plan.name, ran)
        return outcome.run.seeds[seed]

    def _missing(self, plan):
        """Say why a plan's data cannot be had, or ""."""
        try:
            load_data(dataclasses.replace(plan.recipe, limit=None), self.root)
        except DatasetNotFound as error:
            return str(error)
        return ""


def project_folder():
    """Return the nearest folder, from the current one upwards, that holds results/."""
    here = Path.cwd()
    return next((each for each in (here, *here.parents) if (each / "results").is_dir()), here)


def _summary(row):
    low, high = row["accuracy_interval"]
    return {
        "recipe": row["recipe"]["name"],
        "changed": row["changed"],
        "protocol": row["protocol"],
        "reported": row["reported"] or "-",
        "accuracy": round(row["accuracy"]["mean"], 3),
        "95 % interval": f"{low:.3f} to {high:.3f}",
        "macro F1": round(row["macro_f1"]["mean"], 3),
        "nearest picture": round(row["nearest_neighbour"]["mean"], 3),
        "epochs": f"{max(row['epochs'])} of {row['epochs_asked']}",
        "seeds": len(row["seeds"]),
    }
