"""Export a trained reader to ONNX, quantise it, and compare size and speed.

    python export.py --model run/model --out model [--time xquad_en_dev.json]

Writes model.onnx (MiniLM: int8 per channel, part fp32; MPNet: int8 in blocks, and embeddings.bin), tokenizer.json, and
model.json with their hashes, which is what `src/coalition_qa/models/reader` and `second_reader` hold; the fp32 file is
model_fp32.onnx beside the trained model.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import logging
import re
import shutil
import time
from pathlib import Path

import numpy as np
import onnx
import torch
from evaluate import load_xquad
from onnx.external_data_helper import set_external_data
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer
from reader import has_segments, load_tokenizer, onnx_forward, pad
from torch import Tensor, nn
from transformers import AutoModelForQuestionAnswering, PreTrainedModel

log = logging.getLogger(__name__)
INPUTS = ("input_ids", "attention_mask", "token_type_ids")
OUTPUTS = ("start_logits", "end_logits")
BLOCK = 128  # weights that share a scale
EMBEDDINGS = "embeddings.bin"


class Logits(nn.Module):
    """The model with plain tensors in and out."""

    def __init__(self, model: PreTrainedModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, *values: Tensor) -> tuple[Tensor, Tensor]:
        """Start and end logits, each (batch, length)."""
        output = self.model(**dict(zip(INPUTS, values, strict=False)))
        return output.start_logits, output.end_logits


def export(model: Path, target: Path) -> bool:
    """fp32 ONNX with dynamic batch and length. Returns whether the model has segment ids."""
    network = AutoModelForQuestionAnswering.from_pretrained(model, attn_implementation="eager").train(False)
    inputs = INPUTS if has_segments(network) else INPUTS[:2]
    example = tuple(torch.ones(2, 16, dtype=torch.int64) for _ in inputs)
    axes = {name: {0: "batch", 1: "length"} for name in (*inputs, *OUTPUTS)}
    torch.onnx.export(
        Logits(network), example, str(target), input_names=list(inputs), output_names=list(OUTPUTS),
        dynamic_axes=axes, opset_version=17, dynamo=False,
    )  # fmt: skip
    return inputs == INPUTS


def quantise(plain: Path, small: Path) -> None:
    """Write int8 weights per channel, but fp32 for each layer's second feed-forward matrix and the span head.

    Activations get one scale a tensor; those between the feed-forward matrices have outliers, and
    quantising them costs 1.8 points of F1 (README.md). Unsigned weights: with signed ones, processors without VNNI
    add pairs of products in 16 bits, which overflow.
    """
    nodes = [node.name for node in onnx.load(str(plain)).graph.node if node.op_type == "MatMul"]
    kept = [name for name in nodes if re.search(r"layer\.\d+/output/dense|qa_outputs", name)]
    quantize_dynamic(str(plain), str(small), per_channel=True, weight_type=QuantType.QUInt8, nodes_to_exclude=kept)


def quantise_blocks(plain: Path, small: Path) -> None:
    """Write 8-bit weights, 128 sharing a scale, which are multiplied with activations in 8 bits, 128 sharing a scale
    too, so that an outlier costs only its block. Word embeddings are in 8 bits, in a file of their own, as many hosts
    take none of more than 100 MB; what is small stays as it is: positions (one scale for all of them takes 15% of
    their norm), relative bias, and span head.
    """
    nodes = onnx.load(str(plain)).graph.node
    kept = [node.name for node in nodes if node.op_type == "Gather" and "word_embeddings" not in node.name]
    head = [node.name for node in nodes if node.op_type == "MatMul" and "qa_outputs" in node.name]
    quantize_dynamic(
        str(plain), str(small), weight_type=QuantType.QUInt8, op_types_to_quantize=["Gather"], nodes_to_exclude=kept
    )
    blocks = MatMulNBitsQuantizer(
        onnx.load(str(small)), bits=8, block_size=BLOCK, is_symmetric=False, accuracy_level=4, nodes_to_exclude=head
    )
    blocks.process()
    model = blocks.model.model
    for tensor in model.graph.initializer:
        if tensor.name.endswith("word_embeddings.weight_quantized"):
            set_external_data(tensor, EMBEDDINGS)
    onnx.save(model, str(small))


def write_card(folder: Path, name: str) -> None:
    """model.json: what the program checks before it loads the model."""
    files = [folder / file for file in ("model.onnx", EMBEDDINGS, "tokenizer.json")]
    hashes = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files if file.exists()}
    card = {"name": name, "window": 512, "sha256": hashes}
    (folder / "model.json").write_text(json.dumps(card, indent=2) + "\n", "utf-8")


def milliseconds(model: Path, tokenizer_folder: Path, xquad: Path, count: int = 100) -> float:
    """Median milliseconds for one question with its paragraph, one thread, tokenisation included."""
    forward, tokenizer = onnx_forward(model, threads=1), load_tokenizer(tokenizer_folder)
    times = []
    for question in load_xquad(xquad)[:: max(1, 838 // count)]:
        began = time.perf_counter()
        encoding = tokenizer.encode(question.text, question.context)
        forward(*pad([encoding, *encoding.overflowing]))
        times.append(1000 * (time.perf_counter() - began))
    return float(np.median(times[3:]))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="folder that train.py wrote")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--time", type=Path, help="xquad_en_dev.json: time both files on its questions")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    options.out.mkdir(parents=True, exist_ok=True)
    plain, small = options.model / "model_fp32.onnx", options.out / "model.onnx"
    segments = export(options.model, plain)
    (quantise if segments else quantise_blocks)(plain, small)
    shutil.copyfile(options.model / "tokenizer.json", options.out / "tokenizer.json")
    write_card(options.out, "minilm-l6-span-reader" if segments else "mpnet-span-reader")
    for path in (plain, small):
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        log.info("%s  %.1f MB  sha256 %s", path.name, path.stat().st_size / 1e6, digest)
        if options.time:
            log.info("    %.1f ms a question, 1 thread", milliseconds(path, options.model, options.time))


if __name__ == "__main__":
    main()
