"""What a shipment would send, without a target: the short sources as they are, of the others their names and sizes."""

from collections import Counter
from collections.abc import Iterable

from exitkit.action import Result
from exitkit.context import Context
from exitkit.errors import Exhausted, Skip
from exitkit.ship.pipeline.chunk import Chunk
from exitkit.ship.pipeline.counts import count_of
from exitkit.ship.pipeline.packer import Packer
from exitkit.ship.pipeline.source import Source
from exitkit.ship.pipeline.target import Target
from exitkit.text.units import human_size

_SHOWN = 20  # sources that a report lists


def dry_run(target: Target, sources: Iterable[Source], context: Context) -> Result:
    """Raises Skip if there is nothing, and ActionError for what cannot be read."""
    kinds: Counter[str] = Counter()
    refused: list[str] = []
    example: dict[str, object] = {}
    others: list[Source] = []
    size = 0

    def refuse(chunk: Chunk, why: str) -> None:
        refused.extend([why] * len(chunk))

    packer = Packer(target, target.encoder(context), refuse)
    for source in sources:
        if not source.is_short:
            others.append(source)
            continue
        for batch in packer.batches(source.chunks()):
            if context.deadline.remaining() <= 0:
                raise Exhausted("no time left to read the rest", reason="timeout", tries=0)
            size += batch.size
            for chunk in batch.chunks:
                kinds[chunk.kind] += len(chunk)
                example = example or next(chunk.records()).to_json()
    if not kinds and not others and not refused:
        raise Skip("there is nothing to ship")
    logs = [{"source": one.name, "bytes": one.size} for one in others[:_SHOWN]]
    told = f"would ship {count_of(kinds.total())} ({human_size(size)})"
    if others:
        whole = sum(one.size for one in others)
        told += f" and the lines of {len(others)} {'log' if len(others) == 1 else 'logs'}"
        told += f" ({human_size(whole)})" if whole else ""
    read = kinds.total() + len(refused)
    facts = {"read": read, "rejected": len(refused), "bytes": size, "kinds": dict(kinds), "sources": logs}
    return Result(f"{told} to {target.target()}", {**facts, "example": example}, tuple(dict.fromkeys(refused)))
