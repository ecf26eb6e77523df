"""Ways to divide rows, on scikit-learn's splitters: seeded, stratified or by group.

All take and give int arrays of row positions and depend on nothing but their arguments.
"""

import numpy as np

from facezoo.errors import ProtocolError

VALIDATION_SHARE = 0.1  # of what is not tested, where a set has no validation part


def stratified(rows, classes, share, seed):
    """Cut `share` of `rows` off, every class in proportion.

    Args:
        rows: int (N,) row positions.
        classes: int (M,) class of every row of the set, indexed by `rows`.
        share: fraction between 0 and 1.
        seed: int.

    Returns:
        (rest, part), both ascending.

    Raises:
        ProtocolError: a class has too few rows to be in both.
    """
    from sklearn.model_selection import train_test_split  # a second; preparing needs none

    try:
        rest, part = train_test_split(
            rows, test_size=share, random_state=seed, stratify=classes[rows]
        )
    except ValueError as error:
        raise ProtocolError(
            f"Got {len(rows)} pictures to divide {1 - share:.0%} to {share:.0%} by class, which "
            f"cannot be done ({error}); expected at least two of every class in each part. "
            "Prepare more pictures or choose another target."
        ) from None
    return np.sort(rest), np.sort(part)


def eighty_ten_ten(classes, seed):
    """Divide all rows at random, every class in proportion.

    Args:
        classes: int (N,), a class a row.
        seed: int.

    Returns:
        (train, validation, test): 80%, 10% and 10% of the rows, each ascending.

    Raises:
        ProtocolError: a class has too few rows to be in all three.
    """
    rest, test = stratified(np.arange(len(classes)), classes, 0.1, seed)
    return *stratified(rest, classes, 1 / 9, seed), test


def by_group(rows, groups, held_out):
    """Split rows by whether their group is one of `held_out`.

    Returns:
        (rest, part): `part` holds every row of the held-out groups and nothing else.
    """
    inside = np.isin(np.asarray(groups)[rows], list(held_out))
    return rows[~inside], rows[inside]


def folds_of(groups, count, seed, fold=None):
    """Deal the groups into `count` folds and return one of them, and the order of all.

    Fold and shuffle both come from the seed: seeds 0 to count - 1 leave every group out
    exactly once, the next `count` seeds do so in another order.

    Args:
        groups: values, one a row.
        count: number of folds.
        seed: int; `fold` None means fold `seed % count` of shuffle `seed // count`.
        fold: 0 to count - 1, of shuffle `seed`.

    Returns:
        (held out, others): lists of group values, in the shuffled order.

    Raises:
        ProtocolError: fewer groups than folds, or no such fold.
    """
    names = sorted(set(groups))
    if len(names) < count:
        raise ProtocolError(
            f"Got {len(names)} groups for {count} folds; expected at least one a fold. "
            "Prepare the whole archive, or more people (--people) where they are drawn."
        )
    if fold is None:
        seed, fold = divmod(seed, count)
    if not 0 <= fold < count:
        raise ProtocolError(f"Got fold {fold}; expected 0 to {count - 1}. Choose one of them.")
    order = np.random.default_rng(seed).permutation(len(names))
    held_out = {names[i] for i in np.array_split(order, count)[fold]}
    shuffled = [names[i] for i in order]
    return [n for n in shuffled if n in held_out], [n for n in shuffled if n not in held_out]
