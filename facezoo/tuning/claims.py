"""Which trials of a study count, which are live, and what is to be run again."""

from optuna.trial import TrialState, create_trial

CELL = "cell"  # user attribute: number of the grid's cell
ASIDE = "aside"  # why a trial was not trained: its setting is another's, or one too many
WHY = "why"  # why a trial failed
LOST = "lost"  # how often a trial's worker died
RETRIES = 5  # deaths after which a setting counts as failed


def finished(study):
    """Return the trials that count: done, pruned, or failed for a reason of their own."""
    return [t for t in study.get_trials(deepcopy=False) if _counts(t)]


def live(study):
    """Return the trials that a worker is at, or was when it died."""
    return [t for t in study.get_trials(deepcopy=False) if _live(t)]


def waiting(study):
    """Return the trials that are queued."""
    return study.get_trials(deepcopy=False, states=(TrialState.WAITING,))


def rivals(study, number):
    """Return the other trials that count, and the live ones that were claimed before."""
    return [
        t
        for t in study.get_trials(deepcopy=False)
        if t.number != number and (_counts(t) or (_live(t) and t.number < number))
    ]


def cells_taken(study):
    """Return the numbers of the grid's cells that count, are live, or wait."""
    return {
        t.user_attrs[CELL]
        for t in study.get_trials(deepcopy=False)
        if CELL in t.user_attrs and (_counts(t) or _live(t) or t.state == TrialState.WAITING)
    }


def queue_again(study, trial):
    """Queue the setting of a trial whose worker died or was interrupted.

    One that has killed its workers too often is kept as failed.
    """
    setting = trial.system_attrs.get("fixed_params") or trial.params
    attributes = {k: v for k, v in trial.user_attrs.items() if k == CELL}
    attributes[LOST] = trial.user_attrs.get(LOST, 0) + 1
    if attributes[LOST] > RETRIES:
        why = f"its worker died {attributes[LOST]} times"
        study.add_trial(
            create_trial(
                state=TrialState.FAIL,
                params=trial.params,
                distributions=trial.distributions,
                user_attrs={**attributes, WHY: why},
            )
        )
    elif setting:  # else it died before it had one
        study.enqueue_trial(setting, user_attrs=attributes)


def _counts(trial):
    if trial.state in (TrialState.COMPLETE, TrialState.PRUNED):
        return True
    return trial.state == TrialState.FAIL and WHY in trial.user_attrs


def _live(trial):
    return trial.state == TrialState.RUNNING and ASIDE not in trial.user_attrs
