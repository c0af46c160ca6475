"""CSV logs of interrupted runs."""

import csv
import os
import pathlib

import keras


def rewind(logger: keras.callbacks.CSVLogger, epoch: int) -> None:
    """Let `logger` go on behind `epoch` finished epochs, whatever was logged before the
    interruption.

    The rows of epochs that will be trained again are dropped, the others are kept even if the
    logger was made to overwrite its file.
    """
    path = pathlib.Path(logger.filename)
    if not path.exists():
        return
    with path.open(newline="") as file:
        rows = list(csv.reader(file, delimiter=logger.sep))
    while len(rows) > 1 and not (rows[-1] and rows[-1][0].isdigit() and int(rows[-1][0]) < epoch):
        rows.pop()
    temporary = path.with_name(path.name + ".tmp")
    with temporary.open("w", newline="") as file:
        csv.writer(file, delimiter=logger.sep).writerows(rows if len(rows) > 1 else [])
    os.replace(temporary, path)
    logger.append = True
