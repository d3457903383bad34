"""Reads a run's TensorBoard files as TensorBoard itself does.

    read_events.py RUN_DIRECTORY [TAG ...]

Prints one line a tag: its kind, its name, how many points it has, the first
and the last step. Exits with 1 when a TAG is missing, when a tag's steps do
not increase (as after a resume that repeated some), or when a picture is no
PNG. Needs the package tensorboard.
"""

import sys

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

KINDS = {"scalars": "Scalars", "images": "Images", "histograms": "Histograms"}


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    directory, wanted = sys.argv[1], sys.argv[2:]
    # 0: keep every point instead of a sample of them.
    events = EventAccumulator(directory, size_guidance=dict.fromkeys(KINDS, 0))
    events.Reload()
    found, wrong = set(), []
    for kind, reader in KINDS.items():
        for tag in sorted(events.Tags()[kind]):
            points = getattr(events, reader)(tag)
            steps = [point.step for point in points]
            print(f"{kind[:-1]:10} {tag:40} {len(points):6} points, steps {steps[0]} to {steps[-1]}")
            found.add(tag)
            if any(after <= before for before, after in zip(steps, steps[1:])):
                wrong.append(f"{tag}: its steps do not increase: {steps}")
            if kind == "images" and not all(p.encoded_image_string.startswith(b"\x89PNG") for p in points):
                wrong.append(f"{tag}: not a PNG")
    wrong += [f"{tag}: missing in {directory}" for tag in wanted if tag not in found]
    for line in wrong:
        print(line, file=sys.stderr)
    sys.exit(1 if wrong else 0)


main()
