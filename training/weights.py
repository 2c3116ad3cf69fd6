"""Turn an exported reader back into a folder that train.py can start from.

    python weights.py --model src/coalition_qa/models/reader --encoder ENCODER --out start

The matrices that were rounded to 8 bits come back as rounded; training goes on from there. So the next run can
start from the file that ships, and needs no weights that are not in the repository.
"""

from __future__ import annotations

import argparse
import re
import shutil
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from transformers import AutoModelForQuestionAnswering

PREFIX = "model."  # export.py's wrapper around the network
MATRIX = re.compile(r"/model/(.*)/MatMul(_quant|_Q8)?$")


def tensors(path: Path) -> dict[str, np.ndarray]:
    """Every weight of the network by its PyTorch name, fp32, matrices as (out, in)."""
    graph = onnx.load(str(path)).graph
    stored = {each.name: numpy_helper.to_array(each) for each in graph.initializer}
    found = {
        name.removeprefix(PREFIX).removesuffix("_quantized"): restored(stored, name.removesuffix("_quantized"))
        for name in stored
        if name.startswith(PREFIX) and not name.endswith(("_scale", "_zero_point"))
    }
    for node in graph.node:
        match = MATRIX.match(node.name)
        weight = next((n.removesuffix("_quantized") for n in node.input if n.startswith("onnx::MatMul")), None)
        if match and weight:
            found[match.group(1).replace("/", ".") + ".weight"] = (
                from_blocks(stored, weight.removesuffix("_Q8"))
                if weight.endswith("_Q8")
                else restored(stored, weight).T
            )
    return found


def from_blocks(stored: dict[str, np.ndarray], name: str) -> np.ndarray:
    """A matrix (out, in) stored in 8 bits, blocks of a row sharing scale and zero point (onnxruntime's MatMulNBits)."""
    values, zeros = (stored[f"{name}_{part}"].astype(np.float32) for part in ("Q8", "zero_points"))
    whole = (values - zeros[..., None]) * stored[f"{name}_scales"][..., None]
    return np.asarray(whole.reshape(len(values), -1), dtype=np.float32)


def restored(stored: dict[str, np.ndarray], name: str) -> np.ndarray:
    """A weight as it is, or its integers times their scale: one for the whole, or one a column."""
    if name in stored:
        return stored[name]
    integers, zero = stored[f"{name}_quantized"].astype(np.float32), stored[f"{name}_zero_point"].astype(np.float32)
    return np.asarray((integers - zero) * stored[f"{name}_scale"], dtype=np.float32)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="folder with model.onnx and tokenizer.json")
    parser.add_argument(
        "--encoder", type=Path, required=True, help="folder of all-MiniLM-L6-v2, or all-mpnet-base-v2, for its shape"
    )
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    network = AutoModelForQuestionAnswering.from_pretrained(options.encoder)
    found = {
        name: torch.from_numpy(np.ascontiguousarray(value))
        for name, value in tensors(options.model / "model.onnx").items()
    }
    network.load_state_dict(found, strict=True)
    network.save_pretrained(options.out)
    shutil.copyfile(options.model / "tokenizer.json", options.out / "tokenizer.json")


if __name__ == "__main__":
    main()
