"""`Study`: what a notebook shows of a study, from its data to its mistakes."""

import os
from pathlib import Path

import pandas as pd

from facezoo.errors import DatasetNotFound, FacezooError, unknown
from facezoo.evaluation import own_data
from facezoo.recipes import load_data
from facezoo.report import Report
from facezoo.reproduction.results import read_results
from facezoo.reproduction.rows import (
    collapse,
    epochs_run,
    interval,
    kept_epoch,
    known,
    of_the_one,
    paired_difference,
)
from facezoo.reproduction.running import Outcome, find_run, places_of, run_plans
from facezoo.reproduction.studies import STUDIES, plans
from facezoo.runs import RunFolder
from facezoo.training import train
from facezoo.weights.loading import load_model, run_card

PROFILE = "FACEZOO_PROFILE"  # environment variable, one of:
PROFILES = ("quick", "full", "stored")


class Study:
    """A study's plans, their data and, once run, their reports and models.

    The quick profile trains on a few drawn faces in seconds. The full one shows what lies in
    results/, takes up runs that lie in runs/, and trains what neither has; what was not kept,
    such as a model, is trained anew when it is asked for. Where the study's data are not
    prepared, the quick profile takes their place and `repr` says so. "stored" is "full" without
    the plans that neither results/ nor runs/ has: it trains only a model that is looked at.

    A plan is asked for by the name of its recipe (then the first one of it) or by its own.

    Args:
        name: key of `STUDIES`.
        profile: "quick", "full" or "stored"; None for the environment's FACEZOO_PROFILE, or
            "quick".
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
        if self.profile not in PROFILES:
            raise unknown("profile", self.profile, PROFILES)
        self._said = f"{STUDIES[name]}: {self.profile} profile."
        self._trains = self.profile != "stored"
        self.profile = "full" if self.profile == "stored" else self.profile
        self.outcomes = {}
        try:
            load_data(plans(name, self.profile)[0].recipe, root)
        except DatasetNotFound as error:
            self.profile, self._trains = "quick", True
            self._said += f" Drawn faces take the place of the data. {error}"
        folder = Path(folder) if folder is not None else project_folder()
        self.runs, self.out = (folder / place for place in places_of(self.profile))

    def __repr__(self):
        return self._said

    @property
    def plans(self):
        """The study's plans; those of the full profile as long as their stored rows say."""
        if self.profile == "quick":
            return plans(self.name, "quick")
        stored = self._stored()
        return [
            plan.within(stored[plan.name]["epochs_allowed"]) if plan.name in stored else plan
            for plan in plans(self.name)
        ]

    def run(self, callbacks=()):
        """Train what is missing; return what was reported beside what came out.

        Args:
            callbacks: more Keras callbacks.

        Returns:
            DataFrame, a row a plan: "±" is the standard deviation over seeds, "kept" the epoch
            whose weights the first was tested with; "note" says why a plan could not be run.
        """
        stored = {} if self.profile == "quick" else self._stored()
        options = {"runs": self.runs, "out": self.out, "root": self.root, "callbacks": callbacks}
        for plan in self.plans:
            row = stored.get(plan.name)
            run = find_run(plan, self.runs) if self.profile == "full" else None
            finished = run is not None and (run.path / "metrics.json").exists()
            if row is not None and plan.ran_as(row) and (run is None or not self._trains):
                same = finished and row["run"] == run.path.name
                self.outcomes[plan.name] = Outcome(plan, run if same else None, row)
            elif not (self._trains or finished):
                why = "not run yet" if row is None else "stored of an earlier recipe"
                self.outcomes[plan.name] = Outcome(plan, refused=why)
            else:
                (self.outcomes[plan.name],) = run_plans([plan], self.profile, True, **options)
        table = pd.DataFrame([_summary(outcome) for outcome in self.outcomes.values()])
        whole = {name: "Int64" for name in ("kept", "seeds") if name in table}
        return table.astype(whole)  # also where a plan was not run

    def data(self, plan=None, seed=0):
        """Return the `FaceDataset` of a plan's seed by number; None for the first plan."""
        self._check_seed(plan, seed)
        recipe = self._plan(plan).recipe
        outcome = self.outcomes.get(self._plan(plan).name)
        if outcome is None or outcome.run is None:
            return load_data(recipe.override({"seed": recipe.seed + seed}), self.root)
        return own_data(run_card(self._seed(plan, seed)), self.root)

    def report(self, plan=None, seed=0):
        """Return the `Report` of a plan's test pictures, of its seed by number."""
        kept = self._kept(plan, seed)
        return Report.from_dict(kept["report"] if kept else self._seed(plan, seed).metrics["test"])

    def history(self, plan=None, seed=0):
        """Return the DataFrame of a training, a row an epoch."""
        kept = self._kept(plan, seed)
        return pd.DataFrame(kept["history"]) if kept else self._seed(plan, seed).history

    def kept_epoch(self, plan=None):
        """Return the epoch whose weights a plan's first seed was tested with."""
        return kept_epoch(self._outcome(plan).row)

    def epochs(self, plan=None):
        """Return how many epochs a plan's first seed was run for, of how many, for titles."""
        row = self._outcome(plan).row
        ran, asked = row["epochs"][0], row["epochs_asked"]
        return f"{ran} epochs" if ran == asked else f"{ran} of {asked} epochs"

    def model(self, plan=None, seed=0):
        """Return the trained Keras model; train it where its run is not at hand."""
        return load_model(self._seed(plan, seed))

    def difference(self, one, other):
        """Return (difference, low, high) of two plans' test accuracies, picture by picture.

        See `facezoo.reproduction.rows.paired_difference`.

        Raises:
            FacezooError: other test pictures, or another number of epochs.
        """
        rows = [self._outcome(plan).row for plan in (one, other)]
        found = paired_difference(*rows)
        if found is None:
            raise FacezooError(
                f"Got {one!r} and {other!r}, which have other test pictures or epochs; expected "
                "the same of both. Compare plans that were run alike."
            )
        return found

    def elsewhere(self):
        """Return a DataFrame of the models' figures on other data sets; empty where none is."""
        rows = [outcome.row for outcome in self.outcomes.values() if outcome.row]
        return pd.DataFrame(
            {
                "recipe": row["recipe"]["name"],
                "changed": row["changed"],
                "tested on": name,
                "accuracy": None if "refused" in found else round(found["accuracy"]["mean"], 3),
                "95 % interval": "" if "refused" in found else interval(found),
                "pictures": found.get("pictures"),
                "note": found.get("refused") or known(name, found),
            }
            for row in rows
            for name, found in row["elsewhere"].items()
        )

    def _stored(self):
        return {row["plan"]: row for row in read_results(self.name, self.out / "results")}

    def _plan(self, name):
        known = self.plans
        if name is None:
            return known[0]
        named = {plan.recipe.name: plan for plan in reversed(known)}
        named |= {plan.name: plan for plan in known}
        if name not in named:
            raise unknown(f"plan of {self.name!r}", name, named)
        return named[name]

    def _outcome(self, name):
        plan = self._plan(name)
        outcome = self.outcomes.get(plan.name)
        if outcome is None:
            raise FacezooError(
                f"Got {plan.name!r}, which was not run; expected a finished run. Call run() first."
            )
        if outcome.row is None:
            raise FacezooError(f"Got {plan.name!r}, which could not be run: {outcome.refused}")
        return outcome

    def _kept(self, name, seed):
        """What a stored row shows of its first seed, for a plan whose run is not at hand."""
        outcome = self._outcome(name)
        return outcome.row.get("shown") if outcome.run is None and seed == 0 else None

    def _seed(self, name, seed):
        outcome = self._outcome(name)
        self._check_seed(name, seed)
        if outcome.run is not None:
            return outcome.run.seeds[seed]
        recipe = outcome.plan.recipe
        recipe = recipe.override({"seed": recipe.seed + seed})
        runs = self.runs / "again"  # beside what is stored, which stays as it is
        run = RunFolder.find(runs, recipe)
        if run is None:
            return train(recipe, runs=runs, root=self.root)
        return run if (run.path / "metrics.json").exists() else train(resume=run, root=self.root)

    def _check_seed(self, name, seed):
        plan = self._plan(name)
        row = self.outcomes[plan.name].row if plan.name in self.outcomes else None
        count = plan.seeds if row is None else len(row["seeds"])
        if not 0 <= seed < count:
            raise FacezooError(
                f"Got seed {seed} of {plan.name!r}, which has {count}; expected a number below "
                "that, 0 for the first. Choose one."
            )


def project_folder():
    """Return the nearest folder, from the current one upwards, that holds results/."""
    here = Path.cwd()
    return next((each for each in (here, *here.parents) if (each / "results").is_dir()), here)


def _summary(outcome):
    """A row of `Study.run()`."""
    row, recipe = outcome.row, outcome.plan.recipe
    told = {
        "recipe": recipe.name,
        "changed": outcome.plan.changed,
        "protocol": f"{recipe.dataset}/{recipe.protocol}",
        "reported": recipe.reported or "-",
    }
    if row is None:
        return {**told, "note": outcome.refused}
    notes = row["note"], of_the_one(row), collapse(row)
    return {
        **told,
        "protocol": row["protocol"],
        "accuracy": round(row["accuracy"]["mean"], 3),
        "±": None if row["accuracy"]["std"] is None else round(row["accuracy"]["std"], 3),
        "95 % interval": interval(row),
        "macro F1": round(row["macro_f1"]["mean"], 3),
        "nearest picture": round(row["nearest_neighbour"]["mean"], 3),
        "epochs": epochs_run(row),
        "kept": kept_epoch(row),
        "seeds": len(row["seeds"]),
        "note": "; ".join(filter(None, notes)),
    }
