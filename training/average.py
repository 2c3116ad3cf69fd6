"""Average the weights of two runs, where the later one was started from the earlier one's weights.

    python average.py --first first/model --second run/model --share 0.5 --out averaged/model

Writes the folder in the layout that export.py reads: every tensor is share x second + (1 - share) x first.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import torch
from transformers import AutoModelForQuestionAnswering


def average(first: Path, second: Path, share: float, out: Path) -> None:
    """`share` is the second run's part."""
    model = AutoModelForQuestionAnswering.from_pretrained(second)
    earlier = AutoModelForQuestionAnswering.from_pretrained(first).state_dict()
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if tensor.is_floating_point():
                tensor.copy_((1 - share) * earlier[name] + share * tensor)
    model.save_pretrained(out)
    shutil.copyfile(second / "tokenizer.json", out / "tokenizer.json")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--first", type=Path, required=True, help="folder that the earlier run wrote")
    parser.add_argument("--second", type=Path, required=True, help="folder that the later run wrote")
    parser.add_argument("--share", type=float, default=0.5)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    average(options.first, options.second, options.share, options.out)


if __name__ == "__main__":
    main()
