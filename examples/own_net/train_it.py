"""What you have done already with a net of your own: images in folders, and a training that left a checkpoint.

    python examples/own_net/train_it.py

writes images/train/<digit>/*.png, images/test/<digit>/*.png and best.pt beside this file, in half a minute. The
checkpoint is as a training on several GPUs writes it: its names begin with `module.`, and it holds more than weights.
"""

from pathlib import Path

import torch
from my_nets import make_net
from PIL import Image
from sklearn.datasets import load_digits
from torch.nn import functional

FOLDER = Path(__file__).parent
EPOCHS, BATCH = 12, 64


def main() -> None:
    digits = load_digits()
    pixels = (digits.images * 255 / 16).astype("uint8")
    for number, (image, label) in enumerate(zip(pixels, digits.target, strict=True)):
        place = FOLDER / "images" / ("test" if number % 5 == 0 else "train") / str(label)
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).resize((16, 16), Image.Resampling.BILINEAR).convert("RGB").save(place / f"{number}.png")

    torch.manual_seed(0)
    kept = torch.arange(len(pixels)) % 5 != 0
    images = torch.from_numpy(pixels)[kept][:, None].float() / 255
    images = functional.interpolate(images, size=16, mode="bilinear").expand(-1, 3, -1, -1)
    images, labels = (images - 0.5) / 0.5, torch.from_numpy(digits.target)[kept]
    net = make_net(10)
    optimizer = torch.optim.AdamW(net.parameters(), lr=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.01, total_steps=EPOCHS * (len(images) // BATCH))
    for epoch in range(EPOCHS):
        for batch in torch.randperm(len(images)).split(BATCH)[: len(images) // BATCH]:
            optimizer.zero_grad()
            loss = functional.cross_entropy(net(images[batch]), labels[batch])
            loss.backward()
            optimizer.step()
            schedule.step()
        print(f"epoch {epoch + 1}: loss {loss.item():.3f}")
    weights = {f"module.{name}": tensor for name, tensor in net.state_dict().items()}
    torch.save({"epoch": EPOCHS, "state_dict": weights, "optimizer": optimizer.state_dict()}, FOLDER / "best.pt")


if __name__ == "__main__":
    main()
