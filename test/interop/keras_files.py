"""Says what Python's h5py, and Keras where it is installed, find in the files of one folder, as JSON; and writes files as Keras lays them out.

python3 keras_files.py FOLDER    reads FOLDER/*.keras, *.h5, *.weights.h5; writes FOLDER/python-*.{keras,h5}
"""

import io
import json
import pathlib
import sys
import zipfile

import h5py
import numpy as np

folder = pathlib.Path(sys.argv[1])


def tensors(file):
    found = {}
    file.visititems(lambda name, item: found.update({name: {"shape": item.shape, "dtype": str(item.dtype), "values": item[()].ravel().tolist()}})
                    if isinstance(item, h5py.Dataset) else None)
    return found


def attributes(group):
    plain = lambda value: value.decode() if isinstance(value, bytes) else [plain(item) for item in value] if isinstance(value, np.ndarray) else str(value)
    return {name: plain(value) for name, value in group.attrs.items()}


def read(path):
    if path.suffix == ".keras":
        with zipfile.ZipFile(path) as archive:
            bad = archive.testzip()
            assert bad is None, bad
            with h5py.File(io.BytesIO(archive.read("model.weights.h5")), "r") as file:
                return {"names": sorted(archive.namelist()), "config": json.loads(archive.read("config.json")), "tensors": tensors(file), "groups": groups(file)}
    with h5py.File(path, "r") as file:
        found = {"attributes": attributes(file), "tensors": tensors(file), "groups": groups(file)}
        if "model_weights" in file:
            found["model_weights"] = attributes(file["model_weights"])
            found["weight_names"] = {name: attributes(group).get("weight_names", []) for name, group in file["model_weights"].items()}
        return found


def groups(file):
    found = []
    file.visititems(lambda name, item: found.append(name) if isinstance(item, h5py.Group) else None)
    return sorted(found)


KERNEL = (np.arange(6, dtype="float32").reshape(3, 2) - 2) / 4
BIAS = np.array([0.5, -0.25], dtype="float32")
DENSE = {"name": "probe", "trainable": True, "units": 2, "activation": "tanh", "use_bias": True}


def write():
    """As Keras 3.9 and Keras 2.15 lay out a model of one Dense."""
    memory = io.BytesIO()
    with h5py.File(memory, "w") as file:
        file.create_group("vars")
        variables = file.create_group("layers/dense/vars")
        variables["0"], variables["1"] = KERNEL, BIAS
        file.create_group("optimizer/vars")["0"] = np.array(3, dtype="int64")
    of = lambda module, name, config: {"module": module, "class_name": name, "config": config, "registered_name": None}
    config = of("keras", "Sequential", {"name": "sequential", "trainable": True, "layers": [
        of("keras.layers", "InputLayer", {"batch_shape": [None, 3], "dtype": "float32", "sparse": False, "name": "input_layer"}), of("keras.layers", "Dense", DENSE)]})
    with zipfile.ZipFile(folder / "python-3.keras", "w") as archive:
        archive.writestr("metadata.json", json.dumps({"keras_version": "3.9.0"}))
        archive.writestr("config.json", json.dumps(config))
        archive.writestr("model.weights.h5", memory.getvalue())
    with h5py.File(folder / "python-2.h5", "w") as file:
        file.attrs["keras_version"], file.attrs["backend"] = "2.15.0", "tensorflow"
        file.attrs["model_config"] = json.dumps({"class_name": "Sequential", "config": {"name": "sequential", "layers": [
            {"class_name": "InputLayer", "config": {"batch_input_shape": [None, 3], "dtype": "float32", "sparse": False, "ragged": False, "name": "dense_input"}},
            {"class_name": "Dense", "config": {**DENSE, "dtype": "float32"}}]}})
        weights = file.create_group("model_weights")
        weights.attrs["layer_names"] = [b"probe"]
        group = weights.create_group("probe")
        group.attrs["weight_names"] = [b"probe/kernel:0", b"probe/bias:0"]
        group.create_dataset("probe/kernel:0", data=KERNEL, compression="gzip")
        group.create_dataset("probe/bias:0", data=BIAS)


def predictions():
    """What Keras itself answers; None where it is not installed."""
    try:
        import keras
    except ImportError as error:
        return {"missing": str(error)}
    found = {"version": keras.__version__}
    for path in sorted(folder.glob("ours-*.keras")) + sorted(folder.glob("ours-*.h5")):
        x = np.array(json.loads((folder / "inputs.json").read_text())[path.stem], dtype="float32")
        found[path.name] = np.asarray(keras.saving.load_model(path, compile=False).predict(x, verbose=0)).ravel().tolist()
    return found


write()
print(json.dumps({"h5py": h5py.__version__, "keras": predictions(), "files": {path.name: read(path) for path in sorted(folder.glob("ours-*"))},
                  "kernel": KERNEL.ravel().tolist(), "bias": BIAS.tolist()}))
