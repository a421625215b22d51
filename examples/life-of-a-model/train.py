"""Trains a small network that reads digits, or goes on with one that is there.

usage: train.py OUT.keras EPOCHS DATA.npz... [--from MODEL.keras]
"""
import sys

import keras
import numpy as np

out, epochs, *files = sys.argv[1:]
before = files[files.index("--from") + 1] if "--from" in files else None
data = [np.load(file) for file in files if file.endswith(".npz")]
images = np.concatenate([part["image"] for part in data])
labels = np.concatenate([part["labels"] for part in data])

keras.utils.set_random_seed(0)
if before is None:
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1), name="image"),
            keras.layers.Conv2D(16, 3, padding="same", activation="relu"),
            keras.layers.Conv2D(32, 3, activation="relu"),
            keras.layers.Flatten(),
            keras.layers.Dense(64, activation="relu"),
            keras.layers.Dense(10, activation="softmax", name="digit"),
        ]
    )
else:
    model = keras.models.load_model(before)
model.compile(
    optimizer=keras.optimizers.Adam(0.002),
    loss="sparse_categorical_crossentropy",
    metrics=["accuracy"],
)
history = model.fit(images, labels, batch_size=32, epochs=int(epochs), verbose=0)
model.save(out)
print(f"{len(labels)} pictures, accuracy on them {history.history['accuracy'][-1]:.3f}")
